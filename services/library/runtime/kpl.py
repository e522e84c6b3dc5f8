"""Records that the Kinesis Producer Library put into one stream record.

The layout is KPL's own: a magic number, a message in protocol buffers, and the MD5 of the message. It has so few kinds
of fields that it is read here; the library for protocol buffers would be the largest part of a function's package.

https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"\xf3\x89\x9a\xc2"
DIGEST_BYTES = 16
PARTITION_KEY_TABLE, RECORDS = 1, 3
"""Fields of an aggregate."""
PARTITION_KEY_INDEX, DATA = 1, 3
"""Fields of a record in it."""
VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5
"""Wire types: https://protobuf.dev/programming-guides/encoding/#structure"""
FIXED_BYTES = {FIXED_64: 8, FIXED_32: 4}
LONGEST_VARINT_BITS = 64


class DamagedError(ValueError):
    """The data begins like an aggregate and is none; quotes nothing of it."""


@dataclass(frozen=True, kw_only=True)
class UserRecord:
    """One record as its producer wrote it."""

    key: str
    """The partition key."""
    data: bytes


def is_aggregate(data: bytes) -> bool:
    """Return whether a record's data begins like an aggregate."""
    return data.startswith(MAGIC)


def split(data: bytes) -> list[UserRecord]:
    """Return the records of an aggregate, in their order. Raises DamagedError."""
    message, digest = data[len(MAGIC) : -DIGEST_BYTES], data[-DIGEST_BYTES:]
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        raise DamagedError("the checksum is another")
    fields = list(_fields(message))
    try:
        keys = [
            value.decode() for number, value in fields if number == PARTITION_KEY_TABLE and isinstance(value, bytes)
        ]
    except UnicodeDecodeError:
        keys = []
    found = [_record(value, keys) for number, value in fields if number == RECORDS and isinstance(value, bytes)]
    if not found:
        raise DamagedError("it has no records")
    return found


def _record(message: bytes, keys: list[str]) -> UserRecord:
    fields = dict(_fields(message))
    index, data = fields.get(PARTITION_KEY_INDEX), fields.get(DATA)
    if not isinstance(index, int) or index >= len(keys) or not isinstance(data, bytes):
        raise DamagedError("a record has no partition key or no data")
    return UserRecord(key=keys[index], data=data)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field of a message."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        length = FIXED_BYTES.get(wire_type)
        if wire_type == BYTES:
            length, at = _varint(message, at)
        if length is None or at + length > len(message):
            raise DamagedError("a field is cut off")
        yield number, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at a position, and where the next field begins."""
    value = 0
    for shift in range(0, LONGEST_VARINT_BITS, 7):
        if at >= len(message):
            break
        byte = message[at]
        value, at = value | (byte & 0x7F) << shift, at + 1
        if byte < 0x80:
            return value, at
    raise DamagedError("a number is cut off")
