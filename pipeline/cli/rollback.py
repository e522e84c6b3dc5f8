"""`penstock rollback`: one service back to what an earlier run deployed to a stage."""

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.answer import answer
from pipeline.cli.connection import Aws, Json, Profile, Yes, confirm, connect
from pipeline.operate import holds, rollback
from pipeline.operate.errors import OperateError
from pipeline.operate.next_step import penstock
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.rollback import EarlierDeployment

if TYPE_CHECKING:
    from pipeline.review.model import Review


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command(name="rollback")(rollback_)


def rollback_(  # noqa: PLR0913 - each is an option of the command line
    ctx: typer.Context,
    service: Annotated[str, typer.Argument(help="Such as intake.")],
    stage: Annotated[str, typer.Argument(help="Such as prod.")],
    *,
    to: Annotated[
        str, typer.Option(help="A commit (7 characters or more of it) or execution that was deployed there.")
    ],
    why: Annotated[str, typer.Option(help=f"Why; {holds.ALLOWED}.")],
    accept: Annotated[
        bool, typer.Option("--accept-findings", help="Go on although the review of the way back blocks.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the review of the way back and change nothing.")
    ] = False,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
    yes: Yes = False,
) -> None:
    """Deploy again what an earlier run deployed of one service, and hold its stage, so that no push undoes it unseen.

    The template comes from the artifact that the run left. The way back is reviewed first, as a pull request is: what
    would lose data or open something is refused. Revert the commit on the branch, then `penstock resume`.
    """
    holds.check(why)
    connection = connect(ctx, profile=profile, aws=aws)
    pipeline = connection.pipeline
    earlier = rollback.find(pipeline, service, stage, to=to)
    if earlier.missing:
        raise OperateError(f"Files of that run are gone: {', '.join(earlier.missing)}. Revert the commit instead.")
    blocked = review_way_back(earlier, err=as_json).verdict.exit_code != 0
    document = {"stage": stage, "service": service, "execution": earlier.execution, "commit": earlier.commit}
    if dry_run:
        answer({**document, "blocked": blocked, "applied": False}, as_json=as_json)
        raise typer.Exit(1 if blocked else 0)
    if blocked and not accept:
        raise OperateError("The way back is blocked by its review, so nothing was changed; --accept-findings goes on.")
    confirm(connection, yes=yes, what=f"roll {service} back in {stage}")
    held = hold_for(pipeline, earlier, why=why, err=as_json)
    try:
        changed = rollback.apply(pipeline, earlier, why=why)
    except OperateError as error:
        raise OperateError(f"{error} {held} stays held until `penstock resume {held}`.") from error
    answer(
        {**document, "blocked": blocked, "applied": True, "changed": changed, "held": held},
        f"{stage}/{service} is what execution {earlier.execution} deployed ({earlier.commit[:12]})."
        if changed
        else f"{stage}/{service} was that already.",
        f"{held} is held. Revert the commit on the branch, push, and then:  {penstock('resume', held)}",
        as_json=as_json,
    )


def hold_for(pipeline: Pipeline, earlier: EarlierDeployment, *, why: str, err: bool = False) -> str:
    """Hold the stage of the pipeline, and keep what it was held for already; its name."""
    before = holds.holds_of(pipeline)[earlier.stage]
    reason = f"{earlier.deployed.service} was rolled back to {earlier.commit[:12]} - {why}"
    if before is not None:
        typer.echo(f"{earlier.stage} was held already: {before.why} - `penstock resume` ends both.", err=err)
        reason = f"{reason} (and held before - {before.why})"
    holds.hold(pipeline, earlier.stage, why=holds.as_reason(reason))
    return earlier.stage


def review_way_back(earlier: EarlierDeployment, *, err: bool = False) -> "Review":
    """Review what the way back would do, and print it; `err`: beside a document for machines."""
    # A second of imports, which `--help` need not wait for.
    from pipeline.review.engine import review  # noqa: PLC0415 - as said
    from pipeline.review.judge.review_baseline import ReviewBaseline  # noqa: PLC0415 - as said
    from pipeline.review.read import assembly  # noqa: PLC0415 - as said
    from pipeline.review.render import terminal  # noqa: PLC0415 - as said

    with tempfile.TemporaryDirectory() as folder:
        sides: list[assembly.Assembly] = []
        for name, text in (
            ("what is deployed", earlier.now),
            (f"what execution {earlier.execution} deployed", earlier.template),
        ):
            file = Path(folder, f"{len(sides)}.json")
            file.write_text(text, encoding="utf-8")
            sides.append(replace(assembly.of_template(file), label=name))
        now, then = sides
        made = review(now, then, ReviewBaseline(today=datetime.now(UTC).date()))
        typer.echo(terminal.render(made), nl=False, err=err)
    return made
