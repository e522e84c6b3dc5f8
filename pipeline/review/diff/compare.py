"""Where two resolved values differ, in a way that means something to CloudFormation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.review.model import Json

POLICY_LISTS = frozenset({"Action", "NotAction", "Resource", "NotResource"})
"""A policy's statement may give these as one text or as a list, in any order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One place. Positions in lists are no part of the path."""

    path: tuple[str, ...]
    old: Json
    new: Json


def same(old: Json, new: Json) -> bool:
    """Whether two values are one to CloudFormation: 5 and "5", true and "true", keys and statements in any order."""
    return bool(old == new or canonical(old) == canonical(new))


def canonical(value: Json) -> Json:
    """A value that is equal for everything that means the same."""
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


def differences(old: Json, new: Json, path: tuple[str, ...] = ()) -> Iterator[Difference]:
    """Each place in which they differ, as deep as both are made of named parts."""
    if same(old, new):
        return
    if is_named_parts(old) and is_named_parts(new):
        for key in {**old, **new}:
            yield from differences(old.get(key), new.get(key), (*path, key))
    elif _is_list_of_parts(old) and _is_list_of_parts(new):
        yield from _in_lists(old, new, path)
    else:
        yield Difference(path=path, old=old, new=new)


def leaves(value: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of each leaf below a value, through undecided conditions."""
    if isinstance(value, dict) and "Fn::If" in value:
        for branch in value["Fn::If"][1:]:
            yield from leaves(branch, path)
    elif is_named_parts(value) and value:
        for key, each in value.items():
            yield from leaves(each, (*path, key))
    elif _is_list_of_parts(value):
        for each in value:
            yield from leaves(each, path)
    else:
        yield path


def is_function(value: Json) -> bool:
    """Whether a value is one of CloudFormation's functions."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref", "Condition"))


def is_named_parts(value: Json) -> bool:
    """Whether a value can be compared part by part. A policy is compared as a whole: its parts mean nothing alone."""
    return isinstance(value, dict) and not is_function(value) and "Statement" not in value


def _is_list_of_parts(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and all(map(is_named_parts, value))


def _in_lists(old: list[Json], new: list[Json], path: tuple[str, ...]) -> Iterator[Difference]:
    """What is in both is no difference wherever it stands; the rest is compared in order."""
    left = [each for each in old if not any(same(each, other) for other in new)]
    right = [each for each in new if not any(same(each, other) for other in old)]
    if not left and not right:
        yield Difference(path=path, old=old, new=new)  # another order, or one more of the same
        return
    for index in range(max(len(left), len(right))):
        if index < len(left) and index < len(right):
            yield from differences(left[index], right[index], path)
        else:
            yield Difference(
                path=path,
                old=left[index] if index < len(left) else None,
                new=right[index] if index < len(right) else None,
            )


def _canonical_policy(policy: Mapping[str, Json]) -> Json:
    statements = policy["Statement"]
    each = statements if isinstance(statements, list) else [statements]
    rest = {key: canonical(value) for key, value in policy.items() if key != "Statement"}
    return {**rest, "Statement": sorted((_canonical_statement(statement) for statement in each), key=repr)}


def _canonical_statement(statement: Json) -> Json:
    if not isinstance(statement, dict):
        return canonical(statement)
    return {key: _canonical_part(key, value) for key, value in sorted(statement.items())}


def _canonical_part(key: str, value: Json) -> Json:
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


def _set(value: Json) -> Json:
    values = value if isinstance(value, list) else [value]
    return sorted({repr(canonical(each)) for each in values})
