"""`penstock alarms` and `penstock trace`: what deployed services say of themselves."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from pipeline.cli import environments
from pipeline.cli.connection import Aws, Json, Profile, connect
from pipeline.operate import alarms as firing_alarms
from pipeline.operate import service_rollbacks, traces
from pipeline.operate.alarms import FiringAlarm
from pipeline.operate.errors import OperateError
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.pipeline import Pipeline


def register(app: typer.Typer) -> None:
    """Add these commands to `penstock`."""
    for command in (alarms, trace):
        app.command()(command)


def alarms(
    ctx: typer.Context,
    *,
    stage: Annotated[str | None, typer.Option(help="Only this stage, or `branch`: docs/branch.md.")] = None,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
) -> None:
    """List the alarms that fire, each with the page that says what to do, and how the service's last release goes back.

    Answers 0 if none does, else 1.
    """
    pipeline = connect(ctx, profile=profile, aws=aws).pipeline
    there = environments.read(ctx, pipeline, stage)
    found = list(firing_alarms.firing(pipeline.target, there))
    commands = _commands(pipeline, there, found)
    if as_json:
        typer.echo(
            json.dumps(
                [
                    {"stage": each.stage, "service": each.service, "alarm": each.name, "says": each.says}
                    | {"since": each.since.isoformat(), "rollback": commands.get((each.stage, each.service), "")}
                    for each in found
                ],
                indent=2,
            )
        )
    else:
        for each in found:
            since = f"since {each.since.astimezone():%Y-%m-%d %H:%M:%S}"
            typer.echo(f"{typer.style(f'{each.stage}/{each.service}', fg='red')}  {since}  {each.says}")
        for (at, service), command in commands.items():
            typer.echo(f"If its last release did it, {at}/{service} goes back by  {command}")
        if not found:
            typer.echo("No alarm fires.")
    raise typer.Exit(1 if found else 0)


def _commands(
    pipeline: Pipeline, there: Sequence[DeployedStack], found: Sequence[FiringAlarm]
) -> dict[tuple[str, str], str]:
    """Return how each service goes back of which an alarm fires, where a run has changed it and another was before."""
    firing = {(each.stage, each.service): each.name for each in found}
    services = [each for each in there if (each.stage, each.service) in firing and each.changed]
    if not services:
        return {}
    try:
        found_back = service_rollbacks.of_services(pipeline, services)
    except OperateError:
        return {}  # who may not read the pipeline's history still hears of alarms
    rollbacks = {(each.stage, each.service): each for each in found_back}
    commands = {place: each.command(f"{firing[place]} fires") for place, each in rollbacks.items()}
    return {place: command for place, command in commands.items() if command}


def trace(
    ctx: typer.Context,
    service: Annotated[str, typer.Argument(help="The service whose workflow began it, such as intake.")],
    *,
    stage: Annotated[str, typer.Option(help="The stage that it runs in, or `branch`: docs/branch.md.")],
    execution: Annotated[
        str | None, typer.Option(help="Which one, by its name: the id that intake answered. Default: the latest.")
    ] = None,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
) -> None:
    """Show the trace that an execution of a service's workflow belongs to: each call that was made in it."""
    pipeline = connect(ctx, profile=profile, aws=aws).pipeline
    found = traces.read(pipeline.target, environments.find(ctx, pipeline, service, stage), execution=execution)
    if as_json:
        spans = [
            {"began": each.began, "ended": each.ended, "what": each.what, "status": each.status} for each in found.spans
        ]
        typer.echo(json.dumps({"trace": found.id, "execution": found.execution, "spans": spans}, indent=2))
        return
    typer.echo(f"{typer.style(found.id, bold=True)}  execution {found.execution}")
    for each in found.spans:
        after, took = each.began - found.spans[0].began, (each.ended - each.began) * 1000
        typer.echo(f"{after:8.3f} s  {took:6.0f} ms  {each.status or '   '}  {each.what}")
    if not found.spans:
        typer.echo(
            "X-Ray has no spans of it, or none yet: on AWS that may take half a minute; and where Transaction Search is"
            " on in CloudWatch, spans are in the log group aws/spans instead."
        )
