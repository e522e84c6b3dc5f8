"""What is wrong in a stage's file that cannot be imported, read from its text: all of it, not what Python met first."""

import ast
import builtins
import dataclasses
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.catalogue.problem import Problem
from pipeline.catalogue.source_location import Written, problem, relative
from services.library.contract.constraints import InvalidSetting, describe, field_types, suggestion, validate_value

UNKNOWN = object()
"""A value that only Python could tell."""


def problems_of(file: Path) -> Iterator[Problem]:
    """Each mistake in how the file makes stages and entries. It must be Python, and what it imports be imported."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = _imported(tree)
    reader = _Reader(names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dataclasses.is_dataclass(made := reader.value(node.func)):
            yield from reader.problems_of(node, typing.cast("type", made), relative(file))
    known = {*names, *dir(builtins), *_assigned(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in known:
            message = f"{node.id} is not defined{suggestion(node.id, known)}; import it, or correct its name."
            place = Written(file=relative(file), node=node)
            yield problem(place, message, field=node.id, given=node.id, allowed="a name that the file knows")


class _Reader:
    """Knows what some expressions are worth without running them."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def problems_of(self, call: ast.Call, made: type, file: str) -> Iterator[Problem]:
        """What a dataclass's constructor, or its fields' annotations, would refuse."""
        written = Written(file=file, node=call)
        fields = {field.name: field for field in dataclasses.fields(made) if field.init}
        hints = field_types(made)
        given = {each.arg: each.value for each in call.keywords if each.arg}
        by_place = [name for name, field in fields.items() if not field.kw_only]
        given |= dict(zip(by_place, call.args, strict=False))
        for each in call.args[len(by_place) :]:
            allowed = f"each by its name: {', '.join(fields)}"
            text = ast.unparse(each)
            message = f"{made.__name__}({text}) gives a value without its name; give {allowed}."
            yield problem(Written(file=file, node=each), message, field="", given=text, allowed=allowed)
        for name, value in given.items():
            if name not in fields:
                allowed = ", ".join(fields)
                message = f"{made.__name__} has no {name}{suggestion(name, fields)}; it has {allowed}."
                yield problem(written.field(name), message, field=name, given=ast.unparse(value), allowed=allowed)
            elif lacking := self._lacking(value):
                allowed = f"something that {lacking} has"
                message = f"{made.__name__} {name}={ast.unparse(value)}: {lacking} has no such name; give {allowed}."
                place = Written(file=file, node=value)
                yield problem(place, message, field=name, given=ast.unparse(value), allowed=allowed)
            elif name != "override" and (worth := self.value(value)) is not UNKNOWN:
                for found in validate_value(worth, hints[name], name):
                    yield self._invalid(found, written, made)
        unpacked = any(each.arg is None for each in call.keywords)
        for name, field in fields.items():
            if field.default is field.default_factory is dataclasses.MISSING and name not in given and not unpacked:
                allowed = describe(hints[name])
                message = f"{made.__name__} needs {name}; give {allowed}."
                yield problem(written, message, field=name, given="nothing", allowed=allowed)

    def value(self, node: ast.expr) -> Any:
        """What an expression is worth, or UNKNOWN."""
        if isinstance(node, ast.Name):
            return self._names.get(node.id, UNKNOWN)
        if isinstance(node, ast.Attribute):
            return getattr(self.value(node.value), node.attr, UNKNOWN)
        if isinstance(node, ast.Tuple):
            values = tuple(map(self.value, node.elts))
            return UNKNOWN if any(each is UNKNOWN for each in values) else values
        if isinstance(node, ast.Call):
            return self._made(node)
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError):
            return UNKNOWN

    def _lacking(self, node: ast.expr) -> str:
        """What an expression asks for a name that it does not have, such as `accounts` in `accounts.NOPE`."""
        if not isinstance(node, ast.Attribute):
            return ""
        owner = self.value(node.value)
        return "" if owner is UNKNOWN or hasattr(owner, node.attr) else ast.unparse(node.value)

    def _made(self, call: ast.Call) -> Any:
        """The value of a dataclass that can be made of what is known."""
        made = self.value(call.func)
        arguments = {each.arg or "": self.value(each.value) for each in call.keywords}
        if (
            not (isinstance(made, type) and dataclasses.is_dataclass(made))
            or call.args
            or UNKNOWN in arguments.values()
        ):
            return UNKNOWN
        try:
            return made(**arguments)
        except (TypeError, ValueError):
            return UNKNOWN  # a problem of its own call

    @staticmethod
    def _invalid(found: InvalidSetting, written: Written, made: type) -> Problem:
        message = f"{made.__name__} {found.sentence}"
        place = written.field(found.field)
        return problem(place, message, field=found.field, given=found.given, allowed=found.allowed)


def _imported(tree: ast.Module) -> dict[str, Any]:
    """What the file's imports bound, as far as they came."""
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = sys.modules.get(node.module)
            for alias in node.names:
                member = getattr(module, alias.name, sys.modules.get(f"{node.module}.{alias.name}", UNKNOWN))
                found[alias.asname or alias.name] = member
        elif isinstance(node, ast.Import):
            found |= {(alias.asname or alias.name.partition(".")[0]): UNKNOWN for alias in node.names}
    return found


def _assigned(tree: ast.Module) -> set[str]:
    """Names that the file makes itself."""
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found |= {node.name for node in ast.walk(tree) if isinstance(node, defined)}
    return found | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)} | {"__file__", "__name__"}
