"""How this machine talks to its local cloud: requests of our own, and AWS clients that can reach nothing else."""

import http.client
import json
from threading import Lock
from typing import Any

from pipeline.local.errors import LocalCloudError
from pipeline.operate.session import LocalClients, account_credentials

CLOCK = "/_penstock/clock"
"""Where the cloud says how fast its clock goes, and is told (pipeline/local/cloud/clock.py)."""
HEALTH_SECONDS = 5
SAVE_SECONDS = 60
ANSWER_SECONDS = 10


def is_healthy(port: int) -> bool:
    """Whether a local cloud answers there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HEALTH_SECONDS)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def failure_to_save(port: int) -> str | None:
    """Ask for a snapshot and wait for it; says what went wrong, if anything did."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SAVE_SECONDS)
    try:
        connection.request("POST", "/_penstock/snapshot")
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        return None if answer.status == http.HTTPStatus.OK else text
    except (OSError, http.client.HTTPException) as error:
        return f"it does not answer ({error})"
    finally:
        connection.close()


def ask(port: int, path: str, asked: dict[str, Any], *, of: str) -> dict[str, Any]:
    """Return what a path of our own answers. `of`: what is asked, for a person whom it does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        connection.request("POST", path, json.dumps(asked))
        answer = connection.getresponse()
        found: dict[str, Any] = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise LocalCloudError(f"The local cloud's {of} does not answer: {error}. `make up` starts it.") from error
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise LocalCloudError(f"The local cloud's {of} refused that: {found.get('message', found)}")
    return found


class Clients:
    """Keeps the clients of one local cloud, which threads may share."""

    def __init__(self, endpoint: str, secret: str) -> None:
        self._secret = secret
        self._clients = LocalClients(endpoint, attempts=1)
        self._made: dict[tuple[str, str, str], Any] = {}
        self._lock = Lock()

    def get(self, service: str, account: str, region: str) -> Any:
        """Return the client of one service in one account."""
        key = (service, account, region)
        with self._lock:  # clients may be shared by threads, but not made by several at once
            if key not in self._made:
                self._made[key] = self._clients.create(service, region, account_credentials(account, self._secret))
        return self._made[key]
