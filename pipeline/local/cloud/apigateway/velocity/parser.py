"""Reads a whole mapping template: text, references, comments and directives, with Velocity 1.7's handling of lines."""

import functools
import re
from dataclasses import replace

from pipeline.local.cloud.apigateway.velocity.expressions import Reader
from pipeline.local.cloud.apigateway.velocity.syntax import (
    Assign,
    Block,
    Choose,
    Each,
    Expression,
    Leave,
    Node,
    TemplateError,
    Text,
)

_TEXT = re.compile(r"[^$#\\]+")
_DIRECTIVE = re.compile(
    r"#(?:\{(set|if|elseif|else|end|foreach|break|stop)\}|(set|if|elseif|else|end|foreach|break|stop)\b)"
)
_SET_AFTER_SPACE = re.compile(r"[ \t]+(?=#(?:set|\{set\})[ \t]*\()")
# These directives take the rest of their line with them when it is empty; #set takes the space before it too, where
# no text precedes that space.
_LINE_END = re.compile(r"[ \t]*(?:\r\n|\r|\n)")
_COMMENT = re.compile(r"##[^\r\n]*(?:\r\n|\r|\n)?|#\*.*?\*#", re.DOTALL)
_RAW = re.compile(r"#\[\[(.*?)\]\]#", re.DOTALL)
_ESCAPES = re.compile(r"\\+")


@functools.lru_cache(maxsize=256)
def parse(source: str) -> Block:
    """Read a template; raises TemplateError where Velocity would refuse it."""
    parser = _Parser(source)
    block = parser.block()
    if parser.reader.at != len(source):
        raise TemplateError(f"a directive without its beginning: {source[parser.reader.at :][:20]!r}")
    return block


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.reader = Reader(source, parse)

    def block(self) -> Block:
        """Read up to the #else, #elseif or #end of the directive around, or to the end."""
        nodes: list[Node] = []
        while self.reader.at < len(self.source) and self._ahead() not in ("elseif", "else", "end"):
            node = self._node()
            if node is not None:
                nodes.append(node)
        return tuple(nodes)

    def _ahead(self) -> str | None:
        directive = _DIRECTIVE.match(self.source, self.reader.at)
        return (directive[1] or directive[2]) if directive else None

    def _node(self) -> Node | None:
        reader, source = self.reader, self.source
        if space := _SET_AFTER_SPACE.match(source, reader.at):
            reader.at = space.end()
        match source[reader.at]:
            case "$":
                return reader.reference() or self._literal(1)
            case "\\":
                return self._escaped()
            case "#":
                return self._hash()
            case _:
                text = _TEXT.match(source, reader.at)
                return self._literal(len(text[0]) if text else 1)

    def _literal(self, length: int) -> Text:
        start = self.reader.at
        self.reader.at += length
        return Text(self.source[start : self.reader.at])

    def _escaped(self) -> Node:
        escapes = _ESCAPES.match(self.source, self.reader.at)
        length = len(escapes[0]) if escapes else 1
        start = self.reader.at
        self.reader.at += length
        if reference := self.reader.reference():
            return replace(reference, backslashes=length)
        if directive := _DIRECTIVE.match(self.source, self.reader.at):
            hidden = directive[0] if length % 2 else ""
            self.reader.at += len(hidden)
            return Text("\\" * (length // 2) + hidden)
        self.reader.at = start
        return self._literal(length)

    def _hash(self) -> Node | None:  # noqa: PLR0911 - one for each thing that a hash begins
        reader, source = self.reader, self.source
        if comment := _COMMENT.match(source, reader.at):
            reader.at = comment.end()
            return None
        if raw := _RAW.match(source, reader.at):
            reader.at = raw.end()
            return Text(raw[1])
        word = self._ahead()
        self._pass_directive()
        match word:
            case None:
                return self._literal(1)
            case "set":
                return self._assign()
            case "if":
                return self._choose()
            case "foreach":
                return self._each()
            case _:
                self._end_of_line()
                return Leave(template=word == "stop")

    def _assign(self) -> Assign:
        reader = self.reader
        reader.expect("(")
        reader.skip_space()
        target = reader.reference()
        if target is None:
            raise TemplateError("#set assigns to a reference")
        reader.expect("=")
        value = reader.expression()
        reader.expect(")")
        self._end_of_line()
        return Assign(target, value)

    def _choose(self) -> Choose:
        branches: list[tuple[Expression | None, Block]] = [(self._condition(), self.block())]
        while (word := self._ahead()) != "end":
            if word is None:
                raise TemplateError("#if without its #end")
            self._pass_directive()
            if word == "elseif":
                branches.append((self._condition(), self.block()))
            else:
                self._end_of_line()
                branches.append((None, self.block()))
        self._end()
        return Choose(tuple(branches))

    def _condition(self) -> Expression:
        self.reader.expect("(")
        condition = self.reader.expression()
        self.reader.expect(")")
        self._end_of_line()
        return condition

    def _each(self) -> Each:
        reader = self.reader
        reader.expect("(")
        reader.skip_space()
        name = reader.reference()
        if name is None:
            raise TemplateError("#foreach names a reference")
        reader.expect("in")
        items = reader.expression()
        reader.expect(")")
        self._end_of_line()
        body = self.block()
        self._end()
        return Each(name.root, items, body)

    def _end(self) -> None:
        if self._ahead() != "end":
            raise TemplateError("a directive without its #end")
        self._pass_directive()
        self._end_of_line()

    def _pass_directive(self) -> None:
        directive = _DIRECTIVE.match(self.source, self.reader.at)
        self.reader.at = directive.end() if directive else self.reader.at

    def _end_of_line(self) -> None:
        if end := _LINE_END.match(self.source, self.reader.at):
            self.reader.at = end.end()
