"""What findings and gaps amount to."""

from collections.abc import Iterable, Sequence

from pipeline.review.model import Finding, Level, Verdict


def judge(findings: Iterable[Finding], incomplete: Sequence[str], fail_on: Level) -> tuple[Verdict, Level]:
    """Return the verdict and the risk. What is acknowledged counts for neither; what is incomplete is never green."""
    risk = max(
        (finding.level for finding in findings if not finding.acknowledged),
        key=lambda level: level.rank,
        default=Level.NONE,
    )
    if risk is not Level.NONE and risk.rank >= fail_on.rank:
        return Verdict.BLOCKED, risk
    return (Verdict.INCOMPLETE if incomplete else Verdict.PASS), risk
