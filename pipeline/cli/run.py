"""`penstock status`, `retry`, `stop`, `start`, `logs`: to see what the pipeline does, and to steer it."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import typer

from pipeline.cli import environments, text
from pipeline.cli.answer import FOLLOW, answer
from pipeline.cli.connection import Aws, Connection, Json, Profile, Yes, confirm, connect
from pipeline.cli.denied import count, during
from pipeline.local.client import CLOCK, ask
from pipeline.local.errors import LocalCloudError
from pipeline.operate import (
    closed_gate,
    evidence,
    failed_creation,
    pipeline_repair,
    run_control,
    service_logs,
    service_rollbacks,
)
from pipeline.operate import logs as action_logs
from pipeline.operate.errors import OperateError
from pipeline.operate.evidence import Evidence
from pipeline.operate.follow import changes, exit_code, follow
from pipeline.operate.live_runs import CANCELLED, live_runs
from pipeline.operate.next_step import penstock
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import FAILED, SUCCEEDED, Run
from pipeline.operate.service_logs import Line
from pipeline.operate.service_rollbacks import ServiceRollback
from services.library.contract.names import BAKE_PREFIX, entry_of, gate_of

FOLLOWING_ENDED = 130
"""As a shell reports Ctrl-C."""
LOG_LINES_SHOWN = 15

Execution = Annotated[str | None, typer.Option(help="Another run than the latest, by its id.", metavar="ID")]


def register(app: typer.Typer) -> None:
    """Add these commands to `penstock`."""
    for command in (status, retry, stop, start, logs):
        app.command()(command)


def status(
    ctx: typer.Context,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Return once the run ends or waits for approval.")] = False,
    follow_: Annotated[bool, typer.Option("--follow", help="Print what happens until then.")] = False,
    as_json: Json = False,
    execution: Execution = None,
    profile: Profile = None,
    aws: Aws = False,
) -> None:
    """Show the latest run: each stage and action, and what to do next.

    Alone it answers 0. With --wait or --follow it answers 0 if the run succeeded, 3 if it waits for approval, and 1 if
    it failed or was stopped. Ctrl-C ends only the following (130): the run goes on. If the pipeline updates itself,
    the execution that replaces this one is followed.
    """
    if follow_ and as_json:
        raise typer.BadParameter("--follow prints lines for people; for machines use --wait --json.")
    connection = connect(ctx, profile=profile, aws=aws)
    if not (wait or follow_):
        _show(connection, connection.pipeline.read(execution), as_json=as_json)
        return
    runs = follow(connection.pipeline, execution, stops_for_approval=not connection.approves_by_itself)
    try:
        run = _print_live(runs) if follow_ and sys.stdout.isatty() else print_lines(runs, silent=not follow_)
    except KeyboardInterrupt:
        typer.echo(f"\nFollowing ended; the run goes on. {penstock('status --follow')} follows it again.", err=True)
        raise typer.Exit(FOLLOWING_ENDED) from None
    if follow_:
        typer.echo(text.title(run))
        show_what_is_next(connection.pipeline, run)
    else:
        _show(connection, run, as_json=as_json)
    raise typer.Exit(exit_code(run))


def _show(connection: Connection, run: Run, *, as_json: bool) -> None:
    alive = live_runs(connection.pipeline)
    if as_json:
        ways_back = {stage: found.to_json() for stage, found in _ways_back(connection.pipeline, run)}
        others = [each.to_json() for each in alive]
        rollbacks = [
            each.to_json(why)
            for stage, before, why in _half_released(connection.pipeline, run)
            for each in _rollbacks(connection.pipeline, run, stage, before)
        ]
        document = {**run.to_json(), "alive": others, "ways_back": ways_back, "rollbacks": rollbacks}
        typer.echo(json.dumps(document, indent=2))
        return
    for line in (*text.table(run), *text.alive_besides(run, alive)):
        typer.echo(line)
    show_what_is_next(connection.pipeline, run)


def show_what_is_next(pipeline: Pipeline, run: Run) -> None:
    """Print why a run failed, if it did, and the commands that go on from here."""
    for action in text.failed(run):
        for line in text.failure(pipeline, action, last=LOG_LINES_SHOWN):
            typer.echo(line)
    _show_denials(pipeline, run)
    _show_broken_definition(pipeline, run)
    _show_failed_creations(pipeline, run)
    _show_clock(pipeline, run)
    for stage, before, why in _half_released(pipeline, run):
        for line in text.after_failure(before, stage, _rollbacks(pipeline, run, stage, before), why):
            typer.echo(line)
    for stage, found in _ways_back(pipeline, run):
        typer.echo(f"Way back: {text.way_back(found, stage)}")
        for closed in closed_gate.why_closed(pipeline, stage):
            typer.echo(typer.style(f"Closed now: {closed}", fg="yellow"))
    for line in text.next_steps(run):
        typer.echo(line)


def _ways_back(pipeline: Pipeline, run: Run) -> Iterator[tuple[str, Evidence]]:
    """Yield each stage that the run waits to enter, and what is known of the way back from there."""
    for gate in dict.fromkeys(action.stage for action in run.actions if action.waits_for_a_person):
        yield entry_of(gate), evidence.of_stage(pipeline, gate)


def _half_released(pipeline: Pipeline, run: Run) -> Iterator[tuple[str, Evidence, str]]:
    """Yield the stages in which a run has deployed something and then failed, if they have a gate or are rolled back.

    Each with what is known of the way back from there, and with what failed, in words.
    """
    stages = {stage.name for stage in run.stages}
    deployed = {each.stage for each in run.actions if each.category == "Deploy" and each.status == SUCCEEDED}
    failed = {each.stage: each.name for each in text.failed(run) if each.stage in deployed}
    for stage, action in failed.items():
        gate = gate_of(entry_of(stage))
        before = evidence.of_stage(pipeline, gate, besides=run.execution)
        if run.status == CANCELLED:  # an update of the pipeline did it, and that starts no rollback
            before = replace(before, way_back="")
        if before.rolls_back or gate in stages:
            yield stage, before, f"{action} failed"


def _rollbacks(pipeline: Pipeline, run: Run, stage: str, before: Evidence) -> list[ServiceRollback]:
    """Return what goes back of what a run has changed in a stage, unless CodePipeline takes all of it back."""
    if before.way_back and before.rolls_back:
        return []
    try:
        return service_rollbacks.of_run(pipeline, run.execution, stage)
    except OperateError:
        return []  # whose stacks may not be looked at still hears of the run


def _show_broken_definition(pipeline: Pipeline, run: Run) -> None:
    """Say so where it may be the pipeline's own definition that fails, and not the commit."""
    for stage in {action.stage for action in text.failed(run)} & {pipeline_repair.BUILD, pipeline_repair.UPDATE}:
        if pipeline_repair.never_passed(pipeline, stage):
            typer.echo(
                f"No run has got past {stage} since the pipeline's last update: its own commands, image or environment"
                " may be what fails, which no push can mend. The last that worked:  penstock repair pipeline"
            )


def _show_failed_creations(pipeline: Pipeline, run: Run) -> None:
    """Say which stacks no retry gets out of their state."""
    try:
        found = failed_creation.after(pipeline, run)
    except OperateError:
        return  # whose stacks may not be looked at still hears of the run
    for stack in found:
        typer.echo(
            f"{stack.stack} failed at its first creation and takes no update while it is {stack.status}. What stayed"
            f" behind, and the way on:  {penstock('repair', stack.stage, stack.service)}"
        )


def _show_denials(pipeline: Pipeline, run: Run) -> None:
    """Say how many calls the local cloud's IAM denied during a run, and each of them if it failed."""
    port = pipeline.target.local_port
    try:
        found = during(port, run) if port else None
    except LocalCloudError:
        return  # it has just answered what this is about, and is gone: what is known is shown
    if found is None or not found.found:
        return
    for line in found.lines() if run.status == FAILED else ():
        typer.echo(line)
    typer.echo(f"{count(found)}  {penstock('denied --execution', run.execution)}")


def _show_clock(pipeline: Pipeline, run: Run) -> None:
    """Say so where a release did not wait as long as it would on AWS."""
    baked = [each.stage for each in run.actions if each.name.startswith(BAKE_PREFIX) and each.status == SUCCEEDED]
    port = pipeline.target.local_port
    try:
        rate = ask(port, CLOCK, {}, of="clock")["rate"] if port and baked else 1
    except LocalCloudError:
        return  # as above
    if rate > 1:
        typer.echo(
            f"{', '.join(baked)} baked by this local cloud's clock, which goes {rate:,.0f} times as fast while releases"
            " wait, and traffic is shifted."
        )


def print_lines(runs: Iterator[Run], *, silent: bool, before: Run | None = None) -> Run:
    """Print each change since `before` as a line of its own; the run as it was last."""
    for run in runs:
        if not silent:
            for line in _lines_about(before, run):
                typer.echo(line)
        before = run
    assert before is not None  # noqa: S101 - a run that cannot be read raises
    return before


def _lines_about(before: Run | None, run: Run) -> Iterator[str]:
    if before is None or before.execution != run.execution:
        if before is not None:
            yield _restarted(before)
        yield text.title(run)
    for change in changes(before, run):
        yield text.format_change(change)


def _restarted(before: Run) -> str:
    if before.status == "Cancelled":
        return "The pipeline updated itself and restarted."
    return "A newer run has overtaken this one; following that."


def _print_live(runs: Iterator[Run]) -> Run:
    from rich.live import Live  # noqa: PLC0415 - 0.2 s, which only a terminal that follows has to pay
    from rich.text import Text  # noqa: PLC0415 - as above

    with Live(refresh_per_second=4) as live:
        before: Run | None = None
        for run in runs:
            if before is not None and before.execution != run.execution:
                live.console.print(_restarted(before))
            live.update(Text.from_ansi("\n".join(text.table(run, brief=True))))
            before = run
    assert before is not None  # noqa: S101 - as above
    return before


def retry(
    ctx: typer.Context,
    stage: Annotated[str | None, typer.Argument(help="The stage that failed, if several have.")] = None,
    *,
    despite_closed: Annotated[
        bool, typer.Option("--despite-closed", help="Also while a window is closed or a freeze holds.")
    ] = False,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
    yes: Yes = False,
) -> None:
    """Start the failed actions of a stage again, with the same commit. What succeeded is not repeated.

    Of a gate that said no, it is judged again. A stage behind a gate is retried only while its windows are open and no
    freeze holds, unless the run is a hotfix.
    """
    connection = connect(ctx, profile=profile, aws=aws)
    confirm(connection, yes=yes, what=f"retry {stage or 'the failed stage'}")
    chosen, execution = run_control.retry(connection.pipeline, stage=stage, despite_closed=despite_closed)
    answer({"stage": chosen, "execution": execution}, f"Stage {chosen} goes on. {FOLLOW}", as_json=as_json)


def stop(
    ctx: typer.Context,
    *,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Do not wait for actions to end. They may go on unseen.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why; kept in the run's history.")] = "",
    execution: Execution = None,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
    yes: Yes = False,
) -> None:
    """Stop the newest run that is going on, or --execution, once its current actions have ended.

    Says which run that was, and which others are alive. `penstock retry` can go on from there.
    """
    connection = connect(ctx, profile=profile, aws=aws)
    runs = run_control.stoppable(connection.pipeline, execution=execution)
    confirm(connection, yes=yes, what=f"stop a run ({runs.chosen})")
    stopped = runs.chosen.execution
    run_control.stop(connection.pipeline, stopped, abandon=abandon, reason=reason)
    answer(
        {"execution": stopped, "abandoned": abandon, "alive": [each.execution for each in runs.others]},
        f"{runs.chosen}: it stops{' now' if abandon else ' once its current actions have ended'}.",
        *(f"Still alive: {other}" for other in runs.others),
        as_json=as_json,
    )


def start(
    ctx: typer.Context,
    *,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
    yes: Yes = False,
) -> None:
    """Start a run of what the pipeline's branch is now, without a push."""
    connection = connect(ctx, profile=profile, aws=aws)
    confirm(connection, yes=yes, what="start a run")
    started = run_control.start(connection.pipeline)
    answer({"execution": started}, f"Execution {started} has started. {FOLLOW}", as_json=as_json)


def logs(  # noqa: PLR0913 - each is an option of the command line
    ctx: typer.Context,
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="ACTION|SERVICE",
            help="An action, or stage/action; with --stage a service. Default: the action that failed, or ran last.",
        ),
    ] = None,
    *,
    stage: Annotated[
        str | None, typer.Option(help="Print what a service logs in this stage, or in `branch`: docs/branch.md.")
    ] = None,
    minutes: Annotated[int, typer.Option(min=1, help="With --stage: how far back.")] = 60,
    frames: Annotated[
        bool, typer.Option("--frames", help="With --stage: also the code that exceptions came by.")
    ] = False,
    follow_: Annotated[bool, typer.Option("--follow", help="Go on until the action ends.")] = False,
    lines: Annotated[int | None, typer.Option(min=1, help="Only the last lines.", metavar="COUNT")] = None,
    execution: Execution = None,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
) -> None:
    """Print what an action printed: the log of its build, or the failed events of its stack.

    With --stage, print what a deployed service logged: its functions, its API's accesses, its workflow's failures.
    """
    if follow_ and as_json:
        raise typer.BadParameter("--follow prints lines for people, as they come: leave it or --json out.")
    if stage is not None:
        if what is None or follow_ or execution is not None:
            raise typer.BadParameter("--stage wants a service, such as ingest, and no --follow or --execution.")
        pipeline = connect(ctx, profile=profile, aws=aws).pipeline
        deployed = environments.find(ctx, pipeline, what, stage)
        found = service_logs.read(pipeline.target, deployed, since=timedelta(minutes=minutes))
        shown = [line for line in found if frames or not line.is_frame]
        _show_service(deployed, shown if lines is None else shown[-lines:], as_json=as_json)
        return
    connection = connect(ctx, profile=profile, aws=aws)
    pipeline = connection.pipeline
    run = pipeline.read(execution)
    chosen = action_logs.choose(run, what)
    typer.secho(f"{chosen.full_name}: {chosen.status}", bold=True, err=True)
    if not follow_:
        printed = action_logs.lines(pipeline, chosen, last=lines)
        document = {"execution": run.execution, "action": chosen.full_name, "status": chosen.status, "lines": printed}
        answer(document, *printed, as_json=as_json)
        return
    try:
        for line in action_logs.followed(pipeline, run, chosen):
            typer.echo(line)
    except KeyboardInterrupt:
        typer.echo("\nFollowing ended; the action goes on.", err=True)
        raise typer.Exit(FOLLOWING_ENDED) from None


def _show_service(deployed: DeployedStack, lines: Sequence[Line], *, as_json: bool) -> None:
    typer.secho(f"{deployed.stack}, {deployed.account} {deployed.region}", bold=True, err=True)
    place = {"stage": deployed.stage, "service": deployed.service, "stack": deployed.stack}
    document = {
        **place,
        "account": deployed.account,
        "region": deployed.region,
        "lines": [each.to_json() for each in lines],
    }
    width = max((len(line.source) for line in lines), default=0)
    answer(
        document,
        *(f"{line.at:%H:%M:%S}  {line.source.ljust(width)}  {line.text}" for line in lines),
        as_json=as_json,
    )
    if not lines:
        typer.echo("Nothing was logged in that time: --minutes goes further back.", err=True)
