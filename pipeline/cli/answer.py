"""What a command that has acted says: lines for people, or the same as JSON for machines."""

import json
from collections.abc import Mapping
from typing import Any

import typer

from pipeline.operate.next_step import penstock

FOLLOW = f"{penstock('status --follow')} shows what happens."


def answer(document: Mapping[str, Any], *lines: str, as_json: bool) -> None:
    """Print the document, or else the lines."""
    for line in (json.dumps(document, indent=2),) if as_json else lines:
        typer.echo(line)
