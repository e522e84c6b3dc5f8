"""Commands that pages tell somebody to type are commands that there are, with options that they have."""

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from pipeline.cli.main import app
from tests.conftest import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
A_LINE = re.compile(r"^(?: {4})?(?:\.venv/bin/)?(penstock [^\n]*)$", re.MULTILINE)
WITHIN_A_LINE = re.compile(r"`(?:\.venv/bin/)?(penstock [^`]*)`")
FIRST_OF_SEVERAL = re.compile(r" (?:&&|\|) .*")
INCOMPLETE = frozenset({"MissingParameter", "NoArgsIsHelpError", "BadOptionUsage"})
"""A sentence may name a command, or an option, without what it is given."""


def commands(text: str) -> list[str]:
    found = [*A_LINE.findall(text), *WITHIN_A_LINE.findall(text)]
    return [FIRST_OF_SEVERAL.sub("", " ".join(each.split())) for each in found]


@cache
def penstock() -> Any:
    return typer.main.get_command(app)


def answered_at_once() -> set[str]:
    """Options of `penstock` itself that act when they are read: one of them writes to the shell's start-up file."""
    return {name for option in penstock().params if option.callback for name in option.opts}


def refusal(line: str) -> str | None:
    """What the command line says to this before anything is done; nothing if it would do it."""
    group = penstock()
    words = shlex.split(line, comments=True)[1:]
    if words and words[0] in answered_at_once():
        return None
    try:
        context = group.make_context("penstock", words, obj=ROOT)
        name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        while hasattr(command, "resolve_command") and rest:
            inner = command.make_context(name, rest, parent=context)
            name, command, rest = command.resolve_command(inner, [*inner._protected_args, *inner.args])
        command.make_context(name, rest, parent=context)
    except Exception as error:  # noqa: BLE001 - whatever it says
        return None if type(error).__name__ in INCOMPLETE else f"{line}: {type(error).__name__} {error}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_name_existing_commands_and_options(page: Path) -> None:
    assert [said for line in commands(page.read_text(encoding="utf-8")) if (said := refusal(line))] == []


@pytest.mark.parametrize(
    "line",
    [
        "penstock failures",
        "penstock logs --where prod",
        "penstock branch sideways",
        "penstock approve it now",
        "penstock --completion",
    ],
)
def test_page_check_finds_an_unknown_command(line: str) -> None:
    assert commands(f"Begin with `{line}`. Then:\n\n    .venv/bin/{line}   # so\n") == [f"{line} # so", line]
    assert refusal(line)
