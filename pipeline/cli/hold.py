"""`penstock hold`, `resume` and `hotfix`: stages that nothing may enter, or that one run leaves out, and why."""

from typing import Annotated

import typer

from pipeline.cli.answer import FOLLOW, answer
from pipeline.cli.connection import Aws, Json, Profile, Yes, confirm, connect
from pipeline.operate import holds
from pipeline.operate.holds import HoldChange
from pipeline.operate.hotfix import hotfix as start_hotfix
from pipeline.operate.next_step import penstock

StageArgument = Annotated[str, typer.Argument(metavar="STAGE", help="Such as prod.")]


def register(app: typer.Typer) -> None:
    """Add these commands to `penstock`."""
    for command in (hold, resume, hotfix):
        app.command()(command)


def hold(
    ctx: typer.Context,
    stage: StageArgument,
    *,
    why: Annotated[str, typer.Option(help=f"Why; {holds.ALLOWED}.")],
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
    yes: Yes = False,
) -> None:
    """Let nothing more into a stage until `penstock resume`, whoever pushes.

    What is in the stage already goes on. Executions wait in front of it, and a newer one takes the place of the one
    that waits. `penstock status` shows the hold with who and why, and the pipeline's subscribers hear of it. It
    outlives updates of the pipeline and restarts of the local cloud.
    """
    connection = connect(ctx, profile=profile, aws=aws)
    confirm(connection, yes=yes, what=f"hold {stage}")
    held = holds.hold(connection.pipeline, stage, why=why)
    before = None if held.before is None else held.before.why
    _say_if_unrecorded(held)
    said = [] if before is None else [f"{stage} was held already: {before}"]
    said += [f"{stage} is held: {why}", f"Once the reason is gone:  {penstock('resume', stage)}"]
    answer({"stage": stage, "held": True, "why": why, "before": before}, *said, as_json=as_json)


def resume(
    ctx: typer.Context,
    stage: StageArgument,
    *,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
    yes: Yes = False,
) -> None:
    """End a hold: the execution that waits in front of the stage goes on at once."""
    connection = connect(ctx, profile=profile, aws=aws)
    confirm(connection, yes=yes, what=f"let executions into {stage} again")
    held = holds.resume(connection.pipeline, stage)
    assert held.before is not None  # noqa: S101 - one that was not held is an error
    _say_if_unrecorded(held)
    why = held.before.why
    said = f"{stage} goes on; it was held: {why}"
    answer({"stage": stage, "held": False, "why": None, "before": why}, said, FOLLOW, as_json=as_json)


def _say_if_unrecorded(change: HoldChange) -> None:
    if change.unrecorded:
        typer.echo(f"It is done, but `penstock metrics` will not know of it: {change.unrecorded}", err=True)


def hotfix(  # noqa: PLR0913 - each is an option of the command line
    ctx: typer.Context,
    commit: Annotated[
        str | None, typer.Argument(help="Of the pipeline's branch, in full. Default: the newest one.")
    ] = None,
    *,
    to: Annotated[list[str], typer.Option(help="A stage to deploy to; again for another one.")],
    why: Annotated[str, typer.Option(help="Why the other stages are left out; kept in the run's history.")],
    despite_alarms: Annotated[
        bool, typer.Option("--despite-alarms", help="Deploy although alarms fire that let no release begin.")
    ] = False,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
    yes: Yes = False,
) -> None:
    """Bring a commit of the branch to a stage without the stages before it.

    Synth, guardrails, self-mutation, assets and the stage's own approval and probes are never left out. It passes
    windows and freezes (docs/release.md), and the gate's log says why. The next push goes through every stage again. A
    commit that changes the pipeline itself goes the ordinary way: the pipeline restarts with the update, and a restart
    knows nothing of this.
    """
    connection = connect(ctx, profile=profile, aws=aws)
    confirm(connection, yes=yes, what=f"deploy to {', '.join(to)} without the stages before")
    started = start_hotfix(connection.pipeline, tuple(to), why=why, commit=commit, despite_alarms=despite_alarms)
    said = f"Execution {started} has started; it enters {', '.join(to)} alone."
    answer({"execution": started, "stages": to}, said, FOLLOW, as_json=as_json)
