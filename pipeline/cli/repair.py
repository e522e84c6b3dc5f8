"""`penstock repair`: a stack, or the pipeline itself, that no push can mend."""

from typing import Any

import typer
from typer.core import TyperGroup

from pipeline.cli.repair_pipeline import repair_pipeline
from pipeline.cli.repair_stack import repair_stack

PIPELINE, STACK = "pipeline", "stack"


class _StackByDefault(TyperGroup):
    """Takes `repair STAGE SERVICE` for `repair stack STAGE SERVICE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # Typer does not export the class of its contexts
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = [STACK, *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    repairs = typer.Typer(
        cls=_StackByDefault,
        help="Repair what no push can mend: `penstock repair STAGE SERVICE`, `penstock repair pipeline`.",
        no_args_is_help=True,
    )
    repairs.command(name=STACK)(repair_stack)
    repairs.command(name=PIPELINE)(repair_pipeline)
    app.add_typer(repairs, name="repair")
