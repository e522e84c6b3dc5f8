"""Compressed payloads: recognised by their first bytes, and decompressed up to a limit."""

import zlib

LARGEST_DECOMPRESSED_BYTES = 16 * 1024 * 1024
"""More than any record of a stream says: a few kilobytes can be gigabytes, and more than the function's memory."""
GZIP = b"\x1f\x8b"
MAGIC = (
    GZIP,
    b"BZh",
    b"\xfd7zXZ\x00",  # xz
    b"\x28\xb5\x2f\xfd",  # Zstandard
    b"\x04\x22\x4d\x18",  # LZ4
    b"\xff\x06\x00\x00sNaPpY",  # Snappy
    b"PK\x03\x04",  # ZIP
)
ZLIB = 0x78
"""The first byte of what zlib compresses; with the second it is a multiple of 31."""


class DamagedError(ValueError):
    """The data begins like gzip and cannot be decompressed; quotes nothing of it."""


class LimitError(ValueError):
    """The data is larger than the limit once it is decompressed."""


def is_gzip(data: bytes) -> bool:
    """Return whether data begins like gzip."""
    return data.startswith(GZIP)


def is_compressed(data: bytes) -> bool:
    """Return whether data begins like that of a usual compressor."""
    return data.startswith(MAGIC) or (data[:1] == bytes([ZLIB]) and int.from_bytes(data[:2], "big") % 31 == 0)


def gunzip(data: bytes, *, limit: int = LARGEST_DECOMPRESSED_BYTES) -> bytes:
    """Return decompressed data, of all members if there are several. Raises DamagedError or LimitError."""
    found = b""
    while data:
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # gzip's header and checksum
        try:
            found += member.decompress(data, limit + 1 - len(found))
        except zlib.error:
            raise DamagedError("not gzip") from None  # zlib quotes nothing, but has nothing to add either
        if len(found) > limit:
            raise LimitError(f"more than {limit} bytes")
        if not member.eof:
            raise DamagedError("cut off")
        data = member.unused_data
    return found
