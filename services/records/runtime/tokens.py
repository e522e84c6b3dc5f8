"""What a caller gets for the datastore's next link: a sealed text that says nothing and is soon good for nothing.

The datastore's link may quote the search, names and birth dates included, and leads to where only we may go. Sealed it
is bound to who asked and to the resource type; nothing is kept here, so there is nothing to lose or to clean up.
"""

import base64
import binascii
import json
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from services.library.runtime.fhir import Link

LIFETIME_SECONDS = 900
LONGEST_SEALED_BYTES = 4_096
"""What KMS encrypts: https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html"""
LONGEST_LINK_BYTES = 64 * 1024


class TokenError(Exception):
    """Not a token, not for this caller or search, or too old."""


class LongLinkError(Exception):
    """The datastore's link is longer than can be sealed."""


class Cipher(Protocol):
    """Whoever has a key."""

    def seal(self, content: bytes, bound_to: Mapping[str, str]) -> bytes:
        """Encrypt."""

    def unseal(self, sealed: bytes, bound_to: Mapping[str, str]) -> bytes:
        """Decrypt, or raise a TokenError if it was changed or is bound to something else."""


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Gives tokens and takes them back."""

    cipher: Cipher
    now: Callable[[], float] = time.time
    lifetime_seconds: int = LIFETIME_SECONDS

    def give(self, link: Link, *, type_: str, caller: str) -> str:
        """Return the token of a link."""
        written = json.dumps([int(self.now()) + self.lifetime_seconds, link.url]).encode()
        content = zlib.compress(written)
        if len(written) > LONGEST_LINK_BYTES or len(content) > LONGEST_SEALED_BYTES:
            raise LongLinkError
        return base64.urlsafe_b64encode(self.cipher.seal(content, _bound(type_, caller))).decode()

    def take(self, token: str, *, type_: str, caller: str) -> Link:
        """Return the link of a token."""
        try:
            sealed = base64.b64decode(token, altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            raise TokenError from None
        unsealed = self.cipher.unseal(sealed, _bound(type_, caller))
        try:
            until, url = json.loads(zlib.decompressobj().decompress(unsealed, LONGEST_LINK_BYTES))
        except (zlib.error, ValueError):
            raise TokenError from None  # sealed with the same key, for something else
        if until < self.now():
            raise TokenError
        return Link(url)


def _bound(type_: str, caller: str) -> dict[str, str]:
    """Return the encryption context, which CloudTrail logs: without the session's name, which may be a person's."""
    return {"purpose": "records-next", "type": type_, "caller": caller.partition(":")[0] or "unknown"}
