"""A JSON object in a record's data, read so that whatever else is there has a name, and nothing of it is quoted.

The names are the reasons that quarantine, the log and `penstock redrive` give: who mends a producer sees which kind of
payload it sent without looking into one.
"""

import re
from collections.abc import Mapping

from . import compression, exact_json, kpl
from .stream import PermanentFailure

DEEPEST = 200
"""Levels of nesting after which a payload that cannot be read is said to be too deep. FHIR's own are below 20."""
BLANK = b" \t\r\n\0"
BYTE_ORDER_MARK = "\ufeff"
ESCAPED = re.compile(
    r"\\\\"  # a backslash, which escapes nothing behind it
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
"""Surrogates as JSON escapes them, in pairs or alone."""
STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
BASE64 = re.compile(r"\s*[A-Za-z0-9+/]{16,}={0,2}\s*")


class EmptyPayload(PermanentFailure):
    """There is nothing in the record, or only blanks."""


class KplAggregate(PermanentFailure):
    """Several records of the Kinesis Producer Library in one: turn `deaggregates_kpl` of the stream consumer on."""


class CompressedPayload(PermanentFailure):
    """The payload is compressed: for gzip, turn `decompresses_gzip` of the stream consumer on."""


class NotUtf8(PermanentFailure):
    """The payload is in another encoding than UTF-8, or begins with a byte order mark."""


class Base64Payload(PermanentFailure):
    """The payload was encoded in Base64 once more than Kinesis does."""


class NestedTooDeep(PermanentFailure):
    """Objects and arrays are nested so deep that nobody reads them."""


class NotJson(PermanentFailure):
    """The payload is text, and not one document of JSON: another format, cut off, or more than one."""


class NotAnObject(PermanentFailure):
    """The payload is JSON, but an array, a text, a number, a truth value or null."""


class NotUnicode(PermanentFailure):
    """A text in the payload has half of a surrogate pair, which is no character."""


def members_of(data: bytes) -> Mapping[str, str]:
    """Return the members of the JSON object, each value as it is written.

    Raises the PermanentFailure that names what is there instead.
    """
    text = text_of(data)
    try:
        found = exact_json.members(text)
    except ValueError:
        found = None
    # Outside of the handler, so that no chain of exceptions leads to what quotes the payload.
    if found is None:
        raise instead_of_object(text)
    if any(each["half"] for each in ESCAPED.finditer(text)):
        raise NotUnicode
    return found


def text_of(data: bytes) -> str:
    """Return data as text. Raises the PermanentFailure that names what is no text in UTF-8."""
    if not data.strip(BLANK):
        raise EmptyPayload
    if kpl.is_aggregate(data):
        raise KplAggregate
    if compression.is_compressed(data):
        raise CompressedPayload
    text = data.decode("utf-8", errors="replace")
    # JSON has no zeros; ASCII in UTF-16 has one in each character, and is UTF-8 all the same.
    if b"\0" in data or text.startswith(BYTE_ORDER_MARK) or text.encode() != data:
        raise NotUtf8
    return text


def instead_of_object(text: str) -> PermanentFailure:
    """Return what names a text that is no JSON object."""
    try:
        exact_json.read(text)
    except ValueError:
        if _depth(text) > DEEPEST:
            return NestedTooDeep()
        return Base64Payload() if BASE64.fullmatch(text) else NotJson()
    return NotAnObject()


def _depth(text: str) -> int:
    deepest = depth = 0
    for token in STRUCTURE.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        deepest = max(deepest, depth)
    return deepest
