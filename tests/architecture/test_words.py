"""Public names and help texts use the words of docs/architecture.md, and none that it forbids."""

import ast
import dataclasses
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from pipeline.cli.main import app
from services.library.contract.service import Service

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
"""One word of a name in snake case, camel case or kebab case."""

Phrase = tuple[str, ...]
"""Words in their order, in lower case."""


def phrase(text: str) -> Phrase:
    return tuple(part.lower() for part in PART.findall(text))


def table(heading: str) -> list[list[str]]:
    """Return the rows of the table below a heading of the page, without its head."""
    section = PAGE.partition(f"\n{heading}\n")[2].partition("\n#")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


SYNONYMS = frozenset(phrase(each) for row in table("## Words") for each in row[2].split(",") if each)
"""Forbidden in names and in texts."""
NAMES = frozenset(phrase(each) for row in table("### Names") for each in re.findall(r"`([^`]+)`", row[0]))
"""Forbidden in names alone: in a sentence many of them are plain English."""


def forbidden(text: str, phrases: frozenset[Phrase]) -> set[str]:
    """Return the forbidden phrases whose words follow each other in a name or a text."""
    words = phrase(text)
    return {" ".join(each) for each in phrases if any(words[at : at + len(each)] == each for at in range(len(words)))}


def public(name: str) -> bool:
    return not name.startswith("_") and name not in {"self", "cls"}


def names_of(source: str) -> Iterator[str]:
    """Yield the public names of a module: classes, functions, parameters, attributes and constants."""
    tree = ast.parse(source)
    yield from assigned(tree)
    for node in visible(tree):
        yield node.name
        if isinstance(node, ast.ClassDef):
            yield from assigned(node)
        else:
            given = node.args
            yield from (each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs))
            yield from (each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute) and sets_on_self(each))


def visible(node: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | ast.FunctionDef]:
    """Yield the public classes and functions of a module, and the public methods of those classes."""
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef) and (public(child.name) or child.name == "__init__"):
            yield child
            if isinstance(child, ast.ClassDef):
                yield from visible(child)


def assigned(node: ast.Module | ast.ClassDef) -> Iterator[str]:
    """Yield the constants of a module, or the fields of a class."""
    for child in node.body:
        if isinstance(child, ast.Assign | ast.AnnAssign):
            for target in child.targets if isinstance(child, ast.Assign) else [child.target]:
                yield from (each.id for each in ast.walk(target) if isinstance(each, ast.Name))


def sets_on_self(node: ast.Attribute) -> bool:
    return isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name) and node.value.id == "self"


def docstrings_of(source: str) -> Iterator[str]:
    tree = ast.parse(source)
    yield from (text for node in (tree, *visible(tree)) if (text := ast.get_docstring(node)))


def commands(command: Any) -> Iterator[Any]:
    yield command
    for inner in getattr(command, "commands", {}).values():
        yield from commands(inner)


def names_of_commands(of: typer.Typer) -> Iterator[str]:
    for command in commands(typer.main.get_command(of)):
        yield command.name or ""
        for parameter in command.params:
            yield from (parameter.name, *parameter.opts, *parameter.secondary_opts)


def texts_of_commands(of: typer.Typer) -> Iterator[str]:
    for command in commands(typer.main.get_command(of)):
        yield from (command.help or "", command.epilog or "")
        yield from (getattr(parameter, "help", None) or "" for parameter in command.params)


def entries() -> Iterator[str]:
    """Yield the names that stage files write: each service and its fields, and those that every service has."""
    yield from (field.name for field in dataclasses.fields(Service))
    for file in sorted((ROOT / "services").glob("*/service.py")):
        module = importlib.import_module(f"services.{file.parent.name}.service")
        for name, made in vars(module).items():
            if isinstance(made, type) and issubclass(made, Service):
                yield from (name, *(field.name for field in dataclasses.fields(made)))


def sources(room: str) -> list[str]:
    return [
        file.read_text(encoding="utf-8") for file in sorted((ROOT / room).rglob("*.py")) if "tests" not in file.parts
    ]


OF_AWS = frozenset({"AllAtOnce", "ALL_AT_ONCE"})
"""What CodeDeploy and Step Functions call so: https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html"""
LIBRARY = {room: sources(f"services/library/{room}") for room in ("contract", "constructs")}


@pytest.mark.parametrize("room", ["stage entries", "commands", *LIBRARY])
def test_no_public_name_has_a_forbidden_word(room: str) -> None:
    of_room: dict[str, Iterator[str]] = {"stage entries": entries(), "commands": names_of_commands(app)}
    names = of_room.get(room) or (name for source in LIBRARY[room] for name in names_of(source))
    found = {name for name in names if public(name)} - OF_AWS
    assert len(found) > (4 if room == "stage entries" else 20)
    assert {name: words for name in found if (words := forbidden(name, SYNONYMS | NAMES))} == {}


@pytest.mark.parametrize("room", ["commands", *LIBRARY])
def test_no_help_text_or_docstring_has_a_forbidden_word(room: str) -> None:
    texts = (
        texts_of_commands(app)
        if room == "commands"
        else (text for source in LIBRARY[room] for text in docstrings_of(source))
    )
    assert {text: words for text in texts if (words := forbidden(text, SYNONYMS))} == {}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("class Pauses: ...", {"Pauses": {"pauses"}}),
        ("def is_unfit(): ...", {"is_unfit": {"unfit"}}),
        ("def deploy(*, batches_at_once: int): ...", {"batches_at_once": {"at once"}}),
        ("class A:\n  def __init__(self):\n    self.given_up = 1", {"given_up": {"given up"}}),
        ("class A:\n  theirs: int = 0", {"theirs": {"theirs"}}),
        ("GAP_FILLERS = ()", {}),
        ("GAP_FILLER = ()", {"GAP_FILLER": {"filler", "gap filler"}}),
        ("def deploy():\n  told = 1\n  return told", {}),
        ("class _Told:\n  def told(self): ...\ndef _told(): ...", {}),
        ("def untold(): ...", {}),
    ],
)
def test_a_forbidden_word_is_found_in_a_public_name(source: str, expected: dict[str, set[str]]) -> None:
    names = filter(public, names_of(source))
    assert {name: words for name in names if (words := forbidden(name, SYNONYMS | NAMES))} == expected


def test_a_forbidden_word_is_found_in_a_command() -> None:
    probe = typer.Typer()

    @probe.command()
    def start_over(
        left_alone: bool = typer.Option(False, "--left-alone", help="Leave each Gap Filler out."),
    ) -> None:
        """Start what nobody answers for."""
        del left_alone

    names = {name for name in names_of_commands(probe) if forbidden(name, NAMES)}
    assert names == {"left_alone", "--left-alone"}
    assert [words for text in texts_of_commands(probe) if (words := forbidden(text, SYNONYMS))] == [
        {"answers for"},
        {"filler", "gap filler"},
    ]


def test_a_forbidden_word_is_found_in_a_docstring() -> None:
    source = 'class A:\n    """Who answers for it."""\n'
    assert [forbidden(text, SYNONYMS) for text in docstrings_of(source)] == [{"answers for"}]
