"""The rules of a Choice state.

https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html
"""

import re
from collections.abc import Iterator
from typing import Any

from pipeline.local.cloud.stepfunctions.definition.diagnostics import Diagnostic
from pipeline.local.cloud.stepfunctions.definition.paths import is_reference_path

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
"""The profile of RFC 3339 that the language asks for: an upper-case T, and Z or a numeric offset."""
_ORDERED = ("Equals", "GreaterThan", "GreaterThanEquals", "LessThan", "LessThanEquals")
_TESTS = ("IsBoolean", "IsNull", "IsNumeric", "IsPresent", "IsString", "IsTimestamp")
COMPARISONS: dict[str, type | tuple[type, ...]] = {
    **{f"Numeric{name}": (int, float) for name in _ORDERED},
    **{f"String{name}": str for name in (*_ORDERED, "Matches")},
    **{f"Timestamp{name}": str for name in _ORDERED},
    **{f"{kind}{name}Path": str for kind in ("Numeric", "String", "Timestamp") for name in _ORDERED},
    "BooleanEquals": bool,
    "BooleanEqualsPath": str,
    **dict.fromkeys(_TESTS, bool),
}
"""Each operator, and of which type its value is."""
COMBINED = ("And", "Or", "Not")
BESIDE = frozenset({"Comment", "Next", "Assign", "Output"})


def rule_problems(rule: Any, location: str, *, jsonata: bool) -> Iterator[Diagnostic]:
    """Say what is wrong with a rule of `Choices`."""
    if not isinstance(rule, dict):
        yield Diagnostic(message="Expected value of type Object", location=location)
        return
    required = ["Condition", "Next"] if jsonata else ["Next"]
    if missing := [field for field in required if field not in rule]:
        yield Diagnostic(message=f"These fields are required: [{', '.join(missing)}]", location=location)
    if jsonata:
        for field in rule.keys() - BESIDE - {"Condition"}:
            yield Diagnostic(message=f"Field '{field}' is not supported", location=location)
        if "Condition" in rule and not isinstance(rule["Condition"], str | bool):
            yield Diagnostic(message="Expected value of type String", location=f"{location}/Condition")
    else:
        yield from _expression_problems(rule, location, beside=BESIDE)


def _expression_problems(rule: Any, location: str, *, beside: frozenset[str]) -> Iterator[Diagnostic]:
    if not isinstance(rule, dict):
        yield Diagnostic(message="Expected value of type Object", location=location)
        return
    operators = [field for field in rule if field in COMPARISONS or field in COMBINED]
    for field in rule:
        if field not in {*operators, *beside, "Variable"}:
            yield Diagnostic(message=f"Field '{field}' is not supported", location=location)
    if len(operators) != 1:
        found = f": {', '.join(operators)}" if operators else ""
        yield Diagnostic(message=f"Exactly one comparison operator must be specified{found}", location=location)
        return
    (operator,) = operators
    if operator in COMBINED:
        yield from _combined_problems(operator, rule[operator], f"{location}/{operator}")
    else:
        yield from _comparison_problems(operator, rule, location)


def _combined_problems(operator: str, value: Any, location: str) -> Iterator[Diagnostic]:
    inner = frozenset({"Comment"})
    if operator == "Not":
        yield from _expression_problems(value, location, beside=inner)
    elif not isinstance(value, list) or not value:
        yield Diagnostic(message="Expected value of type non-empty Array", location=location)
    else:
        for index, part in enumerate(value):
            yield from _expression_problems(part, f"{location}[{index}]", beside=inner)


def _comparison_problems(operator: str, rule: dict[str, Any], location: str) -> Iterator[Diagnostic]:
    if "Variable" not in rule:
        yield Diagnostic(message="These fields are required: [Variable]", location=location)
    elif not is_reference_path(rule["Variable"]):
        yield Diagnostic(message=_no_reference(rule["Variable"]), location=f"{location}/Variable")
    value, kind = rule[operator], COMPARISONS[operator]
    where = f"{location}/{operator}"
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        yield Diagnostic(message=f"Value of {operator} is of the wrong type: {value!r}", location=where)
    elif operator.endswith("Path") and not is_reference_path(value):
        yield Diagnostic(message=_no_reference(value), location=where)
    elif operator.startswith("Timestamp") and not operator.endswith("Path") and not TIMESTAMP.fullmatch(str(value)):
        yield Diagnostic(message="Value is not a valid timestamp in the RFC 3339 format", location=where)


def _no_reference(value: object) -> str:
    if isinstance(value, str) and not value.startswith("$"):
        return "Value is not a Reference Path: Reference path didn't start with '$'"
    return f"Value is not a Reference Path: {value}"
