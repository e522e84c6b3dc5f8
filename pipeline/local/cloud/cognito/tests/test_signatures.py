"""Signatures of tokens are the ones that others make and verify: openssl's, of RFC 8017."""

import subprocess
from pathlib import Path

import pytest

from pipeline.local.cloud.cognito.signatures import PrivateKey, PublicKey, decode, encode


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    """Return a key, which takes half a second to find."""
    return PrivateKey.new()


def test_a_signature_is_verified_and_no_other(key: PrivateKey) -> None:
    signature = key.sign(b"header.claims")
    assert key.public.verifies(b"header.claims", signature)
    assert not key.public.verifies(b"header.other", signature)
    assert not key.public.verifies(b"header.claims", signature[::-1])
    assert not key.public.verifies(b"header.claims", signature[1:])


def test_a_key_is_read_as_it_was_published(key: PrivateKey) -> None:
    jwk = key.public.jwk("name")
    assert PublicKey.of(jwk) == key.public
    assert (jwk["kid"], jwk["e"], len(decode(jwk["n"]))) == ("name", "AQAB", 256)
    assert decode(encode(b"\x00\xff")) == b"\x00\xff"


def test_openssl_agrees(tmp_path: Path) -> None:
    """Of the whole: the padding, the digest and the arithmetic."""

    def openssl(*arguments: str) -> str:
        done = subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout

    (tmp_path / "message").write_bytes(b"header.claims")
    openssl("genrsa", "-out", "key.pem", "2048")
    modulus = openssl("rsa", "-in", "key.pem", "-noout", "-modulus").strip().partition("=")[2]
    openssl("dgst", "-sha256", "-sign", "key.pem", "-out", "signature", "message")
    assert PublicKey(modulus=int(modulus, 16)).verifies(b"header.claims", (tmp_path / "signature").read_bytes())
