"""Checks a resource's properties against its type's schema, as CloudFormation does before it makes anything."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).with_name("schemas.json")

CONTAINERS: Mapping[str, type] = {"object": dict, "array": list}
SCALARS = {
    "boolean": re.compile("true|false"),
    "integer": re.compile(r"-?\d+"),
    "number": re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?"),
}

Schema = Mapping[str, Any]
Unknown = Callable[[Any], bool]


@cache
def schemas() -> dict[str, Schema]:
    """Return the schema of every supported type. (`pipeline.local.cloud.cloudformation.distil` makes the file.)"""
    found: dict[str, Schema] = json.loads(SCHEMAS.read_text(encoding="utf-8"))["types"]
    return found


def problems(type_name: str, properties: Any, *, unknown: Unknown = lambda _value: False) -> list[str]:
    """Return what is wrong with these properties, in words that name each. A custom resource may have any.

    `unknown` says which values are not known yet: an intrinsic function before the deployment, say.
    """
    schema = schemas().get(type_name)
    if schema is None or type_name == "AWS::CloudFormation::CustomResource":
        return []
    return list(_Check(schema, unknown).value(properties, schema, "Properties"))


class _Check:
    def __init__(self, root: Schema, unknown: Unknown) -> None:
        self._definitions: Mapping[str, Schema] = root.get("definitions", {})
        self._read_only = {path.removeprefix("/properties/") for path in root.get("readOnlyProperties", [])}
        self._root = root
        self._unknown = unknown

    def value(self, value: Any, schema: Schema, path: str) -> Iterator[str]:
        if self._unknown(value):
            return
        if "$ref" in schema:
            schema = {**schema, **self._definitions[str(schema["$ref"]).rpartition("/")[2]]}
        wrong_type = _wrong_type(value, schema.get("type"))
        if wrong_type:
            yield f"{path}: {wrong_type}"
            return
        yield from self._choices(value, schema, path)
        yield from _limits(value, schema, path)
        if isinstance(value, dict):
            yield from self._object(value, schema, path)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from self.value(item, schema.get("items", {}), f"{path}/{index}")
                if (
                    isinstance(item, dict) and "properties" in schema
                ):  # upstream puts what items hold beside `items` too
                    yield from self._object(item, {"properties": schema["properties"]}, f"{path}/{index}")

    def _choices(self, value: Any, schema: Schema, path: str) -> Iterator[str]:
        for keyword in ("anyOf", "oneOf"):
            choices = schema.get(keyword, [])
            found = [list(self.value(value, choice, path)) for choice in choices]
            if found and all(found):
                yield min(found, key=len)[0]
        allowed = [schema["const"]] if "const" in schema else schema.get("enum")
        if allowed is not None and not isinstance(value, dict | list) and _text(value) not in map(_text, allowed):
            yield f"{path}: {value!r} is not one of {', '.join(map(_text, allowed))}"

    def _object(self, value: dict[str, Any], schema: Schema, path: str) -> Iterator[str]:
        known: Mapping[str, Schema] = schema.get("properties", {})
        patterns: Mapping[str, Schema] = schema.get("patternProperties", {})
        for name in schema.get("required", []):
            if name not in value:
                yield f"{path}: required property {name} is missing"
        for name, part in value.items():
            if name in known and not (schema is self._root and name in self._read_only):
                yield from self.value(part, known[name], f"{path}/{name}")
            elif by_pattern := [found for pattern, found in patterns.items() if re.search(pattern, name)]:
                yield from self.value(part, by_pattern[0], f"{path}/{name}")
            elif schema.get("additionalProperties") is False:
                yield f"{path}: unsupported property {name}"


def _wrong_type(value: Any, expected: Any) -> str | None:
    if expected is None:
        return None
    allowed = expected if isinstance(expected, list) else [expected]
    if any(_is(value, name) for name in allowed):
        return None
    return f"{json.dumps(value, default=str)[:80]} is not of type {' or '.join(allowed)}"


def _is(value: Any, type_name: str) -> bool:
    """CloudFormation takes a scalar in the place of another if it reads as one: "5" for 5, "true" for true."""
    if type_name in CONTAINERS:
        return isinstance(value, CONTAINERS[type_name])
    if isinstance(value, dict | list) or value is None:
        return False
    pattern = SCALARS.get(type_name)
    return pattern is None or pattern.fullmatch(_text(value)) is not None


def _limits(value: Any, schema: Schema, path: str) -> Iterator[str]:
    if isinstance(value, list):
        yield from _outside(len(value), schema, ("minItems", "maxItems"), f"{path}: the number of items")
    elif isinstance(value, str):
        yield from _outside(len(value), schema, ("minLength", "maxLength"), f"{path}: the length")
        if "pattern" in schema and re.search(schema["pattern"], value) is None:
            yield f"{path}: {value[:80]!r} does not match the pattern {schema['pattern']}"
    # Some schemas say minimum where they mean minLength, e.g. of a CodeCommit repository's name.
    if ("minimum" in schema or "maximum" in schema) and schema.get("type") != "string" and _is(value, "number"):
        yield from _outside(float(_text(value)), schema, ("minimum", "maximum"), f"{path}: the value")


def _outside(number: float, schema: Schema, keywords: tuple[str, str], what: str) -> Iterator[str]:
    least, most = (schema.get(keyword) for keyword in keywords)
    if (least is not None and number < least) or (most is not None and number > most):
        bounds = " ".join(
            f"at {word} {bound}" for word, bound in (("least", least), ("most", most)) if bound is not None
        )
        yield f"{what} is {number:g}, not {bounds}"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
