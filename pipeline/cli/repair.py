"""`penstock repair`: what no push can mend."""

from typing import Any

import typer
from typer.core import TyperGroup

from pipeline.cli import repair_pipeline, repair_stack

STACK = "stack"


class RepairGroup(TyperGroup):
    """Takes `repair prod intake` for `repair stack prod intake`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Take what is no command for a stage."""
        named = args[0] in self.commands or args[0].startswith("-")
        return super().resolve_command(ctx, args if named else [STACK, *args])


def register(app: typer.Typer) -> None:
    """Add these commands to `penstock`."""
    repairs = typer.Typer(cls=RepairGroup, help="Mend what no push can.", no_args_is_help=True)
    repair_pipeline.register(repairs)
    repair_stack.register(repairs)
    app.add_typer(repairs, name="repair")
