"""`penstock doctor`: what keeps this clone from its first deployment on AWS, and what the local cloud can show."""

import json
from dataclasses import asdict
from pathlib import Path

import typer

from pipeline.cli import readiness
from pipeline.cli.connection import Json


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command()(doctor)


def doctor(ctx: typer.Context, *, as_json: Json = False) -> None:
    """Name what is left to do before the first deployment on AWS, each with its file and field.

    Covers example values, tools and the commit, and answers 1 while anything is left. Nothing is asked of AWS, and
    nothing of this matters to the local cloud.
    """
    root = ctx.ensure_object(Path)
    left = readiness.left_to_do(root)
    if as_json:
        found = {
            "ready": not left,
            "left": [asdict(each) for each in left],
        }
        typer.echo(json.dumps(found, indent=2))
    else:
        for each in left:
            where = f"{each.file} {each.field}".strip()
            typer.echo(f"{typer.style('to do', fg='yellow')}  {typer.style(where, bold=True)}: {each.problem}")
            typer.echo(f"       {each.remedy}")
        if not left:
            typer.echo("Ready for the first deployment on AWS: docs/aws.md.")
    raise typer.Exit(1 if left else 0)
