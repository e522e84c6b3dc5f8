"""`penstock repair`: a command for each thing that can be repaired, and `penstock repair STAGE SERVICE` for a stack."""

from typing import Any

import typer
from typer.core import TyperGroup

OF_A_STACK = "stack"
"""The command that takes a stage and a service; its name need not be typed."""


class RepairGroup(TyperGroup):
    """Takes a word that is none of its commands for the stage of a stack."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is meant."""
        known = OF_A_STACK in self.commands and args and not args[0].startswith("-")
        if known and args[0] not in self.commands:
            return OF_A_STACK, self.commands[OF_A_STACK], args
        return super().resolve_command(ctx, args)


repairs = typer.Typer(cls=RepairGroup, help="Bring back what worked.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.add_typer(repairs, name="repair")
