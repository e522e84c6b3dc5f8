"""FHIR documents as text: what goes in comes out byte for byte, but for the parts that a server sets.

Numbers keep their digits so (1.0 and 1.00 are different values in FHIR), and so do unknown elements, spaces and order.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Json = dict[str, Any]
_SPACE = re.compile(r"[ \t\r\n]*")


class DocumentError(Exception):
    """The text is no JSON object that can be a resource; the message says why, without quoting it."""


def _no_constant(name: str) -> Any:
    raise DocumentError(f"{name} is no JSON")


def _once(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DocumentError("a property stands twice in one object")
    return found


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_once)


@dataclass(frozen=True, kw_only=True)
class Member:
    """One property of an object, as positions in its text."""

    start: int
    value: int
    end: int


def parse(text: str) -> Json:
    """Parse a document, with decimals as they are written. Raises DocumentError."""
    try:
        found = _DECODER.decode(text)
    except (ValueError, ArithmeticError, RecursionError) as error:  # arithmetic: a number no decimal can hold
        where = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise DocumentError(f"the body is not JSON{where}") from None
    if not isinstance(found, dict):
        raise DocumentError("the body is not a JSON object")
    return found


def members(text: str, at: int = 0) -> dict[str, Member]:
    """Return the properties of the object that begins at this position of a valid document."""
    found: dict[str, Member] = {}
    position = _skip(text, _skip(text, at) + 1)
    while text[position] != "}":
        name, end = _DECODER.raw_decode(text, position)
        value = _skip(text, _skip(text, end) + 1)
        _, end = _DECODER.raw_decode(text, value)
        found[name] = Member(start=position, value=value, end=end)
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return found


def items(text: str, at: int) -> list[tuple[int, int]]:
    """Return where each item of the array begins and ends that begins at this position of a valid document."""
    found = []
    position = _skip(text, at + 1)
    while text[position] != "]":
        _, end = _DECODER.raw_decode(text, position)
        found.append((position, end))
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return found


def with_values(text: str, values: Mapping[str, str], *, at: int = 0, after: str = "") -> str:
    """Return the text with these properties of one object set to these JSON texts.

    Known ones are replaced in place; new ones stand behind the property `after`, or come first.
    """
    known = members(text, at)
    edits = [(known[name].value, known[name].end, value) for name, value in values.items() if name in known]
    new = [f"{json.dumps(name)}:{value}" for name, value in values.items() if name not in known]
    if new and after in known:
        edits.append((known[after].end, known[after].end, "".join(f",{each}" for each in new)))
    elif new:
        start = _skip(text, at) + 1
        edits.append((start, start, ",".join(new) + ("," if known else "")))
    for start, end, value in sorted(edits, reverse=True):
        text = text[:start] + value + text[end:]
    return text


def stamped(text: str, *, id_: str, version: int, updated: str) -> str:
    """Return a resource with the id, version and time that the server gives it; other parts of `meta` stay."""
    set_by_server = {"versionId": json.dumps(str(version)), "lastUpdated": json.dumps(updated)}
    text = with_values(text, {"id": json.dumps(id_)}, after="resourceType")
    meta = members(text).get("meta")
    if meta is not None:
        return with_values(text, set_by_server, at=meta.value)
    joined = ",".join(f'"{name}":{value}' for name, value in set_by_server.items())
    return with_values(text, {"meta": f"{{{joined}}}"}, after="id")


MANDATORY = frozenset({"resourceType", "id", "meta"})
_SUBSETTED = '{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}'


def subset(text: str, elements: frozenset[str]) -> str:
    """Keep only these elements and the mandatory ones: https://hl7.org/fhir/R4/search.html#elements"""
    known = members(text)
    kept = [text[each.start : each.end] for name, each in known.items() if name in elements | MANDATORY]
    reduced = "{" + ",".join(kept) + "}"
    meta = members(reduced)["meta"].value
    tag = members(reduced, meta).get("tag")
    before = reduced[tag.value + 1 : tag.end - 1] if tag and reduced[tag.value] == "[" else ""
    tags = ",".join(part for part in (before.strip(), _SUBSETTED) if part)
    return with_values(reduced, {"tag": f"[{tags}]"}, at=meta)


def bundle(kind: str, entries: Iterator[str] | list[str], **more: Any) -> str:
    """Return a Bundle around entries that are texts already."""
    head = json.dumps({"resourceType": "Bundle", "type": kind, **more})
    joined = ",".join(entries)
    return f'{head[:-1]}, "entry": [{joined}]}}' if joined else head


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position
