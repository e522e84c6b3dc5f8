"""`penstock approve`: a person's answer, for the run that they mean and for no other."""

from typing import Annotated

import typer

from pipeline.cli import text
from pipeline.cli.connection import Aws, Connection, Profile, Yes, ask, confirm, connect
from pipeline.operate import approvals
from pipeline.operate.approvals import WaitingApproval
from pipeline.operate.errors import OperateError


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command()(approve)


def approve(  # noqa: PLR0913 - each is an option of the command line
    ctx: typer.Context,
    commit: Annotated[
        str | None, typer.Argument(help="The commit that is meant, or 7 characters or more of it.")
    ] = None,
    *,
    execution: Annotated[str | None, typer.Option(help="The run that is meant, by its id.", metavar="ID")] = None,
    stage: Annotated[str | None, typer.Option(help="Which approval, if several wait.")] = None,
    reject: Annotated[bool, typer.Option("--reject", help="Say no: the run ends. Wants --why.")] = False,
    why: Annotated[str, typer.Option(help="Why; kept in the run's history.")] = "",
    profile: Profile = None,
    aws: Aws = False,
    yes: Yes = False,
) -> None:
    """Answer the approval that a run waits for, so that it goes on (or, with --reject, ends).

    Says first what it would release and what else is alive. With COMMIT or --execution it refuses every other run, one
    that comes to wait there meanwhile too. Without, it asks, and with --yes it refuses while another could be meant.
    """
    if reject and not why:
        raise typer.BadParameter("--reject wants --why: who pushed reads it in the run's history.")
    if len(why) > approvals.LONGEST_REASON:
        raise typer.BadParameter(f"--why has {len(why)} characters; CodePipeline keeps {approvals.LONGEST_REASON}.")
    connection = connect(ctx, profile=profile, aws=aws)
    waiting = approvals.find(connection.pipeline, stage=stage, commit=commit, execution=execution)
    for line in text.approval(waiting):
        typer.echo(line, err=True)
    _agree(connection, waiting, reject=reject, is_named=bool(commit or execution), yes=yes)
    approvals.answer(connection.pipeline, waiting, approved=not reject, why=why)
    typer.echo(f"{'Rejected' if reject else 'Approved'} {waiting.name} for {waiting.run.title}")
    typer.echo("`penstock status --follow` shows what happens.")


def _agree(connection: Connection, waiting: WaitingApproval, *, reject: bool, is_named: bool, yes: bool) -> None:
    """Make sure that this run is meant: by its name in the command, or by asking."""
    verb = "reject" if reject else "approve"
    if not is_named and yes and waiting.others:
        raise OperateError(
            "--yes does not say which of the runs that are alive is meant, so nothing was changed."
            f" Name it: penstock approve {waiting.run.commit[:12] or f'--execution {waiting.run.execution}'}"
        )
    if not is_named and not yes and connection.pipeline.target.is_local:
        ask(f"{verb.capitalize()} it?", instead=f"`penstock approve {waiting.run.commit[:12]}` asks nothing.")
        return
    confirm(connection, yes=yes, what=f"{verb} {waiting.run.title} for {waiting.stage}")
