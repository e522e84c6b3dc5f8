"""ReEncrypt, which the emulator lacks: what one key decrypts, another encrypts, and nobody sees it in between.

https://docs.aws.amazon.com/kms/latest/APIReference/API_ReEncrypt.html
"""

import json
from collections.abc import Mapping
from typing import Any

import ministack.app as ministack_app
from ministack.services import kms

from pipeline.local.cloud.emulator import HttpResponse, Json, error_response, json_response

TARGET = "TrentService.ReEncrypt"
DEFAULT_ALGORITHM = "SYMMETRIC_DEFAULT"


def serve_re_encrypt() -> None:
    """Answer ReEncrypt, and leave all else to the emulator."""

    async def handle(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> HttpResponse:
        if headers.get("x-amz-target") == TARGET:
            return re_encrypt(json.loads(body or b"{}"))
        answer: HttpResponse = await theirs(method, path, headers, body, query)
        return answer

    theirs = ministack_app.SERVICE_HANDLERS["kms"]
    ministack_app.SERVICE_HANDLERS["kms"] = handle


def re_encrypt(asked: Json) -> HttpResponse:
    """Decrypt, and encrypt with the other key and the other encryption context."""
    source, destination = _side(asked, "Source"), _side(asked, "Destination")
    if not destination["KeyId"]:
        return error_response("ValidationException", "DestinationKeyId is required")
    decrypted = kms._decrypt({**source, "CiphertextBlob": asked.get("CiphertextBlob", "")})  # noqa: SLF001 - the emulator offers no other way
    if decrypted[0] != 200:
        return _answer(decrypted)
    plain = json.loads(decrypted[2])
    encrypted = kms._encrypt({**destination, "Plaintext": plain["Plaintext"]})  # noqa: SLF001 - as above
    if encrypted[0] != 200:
        return _answer(encrypted)
    made = json.loads(encrypted[2])
    return json_response(
        {
            "CiphertextBlob": made["CiphertextBlob"],
            "SourceKeyId": plain["KeyId"],
            "KeyId": made["KeyId"],
            "SourceEncryptionAlgorithm": source["EncryptionAlgorithm"],
            "DestinationEncryptionAlgorithm": destination["EncryptionAlgorithm"],
        }
    )


def _side(asked: Json, side: str) -> Json:
    """Return the key, the encryption context and the algorithm of one side, as its own operation takes them."""
    return {
        "KeyId": asked.get(f"{side}KeyId", ""),
        "EncryptionContext": asked.get(f"{side}EncryptionContext", {}),
        "EncryptionAlgorithm": asked.get(f"{side}EncryptionAlgorithm", DEFAULT_ALGORITHM),
    }


def _answer(made: Any) -> HttpResponse:
    answer: HttpResponse = made
    return answer
