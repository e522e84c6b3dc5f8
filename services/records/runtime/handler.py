"""Answers requests for records."""

import base64
from collections.abc import Mapping
from functools import cache
from typing import Any

from services.library.runtime.configuration import Configuration
from services.library.runtime.logging import logger_for
from services.library.runtime.resilience import Context, Deadline

from . import responses, store
from .records import FIELDS, RecordsApi, RecordsRequest
from .tokens import Tokens

logger = logger_for("records", fields=FIELDS)
MARGIN_SECONDS = 7.0
"""To seal the link to the next page, twice if KMS does not answer, and to answer."""


class Settings(Configuration):
    """What the function is deployed with."""

    datastore_endpoint: str
    datastore_region: str
    links_key_arn: str


@cache
def records() -> RecordsApi:
    """Return the sandbox's instance."""
    settings = Settings.from_environment()
    return RecordsApi(
        store=store.datastore(settings.datastore_endpoint, settings.datastore_region),
        tokens=Tokens(cipher=store.KeyCipher.of(settings.links_key_arn)),
        logger=logger,
    )


def handle(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Answer one request; an error that nobody thought of is a 500 with the request's id, and its kind is logged."""
    asked = _asked(event)
    try:
        return records().answer(asked, Deadline.before_end_of(context, margin_seconds=MARGIN_SECONDS)).to_proxy()
    except Exception:  # whatever it is, the caller gets the id to ask with
        logger.exception("request failed", extra={"action": asked.action, "request_id": asked.request_id})
        return responses.problem(500, asked.request_id).to_proxy()


def _asked(event: Mapping[str, Any]) -> RecordsRequest:
    """Read API Gateway's event.

    https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html#apigateway-example-event
    """
    request = event.get("requestContext") or {}
    path = event.get("pathParameters") or {}
    headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    body = event.get("body")
    if body is not None and event.get("isBase64Encoded"):
        body = base64.b64decode(body).decode("utf-8", "replace")
    return RecordsRequest(
        action="read" if event.get("httpMethod") == "GET" else "search",
        type=str(path.get("type", "")),
        id=str(path.get("id", "")),
        request_id=str(request.get("requestId", "")),
        caller=str((request.get("identity") or {}).get("caller") or ""),
        body=body,
        if_match=headers.get("if-match"),
        if_none_match=headers.get("if-none-match"),
    )
