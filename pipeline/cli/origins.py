"""Where what a stage says was written: the file and line of a setting, a default or a class."""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.catalogue.source_location import Written


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Why something is as it is, and where to change it."""

    why: str
    at: str
    """file:line, from the checkout."""


def place(root: Path, file: str | Path, line: int) -> str:
    """The same from the checkout."""
    path = Path(file)
    return f"{path.relative_to(root).as_posix() if path.is_relative_to(root) else path}:{line}"


def of_field(written: Written, field: str) -> str | None:
    """Where a stage or an entry of it gives a field; None if it does not."""
    found = written.field(field)
    return None if found is written else of_written(found)


def of_written(written: Written) -> str:
    """Where something in stages/ is written."""
    found = written.place
    return found.file if found.line is None else f"{found.file}:{found.line}"


def of_class(root: Path, class_: type) -> str:
    """Where a class is written."""
    file = inspect.getsourcefile(class_)
    return place(root, file, inspect.getsourcelines(class_)[1]) if file else ""


def of_default(root: Path, class_: type, field: str) -> str:
    """Where a dataclass's field has its default: in the class, or in the nearest one above that has it."""
    for each in class_.__mro__:
        if field in inspect.get_annotations(each) and (file := inspect.getsourcefile(each)):
            for node in ast.walk(_parsed(Path(file))):
                if isinstance(node, ast.ClassDef) and node.name == each.__name__:
                    for line in (
                        part.lineno
                        for part in node.body
                        if isinstance(part, ast.AnnAssign) and ast.unparse(part.target) == field
                    ):
                        return place(root, file, line)
    return of_class(root, class_)


def of_argument(root: Path, file: str | Path, called: str, argument: str) -> str | None:
    """Where a call of this name in a file gives an argument by its name; None if none does, or several do."""
    found = {line for call in _calls(_parsed(Path(file)), called) for line in _keyword(call, argument)}
    return place(root, file, found.pop()) if len(found) == 1 else None


def of_name(root: Path, file: str | Path, name: str) -> str:
    """Where a module's file assigns a name."""
    for node in _parsed(Path(file)).body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(ast.unparse(target) == name for target in targets):
            return place(root, file, node.lineno)
    return place(root, file, 1)


def of_key(root: Path, file: str | Path, key: str, argument: str) -> str:
    """Where a dictionary of calls, such as one for each tier, gives an argument under a key."""
    for node in ast.walk(_parsed(Path(file))):
        if isinstance(node, ast.Dict):
            for name, value in zip(node.keys, node.values, strict=True):
                if name is not None and ast.unparse(name) == key and isinstance(value, ast.Call):
                    for line in _keyword(value, argument):
                        return place(root, file, line)
    return place(root, file, 1)


def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name:
            yield node


def _keyword(call: ast.Call, argument: str) -> Iterator[int]:
    yield from (each.value.lineno for each in call.keywords if each.arg == argument)
