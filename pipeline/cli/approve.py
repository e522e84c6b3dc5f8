"""`penstock approve`: a person's answer, for the run that they mean and for no other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import evidence_text, text
from pipeline.cli.answer import FOLLOW, answer
from pipeline.cli.connection import Aws, Connection, Json, Profile, Yes, ask, confirm, connect
from pipeline.cli.process import output_of
from pipeline.operate import approval_artifact, approvals, closed_gate, evidence
from pipeline.operate.approvals import WaitingApproval
from pipeline.operate.errors import OperateError
from pipeline.operate.next_step import penstock
from pipeline.operate.pipeline import Pipeline
from services.library.contract.names import entry_of

COMMITS_SHOWN = 20


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
    as_json: Json = False,
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
    for line in _evidence(connection.pipeline, waiting, checkout=ctx.ensure_object(Path)):
        typer.echo(line, err=True)
    _agree(connection, waiting, reject=reject, is_named=bool(commit or execution), yes=yes)
    approvals.answer(connection.pipeline, waiting, approved=not reject, why=why)
    document = {"action": waiting.name, "approved": not reject, "execution": waiting.run.execution}
    said = f"{'Rejected' if reject else 'Approved'} {waiting.name} for {waiting.run.title}"
    answer({**document, "commit": waiting.run.commit}, said, FOLLOW, as_json=as_json)


def _evidence(pipeline: Pipeline, waiting: WaitingApproval, *, checkout: Path) -> Iterator[str]:
    """Yield what the run has collected for its approver, and the commits since, as far as this checkout has them.

    An approval within a stage has nothing collected: then what runs in the stage and the way back are read now.
    """
    stage = entry_of(waiting.stage)
    collected = approval_artifact.read(pipeline, waiting.run.execution, waiting.stage)
    if collected is None:
        yield from _found_now(pipeline, waiting, stage, checkout=checkout)
    else:
        yield from evidence_text.lines(collected)
        if before := collected["deployed"]["commit"]:
            yield from _commits(checkout, before, waiting.run.commit)
    yield from (
        f"  closed now, so that its gate would say no: {each}" for each in closed_gate.why_closed(pipeline, stage)
    )


def _found_now(pipeline: Pipeline, waiting: WaitingApproval, stage: str, *, checkout: Path) -> Iterator[str]:
    found = evidence.of_stage(pipeline, waiting.stage)
    if not found.execution:
        yield f"  {stage} has no deployment yet among the last {evidence.ACTIONS_LOOKED_AT:,} actions"
    else:
        yield f"  {stage} runs {found.commit[:12]}, execution {found.execution}"
    if found.commit:
        yield from _commits(checkout, found.commit, waiting.run.commit)
    yield f"  {text.way_back(found, stage)}"


def _commits(checkout: Path, before: str, now: str) -> Iterator[str]:
    """Yield the commits between two, with their authors."""
    log = output_of(checkout, "git", "log", "--no-decorate", "--format=%h  %an  %s", f"{before}..{now}")
    commits = log.splitlines() if log else []
    yield from (f"    {commit}" for commit in commits[:COMMITS_SHOWN])
    if len(commits) > COMMITS_SHOWN:
        yield f"    and {len(commits) - COMMITS_SHOWN} more:  git log {before[:12]}..{now[:12]}"


def _agree(connection: Connection, waiting: WaitingApproval, *, reject: bool, is_named: bool, yes: bool) -> None:
    """Make sure that this run is meant: by its name in the command, or by asking."""
    verb = "reject" if reject else "approve"
    if not is_named and yes and waiting.others:
        raise OperateError(
            "--yes does not say which of the runs that are alive is meant, so nothing was changed."
            f" Name it:  {penstock('approve', waiting.run.commit[:12] or f'--execution {waiting.run.execution}')}"
        )
    if not is_named and not yes and connection.pipeline.target.is_local:
        ask(f"{verb.capitalize()} it?", instead=f"`penstock approve {waiting.run.commit[:12]}` asks nothing.")
        return
    confirm(connection, yes=yes, what=f"{verb} {waiting.run.title} for {waiting.stage}")
