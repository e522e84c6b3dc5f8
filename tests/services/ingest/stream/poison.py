"""Kinds of payload that can never be processed, each with the reason that quarantine gives."""

import base64
import bz2
import gzip
import json
import lzma
import zlib
from collections.abc import Mapping
from typing import Any

from tests.testbed.kpl_aggregate import aggregate

PATIENT = "p-poison"


def change(**others: Any) -> dict[str, Any]:
    resource = {"resourceType": "Observation", "status": "final"}
    return {"id": "s-poison", "patient": PATIENT, "resource": resource} | others


def payload(**others: Any) -> bytes:
    return json.dumps(change(**others)).encode()


GOOD = payload()
DEEP = 20_000
POISON: Mapping[str, tuple[bytes, str]] = {
    "nothing": (b"", "EmptyPayload"),
    "blanks": (b" \r\n\t ", "EmptyPayload"),
    "zeros": (b"\0" * 64, "EmptyPayload"),
    "random bytes": (bytes(range(128, 256)), "NotUtf8"),
    "Latin-1": (payload(note="x").replace(b'"x"', b'"M\xfcller"'), "NotUtf8"),
    "UTF-16 with a mark": (GOOD.decode().encode("utf-16"), "NotUtf8"),
    "UTF-16 without one": (GOOD.decode().encode("utf-16-le"), "NotUtf8"),
    "UTF-8 with a mark": (b"\xef\xbb\xbf" + GOOD, "NotUtf8"),
    "gzip": (gzip.compress(GOOD), "CompressedPayload"),
    "zlib": (zlib.compress(GOOD), "CompressedPayload"),
    "bzip2": (bz2.compress(GOOD), "CompressedPayload"),
    "xz": (lzma.compress(GOOD), "CompressedPayload"),
    "Zstandard": (b"\x28\xb5\x2f\xfd\x04\x00", "CompressedPayload"),
    "KPL aggregate": (aggregate([(PATIENT, GOOD)]), "KplAggregate"),
    "damaged aggregate": (aggregate([(PATIENT, GOOD)])[:-1], "KplAggregate"),
    "Base64 twice": (base64.b64encode(GOOD), "Base64Payload"),
    "deep arrays": (b"[" * DEEP, "NestedTooDeep"),
    "deep objects": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, "NestedTooDeep"),
    "deep in a resource": (
        payload(resource=0).replace(b'"resource": 0', b'"resource": ' + b"[" * DEEP + b"]" * DEEP),
        "NestedTooDeep",
    ),
    "cut off": (GOOD[:-7], "NotJson"),
    "two documents": (GOOD + b"\n" + GOOD, "NotJson"),
    "single quotes": (GOOD.replace(b'"', b"'"), "NotJson"),
    "NaN": (payload(resource=float("nan")), "NotJson"),
    "XML": (b"<Observation><status value='final'/></Observation>", "NotJson"),
    "HL7 version 2": (b"MSH|^~\\&|LAB|X|Y|Z|20260101||ORU^R01|1|P|2.5\r", "NotJson"),
    "an array": (b"[" + GOOD + b"]", "NotAnObject"),
    "a text": (json.dumps(GOOD.decode()).encode(), "NotAnObject"),
    "null": (b"null", "NotAnObject"),
    "half a character": (payload(resource={"resourceType": "Observation", "text": "\ud800"}), "NotUnicode"),
    "without a resource": (json.dumps({"id": "s", "patient": PATIENT}).encode(), "NotAChange"),
    "another patient": (payload(patient="p-other"), "AnotherPatient"),
}
