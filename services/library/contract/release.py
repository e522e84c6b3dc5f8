"""Release settings of a service; the strictest setting among a stage's services applies to the whole stage."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Release:
    """Release settings of one service in one stage."""

    roll_back_on_failure: bool = False
    """Redeploy the last revision that succeeded when this stage fails. CodePipeline can do so only if the pipeline's
    structure has not changed since, and never in PARALLEL mode."""
