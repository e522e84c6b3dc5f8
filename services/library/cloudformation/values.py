"""Values of a template: functions among them, what they refer to, and which of them mean the same."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Value = Any
"""Text, number, list, mapping, None. An intrinsic function is a mapping with its one name."""
DYNAMIC_REFERENCE = re.compile(r"\{\{resolve:[^}]*\}\}")
"""What CloudFormation reads from a parameter or a secret.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
"""
PLACEHOLDER = re.compile(r"\$\{(!?)([^}]*)\}")
"""What `Fn::Sub` replaces, or leaves as it is after a `!`."""
POLICY_LISTS = frozenset({"Action", "NotAction", "Resource", "NotResource"})
"""A policy's statement may give these as one text or as a list, in any order."""


def is_function(value: Value) -> bool:
    """Return whether a value is one of CloudFormation's functions."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    (name,) = value
    return name == "Ref" or str(name).startswith("Fn::")


def is_open(value: Value) -> bool:
    """Return whether a value is a function, or a text, that only CloudFormation can resolve."""
    return DYNAMIC_REFERENCE.search(value) is not None if isinstance(value, str) else is_function(value)


def references(value: Value) -> Iterator[tuple[str, str]]:
    """Yield each logical id (or parameter) that a value refers to, with the attribute; empty for a `Ref`."""
    if isinstance(value, list):
        for each in value:
            yield from references(each)
    elif isinstance(value, dict):
        named = _named_by(value) if is_function(value) else None
        if named is not None:
            yield from named
        else:
            for each in value.values():
                yield from references(each)


def _named_by(function: Mapping[str, Value]) -> list[tuple[str, str]] | None:
    """What a function names itself; None for one that names nothing but by its arguments."""
    match function:
        case {"Ref": str(logical_id)}:
            return [(logical_id, "")]
        case {"Fn::GetAtt": [str(logical_id), attribute]}:
            return [(logical_id, str(attribute))]
        case {"Fn::GetAtt": str(text)}:
            return [_split(text)]
        case {"Fn::Sub": str(text) | [str(text)]}:
            return _in_substitution(text)
        case {"Fn::Sub": [str(text), variables]}:
            return [*_in_substitution(text), *references(variables)]
    return None


def _in_substitution(text: str) -> list[tuple[str, str]]:
    return [_split(found[2].strip()) for found in PLACEHOLDER.finditer(text) if not found[1]]


def _split(text: str) -> tuple[str, str]:
    logical_id, _, attribute = text.partition(".")
    return logical_id, attribute


def named_resources(value: Value) -> set[str]:
    """Return the logical ids (or parameters) that a value refers to."""
    return {logical_id for logical_id, _ in references(value)}


def rename_references(value: Value, names: Mapping[str, str]) -> Value:
    """Return the value with every reference to a key of `names` made one to its value."""
    if isinstance(value, dict):
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return {name: names.get(argument, argument) if isinstance(argument, str) else argument}
            if name == "Fn::GetAtt" and isinstance(argument, list) and argument and isinstance(argument[0], str):
                return {name: [names.get(argument[0], argument[0]), *argument[1:]]}
        return {key: rename_references(each, names) for key, each in value.items()}
    return [rename_references(each, names) for each in value] if isinstance(value, list) else value


def normalize_join(separator: str, parts: Sequence[Value]) -> Value:
    """Return text if every part is; else one `Fn::Join` without separator, neighbouring texts and inner joins merged.

    `Fn::Sub` has the same form, so that two spellings of one text are equal.
    """
    flat: list[Value] = []
    for index, part in enumerate(parts):
        inner = part["Fn::Join"][1] if _is_join(part) else [part]
        for each in [separator, *inner] if index else inner:
            text = _text(each)
            if text is None:
                flat.append(each)
            elif flat and isinstance(flat[-1], str):
                flat[-1] += text
            elif text:
                flat.append(text)
    if len(flat) > 1:
        return {"Fn::Join": ["", flat]}
    return flat[0] if flat else ""


def _is_join(part: Value) -> bool:
    return (
        isinstance(part, dict)
        and isinstance(join := part.get("Fn::Join"), list)
        and len(join) == 2
        and join[0] == ""
        and isinstance(join[1], list)
    )


def _text(value: Value) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def is_same(old: Value, new: Value) -> bool:
    """Return whether two values are one to CloudFormation: 5 and "5", true and "true", statements in any order."""
    return repr(old) == repr(new) or bool(canonical(old) == canonical(new))  # to Python, 1 and True are equal


def canonical(value: Value) -> Value:
    """Return a value that is equal for everything that means the same."""
    if isinstance(value, dict):
        if "Statement" in value:
            return _canonical_policy(value)
        return {key: canonical(each) for key, each in value.items()}
    if isinstance(value, list):
        return [canonical(each) for each in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) or value is None else str(value)


def _canonical_policy(policy: Mapping[str, Value]) -> Value:
    statements = policy["Statement"]
    each = statements if isinstance(statements, list) else [statements]
    rest = {key: canonical(value) for key, value in policy.items() if key != "Statement"}
    return {**rest, "Statement": sorted((_canonical_statement(statement) for statement in each), key=repr)}


def _canonical_statement(statement: Value) -> Value:
    if not isinstance(statement, dict):
        return canonical(statement)
    return {key: _canonical_part(key, value) for key, value in sorted(statement.items())}


def _canonical_part(key: str, value: Value) -> Value:
    if key in POLICY_LISTS:
        return _set(value)
    if key in {"Principal", "NotPrincipal"} and isinstance(value, dict):
        return {kind: _set(who) for kind, who in sorted(value.items())}
    if key == "Condition" and isinstance(value, dict):
        return {
            operator: {name: _set(test) for name, test in sorted(tests.items())}
            if isinstance(tests, dict)
            else canonical(tests)
            for operator, tests in sorted(value.items())
        }
    return canonical(value)


def _set(value: Value) -> Value:
    values = value if isinstance(value, list) else [value]
    return sorted({repr(canonical(each)) for each in values})
