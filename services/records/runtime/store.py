"""The datastore and the key of records. The one module here that knows AWS."""

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from services.library.runtime.aws_errors import AWS_ERRORS, classify
from services.library.runtime.fhir import FhirStore, Signer
from services.library.runtime.tracing import of_this_function

from .queries import TYPES
from .tokens import TokenError

PATIENCE = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
NOT_OURS = frozenset({"InvalidCiphertextException", "IncorrectKeyException", "ValidationException"})
"""How KMS says that it did not seal this, or not for this caller and search."""
LONGEST_SEALED_BYTES = 6_144
"""What KMS decrypts: https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html"""


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
        """Encrypt. Raises Busy or RefusedByAws."""
        try:
            answer = self.client.encrypt(KeyId=self.key_arn, Plaintext=content, EncryptionContext=dict(bound_to))
        except AWS_ERRORS as error:
            failure = classify(error)
        else:
            sealed: bytes = answer["CiphertextBlob"]
            return sealed
        raise failure

    def unseal(self, sealed: bytes, bound_to: Mapping[str, str]) -> bytes:
        """Decrypt, or raise a TokenError. Raises Busy or RefusedByAws."""
        failure: Exception
        if not 0 < len(sealed) <= LONGEST_SEALED_BYTES:
            raise TokenError
        try:
            answer = self.client.decrypt(KeyId=self.key_arn, CiphertextBlob=sealed, EncryptionContext=dict(bound_to))
        except AWS_ERRORS as error:
            failure = TokenError() if _is_not_ours(error) else classify(error)
        else:
            content: bytes = answer["Plaintext"]
            return content
        raise failure


def _is_not_ours(error: Exception) -> bool:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] in NOT_OURS
