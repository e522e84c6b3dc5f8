"""`penstock demo`: types the commands of docs/walk-through.md on the local cloud, and checks what each should print."""

import contextlib
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.connection import Json, connect, local_cloud
from pipeline.cli.failures import CANNOT
from pipeline.local.errors import LocalCloudError
from pipeline.local.partner import control
from pipeline.operate import outputs
from pipeline.operate.errors import OperateError

PAGE = "docs/walk-through.md"
STEPS = re.compile(r"^## 1\..*(?=^## From here)", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVICES = frozenset({"intake", "ingest", "records", "enrichment"})
PATIENCE_SECONDS = 150.0
"""How long a command is repeated that should say something in the end."""
PAUSE_SECONDS = 1.0
LINES_SHOWN = 14
INDENT = "  "
BEFORE = 12
"""Characters of a line that is cut, in front of what the page points at."""
PLACEHOLDER = re.compile(r"\.\.\.|<\w+>")
INTERRUPTED = 130
"""As a shell reports Ctrl-C."""
EARLY = "The demo ended early; the partner is well again. Play it anew in a minute, when nothing waits for the partner."
OURS = "penstock "
Run = Callable[[str], tuple[int, str]]
"""Runs a command; its exit code and what it printed."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of the page, and the lines below it that say what it prints."""

    text: str
    expected: list[str] = field(default_factory=list)

    @property
    def is_repeated(self) -> bool:
        """Return whether the command is repeated until it prints what is expected."""
        return any(line.startswith("until ") for line in self.expected)


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command()(demo)


def demo(
    ctx: typer.Context,
    *,
    stage: Annotated[str, typer.Option(help="Where: a stage that lists all four services.")] = "staging",
    pause: Annotated[bool, typer.Option("--pause", help="Wait for Enter before each command.")] = False,
    as_json: Json = False,
) -> None:
    """Play docs/walk-through.md on the local cloud: each command as you would type it, and what comes of it.

    A patient is posted, read back and searched; a pill is found, mended and sent again; the partner breaks, and is
    mended. Answers 1 if something is not as the page says. It leaves some resources and a dead letter, whose alarm
    goes on, in the stage, and the partner well.
    """
    if pause and (as_json or not sys.stdin.isatty()):
        raise typer.BadParameter("--pause waits for somebody at a terminal, who does not read --json.")
    checkout, cloud = ctx.ensure_object(Path), local_cloud(ctx)
    parts = read(checkout / PAGE, stage)
    _require_services(ctx, stage)
    names: dict[str, str] = {}
    steps, failure = [], ""
    try:
        with contextlib.chdir(checkout):  # files of the page are below it
            for part in parts:
                if not as_json:
                    _show(part, pause=pause)
                if isinstance(part, str):
                    continue
                printed, missing = play(part, lambda command: _run(ctx, checkout, command), names)
                steps.append({"command": part.text, "missing": missing})
                if missing:
                    last = " ".join(printed.splitlines()[-1:])
                    failure = f"{PAGE} expects `{missing}` ({last}). This is what was typed: {part.text}"
                    break
                if not as_json:
                    _show_printed(printed, part.expected)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo(f"\n{EARLY}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        with contextlib.suppress(LocalCloudError):  # a cloud that has ended breaks nothing either
            control(cloud, clear=True)
    if as_json:
        typer.echo(json.dumps({"passed": not failure, "failure": failure, "stage": stage, "steps": steps}, indent=2))
    elif failure:
        typer.secho(f"penstock: {failure}", fg="red", err=True)
    raise typer.Exit(1 if failure else 0)


def read(page: Path, stage: str) -> list[str | Command]:
    """Return the prose and the commands of the page's numbered steps, with another stage in the place of its own."""
    try:
        steps = STEPS.search(page.read_text(encoding="utf-8"))
    except OSError as error:
        raise OperateError(f"{PAGE} cannot be read, and it says what to do: {error.strerror}.") from error
    found: list[str | Command] = []
    for position, part in enumerate(CODE.split(steps.group() if steps else "")):
        if position % 2 == 0:
            found.append(part.strip())
            continue
        for line in part.splitlines():
            if not line.startswith("# "):
                found.append(Command(text=line.replace("--stage staging", f"--stage {stage}")))
            elif isinstance(command := found[-1], Command):
                command.expected.append(line.removeprefix("# "))
    return found


def play(
    command: Command,
    run: Run,
    names: dict[str, str],
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[str, str]:
    """Type a command, again while that may help; return what it printed, and the first line expected in vain or ""."""
    began = now()
    while True:
        code, printed = run(command.text)
        missing = find_missing(command.expected, printed, names) if command.expected else "exit code 0" if code else ""
        # A cloud that has ended, for example, has the same answer for whoever asks again.
        if not missing or not command.is_repeated or code == CANNOT or now() - began >= PATIENCE_SECONDS:
            return printed, missing
        sleep(PAUSE_SECONDS)


def find_missing(expected: list[str], printed: str, names: dict[str, str]) -> str:
    """Return the first expected line that was not printed, or "".

    `...` stands for anything, `<name>` for a word that is the same wherever the page has that name. White space is
    ignored. Each expected line is met by a line of its own; one that begins with `not` must not be printed.
    """
    lines = ["".join(line.split()) for line in printed.splitlines()]
    known = dict(names)
    for line in expected:
        text = line.removeprefix("until ")
        pattern = _pattern(text.removeprefix("not "), known)
        found = next(filter(None, map(pattern.fullmatch, lines)), None)
        if (found is None) != text.startswith("not "):
            return line
        if found:
            lines.remove(found.string)
            known |= found.groupdict()
    names |= known
    return ""


def _pattern(text: str, names: dict[str, str]) -> re.Pattern[str]:
    parts = re.split(r"(\.\.\.|<\w+>)", "".join(text.split()))
    for position, part in enumerate(parts):
        name = part[1:-1]
        if position % 2 == 0 or name in names:
            parts[position] = re.escape(names.get(name, part) if position % 2 else part)
        else:
            parts[position] = ".*" if part == "..." else f"(?P<{name}>[\\w-]+)"
    return re.compile("".join(parts))


def _require_services(ctx: typer.Context, stage: str) -> None:
    pipeline = connect(ctx, profile=None, aws=False).pipeline
    there = {each.service for each in outputs.read(pipeline, stage) if each.status}
    if missing := sorted(SERVICES - there):
        raise OperateError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not deployed in stage {stage}; give a"
            " --stage that lists all four services, or wait for the run: `penstock status --follow`."
        )


def _run(ctx: typer.Context, checkout: Path, command: str) -> tuple[int, str]:
    """Run a command of ours in this process, another one in a shell; return its exit code and what it printed."""
    if not command.startswith(OURS):
        done = subprocess.run(["sh", "-c", command], cwd=checkout, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = ctx.find_root().command.main(
            args=shlex.split(command.removeprefix(OURS)), prog_name=OURS.strip(), standalone_mode=False, obj=checkout
        )
    return code or 0, err.getvalue() + out.getvalue()


def _show(part: str | Command, *, pause: bool) -> None:
    typer.echo()
    if isinstance(part, str):
        typer.echo(part)
        return
    typer.secho(f"$ {part.text}", fg="cyan", bold=True)
    if pause:
        typer.prompt("", default="", show_default=False, prompt_suffix="[Enter] ")


def cut(line: str, expected: list[str], *, width: int) -> str:
    """Return what fits of a line, with what the page points at within it."""
    if len(line) <= width:
        return line
    texts = (part.strip() for each in expected for part in PLACEHOLDER.split(each.removeprefix("until ")))
    at = next((found for text in texts if len(text) > 2 and (found := line.find(text)) >= 0), 0)
    start = max(0, at - BEFORE)
    if start + width > len(line):
        return f"…{line[len(line) - width + 1 :]}"
    return f"…{line[start : start + width - 2]}…" if start else f"{line[: width - 1]}…"


def _show_printed(printed: str, expected: list[str]) -> None:
    lines, width = printed.splitlines(), shutil.get_terminal_size().columns - len(INDENT)
    if len(lines) > LINES_SHOWN:
        typer.secho(f"  ({len(lines) - LINES_SHOWN} lines before)", dim=True)
    for line in lines[-LINES_SHOWN:]:
        typer.secho(f"{INDENT}{cut(line, expected, width=width)}", dim=True)
