"""Reads the policies of a CloudFormation template, and decides as IAM would what they allow."""

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml


class Intrinsics(yaml.SafeLoader):
    """Reads CloudFormation's short forms as plain values: `!If [a, b, c]` as `{"If": [a, b, c]}`."""


def _intrinsic(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {tag: loader.construct_scalar(node)}
    assert isinstance(node, yaml.SequenceNode)
    return {tag: loader.construct_sequence(node, deep=True)}


Intrinsics.add_multi_constructor("!", _intrinsic)


def template(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = Intrinsics(file.read_text()).get_single_data()
    return found


def resolved(value: Any, *, account: str, chosen: Mapping[str, bool], names: Mapping[str, Any]) -> Any:
    """A part of the template as CloudFormation would resolve it; `names`: what a Ref or an Arn of its own comes to."""

    known = {"AWS::Partition": "aws", "AWS::AccountId": account, **names}

    def go(value: Any) -> Any:
        match value:
            case {"If": [condition, yes, no]}:
                return go(yes if chosen[condition] else no)
            case {"Ref": str(name)} | {"GetAtt": str(name)}:
                return None if name == "AWS::NoValue" else names[name.removesuffix(".Arn")]
            case {"Sub": _} | {"Join": _} | {"Split": _}:
                return text(value)
            case dict():
                return {key: go(part) for key, part in value.items()}
            case list():
                return [part for part in map(go, value) if part is not None]
        return value

    def text(function: Any) -> Any:
        match function:
            case {"Join": [str(separator), parts]}:
                return separator.join(go(parts))
            case {"Split": [str(separator), joined]}:
                return go(joined).split(separator)
        return re.sub(r"\$\{([^}]+)\}", lambda name: str(known[name[1]]), function["Sub"])

    return go(value)


def allows(document: Mapping[str, Any], action: str, resource: str, keys: Mapping[str, str] | None = None) -> bool:
    """IAM's decision on these statements alone: an explicit deny wins, and nothing is allowed by default.

    `keys`: the request's condition keys, such as `iam:PermissionsBoundary`.
    """
    effects = {
        statement["Effect"]
        for statement in document["Statement"]
        if _names(statement, "Action", action)
        and _names(statement, "Resource", resource)
        and all(_conditions(statement, keys or {}))
    }
    return effects == {"Allow"}


def actions(document: Mapping[str, Any]) -> set[str]:
    """The patterns of actions that it allows."""
    return {
        action
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in _listed(statement["Action"])
    }


def _names(statement: Mapping[str, Any], element: str, value: str) -> bool:
    patterns = _listed(statement[element if element in statement else f"Not{element}"])
    return (element in statement) == any(fnmatchcase(value, pattern) for pattern in patterns)


def _conditions(statement: Mapping[str, Any], keys: Mapping[str, str]) -> Iterator[bool]:
    for operator, wanted in statement.get("Condition", {}).items():
        for key, values in wanted.items():
            if operator == "Null":
                yield (key not in keys) == (values == "true")
                continue
            given, exactly = keys.get(key), operator in ("StringEquals", "Bool")
            if operator == "NumericLessThanIfExists":
                yield given is None or float(given) < float(values)
                continue
            assert exactly or operator in ("StringLike", "ArnLike"), operator
            yield given is not None and any(
                given == value if exactly else fnmatchcase(given, value) for value in _listed(values)
            )


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
