"""`penstock repair pipeline`: the pipeline's own definition back to the last one that worked."""

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.answer import answer
from pipeline.cli.connection import Aws, Json, Profile, Yes, confirm, connect
from pipeline.cli.rollback import hold_for, review_way_back
from pipeline.operate import holds, pipeline_repair, rollback
from pipeline.operate.errors import OperateError
from pipeline.operate.next_step import penstock

if TYPE_CHECKING:
    from pipeline.review.model import Review

OF_THE_DEFINITION = frozenset({"Review-ApprovalRemoved", "Review-PipelineControl"})
"""Rules whose findings are what a repair is for: another definition of the pipeline."""


def repair_pipeline(
    ctx: typer.Context,
    *,
    why: Annotated[str, typer.Option(help=f"Why; {holds.ALLOWED}.")] = "its last definition cannot take a push",
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
    """Deploy again the last definition of the pipeline that worked, when a push can no longer mend it.

    That is what the newest run had that got past self-mutation. Nothing is erased: stages, stores and history stay. The
    stage UpdatePipeline is held first, for the commit on the branch would bring the broken definition back: push the
    mended one, and then `penstock resume UpdatePipeline`.
    """
    holds.check(why)
    connection = connect(ctx, profile=profile, aws=aws)
    pipeline = connection.pipeline
    earlier = pipeline_repair.find(pipeline)
    blocked = _blocks(review_way_back(earlier, err=as_json))
    document = {"execution": earlier.execution, "commit": earlier.commit, "blocked": blocked}
    if dry_run:
        answer({**document, "applied": False}, as_json=as_json)
        raise typer.Exit(1 if blocked else 0)
    if blocked and not accept:
        raise OperateError("The way back is blocked by its review, so nothing was changed; --accept-findings goes on.")
    confirm(connection, yes=yes, what=f"bring back the pipeline of {earlier.commit[:12]}")
    held = hold_for(pipeline, earlier, why=why, err=as_json)
    rollback.apply(pipeline, earlier, why=why)
    answer(
        {**document, "applied": True, "held": held},
        f"The pipeline is what execution {earlier.execution} ran with ({earlier.commit[:12]}).",
        f"{held} is held. Push the mended commit, and once its run stands there:  {penstock('resume', held)}",
        as_json=as_json,
    )


def _blocks(made: "Review") -> bool:
    """Return whether something other than the definition itself blocks: data, access, what could not be read."""
    rest = [each for each in made.findings if each.rule not in OF_THE_DEFINITION and not each.acknowledged]
    return any(each.level.rank >= made.fail_on.rank for each in rest) or not made.complete
