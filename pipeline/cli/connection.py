"""Which pipeline a command acts on, what it announces, and what it asks before it changes something on AWS."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from pipeline.local.lifecycle import LocalCloud, default_place, find
from pipeline.operate.errors import OperateError
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.target import Target, aws_target, local_target
from pipeline.settings import SETTINGS

Profile = Annotated[
    str | None, typer.Option(help="Act on AWS, with this profile, instead of the local cloud.", metavar="NAME")
]
Aws = Annotated[bool, typer.Option("--aws", help="Act on AWS, with the credentials of the environment.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; on AWS, not for the pipeline's name either.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@dataclass(frozen=True, kw_only=True)
class Connection:
    """The pipeline, and how its cloud was started."""

    pipeline: Pipeline
    approves_by_itself: bool
    """Whether this local cloud was started with APPROVE=auto."""


def connect(ctx: typer.Context, *, profile: str | None, aws: bool) -> Connection:
    """Find the pipeline and say, on stderr, where it is. Only --profile and --aws lead to AWS."""
    account, region, bootstrap = SETTINGS.account, SETTINGS.region, SETTINGS.bootstrap
    if aws or profile is not None:
        target = aws_target(profile=profile, account=account, region=region, bootstrap=bootstrap)
        approves = False
    else:
        cloud = local_cloud(ctx)
        target = local_target(
            cloud.endpoint, secret=cloud.root_secret, account=account, region=region, bootstrap=bootstrap
        )
        approves = cloud.approve == "auto"
    typer.secho(f"Pipeline {SETTINGS.name}: {target.title}", dim=True, err=True)
    return Connection(pipeline=Pipeline(target=target, name=SETTINGS.name), approves_by_itself=approves)


def connect_to_stack(
    ctx: typer.Context, stack: str, *, account: str, region: str, profile: str | None, aws: bool
) -> Target:
    """Find the account that a stack is in, and say so on stderr: for what acts there and not on the pipeline."""
    if aws or profile is not None:
        target = aws_target(
            profile=profile,
            account=account,
            region=region,
            bootstrap=SETTINGS.bootstrap,
            holds=f"stack {stack}",
            named="its stage in stages/",
        )
    else:
        cloud = local_cloud(ctx)
        target = local_target(
            cloud.endpoint, secret=cloud.root_secret, account=account, region=region, bootstrap=SETTINGS.bootstrap
        )
    typer.secho(f"Stack {stack}: {target.title}", dim=True, err=True)
    return target


def local_cloud(ctx: typer.Context) -> LocalCloud:
    """Return the local cloud of this checkout, which must run."""
    cloud = find(default_place(os.environ, ctx.ensure_object(Path)))
    if cloud is None:
        raise OperateError("The local cloud does not run. `make up` starts it; --profile NAME or --aws mean AWS.")
    return cloud


def confirm(connection: Connection, *, yes: bool, what: str) -> None:
    """Have the pipeline's name typed before anything is changed on AWS."""
    confirm_name(connection.pipeline.target, yes=yes, what=what, name=connection.pipeline.name, of="pipeline")


def ask(question: str, *, instead: str) -> None:
    """Have a question answered with yes before something is changed. `instead`: the command that asks nothing."""
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort as error:
        raise OperateError(f"Nobody answered, so nothing was changed. {instead}") from error
    if not agreed:
        raise OperateError("Nothing was changed.")


def confirm_name(target: Target, *, yes: bool, what: str, name: str, of: str) -> None:
    """Have a name typed on AWS: that of the pipeline, or of the stack, in which something is changed."""
    if yes or target.is_local:
        return
    try:
        typed: str = typer.prompt(f"This will {what} on AWS. Type the {of}'s name to go on", err=True)
    except typer.Abort as error:
        raise OperateError("Not confirmed, so nothing was changed. --yes confirms without asking.") from error
    if typed.strip() != name:
        raise OperateError(f"{typed!r} is not {name!r}: nothing was changed.")
