"""`penstock hold` and `penstock resume`: a stage that nothing may enter for a while, and why."""

from typing import Annotated

import typer

from pipeline.cli.connection import Aws, Profile, Yes, confirm, connect
from pipeline.operate import holds

Held = Annotated[str, typer.Argument(metavar="STAGE", help="Such as prod.")]


def register(app: typer.Typer) -> None:
    """Add these commands to `penstock`."""
    for command in (hold, resume):
        app.command()(command)


def hold(
    ctx: typer.Context,
    stage: Held,
    *,
    why: Annotated[str, typer.Option(help=f"Why; {holds.ALLOWED}.")],
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
    if held.before is not None:
        typer.echo(f"{stage} was held already: {held.before.why}")
    typer.echo(f"{stage} is held: {why}")
    typer.echo(f"Once the reason is gone:  penstock resume {stage}")


def resume(ctx: typer.Context, stage: Held, *, profile: Profile = None, aws: Aws = False, yes: Yes = False) -> None:
    """End a hold: the execution that waits in front of the stage goes on at once."""
    connection = connect(ctx, profile=profile, aws=aws)
    confirm(connection, yes=yes, what=f"let executions into {stage} again")
    held = holds.resume(connection.pipeline, stage)
    assert held.before is not None  # noqa: S101 - one that was not held is an error
    typer.echo(f"{stage} goes on; it was held: {held.before.why}")
    typer.echo("`penstock status --follow` shows what happens.")
