"""`penstock outputs` and `penstock call`: what the pipeline has deployed, and a request to it."""

import json
import uuid
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import environments, example
from pipeline.cli.connection import Aws, Json, Profile, Yes, confirm, connect
from pipeline.operate import call as signed
from pipeline.operate.errors import OperateError


def register(app: typer.Typer) -> None:
    """Add these commands to `penstock`."""
    for command in (outputs, call):
        app.command()(command)


def outputs(
    ctx: typer.Context,
    stage: Annotated[str | None, typer.Argument(help="Only this stage, or `branch`: docs/branch.md.")] = None,
    *,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
) -> None:
    """List what is deployed: each stage's services, where they are, and the outputs of their stacks.

    On AWS the stages' accounts are read by the lookup role of their bootstrap stack.
    """
    pipeline = connect(ctx, profile=profile, aws=aws).pipeline
    found = environments.read(ctx, pipeline, stage)
    if as_json:
        stages: dict[str, dict[str, object]] = {}
        for each in found:
            stages.setdefault(each.stage, {})[each.service] = {
                "stack": each.stack,
                "account": each.account,
                "region": each.region,
                "status": each.status,
                "outputs": each.usable_outputs(pipeline.target),
            }
        typer.echo(json.dumps(stages, indent=2))
        return
    if not found:
        typer.echo("The pipeline deploys nothing yet: a service ships by a line in its stage, such as stages/dev.py.")
    for each in found:
        state = each.status or "not deployed yet"
        typer.echo(f"{typer.style(f'{each.stage}/{each.service}', bold=True)}  {each.account} {each.region}  {state}")
        for name, value in each.usable_outputs(pipeline.target).items():
            typer.echo(f"    {name}  {value}")


def call(  # noqa: PLR0913 - each is an option of the command line
    ctx: typer.Context,
    service: Annotated[
        str | None, typer.Argument(help="Which service, if several have a URL. Default for the example: intake.")
    ] = None,
    *,
    stage: Annotated[
        str | None,
        typer.Option(help="The stage to call, or `branch`. Default: the first that has it, of those without approval."),
    ] = None,
    get: Annotated[bool, typer.Option("--get", help="Get what is at the path, and post nothing.")] = False,
    path: Annotated[str, typer.Option(help="Below the service's URL, such as Patient/p-1.")] = "",
    body: Annotated[
        str | None,
        typer.Option(help="JSON, or @FILE that holds it. Default: what intake takes.", metavar="JSON|@FILE"),
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Makes a repeated call the same submission. Default: a new one.")
    ] = None,
    output: Annotated[str, typer.Option(help="Key of the stack output that holds the URL.")] = "Url",
    curl: Annotated[bool, typer.Option("--curl", help="Print the request as a curl line and send nothing.")] = False,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
    yes: Yes = False,
) -> None:
    """Post a body to a deployed service, or --get what it has, signed with AWS SigV4, and print its answer.

    Answers 0 if the service answered 2xx, else 1. On AWS the request is signed with your own credentials, which must
    be allowed to invoke the API, and a post asks for the pipeline's name.
    """
    if get and (body is not None or idempotency_key is not None):
        raise typer.BadParameter("--get sends no body and no key; leave one or the other out.")
    needs_example = body is None and not get
    text = None if get else _read(example.BODY if body is None else body)
    connection = connect(ctx, profile=profile, aws=aws)
    target = connection.pipeline.target
    default = example.SERVICE if needs_example and not path else None
    there = environments.read(ctx, connection.pipeline, stage)
    if stage is None:
        there = signed.first_stage(there, service=service, output=output)
    chosen = signed.choose(there, service=service, output=output, otherwise=default)
    if needs_example and chosen.service != example.SERVICE:
        raise OperateError(f"Nothing says what {chosen.service} takes: give --body JSON or --body @FILE, or --get.")
    request = signed.to_service(
        target, chosen, body=text, path=path, output=output, idempotency_key=idempotency_key or str(uuid.uuid4())
    )
    if curl:
        typer.echo(signed.curl(target, request))
        return
    if not get:
        confirm(connection, yes=yes, what=f"post to {chosen.service} in {chosen.stage}")
    answer = signed.send(target, request)
    if as_json:
        typer.echo(json.dumps({"status": answer.status, "headers": dict(answer.headers), "body": answer.body}))
    else:
        typer.echo(f"HTTP {answer.status} from {chosen.stage}/{chosen.service}", err=True)
        typer.echo(answer.body)
    raise typer.Exit(0 if 200 <= answer.status < 300 else 1)


def _read(body: str) -> str:
    if not body.startswith("@"):
        return body
    try:
        return Path(body[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OperateError(f"--body {body} cannot be read: {error}") from error
