"""Evaluates a mapping template as Velocity 1.7 does."""

import contextlib
import itertools
import operator
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.local.cloud.apigateway.velocity.java import call, property_of, text_of
from pipeline.local.cloud.apigateway.velocity.parser import parse
from pipeline.local.cloud.apigateway.velocity.syntax import (
    Assign,
    Binary,
    Block,
    Choose,
    Each,
    Expression,
    Index,
    Interpolated,
    Leave,
    ListOf,
    Literal,
    MapOf,
    Method,
    Property,
    Range,
    Reference,
    Text,
    Unary,
)

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_LOOP_LIMIT = 1000
"""How often API Gateway goes round a `#foreach`:
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"""


class _Break(Exception):  # noqa: N818 - control flow, as `#break` is
    pass


class _Stop(Exception):  # noqa: N818 - control flow, as `#stop` is
    pass


def render(template: str, scope: Mapping[str, Any]) -> str:
    """Render a template; `#set` writes into what the scope's values hold, never into the scope itself.

    Raises TemplateError for a template that Velocity refuses, and TypeError, ValueError or LookupError where a call
    in it would fail.
    """
    writer = _Writer(dict(scope))
    with contextlib.suppress(_Stop):
        writer.block(parse(template))
    return "".join(writer.out)


class _Writer:
    def __init__(self, scope: dict[str, Any]) -> None:
        self.scope = scope
        self.out: list[str] = []

    def block(self, nodes: Block) -> None:
        for node in nodes:
            match node:
                case Text():
                    self.out.append(node.text)
                case Reference():
                    self._write(node)
                case Assign():
                    self._assign(node)
                case Choose():
                    self._choose(node)
                case Each():
                    self._each(node)
                case Leave():
                    raise _Stop if node.template else _Break

    def value(self, expression: Expression) -> Any:  # noqa: PLR0911 - one for each kind of expression
        match expression:
            case Literal():
                return expression.value
            case Reference():
                return self._resolve(expression)
            case Interpolated():
                inner = _Writer(self.scope)
                inner.block(expression.body)
                return "".join(inner.out)
            case Unary():
                return (
                    not self.holds(expression.operand)
                    if expression.operator == "!"
                    else -self.value(expression.operand)
                )
            case Binary():
                return self._binary(expression)
            case ListOf():
                return [self.value(item) for item in expression.items]
            case Range():
                first, last = self.value(expression.first), self.value(expression.last)
                return list(range(first, last + 1) if first <= last else range(first, last - 1, -1))
            case MapOf():
                return {self.value(key): self.value(item) for key, item in expression.entries}

    def holds(self, condition: Expression) -> bool:
        """Tell whether a condition holds: a reference unless it is null or false; texts and numbers never do."""
        if isinstance(condition, Reference):
            return (value := self._resolve(condition)) is not None and value is not False
        logical = isinstance(condition, Unary | Binary) or (
            isinstance(condition, Literal) and isinstance(condition.value, bool)
        )
        return logical and self.value(condition) is True

    def _write(self, reference: Reference) -> None:
        value = self._resolve(reference)
        slashes = reference.backslashes
        if value is None:
            self.out.append("\\" * slashes + ("" if reference.quiet and not slashes else reference.source))
        else:
            # Before a reference with a value, two backslashes are one and a single one hides the reference.
            self.out.append("\\" * (slashes // 2) + (reference.source if slashes % 2 else text_of(value)))

    def _resolve(self, reference: Reference) -> Any:
        value = self.scope.get(reference.root)
        for step in reference.steps:
            if value is None:
                return None
            match step:
                case Property():
                    value = property_of(value, step.name)
                case Index():
                    value = self._indexed(value, self.value(step.at))
                case Method():
                    try:
                        value = call(value, step.name, [self.value(argument) for argument in step.arguments])
                    except LookupError:
                        return None
        return value

    @staticmethod
    def _indexed(value: Any, at: Any) -> Any:
        if isinstance(value, Mapping):
            return value.get(at)
        return value[at] if isinstance(value, list) and isinstance(at, int) and -1 < at < len(value) else None

    def _assign(self, node: Assign) -> None:
        value = self.value(node.value)
        if value is None:
            return  # Velocity 1.7 leaves a variable as it was: directive.set.null.allowed is off
        *path, last = (node.target.root, *node.target.steps)
        if isinstance(last, str):
            self.scope[last] = value
            return
        holder: Any = self.scope.get(node.target.root)
        for step in path[1:]:
            holder = property_of(holder, step.name) if isinstance(step, Property) else None
        if isinstance(holder, dict):
            holder[last.name if isinstance(last, Property) else self.value(last.at)] = value  # type: ignore[union-attr]  # a method cannot be assigned to

    def _choose(self, node: Choose) -> None:
        for condition, body in node.branches:
            if condition is None or self.holds(condition):
                self.block(body)
                return

    def _each(self, node: Each) -> None:
        items = self.value(node.items)
        if isinstance(items, Mapping):
            items = list(items.values())
        if not isinstance(items, list):
            return
        kept = {name: self.scope.get(name) for name in (node.name, "foreach", "velocityCount")}
        try:
            for index, item in enumerate(itertools.islice(items, _LOOP_LIMIT)):
                has_next = index + 1 < len(items)
                self.scope["foreach"] = {"index": index, "count": index + 1, "hasNext": has_next}
                self.scope["velocityCount"] = index + 1
                self.scope[node.name] = item
                self.block(node.body)
        except _Break:
            pass
        finally:
            self.scope |= kept

    def _binary(self, node: Binary) -> Any:
        if node.operator in ("&&", "||"):
            left = self.holds(node.left)
            decided = left if node.operator == "||" else not left
            return left if decided else self.holds(node.right)
        left, right = self.value(node.left), self.value(node.right)
        if node.operator in ("==", "!="):
            return _equal(left, right) == (node.operator == "==")
        if left is None or right is None:
            return None if node.operator not in _COMPARE else False
        if node.operator in _COMPARE:
            numbers = _number(left) and _number(right)
            return _COMPARE[node.operator](left, right) if numbers else False
        return _arithmetic(node.operator, left, right)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(left: object, right: object) -> bool:
    if left is None or right is None:
        return left is right
    if type(left) is type(right) or (_number(left) and _number(right)):
        return left == right
    return text_of(left) == text_of(right)


def _arithmetic(sign: str, left: Any, right: Any) -> Any:  # noqa: PLR0911 - one for each operator
    if not (_number(left) and _number(right)):
        return text_of(left) + text_of(right) if sign == "+" else None
    if sign in ("/", "%") and right == 0:
        return None
    whole = isinstance(left, int) and isinstance(right, int)
    match sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return int(left / right) if whole else left / right
        case _:
            return left - right * int(left / right)
