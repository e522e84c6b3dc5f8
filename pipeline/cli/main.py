"""`penstock`, the platform's command line."""

from pathlib import Path

import typer

app = typer.Typer(
    name="penstock",
    help="Run, follow and review the platform's pipeline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def main(root: Path) -> None:
    """Run the command line for one checkout."""
    app(obj=root)
