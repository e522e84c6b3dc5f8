"""What a policy allows, found out by asking it about every request of a small world. Shares no code with the engine.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import functools
import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any

Policy = list[dict[str, Any]]

ACTIONS = ["s:a", "s:b", "s:aa", "s:ab", "s:xb", "s:abx", "s:xxx", "s:xx", "s:x", "t:a", "t:ab", "t:x", "x:a"]
"""One of each kind that the patterns of the tests tell apart, and more."""
RESOURCES = ["a", "b", "x", "aa", "ab", "ba", "bb", "xa", "xx", "abb", "aab", "xab", "xax", "bxx", "xxb", "xxx"]
PRINCIPALS = [
    {"AWS": "arn:aws:iam::111111111111:role/r", "account": "111111111111"},
    {"AWS": "arn:aws:iam::111111111111:role/s", "account": "111111111111"},
    {"AWS": "arn:aws:iam::222222222222:role/r", "account": "222222222222"},
    {"AWS": "arn:aws:iam::222222222222:role/s", "account": "222222222222"},
    {"AWS": "arn:aws:iam::333333333333:role/r", "account": "333333333333"},
    {"Service": "sns.amazonaws.com"},
    {"Service": "events.amazonaws.com"},
]
VALUES: Mapping[str, list[Any]] = {
    "k:text": [None, "a", "A", "b", "B", "ab", "aB", "AB", "ax", "x", "a*", "A*", "*"],
    "aws:SourceIp": [None, "10.0.0.1", "10.1.0.1", "11.0.0.1"],
    "k:number": [None, 0, 1, 1.5, 2, 2.5, 3, 4],
}
"""Every value that a key may have, None where it is not there."""

Request = tuple[int, str, str, tuple[Any, ...]]
"""Principal, action, resource, and the values of the keys in use."""


class World:
    """Every request there is, over those context keys that some policy asks for."""

    def __init__(self, *policies: Policy) -> None:
        every = [each for policy in policies for each in policy]
        self._keys = sorted({key for each in every for keys in each.get("Condition", {}).values() for key in keys})
        self._contexts = list(itertools.product(*(VALUES[key] for key in self._keys)))
        self._principals = range(len(PRINCIPALS) if any("rincipal" in key for each in every for key in each) else 1)

    def granted(self, policy: Policy) -> set[Request]:
        """Every request that a policy allows."""
        allowed, denied = (
            set().union(*(self._covered(each) for each in policy if each["Effect"] == effect))
            for effect in ("Allow", "Deny")
        )
        return allowed - denied

    def _covered(self, statement: Mapping[str, Any]) -> set[Request]:
        return set(
            itertools.product(
                [each for each in self._principals if element(statement, "Principal", is_, PRINCIPALS[each])],
                [each for each in ACTIONS if element(statement, "Action", like_action, each)],
                [each for each in RESOURCES if element(statement, "Resource", like, each)],
                [each for each in self._contexts if self._meets(statement, dict(zip(self._keys, each, strict=True)))],
            )
        )

    def _meets(self, statement: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
        return all(
            holds(operator, values, context[key])
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )


def element(statement: Mapping[str, Any], name: str, matches: Callable[[str, Any], bool], given: Any) -> bool:
    if f"Not{name}" in statement:
        return not any(matches(each, given) for each in statement[f"Not{name}"])
    return name not in statement or any(matches(each, given) for each in statement[name])


def like_action(pattern: str, action: str) -> bool:
    return like(pattern.lower(), action)


def is_(principal: str, asking: Mapping[str, str]) -> bool:
    return principal in ("*", asking.get("AWS"), asking.get("Service"), asking.get("account"))


@functools.cache
def like(pattern: str, text: str) -> bool:
    expression = "".join(".*" if each == "*" else "." if each == "?" else re.escape(each) for each in pattern)
    return re.fullmatch(expression, text) is not None


PREFIXES = {"10.0.0.0/8": "10.", "10.0.0.0/16": "10.0.", "0.0.0.0/0": ""}
OPERATORS: Mapping[str, Callable[[Any, str], bool]] = {
    "StringEquals": lambda given, value: given == value,
    "StringEqualsIgnoreCase": lambda given, value: given.lower() == value.lower(),
    "StringLike": lambda given, value: like(value, given),
    "IpAddress": lambda given, value: given.startswith(PREFIXES[value]),
    "NumericLessThan": lambda given, value: given < float(value),
    "NumericGreaterThanEquals": lambda given, value: given >= float(value),
    "NumericEquals": lambda given, value: given == float(value),
}


def holds(operator: str, values: list[str], given: Any) -> bool:
    if operator == "Null":
        return (given is None) == (values == ["true"])
    base = operator.removesuffix("IfExists")
    negated = "Not" in base
    if given is None:
        return negated or base != operator
    return any(OPERATORS[base.replace("Not", "")](given, value) for value in values) != negated
