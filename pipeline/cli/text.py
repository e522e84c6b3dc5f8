"""A run in words, for people."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import typer

from pipeline.operate.approvals import WaitingApproval
from pipeline.operate.evidence import Evidence
from pipeline.operate.live_runs import LiveRun
from pipeline.operate.next_step import penstock
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import FAILED, NOT_STARTED, SKIPPED, STOPPED, SUCCEEDED, WAITING, Action, Run, Stage
from pipeline.operate.service_rollbacks import ServiceRollback
from services.library.contract.names import entry_of

COLOURS = {
    SUCCEEDED: "green",
    FAILED: "red",
    STOPPED: "red",
    WAITING: "yellow",
    NOT_STARTED: "bright_black",
    SKIPPED: "bright_black",
}
STATUS_WIDTH = len(WAITING)


def title(run: Run) -> str:
    """Return the run in one line."""
    commit = f"{run.commit[:12]} {run.message}".strip() or "no source yet"
    reason = f" ({run.reason})" if run.reason else ""
    return f"{_status(run.status, width=0)}{reason}  {commit}  execution {run.execution}"


def table(run: Run, *, brief: bool = False) -> Iterator[str]:
    """Yield a line for each stage and action of a run; brief leaves out actions of stages in which nothing happens."""
    yield title(run)
    if run.hotfix is not None:
        yield typer.style(f"  hotfix to {', '.join(run.hotfix.stages)} alone: {run.hotfix.why}", fg="yellow")
    for stage in run.stages:
        yield f"  {_status(stage.status)}  {typer.style(stage.name, bold=True)}{_held(stage)}"
        if stage.status == SKIPPED or (brief and stage.status in (SUCCEEDED, NOT_STARTED)):
            continue
        for action in stage.actions:
            yield f"    {_status(action.status)}  {action.name}{_details(action)}"


def alive_besides(run: Run, alive: Iterable[LiveRun]) -> Iterator[str]:
    """Yield a line for each other run that is alive."""
    for other in alive:
        if other.execution != run.execution:
            yield typer.style(f"Also: {other}", fg="yellow")


def approval(waiting: WaitingApproval) -> Iterator[str]:
    """Yield what an approval is about, and what it is not."""
    run = waiting.run
    yield f"{waiting.name} asks about {typer.style(run.title, bold=True)}, execution {run.execution}"
    for other in waiting.others:
        yield f"  not about {other}"
    yield f"What would change:  {penstock('review --deployed', entry_of(waiting.stage), run.execution)}"


def way_back(found: Evidence, stage: str) -> str:
    """Say what becomes of a stage if a run fails in it."""
    if found.way_back and found.rolls_back:
        return f"if it fails, {stage} is rolled back to execution {found.way_back}"
    by_hand = f"penstock rollback SERVICE {stage} --to {found.commit[:12] or 'COMMIT'} --why ..."
    if found.rolls_back:
        why = "no run has succeeded there since the pipeline's last update"
        return f"if it fails, nothing rolls {stage} back: {why}. One service goes back by  {by_hand}"
    return f"if it fails, {stage} stays as it is then:  {by_hand}  brings one service back"


def after_failure(found: Evidence, stage: str, rollbacks: Sequence[ServiceRollback], why: str) -> Iterator[str]:
    """Say what becomes of a stage in which a run has failed.

    `found`: of the runs before it; `rollbacks`: what goes back of what the run has changed, as far as that is known.
    """
    if found.way_back and found.rolls_back:
        yield f"CodePipeline rolls {stage} back to execution {found.way_back}, in a run of its own."
        return
    if not rollbacks:
        by_hand = f"penstock rollback SERVICE {stage} --to {found.commit[:12] or 'COMMIT'} --why ..."
        yield f"Nothing rolls {stage} back by itself. What went wrong, one service at a time:  {by_hand}"
        return
    yield f"Nothing rolls {stage} back by itself. What the run has changed there goes back so, each reviewed first:"
    for each in rollbacks:
        nothing = f"{each.stage}/{each.service}: no run before it succeeded there, so there is nothing to go back to"
        yield f"  {each.command(why) or nothing}"


def format_change(change: Stage | Action) -> str:
    """Return what changed, in one line."""
    if isinstance(change, Stage):
        return f"{datetime.now():%H:%M:%S}  {_status(change.status)}  {typer.style(change.name, bold=True)}"  # noqa: DTZ005 - the reader's own clock
    return f"{datetime.now():%H:%M:%S}  {_status(change.status)}    {change.full_name}{_details(change)}"  # noqa: DTZ005 - as above


def format_note(said: str) -> str:
    """Return what happened within an action, in one line below it."""
    return f"{datetime.now():%H:%M:%S}  {_status('')}      {said}"  # noqa: DTZ005 - as above


def next_steps(run: Run) -> Iterator[str]:
    """Yield what to type now."""
    if run.status == WAITING:
        waiting = [action.stage for action in run.actions if action.waits_for_a_person]
        if waiting or "approval" in run.reason:
            what = f" of {waiting[0]}" if waiting else ""
            commit = run.commit[:12] if waiting else ""
            yield f"Waiting for approval{what}:  {penstock(*filter(None, ('approve', commit)))}   # no: --reject --why"
    for stage in run.stages:
        if stage.hold is not None:
            yield f"Once the reason for the hold is gone:  {penstock('resume', stage.name)}"
    for action in failed(run):
        yield f"Its whole log:  {penstock('logs', action.full_name)}"
    failed_stages = [stage.name for stage in run.stages if stage.status in (FAILED, STOPPED)]
    if failed_stages and run.status in (FAILED, STOPPED):
        yield f"Once the cause is gone:  {penstock('retry', failed_stages[0])}   # or push a fix"


def failed(run: Run) -> list[Action]:
    """Return the actions that failed in this run."""
    return [action for action in run.actions if action.status == FAILED]


def failure(pipeline: Pipeline, action: Action, *, last: int) -> Iterator[str]:
    """Yield why an action failed: its error, and the end of what it printed."""
    from pipeline.operate import logs  # noqa: PLC0415 - only a failed run needs it, and a good one should print at once

    said = action.error or action.summary
    yield typer.style(f"{action.full_name} failed: {said}", fg="red")
    for line in logs.last_words(pipeline, action, count=last):
        if line != said:
            yield f"  | {line}"


def _held(stage: Stage) -> str:
    if stage.hold is None:
        return ""
    since = f" since {stage.hold.since.astimezone():%Y-%m-%d %H:%M}" if stage.hold.since else ""
    return typer.style(f"  held{since} by {stage.hold.by or 'somebody'}: {stage.hold.why}", fg="yellow")


def _details(action: Action) -> str:
    seconds = f"  {action.seconds:.1f} s" if action.seconds is not None else ""
    said = action.error if action.status == FAILED else action.summary
    return f"{seconds}  {typer.style(said, dim=True)}" if said else seconds


def _status(status: str, *, width: int = STATUS_WIDTH) -> str:
    return typer.style(status.ljust(width), fg=COLOURS.get(status, "cyan"))
