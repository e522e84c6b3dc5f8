"""The partner system of a local cloud: told what to do wrong, and asked what it was asked."""

import http.client
import json
from typing import Any

from pipeline.local.errors import LocalCloudError
from pipeline.local.lifecycle import LocalCloud

PATH = "/_penstock/partner"
SECONDS = 10


def control(cloud: LocalCloud, **asked: Any) -> dict[str, Any]:
    """`fault=...`, `clear=True` or nothing; what waits to go wrong, and the requests so far."""
    connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=SECONDS)
    try:
        connection.request("POST", PATH, json.dumps(asked))
        answer = connection.getresponse()
        found: dict[str, Any] = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise LocalCloudError(f"The local cloud's partner does not answer: {error}. `make up` starts it.") from error
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise LocalCloudError(f"The local cloud's partner refused that: {found.get('message', found)}")
    return found
