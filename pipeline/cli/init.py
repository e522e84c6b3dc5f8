"""`penstock init`: makes this repository the company's own, without the reference services."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.connection import Json
from pipeline.cli.scaffold import DryRun, carry_out
from pipeline.operate.errors import OperateError

if TYPE_CHECKING:
    from pipeline.cli.plans import Plan

QUESTIONS = {
    "organisation": "Your organisation on the git host, whose platform team is @ORGANISATION/platform",
    "repository": "This repository there, as owner/name, or the ARN of a CodeCommit repository",
    "branch": "The branch that the pipeline follows",
    "tools": "Account of the pipeline",
    "dev": "Account of dev",
    "qa": "Account of qa",
    "staging": "Account of staging",
    "prod": "Account of prod",
    "tools_region": "Region of the pipeline",
    "first_region": "Region of dev and qa",
    "second_region": "Region of staging and prod",
}
Account = Annotated[str | None, typer.Option(help="12 digits.", metavar="ID")]
Region = Annotated[str | None, typer.Option(help="Such as eu-west-1.", metavar="REGION")]


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command()(init)


def init(  # noqa: PLR0913 - each is an option of the command line
    ctx: typer.Context,
    *,
    organisation: Annotated[str | None, typer.Option(help="As the git host has it, such as acme.")] = None,
    repository: Annotated[str | None, typer.Option(help="owner/name, or the ARN of a CodeCommit repository.")] = None,
    branch: Annotated[str | None, typer.Option(help="The branch that the pipeline follows.")] = None,
    connection: Annotated[
        str | None, typer.Option(help="The connection to the git host. Default: as it is.", metavar="ARN")
    ] = None,
    tools: Account = None,
    dev: Account = None,
    qa: Account = None,
    staging: Account = None,
    prod: Account = None,
    tools_region: Region = None,
    first_region: Region = None,
    second_region: Region = None,
    never_deployed: Annotated[
        bool, typer.Option("--never-deployed", help="No account of yours has a reference service.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: what is not given stays as it is.")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Make this repository the company's own: its names and accounts, and none of the reference services.

    Their code, entries, pages and tests go, and a README of the company's begins. `make up`, `make check` and `make
    test` pass afterwards, and `penstock new service` is the next step. What was never deployed needs no pipeline to be
    forgotten. Asks for what no option says; docs/start.md goes on from there.
    """
    from pipeline.cli import init_plan  # noqa: PLC0415 - two seconds of imports, which `--help` need not wait for

    given = {
        "organisation": organisation,
        "repository": repository,
        "branch": branch,
        "tools": tools,
        "dev": dev,
        "qa": qa,
        "staging": staging,
        "prod": prod,
        "tools_region": tools_region,
        "first_region": first_region,
        "second_region": second_region,
    }
    company = init_plan.company(_answers(given, init_plan.defaults(), asks=not yes), connection=connection)
    plan = init_plan.of(ctx.ensure_object(Path), company, never_deployed=never_deployed)
    if dry_run or as_json:
        carry_out(plan, dry_run=dry_run, as_json=as_json)
        return
    _carry_out(plan)


def _answers(given: dict[str, str | None], defaults: dict[str, str], *, asks: bool) -> dict[str, str]:
    if asks and not sys.stdin.isatty():
        raise OperateError("Nobody is there to be asked: give --yes, and as options what should not stay as it is.")
    answers: dict[str, str] = {}
    for name, question in QUESTIONS.items():
        value = given[name]
        if value is None:
            value = typer.prompt(question, default=defaults[name], err=True) if asks else defaults[name]
        answers[name] = value
    return answers


def _carry_out(plan: "Plan") -> None:
    """Write it, and name what is edited: of what goes, the number is enough."""
    changes = plan.draft.changes()
    plan.draft.apply(changes)
    for change in changes:
        if change.after is not None:
            typer.echo(f"{change.verb:<6}  {change.file}")
    for line in (*plan.said, "", "Next:", *(f"  {each}" for each in plan.next)):
        typer.echo(line)
