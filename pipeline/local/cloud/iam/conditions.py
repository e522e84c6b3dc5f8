"""Condition operators.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import datetime as dt
import ipaddress
from collections.abc import Callable, Mapping, Sequence

from pipeline.local.cloud.iam.policies import Statement, matches, with_variables

Keys = Mapping[str, Sequence[str]]
"""A request's condition keys in lower case, each with its values; one that is not there, or has none, is absent."""
_Test = Callable[[str, str], bool]


class UnknownOperatorError(ValueError):
    """A condition operator that IAM does not have."""


def conditions_met(statement: Statement, keys: Keys) -> bool:
    """Tell whether all conditions of a statement are met.

    Raises:
        UnknownOperatorError: if one of its operators is none of IAM's.
    """
    return all(
        _met(operator, [_value(each, statement, keys) for each in wanted], keys.get(key.lower()))
        for operator, tests in statement.conditions.items()
        for key, wanted in tests.items()
    )


def _value(written: str, statement: Statement, keys: Keys) -> str:
    return with_variables(written, keys) if statement.has_variables else written


def _met(operator: str, wanted: Sequence[str], given: Sequence[str] | None) -> bool:
    name = operator.lower()
    if name == "null":
        return (not given) == (wanted[0].lower() == "true")
    quantifier, _, rest = name.rpartition(":")
    base = rest.removesuffix("ifexists")
    if base not in _OPERATORS or quantifier not in _QUANTIFIERS:
        raise UnknownOperatorError(f"{operator} is no condition operator of IAM")
    test, is_negated = _OPERATORS[base]
    if not given:
        return rest != base or quantifier == "forallvalues" or (is_negated and quantifier == "")
    return _QUANTIFIERS[quantifier](any(test(value, each) for each in wanted) != is_negated for value in given)


def _arn_like(value: str, pattern: str) -> bool:
    """Compare component by component: a wildcard of one does not reach into the next."""
    given, wanted = value.split(":", 5), pattern.split(":", 5)
    if pattern == "*":
        return True
    return len(given) == len(wanted) and all(matches(part, text) for part, text in zip(wanted, given, strict=True))


def _in_network(value: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _compared(read: Callable[[str], float | None], holds: Callable[[float, float], bool]) -> _Test:
    def test(value: str, limit: str) -> bool:
        given, wanted = read(value), read(limit)
        return given is not None and wanted is not None and holds(given, wanted)

    return test


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _moment(text: str) -> float | None:
    """Read a date of ISO 8601, or seconds since 1970."""
    try:
        read = dt.datetime.fromisoformat(text)
    except ValueError:
        return _number(text)
    return (read if read.tzinfo else read.replace(tzinfo=dt.UTC)).timestamp()


def _plain(text: str) -> str:
    """Return a value as it is compared where wildcards mean nothing."""
    from_variables = {"\ue000": "*", "\ue001": "?"}
    return "".join(from_variables.get(character, character) for character in text)


_ORDERS: Mapping[str, Callable[[float, float], bool]] = {
    "equals": lambda value, limit: value == limit,
    "lessthan": lambda value, limit: value < limit,
    "lessthanequals": lambda value, limit: value <= limit,
    "greaterthan": lambda value, limit: value > limit,
    "greaterthanequals": lambda value, limit: value >= limit,
}
_OPERATORS: Mapping[str, tuple[_Test, bool]] = {
    **{
        f"string{negation}{name}": (test, negation == "not")
        for negation in ("", "not")
        for name, test in (
            ("equals", lambda value, wanted: value == _plain(wanted)),
            ("equalsignorecase", lambda value, wanted: value.lower() == _plain(wanted).lower()),
            ("like", lambda value, wanted: matches(wanted, value)),
        )
    },
    **{
        f"{family}{name}": (_compared(read, holds), False)
        for family, read in (("numeric", _number), ("date", _moment))
        for name, holds in _ORDERS.items()
    },
    "numericnotequals": (_compared(_number, _ORDERS["equals"]), True),
    "datenotequals": (_compared(_moment, _ORDERS["equals"]), True),
    "bool": (lambda value, wanted: value.lower() == wanted.lower(), False),
    "binaryequals": (lambda value, wanted: value == wanted, False),
    "ipaddress": (_in_network, False),
    "notipaddress": (_in_network, True),
    **{f"arn{name}": (_arn_like, False) for name in ("equals", "like")},
    **{f"arnnot{name}": (_arn_like, True) for name in ("equals", "like")},
}
"""What each compares a value of the request with, and whether it is the opposite of that."""
_QUANTIFIERS: Mapping[str, Callable[..., bool]] = {"": any, "foranyvalue": any, "forallvalues": all}
"""A key of one value needs none; where one with several is tested without, IAM leaves open what comes out."""
