"""The datastore and the key of records. The one module here that knows AWS."""

from collections.abc import Mapping
from typing import Any

from services.library.runtime import aws_client
from services.library.runtime.aws_errors import RefusedByAws, call
from services.library.runtime.fhir import FhirStore, Signer
from services.library.runtime.tracing import of_this_function

from .queries import TYPES
from .tokens import TokenError

NOT_OURS = frozenset({"InvalidCiphertextException", "IncorrectKeyException", "ValidationException"})
"""How KMS says that it did not seal this, or not for this caller and search."""
LONGEST_SEALED_BYTES = 6_144
"""What KMS decrypts: https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html"""


def datastore(endpoint: str, region: str) -> FhirStore:
    """Return a client of the datastore, which signs each attempt with the function's current credentials."""
    return FhirStore.at(endpoint, signer=Signer.of_this_function(region), types=TYPES, tracing=of_this_function())


class KeyCipher:
    """Seals with a key that never leaves KMS."""

    def __init__(self, key_arn: str, *, client: Any) -> None:
        self.key_arn = key_arn
        self.client = client

    @classmethod
    def of(cls, key_arn: str) -> "KeyCipher":
        """Return the cipher of a key."""
        return cls(key_arn, client=aws_client.client("kms"))

    def seal(self, content: bytes, bound_to: Mapping[str, str]) -> bytes:
        """Encrypt. Raises Busy or RefusedByAws."""
        answer = call(self.client.encrypt, KeyId=self.key_arn, Plaintext=content, EncryptionContext=dict(bound_to))
        sealed: bytes = answer["CiphertextBlob"]
        return sealed

    def unseal(self, sealed: bytes, bound_to: Mapping[str, str]) -> bytes:
        """Decrypt, or raise a TokenError. Raises Busy or RefusedByAws."""
        if not 0 < len(sealed) <= LONGEST_SEALED_BYTES:
            raise TokenError
        try:
            answer = call(
                self.client.decrypt, KeyId=self.key_arn, CiphertextBlob=sealed, EncryptionContext=dict(bound_to)
            )
        except RefusedByAws as refused:
            if refused.code not in NOT_OURS:
                raise
        else:
            content: bytes = answer["Plaintext"]
            return content
        raise TokenError
