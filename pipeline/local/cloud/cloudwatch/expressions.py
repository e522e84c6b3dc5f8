"""Metric math as far as alarms need it: arithmetic, comparisons, IF, FILL, MIN, MAX, SUM, AVG. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

Value = float | None
Number = Callable[[float, float], float]
OPERATORS: dict[type[ast.AST], Number] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
FUNCTIONS: dict[str, Callable[[list[float]], float]] = {
    "AVG": lambda numbers: sum(numbers) / len(numbers),
    "MAX": max,
    "MIN": min,
    "SUM": sum,
}


class UnknownExpressionError(Exception):
    """What this part of metric math is not."""


def result(expression: str, values: Mapping[str, Value]) -> Value:
    """Return the value of an expression over one period; None where a metric that it needs has no data."""
    return _value(_tree(expression), values)


@lru_cache(maxsize=1024)
def _tree(expression: str) -> ast.expr:
    """Return what an expression says: alarms ask for the same ones again and again."""
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except SyntaxError as error:
        raise UnknownExpressionError(expression) from error


def _value(node: ast.expr, values: Mapping[str, Value]) -> Value:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            found = _value(operand, values)
            return None if found is None else -found
        case ast.BinOp(left=left, op=sign, right=right) | ast.Compare(left=left, ops=[sign], comparators=[right]) if (
            type(sign) in OPERATORS
        ):
            return _pair(OPERATORS[type(sign)], _value(left, values), _value(right, values))
        case ast.Call(func=ast.Name(id=function), args=arguments):
            return _call(function.upper(), arguments, values)
    raise UnknownExpressionError(ast.unparse(node))


def _pair(combine: Number, one: Value, other: Value) -> Value:
    if one is None or other is None:
        return None
    try:
        return float(combine(one, other))
    except ZeroDivisionError:
        return None


def _call(function: str, arguments: list[ast.expr], values: Mapping[str, Value]) -> Value:
    match function, arguments:
        case "FILL", [metric, ast.Constant(value=int() | float() as number)]:
            found = _value(metric, values)
            return float(number) if found is None else found
        case "IF", [condition, then, *otherwise] if len(otherwise) <= 1:
            holds = _value(condition, values)
            chosen = [then] if holds else otherwise
            return _value(chosen[0], values) if holds is not None and chosen else None
        case _ if function in FUNCTIONS:
            parts = arguments[0].elts if len(arguments) == 1 and isinstance(arguments[0], ast.List) else arguments
            known = [value for part in parts if (value := _value(part, values)) is not None]
            return FUNCTIONS[function](known) if known else None
    raise UnknownExpressionError(function)


class Expression:
    """What an alarm's list of metrics and expressions comes to."""

    def __init__(self, metrics: Sequence[Mapping[str, Any]]) -> None:
        self.expressions = {str(each["Id"]): str(each["Expression"]) for each in metrics if each.get("Expression")}
        self.stats: dict[str, Mapping[str, Any]] = {
            str(each["Id"]): each["MetricStat"] for each in metrics if each.get("MetricStat")
        }
        self.period = max((float(stat["Period"]) for stat in self.stats.values()), default=60.0)
        shown = [str(each["Id"]) for each in metrics if each.get("ReturnData", True) not in (False, "false")]
        self.shown = shown[0]
        """The one that the alarm compares with its threshold."""

    def value(self, stats: Mapping[str, Value]) -> Value:
        """Its value where the metrics have these."""
        values, waiting = dict(stats), dict(self.expressions)
        while waiting:
            found = {name: text for name, text in waiting.items() if _try(name, text, values)}
            if not found:
                raise UnknownExpressionError(next(iter(waiting.values())))
            waiting = {name: text for name, text in waiting.items() if name not in found}
        return values[self.shown]


def _try(name: str, expression: str, values: dict[str, Value]) -> bool:
    try:
        values[name] = result(expression, values)
    except UnknownExpressionError:
        return False  # it may need one that comes later
    return True
