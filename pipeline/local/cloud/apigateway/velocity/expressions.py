"""Reads Velocity's references and expressions."""

import re
from collections.abc import Callable

from pipeline.local.cloud.apigateway.velocity.syntax import (
    Binary,
    Block,
    Expression,
    Index,
    Interpolated,
    ListOf,
    Literal,
    MapOf,
    Method,
    Property,
    Range,
    Reference,
    TemplateError,
    Unary,
)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_OPENING = re.compile(r"\$(!?)(\{?)([A-Za-z][A-Za-z0-9_-]*)")
_NUMBER = re.compile(r"\d+(\.\d+)?")
_SPACE = re.compile(r"\s*")
# From the loosest binding to the tightest, with the words that Velocity takes for the signs.
_LEVELS: tuple[dict[str, str], ...] = (
    {"||": "||", "or": "||"},
    {"&&": "&&", "and": "&&"},
    {"==": "==", "!=": "!=", "eq": "==", "ne": "!="},
    {"<=": "<=", ">=": ">=", "<": "<", ">": ">", "le": "<=", "ge": ">=", "lt": "<", "gt": ">"},
    {"+": "+", "-": "-"},
    {"*": "*", "/": "/", "%": "%"},
)


class Reader:
    """A cursor over a template's source; `parse` reads a string literal's content as a template of its own."""

    def __init__(self, source: str, parse: Callable[[str], Block]) -> None:
        self.source = source
        self.at = 0
        self._parse = parse

    def reference(self) -> Reference | None:
        """Read a reference here, or nothing when this dollar sign is only a dollar sign."""
        opening = _OPENING.match(self.source, self.at)
        if not opening:
            return None
        start, self.at = self.at, opening.end()
        quiet, brace, root = opening.groups()
        steps: list[Property | Method | Index] = []
        while (step := self._step()) is not None:
            steps.append(step)
        if brace:
            if not self.source.startswith("}", self.at):
                raise TemplateError(f"a reference without its closing brace: {self.source[start : self.at + 1]}")
            self.at += 1
        return Reference(root, tuple(steps), self.source[start : self.at], bool(quiet))

    def expression(self, level: int = 0) -> Expression:
        """Read an expression, as in `#if(...)` or at the right of `#set`."""
        if level == len(_LEVELS):
            return self._unary()
        left = self.expression(level + 1)
        while (operator := self._operator(_LEVELS[level])) is not None:
            left = Binary(operator, left, self.expression(level + 1))
        return left

    def skip_space(self) -> None:
        """Go to the next character that is not white space."""
        space = _SPACE.match(self.source, self.at)
        self.at = space.end() if space else self.at

    def expect(self, sign: str) -> None:
        """Read this sign, with space before it."""
        self.skip_space()
        if not self.source.startswith(sign, self.at):
            raise TemplateError(f"{sign!r} is missing at {self.source[self.at : self.at + 20]!r}")
        self.at += len(sign)

    def _step(self) -> Property | Method | Index | None:
        if self.source.startswith("[", self.at):
            self.at += 1
            index = Index(self.expression())
            self.expect("]")
            return index
        name = _NAME.match(self.source, self.at + 1) if self.source.startswith(".", self.at) else None
        if not name:
            return None
        self.at = name.end()
        if not self.source.startswith("(", self.at):
            return Property(name[0])
        self.at += 1
        return Method(name[0], self._listed(")"))

    def _listed(self, closing: str) -> tuple[Expression, ...]:
        items: list[Expression] = []
        while not self._take(closing):
            if items:
                self.expect(",")
            items.append(self.expression())
        return tuple(items)

    def _operator(self, known: dict[str, str]) -> str | None:
        self.skip_space()
        for sign, operator in known.items():
            end = self.at + len(sign)
            glued = sign.isalpha() and self.source[end : end + 1].isalnum()
            if self.source.startswith(sign, self.at) and not glued:
                self.at = end
                return operator
        return None

    def _unary(self) -> Expression:
        self.skip_space()
        if self._take("("):
            inner = self.expression()
            self.expect(")")
            return inner
        for sign, operator in (("!", "!"), ("not ", "!"), ("-", "-")):
            if self._take(sign):
                return Unary(operator, self._unary())
        return self._operand()

    def _operand(self) -> Expression:
        sign = self.source[self.at : self.at + 1]
        if sign == "$" and (reference := self.reference()):
            return reference
        if sign in ("'", '"'):
            return self._string(sign)
        if number := _NUMBER.match(self.source, self.at):
            self.at = number.end()
            return Literal(float(number[0]) if number[1] else int(number[0]))
        for word in ("true", "false"):
            if self._take(word):
                return Literal(word == "true")
        if self._take("["):
            return self._list_or_range()
        if self._take("{"):
            return self._map()
        raise TemplateError(f"no value at {self.source[self.at : self.at + 20]!r}")

    def _string(self, quote: str) -> Expression:
        # A doubled quote stands for one; backslashes mean nothing.
        match = re.compile(f"{quote}((?:[^{quote}]|{quote}{quote})*){quote}").match(self.source, self.at)
        if not match:
            raise TemplateError(f"a string without its closing quote: {self.source[self.at : self.at + 20]!r}")
        self.at = match.end()
        text = match[1].replace(quote * 2, quote)
        return Literal(text) if quote == "'" else Interpolated(self._parse(text))

    def _list_or_range(self) -> Expression:
        if self._take("]"):
            return ListOf(())
        first = self.expression()
        if self._take(".."):
            last = self.expression()
            self.expect("]")
            return Range(first, last)
        return ListOf((first, *self._rest()))

    def _rest(self) -> tuple[Expression, ...]:
        if self._take("]"):
            return ()
        self.expect(",")
        return self._listed("]")

    def _map(self) -> Expression:
        entries: list[tuple[Expression, Expression]] = []
        while not self._take("}"):
            if entries:
                self.expect(",")
            key = self.expression()
            self.expect(":")
            entries.append((key, self.expression()))
        return MapOf(tuple(entries))

    def _take(self, sign: str) -> bool:
        self.skip_space()
        found = self.source.startswith(sign, self.at)
        self.at += len(sign) if found else 0
        return found
