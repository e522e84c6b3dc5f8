"""A tuple as a file writes it, one element more or less: every other character of the file stays as it is."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

from pipeline.scaffold.errors import ScaffoldError

REST_OF_LINE = re.compile(rb"[ \t]*,[ \t]*(#[^\n]*)?\n")
INDENT = "    "


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a file, in bytes."""

    start: int
    end: int


class PythonSource:
    """A Python file that can be asked where its parts are."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.bytes = text.encode()
        try:
            ast.parse(text)  # whose errors are Python's own, with the right line
        except SyntaxError as error:
            raise ScaffoldError(f"{file}:{error.lineno}: {error.msg}") from None
        wrapper = MetadataWrapper(cst.parse_module(self.bytes), unsafe_skip_copy=True)
        self.module = wrapper.module
        self._spans = wrapper.resolve(ByteSpanPositionProvider)

    def span(self, node: cst.CSTNode) -> Span:
        """Return where a node is, with its parentheses and without the white space around it."""
        inner = node.value if isinstance(node, cst.Element | cst.StarredElement) else node
        around = [*getattr(inner, "lpar", ()), inner, *getattr(inner, "rpar", ())]
        if isinstance(node, cst.StarredElement):
            around.insert(0, node)
        found = [self._spans[each] for each in around]
        return Span(found[0].start, max(each.start + each.length for each in found))

    def code(self, node: cst.CSTNode) -> str:
        """Return a node as it is written."""
        span = self.span(node)
        return self.bytes[span.start : span.end].decode()

    def assigned(self) -> Iterator[tuple[str, cst.BaseExpression]]:
        """Yield what the module assigns to single names, in order."""
        for statement in self.module.body:
            for each in statement.body if isinstance(statement, cst.SimpleStatementLine) else ():
                match each:
                    case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value):
                        yield name, value
                    case cst.AnnAssign(target=cst.Name(value=name), value=cst.BaseExpression() as value):
                        yield name, value

    def imports(self) -> Iterator[tuple[str, str, str]]:
        """Yield (the name that an import binds, its module, its name there); `""` for a module as a whole."""
        for statement in self.module.body:
            for each in statement.body if isinstance(statement, cst.SimpleStatementLine) else ():
                if isinstance(each, cst.ImportFrom) and each.module and not isinstance(each.names, cst.ImportStar):
                    module = cst.Module([]).code_for_node(each.module)
                    for alias in each.names:
                        yield alias.evaluated_alias or alias.evaluated_name, module, alias.evaluated_name
                elif isinstance(each, cst.Import):
                    for alias in each.names:
                        yield alias.evaluated_alias or alias.evaluated_name.partition(".")[0], alias.evaluated_name, ""

    def importing(self, module: str, name: str) -> str:
        """Return the text with another import, behind the others; tidying puts it in its place."""
        if (name, module, name) in self.imports():
            return self.text
        ends = [
            self.span(statement).end
            for statement in self.module.body
            if isinstance(statement, cst.SimpleStatementLine)
            and isinstance(statement.body[0], cst.Import | cst.ImportFrom)
        ]
        if not ends:
            raise ScaffoldError(
                f"{self.file} imports nothing, which no file here does: add `from {module} import {name}` by hand."
            )
        line_end = self.bytes.index(b"\n", ends[-1]) + 1
        return _spliced(self.bytes, line_end, line_end, f"from {module} import {name}\n")


def inserted(source: PythonSource, listed: cst.Tuple, text: str, *, position: int) -> str:
    """Return the file with another element in a tuple, before the element of this position or at the end."""
    whole = source.span(listed)
    spans = [source.span(each) for each in listed.elements]
    if b"\n" not in source.bytes[whole.start : whole.end]:
        texts = [source.code(each) for each in listed.elements]
        return _replaced(source, whole, [*texts[:position], text, *texts[position:]])
    if not spans:
        at = source.bytes.rindex(b"\n", whole.start, whole.end) + 1
        return _spliced(source.bytes, at, at, f"{_indent_of(source, whole.end - 1)}{INDENT}{text},\n")
    lines = [_own_lines(source, each) for each in spans]
    behind_comments = source.bytes.rindex(b"\n", spans[-1].end, whole.end) + 1
    at = lines[position].start if position < len(spans) else behind_comments
    return _spliced(source.bytes, at, at, f"{_indent_of(source, spans[0].start)}{text},\n")


def removed(source: PythonSource, listed: cst.Tuple, position: int) -> str:
    """Return the file without one element of a tuple. A comment in its line goes with it; one above it stays."""
    whole = source.span(listed)
    spans = [source.span(each) for each in listed.elements]
    if b"\n" not in source.bytes[whole.start : whole.end]:
        texts = [source.code(each) for each in listed.elements]
        return _replaced(source, whole, [*texts[:position], *texts[position + 1 :]])
    lines = _own_lines(source, spans[position])
    rest = source.bytes[whole.start + 1 : lines.start] + source.bytes[lines.end : whole.end - 1]
    if not rest.strip():
        return _spliced(source.bytes, whole.start, whole.end, "()")
    return _spliced(source.bytes, lines.start, lines.end, "")


def spliced(source: PythonSource, node: cst.CSTNode, text: str) -> str:
    """Return the file with another text in the place of a node."""
    span = source.span(node)
    return _spliced(source.bytes, span.start, span.end, text)


def _replaced(source: PythonSource, whole: Span, elements: list[str]) -> str:
    """Return the file with a tuple of one line, with these elements."""
    inside = ", ".join(elements) + ("," if len(elements) == 1 else "")
    return _spliced(source.bytes, whole.start, whole.end, f"({inside})")


def _own_lines(source: PythonSource, element: Span) -> Span:
    """Return the lines of an element, which it must share with no other."""
    start = source.bytes.rfind(b"\n", 0, element.start) + 1
    rest = REST_OF_LINE.match(source.bytes, element.end)
    if source.bytes[start : element.start].strip() or rest is None:
        line = source.bytes.count(b"\n", 0, element.start) + 1
        raise ScaffoldError(
            f"{source.file}:{line}: this tuple has several lines and some of its elements share one, so that it cannot"
            " be edited safely. Give each a line of its own, or make the change by hand."
        )
    return Span(start, rest.end())


def _indent_of(source: PythonSource, at: int) -> str:
    line = source.bytes[:at].rpartition(b"\n")[2].decode()
    return line[: len(line) - len(line.lstrip())]


def _spliced(text: bytes, start: int, end: int, new: str) -> str:
    return (text[:start] + new.encode() + text[end:]).decode()
