"""RS256 signatures of tokens, for nothing but a local cloud: signing is not guarded against whoever measures it.

https://www.rfc-editor.org/rfc/rfc8017#section-8.2 https://www.rfc-editor.org/rfc/rfc7518#section-6.3
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass

BITS, EXPONENT, ROUNDS = 2048, 65_537, 24
SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
"""What stands before a SHA-256 digest in a signature."""
SMALL = tuple(n for n in range(3, 1_000, 2) if all(n % m for m in range(3, int(n**0.5) + 1, 2)))


@dataclass(frozen=True, kw_only=True)
class PublicKey:
    """Verifies signatures."""

    modulus: int
    exponent: int = EXPONENT

    @classmethod
    def of(cls, jwk: dict[str, str]) -> "PublicKey":
        """Read a JSON web key."""
        return cls(modulus=int.from_bytes(decode(jwk["n"])), exponent=int.from_bytes(decode(jwk["e"])))

    def jwk(self, name: str) -> dict[str, str]:
        """Return the JSON web key, by this name."""
        modulus, exponent = encode(self.modulus.to_bytes(self.size)), encode(self.exponent.to_bytes(3))
        return {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": name, "n": modulus, "e": exponent}

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Return whether the owner of the key has signed this message."""
        signed = pow(int.from_bytes(signature), self.exponent, self.modulus)
        return len(signature) == self.size and signed == int.from_bytes(_padded(message, self.size))

    @property
    def size(self) -> int:
        """Return the bytes of a signature."""
        return (self.modulus.bit_length() + 7) // 8


@dataclass(frozen=True, kw_only=True)
class PrivateKey:
    """Makes signatures."""

    public: PublicKey
    secret: int

    @classmethod
    def new(cls) -> "PrivateKey":
        """Make a key, which takes about a second."""
        p, q = _prime(BITS // 2), _prime(BITS // 2)
        secret = pow(EXPONENT, -1, (p - 1) * (q - 1))
        return cls(public=PublicKey(modulus=p * q), secret=secret)

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message."""
        size = self.public.size
        return pow(int.from_bytes(_padded(message, size)), self.secret, self.public.modulus).to_bytes(size)


def encode(content: bytes) -> str:
    """Write bytes as a token does."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Read bytes of a token."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _padded(message: bytes, size: int) -> bytes:
    content = SHA256 + hashlib.sha256(message).digest()
    return b"\x00\x01" + b"\xff" * (size - len(content) - 3) + b"\x00" + content


def _prime(bits: int) -> int:
    while True:
        # Both highest bits are set, so that the product of two has all of its bits.
        candidate = secrets.randbits(bits) | 1 | (3 << (bits - 2))
        if candidate % EXPONENT != 1 and all(candidate % small for small in SMALL) and _is_prime(candidate):
            return candidate


def _is_prime(candidate: int) -> bool:
    """Tell by Miller and Rabin whether a number is prime; wrong with a chance of less than one in 2^48."""
    twos = ((candidate - 1) & -(candidate - 1)).bit_length() - 1
    odd = (candidate - 1) >> twos
    for _ in range(ROUNDS):
        power = pow(2 + secrets.randbelow(candidate - 3), odd, candidate)
        if power in (1, candidate - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % candidate
            if power == candidate - 1:
                break
        else:
            return False
    return True
