"""Where a stage was written: the file and line of an entry and of each of its settings.

Read from the source of the module whose attribute the stage is, so that stages stay plain values.
"""

import ast
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.catalogue.model import Stage, Wave, file_of
from pipeline.catalogue.problem import Problem

CATALOGUE = "stages/catalogue.py"
ROOT = Path(__file__).absolute().parents[2]  # a link to the room leads to its own checkout's stages


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceExpression:
    """The expression that a value was made by, as far as it was found."""

    file: str
    node: ast.expr | None = None
    argument: str = ""
    """The argument of a call that it is given for, if that was asked."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.node else self.file

    @property
    def line(self) -> int | None:
        """Where it begins, from 1."""
        return self.node.lineno if self.node else None

    @property
    def text(self) -> str:
        """The expression as Python writes it."""
        return ast.unparse(self.node) if self.node else ""

    def field(self, name: str) -> "SourceExpression":
        """Return the expression that a field is given by, or this one if it is not given here.

        Takes `after[0].path`, too.
        """
        found = self
        for part in name.replace("]", "").replace("[", ".").split("."):
            node = found.node
            if isinstance(node, ast.Call):
                named = [each.value for each in node.keywords if each.arg == part]
                deeper = named[0] if named else None
            elif isinstance(node, ast.Tuple | ast.List) and part.isdigit() and int(part) < len(node.elts):
                deeper = node.elts[int(part)]
            else:
                deeper = None
            if deeper is None:
                return found
            found = SourceExpression(file=self.file, node=deeper)
        return found

    def item(self, field: str, position: int, of: int) -> "SourceExpression":
        """Return the expression of one of the things that a field lists, if it lists them one by one."""
        listed = self.field(field)
        if isinstance(listed.node, ast.Tuple) and len(listed.node.elts) == of:
            return SourceExpression(file=self.file, node=listed.node.elts[position])
        return listed


def problem(found: SourceExpression, message: str, *, field: str, given: str, allowed: str) -> Problem:
    """Return a problem with what is written there."""
    return Problem(
        file=found.file,
        line=found.line,
        column=found.node.col_offset + 1 if found.node else None,
        field=field,
        given=given,
        allowed=allowed,
        message=message,
    )


def expression_of(value: Stage | Wave) -> SourceExpression:
    """Return the expression by which a module of `stages` makes a stage or wave; its file alone if none does."""
    for name, module in sorted(sys.modules.items()):
        if name.startswith("stages.") and (source := getattr(module, "__file__", None)):
            for attribute, each in vars(module).items():
                # The file that makes it, not one that imports it.
                if each is value and attribute in (made := assignments(Path(source))):
                    return SourceExpression(file=relative(Path(source)), node=made[attribute])
    return SourceExpression(file=file_of(value.name) if isinstance(value, Stage) else CATALOGUE)


@cache
def assignments(file: Path) -> dict[str, ast.expr]:
    """Return name -> what a module's file assigns to it."""
    found: dict[str, ast.expr] = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            found |= {ast.unparse(target): node.value for target in node.targets}
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            found[ast.unparse(node.target)] = node.value
    return found


def relative(file: Path) -> str:
    """Return a file from the checkout's root."""
    return file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else str(file)
