"""`penstock evidence`: what an approver should know of a run. A build of the pipeline collects it before it asks."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import evidence_text
from pipeline.cli.answer import answer
from pipeline.cli.connection import Aws, Json, Profile, connect
from pipeline.operate.approval_artifact import DOCUMENT, SUMMARY


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command(name="evidence")(evidence_)


def evidence_(
    ctx: typer.Context,
    stage: Annotated[str, typer.Argument(help="The stage or wave that an approval is about.")],
    *,
    out: Annotated[Path, typer.Option(help="Write evidence.json, summary.txt and the review to this folder.")],
    execution: Annotated[
        str | None, typer.Option(help="The run, by its id. Default: the newest.", metavar="ID")
    ] = None,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
) -> None:
    """Collect what whoever approves a run for a stage should know.

    That is the review of what is deployed there against this run, what was pushed since, the checks of earlier stages,
    alarms, acknowledgements, and whether there is a way back. The pipeline does it before each approval.
    """
    from pipeline.cli import collected_evidence  # noqa: PLC0415 - the review, which no other command pays for
    from pipeline.review.render import data, page, terminal  # noqa: PLC0415 - as above

    found = connect(ctx, profile=profile, aws=aws).pipeline
    pipeline = replace(found, target=found.target.with_kept_clients())
    document, review = collected_evidence.collect(pipeline, stage, pipeline.read(execution))
    out.mkdir(parents=True, exist_ok=True)
    written = {DOCUMENT: json.dumps(document, indent=1) + "\n", SUMMARY: evidence_text.summary(document) + "\n"}
    if review is not None:
        written |= {
            "review.json": data.write(review),
            "review.txt": terminal.render(review),
            "review.html": page.render(review),
        }
    for name, text in written.items():
        (out / name).write_text(text, encoding="utf-8")
    lines = (*evidence_text.lines(document), *written.get("review.txt", "").splitlines())
    answer(document, *lines, as_json=as_json)
