"""Findings of single stages, what accepts them, and how they become one for all stages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.review.diff.guardrails import Accepted
from pipeline.review.judge import rules
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Finding, Level, StackLocation


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft(StackLocation):
    """A finding in one stage."""

    rule: str
    logical_id: str
    path: str
    """Below the service's stack."""
    full_path: str
    """From the App: what an acknowledgement covers."""
    evidence: str
    advice: str = ""
    level: Level | None = None
    """None: the rule's."""
    follows_stack: bool = False
    """Whether a stack that is new, or removed by its tombstone, always brings it."""
    tombstone: str = ""
    """The reason and the owner of the removal that causes it, where those accept it."""


def merged(
    drafts: Iterable[Draft],
    *,
    given: Mapping[tuple[str, str], Accepted],
    baseline: ReviewBaseline,
    order: Sequence[str],
) -> tuple[Finding, ...]:
    """Return one finding for the same in several stages, the worst first.

    `given`: the base side's acknowledgements; `order`: every stage, in promotion order.
    """
    found: dict[object, Finding] = {}
    for draft in drafts:
        accepted = _accepted(draft, given, baseline)
        where = (draft.service, draft.path, draft.logical_id, draft.follows_stack)
        key = (draft.rule, *where, draft.evidence, draft.level, accepted)
        if key in found:
            stages = {*found[key].stages, draft.stage}
            found[key] = replace(found[key], stages=tuple(stage for stage in order if stage in stages))
            continue
        level = draft.level or rules.level(draft.rule, baseline.judged_by)
        blocks = level.rank >= baseline.fail_on.rank and not accepted
        found[key] = Finding(
            rule=draft.rule,
            level=level,
            service=draft.service,
            stages=(draft.stage,) if draft.stage else (),
            logical_id=draft.logical_id,
            path=draft.path,
            evidence=draft.evidence,
            advice="" if accepted else draft.advice,
            accept=_how_to_accept(draft, baseline.judged_by) if blocks else "",
            follows_stack=draft.follows_stack,
            acknowledged=accepted,
        )
    return tuple(sorted(found.values(), key=lambda each: (bool(each.acknowledged), -each.level.rank)))


def _how_to_accept(draft: Draft, judged_by: rules.ReviewRules) -> str:
    """The acknowledgement to give, and where. It counts once it is on the base side."""
    by = (judged_by.get(draft.rule) or rules.own()[draft.rule]).accepted_by
    if by == "nobody" or not draft.full_path:
        return ""
    file, path = "stages/acknowledgements.py", draft.full_path
    if by == "service" and draft.stage and draft.path:
        file, path = f"services/{draft.service.replace('-', '_')}/acknowledgements.py", draft.path
    which = " (and so for each environment)" if path == draft.full_path and draft.stage else ""
    path = path.removesuffix("/Resource")
    return f"Merge Acknowledgement(rule={draft.rule!r}, path={path!r}, ...){which} in {file} first."


def _accepted(draft: Draft, given: Mapping[tuple[str, str], Accepted], baseline: ReviewBaseline) -> str:
    """The reason of a tombstone, or of an acknowledgement that has not expired, on the construct or one around it."""
    if draft.tombstone and not baseline.removals_change:
        return draft.tombstone
    rule = baseline.judged_by.get(draft.rule) or rules.own()[draft.rule]
    if rule.accepted_by == "nobody":
        return ""
    # Up to the construct's own stack and no further: stages lie below the pipeline's stack.
    parts = draft.full_path.split("/")
    own = draft.path.count("/") + 1 if draft.path and draft.full_path.endswith(draft.path) else 0
    for length in range(len(parts), len(parts) - own - 1, -1):
        accepted = given.get((draft.rule, "/".join(parts[:length])))
        if accepted and accepted.expires >= baseline.today.isoformat():
            return accepted.text
    return ""
