"""Reads policy documents: what a statement says of actions, resources, principals and conditions.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

import functools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WITH_VARIABLES = "2012-10-17"
"""The version of policies in which `${...}` is a variable; in an older one, which is the default, it is text."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a policy, as it is written."""

    sid: str
    allows: bool
    actions: tuple[str, ...]
    excepts_actions: bool
    resources: tuple[str, ...]
    excepts_resources: bool
    principals: Mapping[str, tuple[str, ...]]
    """The names below each of AWS, Service, Federated and CanonicalUser; everybody is `{"AWS": ("*",)}`."""
    excepts_principals: bool
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]]
    has_variables: bool
    place: int = 0
    """Which statement of its document it is."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy and where it stands."""

    name: str
    """For people: `the policy Reads of role intake`, `the boundary arn:...`."""
    statements: tuple[Statement, ...]
    fault: str = ""
    """Why it cannot be read; nobody knows then what it denies."""
    condition_keys: frozenset[str] = frozenset()
    """The condition keys that its statements test or take the value of, in lower case."""


class InvalidPolicyError(ValueError):
    """A document that IAM would not have stored."""


def read_policy(name: str, document: Any) -> Policy:
    """Read a policy from its document, given as a mapping or as JSON."""
    text = document if isinstance(document, str) else json.dumps(document, sort_keys=True, default=str)
    try:
        statements, keys = _read(text)
    except InvalidPolicyError as error:
        return Policy(name=name, statements=(), fault=f"{error} ({name})")
    return Policy(name=name, statements=statements, condition_keys=keys)


def read_several(name: str, *documents: Any) -> Policy:
    """Read what stands in several documents as one policy, at fault if one of them is."""
    read = [read_policy(name, document) for document in documents]
    return Policy(
        name=name,
        statements=tuple(statement for each in read for statement in each.statements),
        fault=next((each.fault for each in read if each.fault), ""),
        condition_keys=frozenset(key for each in read for key in each.condition_keys),
    )


@functools.lru_cache(maxsize=4096)
def _read(text: str) -> tuple[tuple[Statement, ...], frozenset[str]]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InvalidPolicyError("the policy is no JSON") from error
    if not isinstance(document, dict):
        raise InvalidPolicyError("the policy is no object")
    listed = document.get("Statement", [])
    has_variables = document.get("Version") == WITH_VARIABLES
    several = [listed] if isinstance(listed, dict) else listed
    statements = tuple(_statement(each, has_variables, place) for place, each in enumerate(several))
    return statements, _condition_keys(statements)


def _statement(written: Mapping[str, Any], has_variables: bool, place: int) -> Statement:
    if written.get("Effect") not in ("Allow", "Deny"):
        raise InvalidPolicyError(f"the Effect of a statement is {written.get('Effect')!r}, not Allow or Deny")
    principal = written.get("NotPrincipal", written.get("Principal", {}))
    return Statement(
        sid=str(written.get("Sid", "")),
        allows=written["Effect"] == "Allow",
        actions=_texts(written.get("NotAction", written.get("Action", ()))),
        excepts_actions="NotAction" in written,
        resources=_texts(written.get("NotResource", written.get("Resource", ()))),
        excepts_resources="NotResource" in written,
        principals={"AWS": ("*",)} if principal == "*" else {kind: _texts(names) for kind, names in principal.items()},
        excepts_principals="NotPrincipal" in written,
        conditions={
            operator: {key: _texts(values) for key, values in keys.items()}
            for operator, keys in (written.get("Condition") or {}).items()
        },
        has_variables=has_variables,
        place=place,
    )


def _condition_keys(statements: tuple[Statement, ...]) -> frozenset[str]:
    tests = [test for each in statements for test in each.conditions.values()]
    values = [text for test in tests for wanted in test.values() for text in wanted]
    texts = [*values, *(text for each in statements for text in each.resources)]
    named = {found[1].partition(",")[0].strip() for text in texts for found in _VARIABLE.finditer(text)}
    return frozenset(key.lower() for key in (*named, *(key for test in tests for key in test)))


def _texts(value: Any) -> tuple[str, ...]:
    several: Iterable[Any] = [value] if isinstance(value, str | bool | int | float) else value
    return tuple(str(each).lower() if isinstance(each, bool) else str(each) for each in several)


def matches(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    """Tell whether a text fits a pattern in which `*` is any text and `?` any character."""
    return pattern == "*" or _expression(pattern, ignore_case).fullmatch(text) is not None


def matches_arn(pattern: str, arn: str) -> bool:
    """Tell whether an ARN fits a pattern. Wildcards stay within one of its first five segments.

    "If the * wildcard is the last character of a resource ARN segment, it can expand to match beyond the colon
    boundaries." https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    return pattern == "*" or _of_arns(pattern).fullmatch(arn) is not None


@functools.lru_cache(maxsize=8192)
def _of_arns(pattern: str) -> re.Pattern[str]:
    segments = pattern.split(":", 5)
    inside = [_translated(each[:-1], "[^:]") + _translated(each[-1:], "[^:]", last=".") for each in segments[:5]]
    return re.compile(":".join([*inside, *(_translated(each, ".") for each in segments[5:])]), re.DOTALL)


@functools.lru_cache(maxsize=8192)
def _expression(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    return re.compile(_translated(pattern, "."), _flags(ignore_case))


def _translated(pattern: str, any_character: str, *, last: str = "") -> str:
    """Write a pattern as a regular expression. `last`: what its `*` stands for any number of, if it is another."""
    parts = {"*": f"{last or any_character}*", "?": any_character}
    written = "".join(parts.get(character) or re.escape(character) for character in pattern)
    return written.replace(LITERAL_STAR, r"\*").replace(LITERAL_MARK, r"\?")


def _flags(ignore_case: bool) -> re.RegexFlag:
    return re.DOTALL | re.IGNORECASE if ignore_case else re.DOTALL


LITERAL_STAR, LITERAL_MARK, NOTHING = "\ue000", "\ue001", "\ue002"
"""What stands in a pattern for `${*}`, for `${?}`, and for a variable without a value, which no text fits."""
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LITERALS = {"*": LITERAL_STAR, "?": LITERAL_MARK, "$": "$"}


def with_variables(text: str, keys: Mapping[str, Sequence[str]]) -> str:
    """Put the values of a request's condition keys in the place of variables; a default stands in `${key, 'text'}`.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """

    def value(found: re.Match[str]) -> str:
        name, _, default = (part.strip() for part in found[1].partition(","))
        if name in _LITERALS:
            return _LITERALS[name]
        values = keys.get(name.lower(), ())
        if len(values) == 1:
            return values[0].replace("*", LITERAL_STAR).replace("?", LITERAL_MARK)
        return default.strip("'") if default and not values else NOTHING

    return _VARIABLE.sub(value, text) if "${" in text else text
