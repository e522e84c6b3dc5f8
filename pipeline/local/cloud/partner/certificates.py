"""Certificates for loopback, so that a function's TLS is real TLS: verified, by name, against an authority.

An authority lives as long as the local cloud and its key is never written down. Nothing that Python brings can make a
certificate, and a local cloud shall need no other program: so here are the few lines of P-256 and DER that it takes.
They are for nothing but this; signing takes a few milliseconds and is not guarded against whoever measures it.

https://www.rfc-editor.org/rfc/rfc5280 https://www.rfc-editor.org/rfc/rfc5915 https://www.secg.org/sec2-v2.pdf
"""

import base64
import hashlib
import secrets
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
A = P - 3
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
Point = tuple[int, int] | None
DAYS = 3650

CURVE = bytes.fromhex("06082a8648ce3d030107")
PUBLIC_KEY = bytes.fromhex("06072a8648ce3d0201")
SIGNED_WITH = bytes.fromhex("06082a8648ce3d040302")
COMMON_NAME = bytes.fromhex("0603550403")
SUBJECT_KEY, KEY_USAGE, OTHER_NAMES, CONSTRAINTS, ISSUER_KEY = (
    bytes.fromhex(f"0603551d{number}") for number in ("0e", "0f", "11", "13", "23")
)
CRITICAL = bytes.fromhex("0101ff")


@dataclass(frozen=True)
class _Key:
    """A private key."""

    number: int

    @property
    def point(self) -> bytes:
        """The public key, uncompressed."""
        x, y = _times(self.number, G) or (0, 0)
        return b"\x04" + x.to_bytes(32) + y.to_bytes(32)

    @property
    def identifier(self) -> bytes:
        return hashlib.sha1(self.point).digest()  # noqa: S324 - a name for the key, as RFC 5280 makes it

    def sign(self, message: bytes) -> bytes:
        digest = int.from_bytes(hashlib.sha256(message).digest())
        once = 1 + secrets.randbelow(N - 1)
        x, _ = _times(once, G) or (0, 0)
        return _sequence(_integer(x % N), _integer(pow(once, -1, N) * (digest + x % N * self.number) % N))

    @property
    def pem(self) -> str:
        content = _sequence(
            _integer(1), _der(4, self.number.to_bytes(32)), _der(0xA0, CURVE), _der(0xA1, _bits(self.point))
        )
        return _pem("EC PRIVATE KEY", content)


class Authority:
    """Makes a certificate for any host; who trusts `file` trusts them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.file = folder / "authority.pem"
        self._key = _new_key()
        name = "penstock local cloud"
        extensions = (
            _extension(CONSTRAINTS, _sequence(CRITICAL), critical=True),
            _extension(KEY_USAGE, bytes.fromhex("03020204"), critical=True),  # to sign certificates
            _extension(SUBJECT_KEY, _der(4, self._key.identifier)),
        )
        self._name = name
        self.file.write_text(_pem("CERTIFICATE", _certificate(name, self._key, name, self._key, extensions)))

    def context(self, host: str) -> ssl.SSLContext:
        """Return what a server needs to be this host."""
        key = _new_key()
        extensions = (
            _extension(OTHER_NAMES, _sequence(_der(0x82, host.encode("ascii")))),
            _extension(KEY_USAGE, bytes.fromhex("03020780"), critical=True),  # to sign handshakes
            _extension(ISSUER_KEY, _sequence(_der(0x80, self._key.identifier))),
        )
        file = self.folder / f"{hashlib.sha256(host.encode()).hexdigest()[:16]}.pem"
        file.touch(mode=0o600)
        file.write_text(key.pem + _pem("CERTIFICATE", _certificate(host[:64], key, self._name, self._key, extensions)))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        file.unlink()
        return context


def _certificate(subject: str, key: _Key, issuer: str, by: _Key, extensions: tuple[bytes, ...]) -> bytes:
    now = datetime.now(UTC)
    algorithm = _sequence(SIGNED_WITH)
    content = _sequence(
        _der(0xA0, _integer(2)),
        _integer(secrets.randbits(126) + 1),
        algorithm,
        _name_of(issuer),
        _sequence(_time(now - timedelta(days=1)), _time(now + timedelta(days=DAYS))),
        _name_of(subject),
        _sequence(_sequence(PUBLIC_KEY, CURVE), _bits(key.point)),
        _der(0xA3, _sequence(*extensions)),
    )
    return _sequence(content, algorithm, _bits(by.sign(content)))


def _new_key() -> _Key:
    return _Key(1 + secrets.randbelow(N - 1))


def _plus(first: Point, second: Point) -> Point:
    if first is None or second is None:
        return first or second
    if first[0] == second[0]:
        if (first[1] + second[1]) % P == 0:
            return None
        slope = (3 * first[0] ** 2 + A) * pow(2 * first[1], -1, P) % P
    else:
        slope = (second[1] - first[1]) * pow(second[0] - first[0], -1, P) % P
    x = (slope**2 - first[0] - second[0]) % P
    return x, (slope * (first[0] - x) - first[1]) % P


def _times(number: int, point: Point) -> Point:
    result: Point = None
    while number:
        if number & 1:
            result = _plus(result, point)
        point = _plus(point, point)
        number >>= 1
    return result


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size) + content


def _sequence(*parts: bytes) -> bytes:
    return _der(0x30, b"".join(parts))


def _integer(value: int) -> bytes:
    return _der(2, value.to_bytes(value.bit_length() // 8 + 1))


def _bits(content: bytes) -> bytes:
    return _der(3, b"\0" + content)


def _time(moment: datetime) -> bytes:
    if moment.year < 2050:
        return _der(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())
    return _der(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())


def _name_of(text: str) -> bytes:
    return _sequence(_der(0x31, _sequence(COMMON_NAME, _der(0x0C, text.encode()))))


def _extension(kind: bytes, content: bytes, *, critical: bool = False) -> bytes:
    return _sequence(kind, CRITICAL if critical else b"", _der(4, content))


def _pem(what: str, content: bytes) -> str:
    text = base64.b64encode(content).decode()
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN {what}-----\n{lines}\n-----END {what}-----\n"
