"""JSON schemas as API Gateway takes them: draft 4, less what it refuses or ignores.

Refused here, with the path in the schema, is what would fail the deployment ("Unsupported keyword(s)": those of later
drafts and of OpenAPI) and what would be taken and do nothing (words beside a `$ref`, formats that nobody checks).

https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
https://datatracker.ietf.org/doc/html/draft-fge-json-schema-validation-00
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DIALECT = "http://json-schema.org/draft-04/schema#"
TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
FORMATS = ("date-time", "email", "hostname", "ipv4", "ipv6", "uri")
ONE = ("additionalItems", "additionalProperties", "items", "not")
"""Keywords of one schema below."""
COMBINATIONS = ("allOf", "anyOf", "oneOf")
NAMED = ("definitions", "dependencies", "patternProperties", "properties")
INSTEAD = {
    "$defs": "`definitions`, as draft 4 has them",
    "$id": "no name: a schema is the model of its own API",
    "const": "`enum` with one value",
    "contains": "`items`, which says what each of them is",
    "dependentRequired": "`dependencies`",
    "dependentSchemas": "`dependencies`",
    "discriminator": "`oneOf` alone",
    "else": "`oneOf` or `anyOf`",
    "example": "a `description`",
    "examples": "a `description`",
    "exclusiveMinimum": "`minimum` with the least value that is allowed: API Gateway does not support this word",
    "id": "no name: a schema is the model of its own API",
    "if": "`oneOf` or `anyOf`",
    "nullable": "`null` among the types, as in `type: [string, null]`",
    "propertyNames": "`patternProperties` with `additionalProperties: false`",
    "readOnly": "a schema without what a client may not send",
    "then": "`oneOf` or `anyOf`",
}
"""Words of other dialects, and what says the same in draft 4."""
MOST_REFERENCES = 100
"""References from one to the next, after which nobody waits for the end."""


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and len(value) > 0


def _is_names(value: Any) -> bool:
    return _is_list(value) and all(isinstance(each, str) for each in value)


def _is_type(value: Any) -> bool:
    return all(each in TYPES for each in value) if _is_list(value) else value in TYPES


def _has_null(value: Any) -> bool:
    below = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return value is None or any(map(_has_null, below))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_pattern(value: Any) -> bool:
    try:
        re.compile(value)
    except (re.error, TypeError):
        return False
    return True


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plain:
    """What a keyword takes that has no schema below it."""

    allows: Callable[[Any], bool]
    allowed: str


_COUNT = _Plain(
    allows=lambda value: isinstance(value, int) and _is_number(value) and value >= 0,
    allowed="a whole number, 0 or more",
)
_NUMBER = _Plain(allows=_is_number, allowed="a number")
_TEXT = _Plain(allows=lambda value: isinstance(value, str), allowed="a text")
PLAIN: Mapping[str, _Plain] = {
    **dict.fromkeys(("maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"), _COUNT),
    **dict.fromkeys(("maximum", "minimum"), _NUMBER),
    **dict.fromkeys(("description", "title"), _TEXT),
    # The CDK writes no null into a template.
    "default": _Plain(allows=lambda value: not _has_null(value), allowed="a value without null"),
    "enum": _Plain(
        allows=lambda value: _is_list(value) and not _has_null(value),
        allowed="a list with at least one value, and without null: that is a type, as in `anyOf` with `type: null`",
    ),
    "exclusiveMaximum": _Plain(
        allows=lambda value: isinstance(value, bool), allowed="True or False beside `maximum`, as in draft 4"
    ),
    "format": _Plain(
        allows=lambda value: value in FORMATS, allowed=f"one of {', '.join(FORMATS)}: API Gateway checks no other"
    ),
    "multipleOf": _Plain(allows=lambda value: _is_number(value) and value > 0, allowed="a number above 0"),
    "pattern": _Plain(allows=_is_pattern, allowed="a regular expression"),
    "required": _Plain(allows=_is_names, allowed="a list with the name of at least one property"),
    "type": _Plain(allows=_is_type, allowed=f"one or a list of {', '.join(TYPES)}"),
    "uniqueItems": _Plain(allows=lambda value: isinstance(value, bool), allowed="True or False"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class InvalidSchema:
    """A part of a schema that API Gateway would refuse or ignore."""

    path: str
    """A JSON pointer into the schema; empty is the whole of it."""
    given: str
    allowed: str


def validate_schema(schema: object) -> Iterator[InvalidSchema]:
    """Yield what API Gateway would refuse or ignore in a JSON schema."""
    yield from _validate(schema, "", schema)


def _validate(schema: object, path: str, root: object) -> Iterator[InvalidSchema]:
    if not isinstance(schema, Mapping):
        yield _invalid(path, schema, "a schema: a mapping of the keywords of draft 4")
    elif "$ref" in schema:
        yield from _invalid_reference(schema, path, root)
    else:
        for keyword, value in schema.items():
            yield from _validate_keyword(keyword, value, schema, f"{path}/{_escaped(keyword)}", root)


def _validate_keyword(
    keyword: str, value: object, schema: Mapping[str, object], path: str, root: object
) -> Iterator[InvalidSchema]:
    if keyword in NAMED:
        yield from _invalid_names(keyword, value, path, root)
    elif keyword in COMBINATIONS or (keyword == "items" and isinstance(value, list | tuple)):
        yield from _invalid_list(value, path, root)
    elif keyword in ONE:
        if not (keyword.startswith("additional") and isinstance(value, bool)):
            yield from _validate(value, path, root)
    elif keyword == "$schema":
        if schema is not root or value != DIALECT:
            yield _invalid(path, value, f"nothing, or {DIALECT} at the top: API Gateway reads no other draft")
    elif keyword not in PLAIN:
        other = "keywords of JSON schema draft 4: API Gateway refuses a model with any other"
        yield _invalid(path, value, INSTEAD.get(keyword, other))
    elif not PLAIN[keyword].allows(value) or (keyword == "exclusiveMaximum" and "maximum" not in schema):
        yield _invalid(path, value, PLAIN[keyword].allowed)


def _invalid_reference(schema: Mapping[str, object], path: str, root: object) -> Iterator[InvalidSchema]:
    reference = schema["$ref"]
    if "definitions" in schema:
        yield from _invalid_names("definitions", schema["definitions"], f"{path}/definitions", root)
    if ignored := schema.keys() - {"$ref", "$schema", "definitions"}:
        beside = ", ".join(sorted(ignored))
        yield _invalid(
            path, f"$ref beside {beside}", "the reference alone, or within `allOf`: draft 4 ignores the rest"
        )
    for _ in range(MOST_REFERENCES):
        if not isinstance(reference, str) or not reference.startswith("#"):
            yield _invalid(f"{path}/$ref", reference, "a reference within the schema, such as #/definitions/name")
            return
        found = _resolved(reference, root)
        if not isinstance(found, Mapping):
            yield _invalid(f"{path}/$ref", reference, "a reference to a schema that is there")
            return
        if "$ref" not in found:
            return
        reference = found["$ref"]
    yield _invalid(f"{path}/$ref", reference, "a reference that does not lead back to itself")


def _resolved(reference: str, root: object) -> object:
    found = root
    for part in filter(None, reference.removeprefix("#").split("/")):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(name)
        elif isinstance(found, list | tuple) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found


def _invalid_list(value: Any, path: str, root: object) -> Iterator[InvalidSchema]:
    if not _is_list(value):
        yield _invalid(path, value, "a list with at least one schema")
        return
    for position, each in enumerate(value):
        yield from _validate(each, f"{path}/{position}", root)


def _invalid_names(keyword: str, value: object, path: str, root: object) -> Iterator[InvalidSchema]:
    if not isinstance(value, Mapping):
        yield _invalid(path, value, "a mapping of names to schemas")
        return
    for name, each in value.items():
        below = f"{path}/{_escaped(name)}"
        if keyword == "patternProperties" and not _is_pattern(name):
            yield _invalid(below, name, "a regular expression")
        if keyword == "dependencies" and isinstance(each, list | tuple):
            if not _is_names(each):
                yield _invalid(below, each, "a schema, or a list with the name of at least one property")
        else:
            yield from _validate(each, below, root)


def _escaped(name: object) -> str:
    """Write a name as a part of a JSON pointer. https://www.rfc-editor.org/rfc/rfc6901"""
    return str(name).replace("~", "~0").replace("/", "~1")


def _invalid(path: str, given: object, allowed: str) -> InvalidSchema:
    return InvalidSchema(path=path, given=given if isinstance(given, str) else f"{given!r:.80}", allowed=allowed)
