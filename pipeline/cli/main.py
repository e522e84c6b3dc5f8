"""`penstock`, the platform's command line."""

import tomllib
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import (
    adopt,
    approve,
    branch,
    credentials,
    demo,
    denied,
    deployed,
    dev,
    doctor,
    evidence,
    explain,
    hold,
    init,
    invoke,
    ledger,
    local,
    metrics,
    partner,
    redrive,
    rehearse,
    repair,
    review,
    rollback,
    run,
    scaffold,
    upgrade,
    validate,
    watch,
)
from pipeline.cli.failures import ErrorReportingGroup

app = typer.Typer(
    name="penstock",
    cls=ErrorReportingGroup,
    help="Run, follow and review the platform's pipeline.",
    epilog="Commands act on the local cloud unless --profile or --aws is given. They answer 2 if they cannot do what"
    " was asked. docs/operate.md has a page of examples.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def print_version(ctx: typer.Context, asked: bool) -> None:
    """Print the version that this checkout's pyproject.toml names, and exit."""
    if not asked or ctx.resilient_parsing:  # the latter: a shell asks what could come next
        return
    # Not importlib.metadata: the project is not installed, since one environment serves every checkout.
    project = tomllib.loads((ctx.ensure_object(Path) / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    typer.echo(f"penstock {project['version']}")
    raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take the options of `penstock` itself."""


local.register(app)
run.register(app)
approve.register(app)
evidence.register(app)
hold.register(app)
denied.register(app)
credentials.register(app)
deployed.register(app)
watch.register(app)
metrics.register(app)
dev.register(app)
invoke.register(app)
demo.register(app)
partner.register(app)
validate.register(app)
doctor.register(app)
ledger.register(app)
review.register(app)
rollback.register(app)
redrive.register(app)
rehearse.register(app)
repair.register(app)
explain.register(app)
init.register(app)
scaffold.register(app)
upgrade.register(app)
adopt.register(app)
branch.register(app)


def main(root: Path) -> None:
    """Run the command line for one checkout."""
    app(obj=root)
