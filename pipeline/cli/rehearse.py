"""`penstock rehearse`: a release of a stage in a local cloud of its own, with what may go wrong."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import loading, local, text
from pipeline.cli.answer import answer as print_answer
from pipeline.cli.connection import Json
from pipeline.cli.process import output_of
from pipeline.local import first_deployment, lifecycle
from pipeline.local.lifecycle import PARENT, CloudLocation, LocalCloud
from pipeline.local.processes import free_port
from pipeline.operate.errors import OperateError
from pipeline.operate.live_runs import CANCELLED
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import Action, Stage
from pipeline.operate.target import local_target
from pipeline.rehearsal import assembly_files, faults
from pipeline.rehearsal.faults import FailedAction, FailedDeployment, Fault
from pipeline.rehearsal.rehearsal import Outcome, Rehearsal
from pipeline.rehearsal.script import Answer, Script
from pipeline.rehearsal.single_stage import StackTemplate, single_stage, source_artifacts, stack_templates
from pipeline.rehearsal.traffic import TrafficChange
from pipeline.review.read.synthesis import clean_environment
from pipeline.settings import SETTINGS

STOPPED = 1


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command()(rehearse)


def rehearse(  # noqa: PLR0913 - each is an option of the command line
    ctx: typer.Context,
    stage: Annotated[str, typer.Argument(help="The stage or wave, such as prod.")],
    *,
    fault: Annotated[
        list[str] | None, typer.Option(help=f"What goes wrong: {faults.ALLOWED}. Again for another.", metavar="FAULT")
    ] = None,
    reject: Annotated[bool, typer.Option("--reject", help="Say no at the approval.")] = False,
    no_answer: Annotated[
        bool, typer.Option("--no-answer", help="Let nobody answer the approval until its time is over.")
    ] = False,
    updated: Annotated[
        bool,
        typer.Option("--updated", help="The pipeline was updated since the release before: nothing to go back to."),
    ] = False,
    traffic: Annotated[
        bool, typer.Option("--traffic/--no-traffic", help="Whether services get the requests that the bake wants.")
    ] = True,
    freeze: Annotated[
        str | None, typer.Option(help="A freeze until then begins while the release waits.", metavar="MOMENT")
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="When it begins, such as 2026-12-24T23:00+01:00. Default: now.", metavar="MOMENT")
    ] = None,
    first: Annotated[
        bool, typer.Option("--first", help="Rehearse the first release ever: there is none to go back to.")
    ] = False,
    assembly: Annotated[
        Path | None, typer.Option(help="A folder that `make synth` wrote. Default: synthesise this checkout.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Release this commit to one stage in a local cloud of its own, and say what stopped it and what was left.

    The gate, the stage, its roles and its conditions are the synthesised ones. The release before it is of the same
    commit. Hours of a bake are seconds. The cloud is erased at the end; AWS and `make up`'s cloud are not touched.
    Answers 0 if the release went through, and 1 if something stopped it. docs/rehearse.md has examples.
    """
    checkout = ctx.ensure_object(Path)
    chosen = faults.parse(fault or ())
    if reject and no_answer:
        raise typer.BadParameter("--reject is an answer: give it or --no-answer.")
    if first and updated:
        raise typer.BadParameter("--first has no release before it, so that --updated changes nothing.")
    if first and any(not isinstance(each, FailedDeployment | FailedAction) for each in chosen):
        raise typer.BadParameter(
            "--first takes deployment=SERVICE and action=NAME alone: alarms are there, and traffic to shift, once it is"
            " deployed."
        )
    freeze_until, begins = (None if each is None else _moment(each) for each in (freeze, at))
    catalogue = loading.whole(checkout)
    folder = assembly or _synthesise(checkout)
    template = assembly_files.read_pipeline(folder)
    rehearsed = single_stage(template, stage, is_first_judged=first)
    stacks = stack_templates(template, stage)
    script = Script(
        answer=Answer.REJECT if reject else Answer.NONE if no_answer else Answer.APPROVE,
        replaced=_replaced(folder, stacks, chosen),
        faults=[each for each in chosen if not isinstance(each, FailedDeployment | FailedAction)],
        failing=[each.action for each in chosen if isinstance(each, FailedAction)],
        is_updated_before=updated,
        has_traffic=traffic,
        freeze_until=freeze_until,
        at=begins,
    )
    show = _ignore if as_json else _show
    with _cloud(checkout) as cloud:
        local.prepare_accounts(cloud, catalogue)  # the assets of all stages are published by one build
        rehearsal = Rehearsal(
            cloud=cloud,
            pipeline=_pipeline(cloud),
            stage=stage,
            assembly=folder,
            stacks=stacks,
            sources=source_artifacts(template),
        )
        code = partial(_code, checkout, cloud.place.home / "code.zip")
        rehearsal.prepare(code, script if first else Script())
        _deploy(cloud, checkout, assembly_files.copy_with(folder, rehearsed, cloud.place.home / "assembly"))
        if first:
            outcome = rehearsal.first_release(script, show)
        else:
            _say("The release before, of this commit as well")
            _require(rehearsal.first_release(Script(), _ignore))
            _say("The release that is rehearsed")
            outcome = rehearsal.release(script, show)
    print_answer(outcome.to_json(), *_lines(outcome, stage), as_json=as_json)
    raise typer.Exit(0 if outcome.went_through else STOPPED)


def _synthesise(checkout: Path) -> Path:
    """Return the folder of this checkout's assembly, made anew as far as something has changed."""
    _say("Synthesising")
    done = subprocess.run(
        [checkout / ".venv/bin/python", "-m", "pipeline.synthesis"],
        cwd=checkout,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise OperateError(f"`make synth` fails, so there is nothing to release:\n{done.stderr.strip()}")
    return checkout / "cdk.out"


def _replaced(assembly: Path, stacks: Sequence[StackTemplate], chosen: Sequence[Fault]) -> Mapping[str, str]:
    templates = assembly_files.changed(assembly, stacks)
    for fault in chosen:
        if isinstance(fault, FailedDeployment):
            templates = assembly_files.with_fault(templates, stacks, fault.service)
    return templates


def _moment(given: str) -> datetime:
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise OperateError(f"{given!r} is not allowed; give a moment with its zone, such as 2026-12-24T23:00+01:00.")
    return found


@contextmanager
def _cloud(checkout: Path) -> Iterator[LocalCloud]:
    """Start a local cloud of its own, which ends with this process at the latest; it is erased afterwards."""
    place = CloudLocation(home=checkout / ".penstock/rehearsal", port=free_port())
    if lifecycle.find(place) is not None:
        raise OperateError(f"A rehearsal goes on in {place.home} already: wait until it has ended.")
    shutil.rmtree(place.home, ignore_errors=True)
    environment = local.environment_of(checkout) | {PARENT: str(os.getpid())}
    python = checkout / ".venv/emulator/bin/python"
    try:
        yield lifecycle.start(place, environment=environment, python=python, progress=_say)
    finally:
        lifecycle.erase(place)
        shutil.rmtree(place.home, ignore_errors=True)


def _pipeline(cloud: LocalCloud) -> Pipeline:
    account, region, bootstrap = SETTINGS.account, SETTINGS.region, SETTINGS.bootstrap
    target = local_target(cloud.endpoint, secret=cloud.root_secret, account=account, region=region, bootstrap=bootstrap)
    return Pipeline(target=target, name=SETTINGS.name)


def _code(checkout: Path, file: Path, folder: str) -> bytes:
    """Return what is committed in a folder, as a zip: the steps of the stage run in it."""
    if output_of(checkout, "git", "archive", "--format=zip", f"--output={file}", f"HEAD:{folder}") is None:
        raise OperateError(f"No commit of {checkout} has {folder or 'a file'}: `git commit` first.")
    return file.read_bytes()


def _deploy(cloud: LocalCloud, checkout: Path, assembly: Path) -> None:
    _say("Deploying the pipeline with this stage alone")
    home = cloud.place.home / "home"
    home.mkdir()
    first_deployment.run(
        local.STACK,
        "--app",
        str(assembly),
        checkout=checkout,
        output=cloud.place.home / "cdk.out",
        environment=first_deployment.cdk_environment(
            os.environ, cloud, account=SETTINGS.account, region=SETTINGS.region, home=home
        ),
        progress=_say,
    )


def _require(outcome: Outcome) -> None:
    if not outcome.went_through:
        raise OperateError("\n".join(["The release before did not go through:", *_stopped(outcome)]))


def _lines(outcome: Outcome, stage: str) -> Iterator[str]:
    if outcome.went_through:
        yield typer.style(f"The release of {stage} went through.", fg="green")
    else:
        yield typer.style(f"The release of {stage} was stopped.", fg="red")
        yield from _stopped(outcome)
    if outcome.rollback is not None:
        yield f"CodePipeline rolled {stage} back: {outcome.rollback.status}"
    elif not outcome.went_through:
        yield f"Nothing rolled {stage} back."
    yield from (f"  {stack}: {left}" for stack, left in outcome.left.items())
    for shift in outcome.shifts:
        if shift.went_back:
            yield f"  {shift.alias.name}: all of its traffic went back to version {shift.old}"


def _stopped(outcome: Outcome) -> Iterator[str]:
    if outcome.run.status == CANCELLED:
        yield "  An update of the pipeline cancelled it: what it has deployed stays, and its bake counts for nothing."
    for action, lines in outcome.reasons.items():
        yield f"  {action}"
        yield from (f"    | {line}" for line in lines)


def _show(change: Stage | Action | TrafficChange) -> None:
    if isinstance(change, TrafficChange):
        typer.echo(text.format_note(f"{change.alias}: {change.said}"))
    else:
        typer.echo(text.format_change(change))


def _ignore(_change: Stage | Action | TrafficChange) -> None:
    """Show nothing."""


def _say(line: str) -> None:
    typer.echo(line, err=True)
