"""`penstock ledger`: keeps what is generated from the stages and services in step with them."""

from pathlib import Path

import typer

from pipeline.cli.connection import Json
from pipeline.cli.scaffold import DryRun, carry_out


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command()(ledger)


def ledger(ctx: typer.Context, *, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Bring stages/deployed.json, CODEOWNERS and the pull-request template in step with the stages and services.

    deployed.json lists every stack that was ever shipped: this is how synth notices one that is in no stage any more,
    and that CDK Pipelines would leave behind. What a stage ships is added; `penstock remove` takes out. The other two
    say who approves what, from the owner that each service declares. All three are committed.
    """
    from pipeline.cli import plans  # noqa: PLC0415 - a second of imports, which `--help` need not wait for

    carry_out(plans.keep_in_step(ctx.ensure_object(Path)), dry_run=dry_run, as_json=as_json)
