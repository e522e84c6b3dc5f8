"""The AWS APIs at the last step before a socket: as much of each as the functions call, and wrong on demand.

What goes wrong quotes what was sent, as AWS does ("Value '...' at 'partitionKey' failed to satisfy constraint").
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)

from services.enrichment.tests.dynamo import Dynamo, TransactionCanceled
from tests.services.personal_data.sinks import Sinks

CODES = (
    *("ValidationException", "AccessDeniedException", "ThrottlingException", "InternalServerError"),
    *("ProvisionedThroughputExceededException", "KMSDisabledException", "KMSThrottlingException"),
    *("ResourceNotFoundException", "ConditionalCheckFailedException", "InvalidCiphertextException", "NoSuchKey"),
)
UNANSWERED = (ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError, ConnectionClosedError)
ENRICHMENTS = "enrichments"
EVENTS = "eventbridge"
SECRETS = {"authorization", "x-amz-security-token"}


class _Raw:
    """A body as botocore reads it from a socket."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.body

    def read(self, *_: Any, **__: Any) -> bytes:
        body, self.body = self.body, b""
        return body

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Aws:
    """One account, for a whole campaign."""

    sinks: Sinks
    chance: Random
    fails: float = 0.0
    """How many of the calls."""
    claimed: bytes = b""
    """What is found in the claims bucket."""
    enrichments: Dynamo = field(default_factory=Dynamo)
    sealed: dict[str, bytes] = field(default_factory=dict)

    def answer(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse:
        service, operation = event_name.split(".")[1:]
        given: Any = request.body or b""  # a text, bytes or, for S3, a file
        given = given.read() if hasattr(given, "read") else given
        body = given.encode() if isinstance(given, str) else bytes(given)
        self._tell(service, request, body)
        if self.chance.random() < self.fails:
            return self._wrong(service, request, body)
        status, content = self._right(service, operation, body)
        return _answer(request, status, content)

    def _tell(self, service: str, request: AWSPreparedRequest, body: bytes) -> None:
        """What of a request others get to see than who it is for: access logs, CloudTrail."""
        headers = {name: str(value) for name, value in request.headers.items() if name.lower() not in SECRETS}
        self.sinks.take("headers", json.dumps(headers))
        self.sinks.take("names", request.url)
        if service == "kms":
            self.sinks.take("names", json.dumps(json.loads(body).get("EncryptionContext")))
        if service == EVENTS:
            for entry in json.loads(body)["Entries"]:
                self.sinks.take("events", json.dumps(_without_patient(entry)))

    def _wrong(self, service: str, request: AWSPreparedRequest, body: bytes) -> AWSResponse:
        quoted = body.decode("utf-8", "replace")[:2000] + urlsplit(request.url).path
        match self.chance.randrange(4):
            case 0:
                raise self.chance.choice(UNANSWERED)(endpoint_url=request.url)
            case 1 if service == EVENTS:
                failed = {"ErrorCode": "InternalFailure", "ErrorMessage": quoted}
                return _answer(request, 200, {"FailedEntryCount": 1, "Entries": [failed]})
            case 1 if service == "dynamodb":
                reason = {"Code": self.chance.choice(("ValidationError", "ThrottlingError")), "Message": quoted}
                error = {"__type": "TransactionCanceledException", "CancellationReasons": [reason], "Message": quoted}
                return _answer(request, 400, error)
            case 1:
                raise HTTPClientError(error=OSError(quoted))
            case 2:
                return _answer(request, self.chance.choice((400, 500)), f"<html>{quoted}".encode())
        code = self.chance.choice(CODES)
        message = f"1 validation error detected: Value '{quoted}' failed to satisfy constraint"
        if service == "s3":
            return _answer(
                request, 400, f"<Error><Code>{code}</Code><Message><![CDATA[{message}]]></Message></Error>".encode()
            )
        return _answer(request, 500 if code.startswith("Internal") else 400, {"__type": code, "message": message})

    def _right(self, service: str, operation: str, body: bytes) -> tuple[int, Any]:
        if service == "s3":
            return 200, self.claimed if operation == "GetObject" else b""
        asked = json.loads(body)
        if service == "dynamodb":
            return self._stored(operation, asked)
        answer: tuple[int, Any] = (200, {})
        match operation:
            case "PutRecord":
                answer = (200, {"ShardId": "shardId-0", "SequenceNumber": "7"})
            case "PutEvents":
                answer = (200, {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})
            case "Encrypt":
                sealed = base64.b64encode(f"sealed-{len(self.sealed)}".encode()).decode()
                self.sealed[sealed] = base64.b64decode(asked["Plaintext"])
                answer = (200, {"CiphertextBlob": sealed})
            case "Decrypt" if asked["CiphertextBlob"] in self.sealed:
                answer = (200, {"Plaintext": base64.b64encode(self.sealed[asked["CiphertextBlob"]]).decode()})
            case "Decrypt":
                answer = (400, {"__type": "InvalidCiphertextException"})
        return answer

    def _stored(self, operation: str, asked: dict[str, Any]) -> tuple[int, Any]:
        """A table of enrichments that remembers, and others in which nothing was before."""
        match operation:
            case "TransactGetItems":
                return 200, {"Responses": [{} for _ in asked["TransactItems"]]}
            case "GetItem" if asked["Key"]["id"]["S"].startswith("caller-"):
                return 200, {"Item": {**asked["Key"], "patient": {"S": "p-1"}, "digest": {"S": "of another content"}}}
            case "GetItem":
                return 200, self.enrichments.get_item(**asked)
            case "TransactWriteItems" if ENRICHMENTS in json.dumps(asked):
                return self._enrich(asked["TransactItems"])
            case "UpdateItem" if asked.get("ReturnValues") == "ALL_NEW":
                values = asked["ExpressionAttributeValues"]
                return 200, {"Attributes": {**asked["Key"], "came_at": values[":at"], "subject": values[":key"]}}
        return 200, {}

    def _enrich(self, items: list[dict[str, Any]]) -> tuple[int, Any]:
        try:
            self.enrichments.transact_write_items(TransactItems=items)
        except TransactionCanceled as error:
            return 400, {"__type": "TransactionCanceledException", **error.response}
        return 200, {}


def _answer(request: AWSPreparedRequest, status: int, content: Any) -> AWSResponse:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = HTTPHeaders()
    headers["Content-Length"] = str(len(body))
    return AWSResponse(request.url, status, headers, _Raw(body))


def _without_patient(entry: dict[str, Any]) -> dict[str, Any]:
    """An event says of whom it is, by the patient's id in this one field."""
    detail = json.loads(entry["Detail"])
    del detail["patient"]
    return {**entry, "Detail": detail}
