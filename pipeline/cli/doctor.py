"""`penstock doctor`: what keeps this clone from its first deployment on AWS, and what the local cloud can show."""

import json
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.connection import Aws, Json, Profile
from pipeline.local.cloud.cloudformation.support import ACCEPTED_ONLY, EMULATED
from pipeline.operate.target import aws_target
from pipeline.settings import SETTINGS

if TYPE_CHECKING:
    from pipeline.cli.readiness import OpenItem


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command()(doctor)


def doctor(
    ctx: typer.Context,
    *,
    profile: Profile = None,
    aws: Aws = False,
    as_json: Json = False,
    types: Annotated[
        bool, typer.Option("--types", help="Print instead what the local cloud does with each resource type.")
    ] = False,
) -> None:
    """Name what is left to do before the first deployment on AWS, each with its file and field.

    Covers example values, tools and the commit, and answers 1 while anything is left. Nothing of this matters to the
    local cloud. With --profile or --aws it also asks AWS, reading only, what each account of the stages has: bootstrap,
    foundation, quotas of Lambda and CodeBuild against what was synthesized last, the connection, services of the
    region, backups, a trail. What could not be asked is left, too.

    It ends with how much of AWS's quotas the pipeline uses that was synthesized last, and how many resource types the
    local cloud emulates: what it only accepts, a green local run says nothing about.
    """
    if types:
        typer.echo(json.dumps(_types(), indent=2) if as_json else "\n".join(_table()))
        return
    from pipeline.cli import capacity, readiness  # noqa: PLC0415 - they import the CDK, 1.3 s for no other command

    root = ctx.ensure_object(Path)
    left = readiness.left_to_do(root)
    if aws or profile is not None:
        left += _of_accounts(root, profile)
    used = capacity.of_last_synth(root)
    if as_json:
        found = {
            "ready": not left,
            "left": [asdict(each) for each in left],
            "pipeline": [asdict(each) for each in used],
            "resource_types": _types(),
        }
        typer.echo(json.dumps(found, indent=2))
    else:
        for each in left:
            where = f"{each.file} {each.field}".strip()
            typer.echo(f"{typer.style('to do', fg='yellow')}  {typer.style(where, bold=True)}: {each.problem}")
            typer.echo(f"       {each.remedy}")
        if not left:
            typer.echo("Ready for the first deployment on AWS: docs/aws.md.")
        if used:
            typer.echo(f"The pipeline, as synthesized last, has {capacity.text(used)}: docs/scale.md")
        typer.echo(
            f"The local cloud emulates {len(EMULATED)} resource types, only accepts {len(ACCEPTED_ONLY)} and refuses"
            " all others: penstock doctor --types"
        )
    raise typer.Exit(1 if left else 0)


def _of_accounts(root: Path, profile: str | None) -> "list[OpenItem]":
    from pipeline.cli import account_readiness, loading  # noqa: PLC0415 - as above

    target = aws_target(profile=profile, account=SETTINGS.account, region=SETTINGS.region, bootstrap=SETTINGS.bootstrap)
    return account_readiness.left_to_do(
        root, target, loading.whole(root), say=lambda line: typer.secho(line, dim=True, err=True)
    )


def _types() -> dict[str, object]:
    return {"emulated": sorted(EMULATED), "accepted_only": dict(sorted(ACCEPTED_ONLY.items()))}


def _table() -> list[str]:
    """Return a line for each service whose types are emulated, and for each type that is only accepted."""
    services: dict[str, list[str]] = defaultdict(list)
    for name in sorted(EMULATED):
        service, _, type_ = name.rpartition("::")
        services[service].append(type_)
    width = max(map(len, ACCEPTED_ONLY))
    return [
        typer.style("Emulated", bold=True),
        *(f"  {service}  {' '.join(types)}" for service, types in services.items()),
        typer.style("Accepted only: a record without effect", bold=True),
        *(f"  {name.ljust(width)}  {why}" for name, why in sorted(ACCEPTED_ONLY.items())),
        "All other types fail the template.",
    ]
