"""`penstock demo`: plays docs/walk-through.md on the local cloud, with narration, and checks what comes of it."""

import contextlib
import io
import json
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.connection import Json, connect, local_cloud
from pipeline.cli.demo import page
from pipeline.cli.demo.expectations import EXPECTATIONS, Said
from pipeline.cli.demo.page import Kind, Part
from pipeline.cli.demo.player import Narrator, Player, Silence, Step
from pipeline.local.errors import LocalCloudError
from pipeline.local.lifecycle import LocalCloud
from pipeline.local.partner import control
from pipeline.operate import outputs
from pipeline.operate.errors import OperateError

SERVICES = frozenset({"intake", "ingest", "records", "enrichment"})
INTERRUPTED = 130
"""As a shell reports Ctrl-C."""
EARLY = "The demo ended early; the partner is well again. Play it anew in a minute, when nothing waits for the partner."
OURS = "penstock "


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
    checkout = ctx.ensure_object(Path)
    cloud = local_cloud(ctx)
    _require_services(ctx, stage)
    steps = pair(page.parts(checkout))
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


def _play(player: Player, steps: Iterable[Step], cloud: LocalCloud, checkout: Path) -> None:
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
            raise OperateError(f"pipeline/cli/demo/expectations.py does not know what comes of: {part.text}")
        found.append((part, expectation))
    if left := next(expectations, None):
        raise OperateError(f"{page.PAGE} has no command {left.of!r} where the demo expects one: correct either.")
    return found


def _require_services(ctx: typer.Context, stage: str) -> None:
    pipeline = connect(ctx, profile=None, aws=False).pipeline
    there = {each.service for each in outputs.read(pipeline, stage) if each.status}
    if missing := sorted(SERVICES - there):
        raise OperateError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not deployed in stage {stage}; give a"
            " --stage that lists all four services, or wait for the run: `penstock status --follow`."
        )


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
