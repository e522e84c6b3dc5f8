"""Aggregates of the Kinesis Producer Library, as it writes them."""

import hashlib
from collections.abc import Iterable


def aggregate(records: Iterable[tuple[str, bytes]]) -> bytes:
    """Aggregate keys and data as the Kinesis Producer Library does, with a tag and without hash keys.

    https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
    """
    given = list(records)
    keys = sorted({key for key, _ in given})
    message = b"".join(_bytes(1, key.encode()) for key in keys)
    for key, data in given:
        tag = _bytes(4, _bytes(1, b"tag"))
        message += _bytes(3, _number(1, keys.index(key)) + _bytes(3, data) + tag)
    return b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message, usedforsecurity=False).digest()


def _varint(value: int) -> bytes:
    if value < 0x80:
        return bytes([value])
    return bytes([value & 0x7F | 0x80]) + _varint(value >> 7)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value
