"""`penstock`, the platform's command line."""

from pathlib import Path

import typer

from pipeline.cli import (
    branch,
    demo,
    deployed,
    doctor,
    explain,
    hold,
    ledger,
    local,
    partner,
    redrive,
    review,
    rollback,
    run,
    scaffold,
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
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
local.register(app)
run.register(app)
hold.register(app)
deployed.register(app)
watch.register(app)
demo.register(app)
partner.register(app)
validate.register(app)
doctor.register(app)
ledger.register(app)
review.register(app)
rollback.register(app)
redrive.register(app)
explain.register(app)
scaffold.register(app)
branch.register(app)


def main(root: Path) -> None:
    """Run the command line for one checkout."""
    app(obj=root)
