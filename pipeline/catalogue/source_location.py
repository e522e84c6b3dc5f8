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

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file."""

    file: str
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """The expression that a value was made by, as far as it was found."""

    file: str
    node: ast.expr | None = None

    @property
    def place(self) -> Place:
        """Where it begins."""
        return Place(self.file, self.node.lineno, self.node.col_offset + 1) if self.node else Place(self.file)

    def field(self, name: str) -> "Written":
        """The expression that a field is given by; this one if it is not given here. Takes `after[0].path`, too."""
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
            found = Written(file=self.file, node=deeper)
        return found

    def item(self, field: str, position: int, of: int) -> "Written":
        """One of the things that a field lists, if it lists them one by one."""
        listed = self.field(field)
        if isinstance(listed.node, ast.Tuple) and len(listed.node.elts) == of:
            return Written(file=self.file, node=listed.node.elts[position])
        return listed


def problem(written: Written, message: str, *, field: str, given: str, allowed: str) -> Problem:
    """A problem with what is written there."""
    place = written.place
    return Problem(
        file=place.file,
        line=place.line,
        column=place.column,
        field=field,
        given=given,
        allowed=allowed,
        message=message,
    )


def where(value: Stage | Wave, catalogue: str = "stages/catalogue.py") -> Written:
    """Where a module of `stages` makes a stage or wave by name; `catalogue` if none does."""
    for name, module in sorted(sys.modules.items()):
        if name.startswith("stages.") and (source := getattr(module, "__file__", None)):
            for attribute, each in vars(module).items():
                # The file that makes it, not one that imports it.
                if each is value and attribute in (made := assignments(Path(source))):
                    return Written(file=relative(Path(source)), node=made[attribute])
    return Written(file=file_of(value.name) if isinstance(value, Stage) else catalogue)


@cache
def assignments(file: Path) -> dict[str, ast.expr]:
    """Name -> what a module's file assigns to it."""
    found: dict[str, ast.expr] = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            found |= {ast.unparse(target): node.value for target in node.targets}
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            found[ast.unparse(node.target)] = node.value
    return found


def relative(file: Path) -> str:
    """A file from the checkout's root."""
    resolved = file.resolve()
    return resolved.relative_to(ROOT).as_posix() if resolved.is_relative_to(ROOT) else str(file)
