"""The datastore and the key of records. The one module here that knows AWS."""

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from services.library.runtime.fhir import FhirStore, Signer
from services.library.runtime.tracing import of_this_function

from .queries import TYPES
from .tokens import TokenError

PATIENCE = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})
NOT_OURS = frozenset(
    {"InvalidCiphertextException", "IncorrectKeyException", "ValidationException", "NotFoundException"}
)
"""How KMS says that it did not seal this, or not for this caller and search."""


def datastore(endpoint: str, region: str) -> FhirStore:
    """The datastore, signed for with the function's own credentials, read anew for each attempt."""
    return FhirStore.at(endpoint, signer=Signer.of_this_function(region), types=TYPES, tracing=of_this_function())


class KeyCipher:
    """Seals with a key that never leaves KMS."""

    def __init__(self, key_arn: str, *, client: Any) -> None:
        self.key_arn = key_arn
        self.client = client

    @classmethod
    def of(cls, key_arn: str) -> "KeyCipher":
        """With a client that gives up in time."""
        return cls(key_arn, client=boto3.client("kms", config=PATIENCE))

    def seal(self, content: bytes, bound_to: Mapping[str, str]) -> bytes:
        """Encrypt."""
        answer = self.client.encrypt(KeyId=self.key_arn, Plaintext=content, EncryptionContext=dict(bound_to))
        sealed: bytes = answer["CiphertextBlob"]
        return sealed

    def unseal(self, sealed: bytes, bound_to: Mapping[str, str]) -> bytes:
        """Decrypt, or raise a TokenError."""
        try:
            answer = self.client.decrypt(KeyId=self.key_arn, CiphertextBlob=sealed, EncryptionContext=dict(bound_to))
        except ClientError as error:
            if error.response["Error"]["Code"] not in NOT_OURS:
                raise
            raise TokenError from None
        content: bytes = answer["Plaintext"]
        return content
