"""`penstock redrive`: sends records or messages again that a consumer could not process, and mended ones."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import ClientError

from pipeline.cli import loading
from pipeline.cli.connection import Aws, Json, Profile, Yes, confirm_name, connect_to_stack
from pipeline.operate.errors import OperateError
from pipeline.operate.target import Target
from services.library.operations.consumer import DeployedQueue, RedriveError, choose
from services.library.operations.dead_letters import DeadLetterRedrive
from services.library.operations.quarantine import read_mended
from services.library.operations.records import DONE, RedriveResult, RedriveVerdict
from services.library.operations.redrive import Redrive, RedriveRequest

COLOURS = {RedriveVerdict.SENT: "green", RedriveVerdict.ALREADY: "bright_black", RedriveVerdict.WOULD_SEND: "cyan"}
WIDTH = max(len(verdict) for verdict in RedriveVerdict)


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command()(redrive)


def redrive(  # noqa: PLR0913 - each is an option of the command line
    ctx: typer.Context,
    service: Annotated[str, typer.Argument(help="The service that has the consumer, such as ingest.")],
    *,
    stage: Annotated[str, typer.Option(help="The stage that it runs in.")],
    consumer: Annotated[
        str | None,
        typer.Option(help="Key of the stack output that describes it, if there are several; a queue's, too."),
    ] = None,
    apply_: Annotated[bool, typer.Option("--apply", help="Send them. Without it nothing is sent or changed.")] = False,
    save: Annotated[
        Path | None,
        typer.Option(help="Write each quarantined payload or dead letter to a file in this folder, to be mended."),
    ] = None,
    mended: Annotated[
        Path | None, typer.Option(help="Send the mended payloads in this folder, or in this one file.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Send quarantined payloads as they are: the consumer has been mended.")
    ] = False,
    since: Annotated[
        datetime | None,
        typer.Option(help="Also send all that came into the stream from then on (UTC).", metavar="TIME"),
    ] = None,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
    yes: Yes = False,
) -> None:
    """Show, or with --apply send, what a stream consumer or a queue's worker could not process: a verdict for each.

    Answers 0 if nothing is left to do, else 1. It can be interrupted and repeated: each record of a stream is processed
    once, each message of a queue at least once. On AWS the credentials must lead to the stage's own account.
    """
    if save is not None and (apply_ or mended is not None):
        raise typer.BadParameter("--save only writes files; mend them, then give them with --mended.")
    listed, value = loading.find_entry(ctx.ensure_object(Path), service, stage)
    environment = listed.environment
    stack = value.stack_name(environment)
    target = connect_to_stack(
        ctx, stack, account=environment.account, region=environment.region, profile=profile, aws=aws
    )
    try:
        found = choose(_outputs(target, stack), named=consumer, stack=stack)
        request = RedriveRequest(
            applies=apply_,
            mended=read_mended(mended) if mended is not None else {},
            again=again,
            since=since.replace(tzinfo=UTC) if since is not None else None,
        )
        tool: Redrive | DeadLetterRedrive
        if isinstance(found, DeployedQueue):
            tool = DeadLetterRedrive(found, client=target.client)
        else:
            tool = Redrive(found, client=target.client)
        saved = tool.save(save) if save is not None else []
        if apply_:
            confirm_name(target, yes=yes, what="send records to the consumer again", name=stack, of="stack")
        lines = _print_verdicts(tool.run(request), silent=as_json)
    except RedriveError as error:
        raise OperateError(str(error)) from error
    counts = Counter(line.verdict for line in lines)
    if as_json:
        document = {
            "stack": stack,
            "applied": apply_,
            "counts": {verdict.value: counts[verdict] for verdict in RedriveVerdict},
            "records": [line.to_json() for line in lines],
            "saved": [str(file) for file in saved],
        }
        typer.echo(json.dumps(document, indent=2))
    else:
        for line in _summary(counts, applied=apply_, saved=saved):
            typer.echo(line)
    raise typer.Exit(0 if set(counts) <= DONE else 1)


def _outputs(target: Target, stack: str) -> dict[str, str]:
    try:
        (described,) = target.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if "does not exist" not in error.response["Error"]["Message"]:
            raise
        raise OperateError(f"Stack {stack} is not deployed yet.") from error
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def _print_verdicts(lines: Iterator[RedriveResult], *, silent: bool) -> Sequence[RedriveResult]:
    """Print each verdict as it is reached, and answer all."""
    kept = []
    for line in lines:
        kept.append(line)
        if not silent:
            verdict = typer.style(line.verdict.value.ljust(WIDTH), fg=COLOURS.get(line.verdict, "red"))
            note = f"  {line.note}" if line.note else ""
            place = f"{line.shard} {line.sequence}  " if line.shard else ""
            typer.echo(f"{verdict}  {place}{line.source}{note}")
    return kept


def _summary(counts: Counter[RedriveVerdict], *, applied: bool, saved: Sequence[Path]) -> Iterator[str]:
    yield ", ".join(f"{count} {verdict.value}" for verdict, count in sorted(counts.items())) or "Nothing is waiting."
    if counts[RedriveVerdict.WOULD_SEND] and not applied:
        yield "Nothing was sent: --apply sends them."
    if saved:
        yield f"Wrote {len(saved)} payloads to {saved[0].parent}. They may be about patients: delete them afterwards."
    if counts[RedriveVerdict.QUARANTINED] and not saved:
        yield "Quarantined records wait to be mended: --save FOLDER, edit, then --mended FOLDER. docs/redrive.md"
    if counts[RedriveVerdict.FAILED]:
        yield "The consumer failed for now; its log says why. The same command tries again, and sends no record twice."
