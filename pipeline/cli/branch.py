"""`penstock branch`: a branch's own copy of some services, for some days, beside main's in the development account."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.cli import loading, local
from pipeline.cli.connection import Aws, Json, Profile, confirm_name, local_cloud
from pipeline.cli.process import output_of
from pipeline.local import bootstrap, first_deployment
from pipeline.operate.branches import (
    BranchEnvironment,
    Branches,
    BranchStack,
    aws_branches,
    local_branches,
)
from pipeline.operate.errors import OperateError
from pipeline.operate.outputs import usable_url
from pipeline.operate.target import Target
from pipeline.settings import SETTINGS
from services.library.contract import names

if TYPE_CHECKING:
    from pipeline.catalogue.branch import Branch
    from services.library.contract.environment import Environment

DURATION = re.compile(r"(?P<count>\d{1,4})(?P<unit>[hd])")
LONGEST = timedelta(days=14)

group = typer.Typer(
    name="branch",
    help="A branch's own copy of some services, for some days, beside main's in the development account.",
    epilog="docs/branch.md tells what is in one, what it may do, and what is left of it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Named = Annotated[str | None, typer.Option("--branch", help="Another branch than the one checked out.", metavar="NAME")]
Yes = Annotated[bool, typer.Option("--yes", help="On AWS, do not ask for the environment's prefix.")]


def register(app: typer.Typer) -> None:
    """Add these commands to `penstock`."""
    for command in (up, down, sweep):
        group.command()(command)
    group.command("list")(list_)
    app.add_typer(group)


def up(
    ctx: typer.Context,
    *,
    branch: Named = None,
    services: Annotated[
        str, typer.Option(help="Only these, and what they need, such as intake,ingest. Default: all of the stage.")
    ] = "",
    expires: Annotated[str, typer.Option(help="How long it is kept: 12h, or 3d; 14d at most.")] = "3d",
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
) -> None:
    """Deploy this checkout, as it is, as the branch's environment. Again: bring it to this checkout, and extend it.

    Its services are those of the stage dev, with their settings there; its names begin with branch-, and it meets
    neither main's stacks nor another branch's. It takes a minute; `penstock branch list` shows it afterwards.
    """
    made = _branch(ctx.ensure_object(Path), branch, services=services, ends=_now() + _duration(expires))
    target, found = deploy(ctx, made, profile=profile, aws=aws)
    _show(target, [found], as_json=as_json)


def deploy(
    ctx: typer.Context, made: "Branch", *, profile: str | None = None, aws: bool = False
) -> tuple[Target, BranchEnvironment]:
    """Deploy this checkout as a branch's environment; return where it is, and what is there then."""
    checkout = ctx.ensure_object(Path)
    place = _checked(made)
    environment = _environment_of_cdk(ctx, place, profile=profile, aws=aws)
    words = [f"branch={made.name}", f"expires={made.expires.strftime(names.MOMENT)}"]
    words += [f"services={','.join(made.services)}"] if made.services else []
    first_deployment.run(
        f"{place.label}/*",
        *(word for each in words for word in ("-c", each)),
        *(("--profile", profile) if profile else ()),
        checkout=checkout,
        output=checkout / ".penstock/branches" / made.prefix,
        environment=environment,
        progress=_say,
    )
    there = _branches(ctx, place, profile=profile, aws=aws)
    found = there.find(made.prefix)
    if found is None:
        raise OperateError(f"{made.prefix} is deployed and cannot be found: `penstock branch list` shows what is.")
    return there.target, found


def down(
    ctx: typer.Context,
    *,
    branch: Named = None,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
    yes: Yes = False,
) -> None:
    """Remove the branch's environment: its stacks with all that is in them, buckets and tables too.

    Only stacks that have both its name and its tag, read again right before each is deleted. Answers 0 as well if
    there is none.
    """
    made = _branch(ctx.ensure_object(Path), branch, services="", ends=_now())
    found = _branches(ctx, _checked(made), profile=profile, aws=aws)
    there = found.find(made.prefix)
    if there is not None:
        what = f"delete {', '.join(stack.name for stack in there.stacks)}"
        confirm_name(found.target, yes=yes, what=what, name=made.prefix, of="branch environment")
        found.remove(there)
    if as_json:
        typer.echo(
            json.dumps({"prefix": made.prefix, "removed": [each.name for each in there.stacks] if there else []})
        )
    else:
        typer.echo(f"{made.prefix} is removed." if there else f"{made.prefix} is not there: nothing to remove.")


def list_(ctx: typer.Context, *, as_json: Json = False, profile: Profile = None, aws: Aws = False) -> None:
    """Show every branch environment: what is in it, and until when."""
    there = _branches(ctx, place_of_branches(ctx), profile=profile, aws=aws)
    _show(there.target, there.read(), as_json=as_json)


def sweep(
    ctx: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
    yes: Yes = False,
) -> None:
    """Remove every branch environment whose time is over. On AWS the pipeline does that each night.

    One that was extended meanwhile stays. Answers 1 if one could not be removed, or says no moment at which it ends.
    """
    found = _branches(ctx, place_of_branches(ctx), profile=profile, aws=aws)
    now = _now()
    environments = found.read()
    over = [each for each in environments if each.is_expired(now)]
    problems = {each.prefix: "a stack says no moment at which it ends" for each in environments if each.expires is None}
    removed = []
    if over and not dry_run:
        names = ", ".join(each.prefix for each in over)
        confirm_name(found.target, yes=yes, what=f"delete {names}", name=found.target.account, of="account")
    for each in over:
        if dry_run:
            removed.append(each.prefix)
            continue
        try:
            found.remove(each, unless=_extended(now))
            removed.append(each.prefix)
        except (OperateError, ClientError, BotoCoreError) as error:
            problems[each.prefix] = str(error)  # and the others are still to be looked after
    if as_json:
        typer.echo(json.dumps({"dry_run": dry_run, "removed": removed, "problems": problems}, indent=2))
    else:
        for prefix in removed:
            typer.echo(f"{prefix} {'would be' if dry_run else 'is'} removed: its time is over.")
        for prefix, problem in problems.items():
            typer.secho(f"{prefix} stays: {problem}", fg="red", err=True)
        if not removed and not problems:
            typer.echo("No branch environment's time is over.")
    raise typer.Exit(1 if problems else 0)


def _extended(now: datetime) -> Callable[[BranchStack], str | None]:
    def why(stack: BranchStack) -> str | None:
        if stack.expires is None or stack.expires >= now:
            return f"{stack.name} was extended meanwhile."
        return None

    return why


def _usable(target: Target, environment: BranchEnvironment) -> BranchEnvironment:
    """Return an environment whose URLs work where they are printed."""
    stacks = (
        replace(each, outputs={name: usable_url(target, value) for name, value in each.outputs.items()})
        for each in environment.stacks
    )
    return replace(environment, stacks=tuple(stacks))


def _show(target: Target, environments: list[BranchEnvironment], *, as_json: bool) -> None:
    now, found = _now(), [_usable(target, each) for each in environments]
    if as_json:
        typer.echo(json.dumps([each.to_json(now) for each in found], indent=2))
        return
    if not found:
        typer.echo("There is no branch environment. `penstock branch up` makes one of this checkout.")
    for each in found:
        ends = (
            "no moment, so no sweep removes it" if each.expires is None else each.expires.strftime("%Y-%m-%d %H:%M UTC")
        )
        typer.secho(
            f"{each.prefix}  {each.name}, until {ends}{', which is over' if each.is_expired(now) else ''}", bold=True
        )
        for stack in each.stacks:
            typer.echo(f"  {stack.service:12} {stack.status:20} {stack.name}")
            for name, value in sorted(stack.outputs.items()):
                typer.echo(f"  {'':12} {name}: {value}")


def _branch(checkout: Path, name: str | None, *, services: str, ends: datetime) -> "Branch":
    loading.whole(checkout)  # which says in sentences what is wrong with the stages
    from pipeline.catalogue.branch import Branch  # noqa: PLC0415 - a second of imports, which `--help` need not wait for

    chosen = tuple(each.strip() for each in services.split(",") if each.strip())
    return Branch(name=name if name is not None else _checked_out(checkout), expires=ends, services=chosen)


def _checked(made: "Branch") -> "Environment":
    from pipeline.catalogue.branch import InvalidBranchError  # noqa: PLC0415 - as above
    from stages.branches import BRANCHES_LIKE  # noqa: PLC0415 - as above

    try:
        return made.stage(BRANCHES_LIKE).environment
    except InvalidBranchError as error:
        raise OperateError(str(error)) from error


def here(checkout: Path, *, services: str = "", lasts: timedelta = timedelta()) -> "Branch":
    """Return the environment of the branch that is checked out."""
    return _branch(checkout, None, services=services, ends=_now() + lasts)


def place_of_branches(ctx: typer.Context) -> "Environment":
    """Return where branch environments are."""
    loading.whole(ctx.ensure_object(Path))
    from stages.branches import BRANCHES_LIKE  # noqa: PLC0415 - as above

    return BRANCHES_LIKE.environment


def _checked_out(checkout: Path) -> str:
    found = output_of(checkout, "git", "symbolic-ref", "--quiet", "--short", "HEAD")
    if found is None:
        raise OperateError("No branch is checked out here: say which one is meant with --branch NAME.")
    return found


def _duration(text: str) -> timedelta:
    match = DURATION.fullmatch(text)
    given = timedelta(**{{"h": "hours", "d": "days"}[match["unit"]]: int(match["count"])}) if match else timedelta()
    if not timedelta() < given <= LONGEST:
        raise OperateError(f"--expires {text!r} is not allowed; give 1h to {LONGEST.days}d, such as 12h or 3d.")
    return given


def _environment_of_cdk(ctx: typer.Context, place: "Environment", *, profile: str | None, aws: bool) -> dict[str, str]:
    """Return what `cdk deploy` gets: on AWS the person's own credentials, which may assume the role."""
    if aws or profile is not None:
        # A sign-in that is over, or a role that may not be assumed, is a sentence here and pages of the CDK's later.
        aws_branches(profile=profile, account=place.account, region=place.region)
        return {**os.environ, "CDK_VALIDATION": "false"}
    cloud = local_cloud(ctx)
    local.prepare_accounts(cloud, loading.whole(ctx.ensure_object(Path)))
    home = cloud.place.home / "home"
    home.mkdir(parents=True, exist_ok=True)
    _prepare_for_branches(ctx, place)
    return first_deployment.cdk_environment(os.environ, cloud, account=place.account, region=place.region, home=home)


def _branches(ctx: typer.Context, place: "Environment", *, profile: str | None, aws: bool) -> Branches:
    """Find the account's branch environments, in the role that reaches nothing else."""
    if aws or profile is not None:
        target = aws_branches(profile=profile, account=place.account, region=place.region)
    else:
        _prepare_for_branches(ctx, place)
        cloud = local_cloud(ctx)
        target = local_branches(cloud.endpoint, secret=cloud.root_secret, account=place.account, region=place.region)
    typer.secho(f"Branch environments: {target.title}", dim=True, err=True)
    return Branches(target=target, say=_say)


def _prepare_for_branches(ctx: typer.Context, place: "Environment") -> None:
    """Prepare the development account of the local cloud as docs/branch.md does on AWS."""
    bootstrap.prepare_for_branches(
        local_cloud(ctx),
        account=place.account,
        region=place.region,
        deployers=(SETTINGS.account, place.account),
        roles=bootstrap.checkout_branches(),
        names=SETTINGS.bootstrap,
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _say(line: str) -> None:
    typer.secho(line, dim=True, err=True)
