"""`penstock denied` and `penstock access`: what IAM denied in the local cloud, and what each role has and uses."""

import json
from typing import Annotated, Any

import typer

from pipeline.cli.connection import Json, connect, local_cloud
from pipeline.local.permissions import Denials, denials
from pipeline.local.permissions import access as roles_access
from pipeline.operate.errors import OperateError
from pipeline.operate.run import Run


def register(app: typer.Typer) -> None:
    """Add these commands to `penstock`."""
    for command in (denied, access):
        app.command()(command)


def denied(
    ctx: typer.Context,
    *,
    execution: Annotated[
        str | None, typer.Option(help="Only what was denied while this run went on.", metavar="ID")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what IAM denied in the local cloud: who, what on which resource, what decided, and what would allow it.

    After `penstock up --iam audit`: what it would have denied. On AWS, CloudTrail has the denials.
    """
    cloud = local_cloud(ctx)
    run = connect(ctx, profile=None, aws=False).pipeline.read(execution) if execution else None
    found = during(cloud.port, run) if run else denials(cloud.port)
    if as_json:
        typer.echo(json.dumps(found.found, indent=2))
        return
    for line in found.lines():
        typer.echo(line)
    typer.echo(count(found))


def access(
    ctx: typer.Context,
    *,
    service: Annotated[str | None, typer.Argument(help="Whose roles, in every stage.")] = None,
    of_pipeline: Annotated[bool, typer.Option("--pipeline", help="The pipeline's own roles.")] = False,
    as_json: Json = False,
) -> None:
    """Show each role's permissions in the local cloud: the actions granted, used in the runs so far, and never used."""
    if (service is None) != of_pipeline:
        raise OperateError("Name a service, or say --pipeline: `penstock access intake`.")
    stacks = "Pipeline*" if service is None else f"*-{service.replace('_', '-')}"
    found = roles_access(local_cloud(ctx).port, stacks)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for role in found:
        _show_role(role)
    if not found:
        raise OperateError(f"The local cloud has no role of a stack {stacks}: is it deployed?")


def during(port: int, run: Run) -> Denials:
    """Return what was denied while a run went on."""
    ends = [action.updated for action in run.actions if action.updated]
    return denials(port, since=run.started, until=None if run.is_live else max(ends, default=None))


def count(found: Denials) -> str:
    """Say how many kinds of calls were denied, and how many an audit let pass."""
    refused = sum(bool(each["enforced"]) for each in found.found)
    passed = len(found.found) - refused
    if not found.found:
        return "IAM denied nothing." if found.enforced else "IAM would have denied nothing."
    said = [f"{_calls(refused)} {'was' if refused == 1 else 'were'} denied"] if refused else []
    return ", ".join([*said, f"{_calls(passed)} would be denied"] if passed else said) + "."


def _calls(several: int) -> str:
    return "1 call" if several == 1 else f"{several} calls"


def _show_role(role: dict[str, Any]) -> None:
    typer.secho(f"{role['stack']}  {role['path']}", bold=True)
    for action, times in role["used"].items():
        typer.echo(f"  used {times:>6} times  {action}")
    for action in role["unused"]:
        typer.echo(f"  never used        {action}")
