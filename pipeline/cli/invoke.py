"""`penstock invoke`: one function with an event of one's own."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import environments
from pipeline.cli.answer import answer
from pipeline.cli.connection import Aws, Json, Profile, Yes, confirm_name, connect_to_stack
from pipeline.operate import functions
from pipeline.operate.errors import OperateError


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command()(invoke)


def invoke(
    ctx: typer.Context,
    function: Annotated[
        str, typer.Argument(metavar="SERVICE[/FUNCTION]", help="Such as ingest/Consumer; ingest, if it has only one.")
    ],
    *,
    event: Annotated[
        str | None,
        typer.Option(help="A file with the event as JSON; - is the input. Default: {}.", metavar="FILE"),
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option(help="Where, or `branch`. Default: the first stage that lists it, of those without approval."),
    ] = None,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
    yes: Yes = False,
) -> None:
    """Call a function of a deployed service with an event, and print its answer and the end of its log.

    Answers 0 if the function returned, 1 if it raised. On AWS the credentials must lead to the stage's own account, and
    the stack's name is asked for.
    """
    service, _, name = function.partition("/")
    payload = _read(event)
    deployed = environments.stack_of(ctx, service, stage)
    target = connect_to_stack(
        ctx, deployed.stack, account=deployed.account, region=deployed.region, profile=profile, aws=aws
    )
    chosen = functions.choose(functions.functions_of(target, deployed), name, service=service)
    confirm_name(target, yes=yes, what=f"call {chosen.name} of {service}", name=deployed.stack, of="stack")
    found = functions.invoke(target, deployed, chosen, payload)
    document = {"stack": deployed.stack, "function": chosen.name, "error": found.error, "answer": found.payload}
    if not as_json:
        typer.secho(found.log.rstrip(), dim=True, err=True)
    answer({**document, "log": found.log}, found.payload, as_json=as_json)
    raise typer.Exit(1 if found.error else 0)


def _read(event: str | None) -> bytes:
    try:
        text = "{}" if event is None else sys.stdin.read() if event == "-" else Path(event).read_text(encoding="utf-8")
        json.loads(text)
    except (OSError, ValueError) as error:
        raise OperateError(f"--event {event} cannot be read as JSON: {error}") from error
    return text.encode()
