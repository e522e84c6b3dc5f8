"""`penstock new`, `promote` and `remove`: edits of the repository's own files, which are committed and pushed after."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.connection import Aws, Json, Profile, connect
from pipeline.operate.errors import OperateError

if TYPE_CHECKING:
    from pipeline.cli.plans import Plan

DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the changes as a diff, and change nothing.")]
ServiceArgument = Annotated[str, typer.Argument(metavar="SERVICE", help="Such as payments, or payments-api.")]


class TierName(StrEnum):
    """How much a failure in a stage costs: services/library/contract/environment.py."""

    SANDBOX = "sandbox"
    PRE_PRODUCTION = "pre-production"
    PRODUCTION = "production"


new = typer.Typer(help="Add a service or a stage to this repository.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add these commands to `penstock`."""
    app.add_typer(new, name="new")
    for command in (promote, remove):
        app.command()(command)


@new.command()
def service(
    ctx: typer.Context,
    name: ServiceArgument,
    *,
    owner: Annotated[
        str | None, typer.Option(help="@organisation/team. Default: a team called as the service.")
    ] = None,
    personal_data: Annotated[
        bool, typer.Option(help="Whether it handles data of people: then the HIPAA rules apply to it, too.")
    ] = True,
    worker: Annotated[
        bool, typer.Option("--worker", help="Also a queue with a worker, which a schedule starts.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Write a complete small service to services/NAME, and list it in the first stage.

    An API over a function and a table, with settings, stack, runtime, tests, overrides and a page; with --worker also
    what works on a queue, and a schedule that sends to it. `make check` passes.
    One file that is written by hand is edited, that of the first stage. Nothing is overwritten, and a command that was
    cut off can be given again. docs/add-a-service.md goes on from there.
    """
    from pipeline.cli import plans  # noqa: PLC0415 - two seconds of imports, which no other command should pay

    plan = plans.new_service(
        ctx.ensure_object(Path), name, owner=owner, personal_data=personal_data, with_worker=worker
    )
    carry_out(plan, dry_run=dry_run, as_json=as_json)


@new.command()
def stage(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="STAGE", help="Such as canary, or prod-eu.")],
    *,
    after: Annotated[str, typer.Option(help="The stage, or wave, that is released before it.")],
    account: Annotated[str, typer.Option(help="12 digits, or a constant of stages/accounts.py.")],
    region: Annotated[str, typer.Option(help="Such as eu-west-1, or a constant of stages/accounts.py.")],
    tier: Annotated[TierName, typer.Option(help="Decides the defaults for data, logs, alarms and approval.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Write stages/STAGE.py, and list the stage in the promotion order.

    An account or region that stages/accounts.py does not have yet gets a constant there. The stage deploys nothing
    until a service is promoted to it.
    """
    from pipeline.cli import plans  # noqa: PLC0415 - as above

    plan = plans.new_stage(ctx.ensure_object(Path), name, after=after, account=account, region=region, tier=tier.name)
    carry_out(plan, dry_run=dry_run, as_json=as_json)


def promote(
    ctx: typer.Context,
    name: ServiceArgument,
    *,
    to: Annotated[
        str | None, typer.Option(help="A stage or wave; each on the way that lacks it gets it, too.", metavar="STAGE")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """List a service in the next stage of the promotion order, with the settings that it has in the one before.

    What an entry says for its stage alone is not taken along: steps, release, tracing, override, acknowledgements. The
    output names it. One that is there already is left as it is.
    """
    from pipeline.cli import plans  # noqa: PLC0415 - as above

    carry_out(plans.promote(ctx.ensure_object(Path), name, to=to), dry_run=dry_run, as_json=as_json)


def remove(  # noqa: PLR0913 - each is an option of the command line
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="SERVICE", help="With --finish: all, unless given.")] = None,
    *,
    stage: Annotated[
        list[str] | None, typer.Option(help="Only from this stage; again for another. Default: every stage.")
    ] = None,
    why: Annotated[
        str | None, typer.Option(help="What a stranger can judge in a year, in 20 characters or more.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Team that owns the removal. Default: the service's owner.")] = None,
    never_deployed: Annotated[
        bool, typer.Option("--never-deployed", help="Forget it at once, if no push has brought it to the pipeline.")
    ] = False,
    finish: Annotated[
        bool, typer.Option("--finish", help="Forget what the pipeline has removed; answers 1 while any is left.")
    ] = False,
    delete_code: Annotated[
        bool, typer.Option("--delete-code", help="With --finish: also delete the folder of a service in no stage.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
) -> None:
    """Take a service out of its stages, with a tombstone that has the pipeline delete its stacks.

    The pipeline looks at what is deployed before it deletes, and refuses to lose production data. Once the run has
    passed, --finish reads what became of it, and takes the tombstones and the lines of stages/deployed.json out.
    docs/remove.md shows the whole way.
    """
    root = ctx.ensure_object(Path)
    if finish:
        if why is not None or owner is not None or stage:
            raise OperateError("--finish takes what was removed as it is: leave out --stage, --why and --owner.")
        if delete_code and name is None:
            raise OperateError("--delete-code deletes one service's folder: name the service.")
        from pipeline.cli import removal_cleanup  # noqa: PLC0415 - as above

        target = connect(ctx, profile=profile, aws=aws).pipeline.target
        plan, left = removal_cleanup.finish(root, target, name, delete_code=delete_code)
        carry_out(plan, dry_run=dry_run, as_json=as_json)
        raise typer.Exit(1 if left else 0)
    if name is not None and never_deployed and why is None and not stage:
        from pipeline.cli import undeployed  # noqa: PLC0415 - as above

        carry_out(undeployed.forget(root, name), dry_run=dry_run, as_json=as_json)
        return
    if never_deployed:
        raise OperateError("--never-deployed takes a service out whole: name it, and leave out --stage and --why.")
    if name is None or why is None:
        raise OperateError("Give the service, and --why in a sentence; or --finish, once the pipeline has removed it.")
    if delete_code:
        raise OperateError("--delete-code goes with --finish: until the stacks are gone, their code is needed.")
    from pipeline.cli import plans  # noqa: PLC0415 - as above

    plan = plans.remove(root, name, stages=stage or (), why=why, owner=owner)
    carry_out(plan, dry_run=dry_run, as_json=as_json)


def carry_out(plan: "Plan", *, dry_run: bool, as_json: bool) -> None:
    """Write the files, or show what would be written; and say what is next."""
    changes = plan.draft.changes()
    if not dry_run:
        plan.draft.apply(changes)
    if as_json:
        shown = [{"file": each.file.as_posix(), "change": each.verb, "diff": each.diff()} for each in changes]
        typer.echo(
            json.dumps({"applied": not dry_run, "changes": shown, "said": plan.said, "next": plan.next}, indent=2)
        )
        return
    for change in changes:
        typer.echo(change.diff() if dry_run else f"{change.verb:<6}  {change.file}", nl=not dry_run)
    for line in plan.said:
        typer.echo(line)
    if dry_run:
        typer.echo("Nothing was changed.")
    elif plan.next:
        typer.echo("\nNext:")
        for line in plan.next:
            typer.echo(f"  {line}")
