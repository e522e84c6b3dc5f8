"""`penstock demo`: plays docs/walk-through.md on the local cloud, with narration, and checks what comes of it."""

import contextlib
import io
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from pipeline.cli import walk_through
from pipeline.cli.connection import Json, connect, local_cloud
from pipeline.cli.expectations import EXPECTATIONS, Expectation, Said, Story, Unmet
from pipeline.cli.failures import CANNOT
from pipeline.cli.walk_through import Kind, Part
from pipeline.local.errors import LocalCloudError
from pipeline.local.lifecycle import LocalCloud
from pipeline.local.partner import control
from pipeline.operate import outputs
from pipeline.operate.errors import OperateError

SERVICES = frozenset({"intake", "ingest", "records", "enrichment"})
INTERRUPTED = 130
"""As a shell reports Ctrl-C."""
EARLY = "The demo ended early; the partner is well again. Play it anew in a minute, when nothing waits for the partner."
PAUSE_SECONDS = 1.0
LINES_SHOWN = 14
ANNOUNCEMENTS = ("Pipeline ", "Stack ")
"""How commands begin the line that says where they act, which is the same all along."""
OURS = "penstock "

Run = Callable[[str], Said]
Step = tuple[Part, Expectation | None]


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
    mended. Answers 1 if something is not as the page says. It leaves some resources in the stage, and the partner well.
    """
    if pause and (as_json or not sys.stdin.isatty()):
        raise typer.BadParameter("--pause waits for somebody at a terminal, who does not read --json.")
    checkout = ctx.ensure_object(Path)
    cloud = local_cloud(ctx)
    _require_services(ctx, stage)
    steps = pair(walk_through.parts(checkout))
    player = Player(
        run=Commands(ctx, checkout),
        teller=Silence() if as_json else Narrator(waits=pause),
        stage=stage,
    )
    try:
        _play(player, steps, cloud, checkout)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo(f"\n{EARLY}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        typer.echo(json.dumps(player.to_json(), indent=2))
    elif player.failure:
        typer.secho(f"penstock: {player.failure}", fg="red", err=True)
    raise typer.Exit(1 if player.failure else 0)


def _play(player: "Player", steps: Iterable["Step"], cloud: LocalCloud, checkout: Path) -> None:
    """Whatever ends it, nothing goes wrong at the partner afterwards."""
    try:
        with contextlib.chdir(checkout):  # files of the page are below it
            player.play(steps)
    finally:
        with contextlib.suppress(LocalCloudError):  # a cloud that has ended breaks nothing either
            control(cloud, clear=True)


def pair(parts: Iterable[Part]) -> list[Step]:
    """What is expected of each command of the page, in its order."""
    expectations = iter(EXPECTATIONS)
    found: list[Step] = []
    for part in parts:
        expectation = next(expectations, None) if part.kind is Kind.COMMAND else None
        if part.kind is Kind.COMMAND and (expectation is None or not part.text.startswith(expectation.of)):
            raise OperateError(f"pipeline/cli/expectations.py does not know what comes of this command: {part.text}")
        found.append((part, expectation))
    if left := next(expectations, None):
        raise OperateError(
            f"{walk_through.PAGE} has no command {left.of!r} where the demo expects one: correct either."
        )
    return found


def _require_services(ctx: typer.Context, stage: str) -> None:
    pipeline = connect(ctx, profile=None, aws=False).pipeline
    there = {each.service for each in outputs.read(pipeline, stage) if each.status}
    if missing := sorted(SERVICES - there):
        raise OperateError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not deployed in stage {stage}; give a"
            " --stage that lists all four services, or wait for the run: `penstock status --follow`."
        )


class Teller(Protocol):
    """Who tells what happens."""

    def tells(self, part: Part) -> None:
        """A heading or a paragraph of the page."""

    def types(self, command: str) -> None:
        """A command, before it runs."""

    def hears(self, said: Said, found: str) -> None:
        """What it said, and what that shows."""


class Silence:
    """For machines."""

    def tells(self, part: Part) -> None:
        """Nothing."""

    def types(self, command: str) -> None:
        """Nothing."""

    def hears(self, said: Said, found: str) -> None:
        """Nothing."""


class Narrator:
    """For people at a terminal."""

    def __init__(self, *, waits: bool) -> None:
        from rich.console import Console  # noqa: PLC0415 - 0.2 s, which no other command has to pay

        self.console: Console = Console(highlight=False)
        self.waits = waits

    def tells(self, part: Part) -> None:
        """A rule for a heading; a paragraph as it is written."""
        from rich.markdown import Markdown  # noqa: PLC0415 - as above

        self.console.print()
        if part.kind is Kind.HEADING:
            self.console.rule(f"[bold]{part.text}", align="left")
        else:
            self.console.print(Markdown(part.text, hyperlinks=False))

    def types(self, command: str) -> None:
        """As at a prompt."""
        self.console.print()
        self.console.print(f"$ {command}", style="bold cyan", markup=False)
        if self.waits:
            typer.prompt("", default="", show_default=False, prompt_suffix="[Enter] ")

    def hears(self, said: Said, found: str) -> None:
        """The end of it, and the sentence."""
        lines = list(_shown(said))
        if len(lines) > LINES_SHOWN:
            self.console.print(f"  ({len(lines) - LINES_SHOWN} lines before)", style="dim")
        for line in lines[-LINES_SHOWN:]:
            self.console.print(f"  {line}", style="dim", markup=False, no_wrap=True, overflow="ellipsis")
        self.console.print(f"✓ {found}", style="green", markup=False)


def _shown(said: Said) -> Iterator[str]:
    for line in (*said.err.splitlines(), *said.out.splitlines()):
        if line and not line.startswith(ANNOUNCEMENTS):
            yield line


class Commands:
    """Runs what stands on the page: our own commands in this process, others in a shell."""

    def __init__(self, ctx: typer.Context, checkout: Path) -> None:
        self.group = ctx.find_root().command
        self.checkout = checkout

    def __call__(self, command: str) -> Said:
        """Run one."""
        if not command.startswith(OURS):
            done = subprocess.run(["sh", "-c", command], cwd=self.checkout, capture_output=True, text=True, check=False)
            return Said(exit_code=done.returncode, out=done.stdout, err=done.stderr)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = self.group.main(
                args=shlex.split(command.removeprefix(OURS)),
                prog_name=OURS.strip(),
                standalone_mode=False,
                obj=self.checkout,
            )
        return Said(exit_code=code or 0, out=out.getvalue(), err=err.getvalue())


@dataclass(kw_only=True)
class Player:
    """Goes through the steps until one is not as it should be."""

    run: Run
    teller: Teller
    stage: str
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    story: Story = field(default_factory=Story)
    failure: str = ""
    """The sentence about what was not as it should be."""
    done: list[dict[str, Any]] = field(default_factory=list)

    def play(self, steps: Iterable[Step]) -> None:
        """Tell, type, look."""
        for part, expectation in steps:
            if expectation is None:
                self.teller.tells(part)
            elif not self._typed(walk_through.in_stage(part.text, self.stage), expectation):
                return

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "passed": not self.failure,
            "failure": self.failure,
            "stage": self.stage,
            "facts": self.story.facts,
            "steps": self.done,
        }

    def _typed(self, command: str, expectation: Expectation) -> bool:
        self.teller.types(command)
        began = self.now()
        while True:
            said = self.run(command)
            try:
                found = expectation.check(self.story, command, said)
            except Unmet as unmet:
                refused = said.exit_code == CANNOT  # such as a cloud that has ended: asking again changes nothing
                if refused or self.now() - began >= expectation.seconds:
                    why = f" ({said.err.strip().splitlines()[-1]})" if refused and said.err.strip() else ""
                    self.failure = f"{unmet}{why}. This is what was typed: {command}"
                    self._note(command, said, began, str(unmet))
                    return False
            else:
                self._note(command, said, began, found)
                self.teller.hears(said, found)
                return True
            self.sleep(PAUSE_SECONDS)

    def _note(self, command: str, said: Said, began: float, found: str) -> None:
        seconds = round(self.now() - began, 1)
        self.done.append({"command": command, "exit_code": said.exit_code, "seconds": seconds, "found": found})
