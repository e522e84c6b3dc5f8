"""`penstock adopt`: makes a service out of a stack that was deployed before the platform."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.connection import Aws, Json, Profile, connect
from pipeline.cli.scaffold import DryRun, carry_out
from pipeline.operate import foreign_stack
from pipeline.operate.errors import OperateError

LONGEST_ACCEPTANCE = timedelta(days=180)


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command()(adopt)


def adopt(  # noqa: PLR0913 - each is an option of the command line
    ctx: typer.Context,
    template: Annotated[
        Path | None,
        typer.Argument(help="What the stack was deployed with. Default: it is read from the account.", dir_okay=False),
    ] = None,
    *,
    stack: Annotated[str, typer.Option(help="The name of the deployed stack.", metavar="NAME")],
    name: Annotated[
        str | None,
        typer.Option(help="Default: the stack's name without the stage's.", metavar="SERVICE"),
    ] = None,
    stage: Annotated[str | None, typer.Option(help="Where it is deployed. Default: the first stage.")] = None,
    owner: Annotated[
        str | None, typer.Option(help="@organisation/team. Default: a team called as the service.")
    ] = None,
    personal_data: Annotated[
        bool, typer.Option(help="Whether it handles data of people: then the HIPAA rules apply to it, too.")
    ] = True,
    parameter: Annotated[
        list[str] | None,
        typer.Option(help="With TEMPLATE: what the stack was deployed with; again for another.", metavar="NAME=VALUE"),
    ] = None,
    protected: Annotated[
        bool, typer.Option("--protected", help="With TEMPLATE: the stack's termination protection is on.")
    ] = False,
    accept_until: Annotated[
        datetime | None,
        typer.Option(
            help="Accept what guardrails find in it, until this day, at most 180 days from now.",
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
        ),
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
) -> None:
    """Make a service out of a stack that is deployed already. Its name, logical ids and physical names stay.

    Writes services/SERVICE with the template, and lists it in the stage. Refuses if anything would be deleted, replaced
    or renamed; says what changes in place, and what guardrails find. Repeat it for the same stack in another stage, and
    with --accept-until once a person has read the findings. docs/adopt.md shows the whole way.

    Answers 0 if nothing is left to answer, 1 if guardrails found what nobody has accepted.
    """
    today = datetime.now(UTC).date()
    until = accept_until.date() if accept_until else None
    if until is not None and not today < until <= today + LONGEST_ACCEPTANCE:
        last = today + LONGEST_ACCEPTANCE
        raise OperateError(f"--accept-until {until} is not allowed; give a day after {today}, {last} at the latest.")
    if template is None and (parameter or protected):
        raise OperateError("--parameter and --protected go with TEMPLATE; what is read from the account has both.")
    if template is not None and (profile is not None or aws):
        raise OperateError("TEMPLATE is a file, and --profile and --aws read the account: leave out one or the other.")
    from pipeline.cli import adopt_plan  # noqa: PLC0415 - two seconds of imports, which `--help` need not wait for

    root = ctx.ensure_object(Path)
    place = adopt_plan.place_of(root, stage)
    if template is None:
        target = connect(ctx, profile=profile, aws=aws).pipeline.target
        environment = place.environment
        found = foreign_stack.read(target, stack, account=environment.account, region=environment.region)
    else:
        found = foreign_stack.of_file(template, stack, _parameters(parameter or ()), protected=protected)
    request = adopt_plan.Request(
        deployed=found,
        stage=place,
        name=name,
        owner=owner,
        personal_data=personal_data,
        accept_until=until,
    )
    plan = adopt_plan.adopt(root, request)
    carry_out(plan, dry_run=dry_run, as_json=as_json)
    raise typer.Exit(1 if plan.left else 0)


def _parameters(given: list[str] | tuple[str, ...]) -> dict[str, str]:
    found = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise OperateError(f"--parameter {each!r} is not allowed; give NAME=VALUE.")
        found[name] = value
    return found
