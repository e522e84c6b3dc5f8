"""`penstock ledger`: keeps stages/deployed.json in step with the catalogue."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from botocore.exceptions import ClientError

from pipeline.cli import loading
from pipeline.cli.connection import Aws, Profile, connect
from pipeline.operate.target import Target

if TYPE_CHECKING:
    from stages.model import Shipped


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command()(ledger)


def ledger(
    ctx: typer.Context,
    *,
    finish: Annotated[
        bool, typer.Option("--finish", help="Take out what the pipeline has removed; answers 1 while any is left.")
    ] = False,
    profile: Profile = None,
    aws: Aws = False,
) -> None:
    """Add what the catalogue ships to stages/deployed.json, which is committed with it.

    The file lists every stack that was ever shipped: this is how synth notices one that is in no stage any more, and
    that CDK Pipelines would leave behind. With --finish, stacks with a tombstone go as well, once the pipeline's record
    says that each is deleted. docs/remove.md shows the whole way.
    """
    catalogue = loading.whole(ctx.ensure_object(Path))
    from stages import ledger as shipped  # noqa: PLC0415 - a second of imports, which `--help` need not wait for
    from stages.removed import REMOVED  # noqa: PLC0415 - as above

    before = shipped.read()
    after = {*before, *shipped.ships(catalogue)}
    left: list[Shipped] = []
    if finish:
        target = connect(ctx, profile=profile, aws=aws).pipeline.target
        for each in shipped.removals(catalogue, before, REMOVED):
            record = _record(target, each)
            # The record may be of an earlier removal, of a stack that came back since.
            if record is None or _is_there(target, each):
                left.append(each)
                typer.echo(f"still there  {each.stack}  {each.account}  {each.region}")
                continue
            after.remove(each)
            typer.echo(f"removed  {each.stack}  {each.account}  {each.region}")
            for kept in record["kept"]:
                typer.echo(f"  kept, and no longer anybody's: {kept}")
    if after != set(before):
        shipped.write(after)
    for each in sorted(after - set(before)):
        typer.echo(f"added  {each.stack}  {each.account}  {each.region}")
    typer.echo(f"stages/deployed.json lists {len(after)} stacks.")
    if finish and not left and REMOVED:
        typer.echo("Take the tombstones out of stages/removed.py, and commit both.")
    raise typer.Exit(1 if left else 0)


def _is_there(target: Target, stack: "Shipped") -> bool:
    """Whether its account has the stack."""
    client = target.client("cloudformation", account=stack.account, region=stack.region)
    try:
        client.describe_stacks(StackName=stack.stack)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return False
        raise
    return True


def _record(target: Target, stack: "Shipped") -> dict[str, Any] | None:
    """What the removal of a stack wrote down, if it has ended."""
    try:
        value = target.client("ssm").get_parameter(Name=stack.removal_record)["Parameter"]["Value"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ParameterNotFound":
            return None
        raise
    record: dict[str, Any] = json.loads(value)
    return record
