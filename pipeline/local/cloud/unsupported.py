"""The answer to a request for a service that the local cloud does not have: an error that each client prints.

https://smithy.io/2.0/aws/protocols/index.html has the protocols, and how each tells its errors.
"""

import json
from collections.abc import Mapping

from pipeline.local.cloud.emulator import HttpResponse

CODE = "UnsupportedService"
STATUS = 400
"""Clients try again after a 5xx, which would not help."""
_XML = "text/xml"


def refusal(service: str, headers: Mapping[str, str]) -> HttpResponse:
    """Refuse a request in the protocol that it is made in; `service` is what it is signed for."""
    message = f"The local cloud does not emulate {service}: docs/local-green.md says what it has"
    content_type = headers.get("content-type", "")
    if "cbor" in headers.get("smithy-protocol", ""):
        return STATUS, {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}, _cbor(message)
    if "x-amz-target" in headers or "amz-json" in content_type:
        body = json.dumps({"__type": CODE, "message": message})
        return STATUS, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": CODE}, body.encode()
    if "x-www-form-urlencoded" in content_type or "xml" in content_type:
        error = f"<Error><Type>Sender</Type><Code>{CODE}</Code><Message>{message}</Message></Error>"
        return STATUS, {"Content-Type": _XML}, f"<ErrorResponse>{error}</ErrorResponse>".encode()
    return _rest(message)


def _rest(message: str) -> HttpResponse:
    """Answer a request that does not say whether its service speaks JSON or XML: a JSON client reads the header."""
    body = json.dumps({"message": message, "code": CODE})
    return STATUS, {"Content-Type": "application/json", "x-amzn-errortype": CODE}, body.encode()


def _cbor(message: str) -> bytes:
    """Encode the two texts of an error as a map. https://www.rfc-editor.org/rfc/rfc8949"""
    texts = ("__type", CODE, "message", message)
    return b"\xa2" + b"".join(_cbor_text(text.encode()) for text in texts)


def _cbor_text(text: bytes) -> bytes:
    return (bytes([0x60 + len(text)]) if len(text) < 24 else b"\x78" + bytes([len(text)])) + text
