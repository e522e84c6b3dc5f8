"""Applies acknowledgements to findings, and finds what is wrong with the acknowledgements themselves.

cdk-nag's own mechanism is not used: it has let acknowledgements reach siblings (cdk-nag 2351, 2359; aws-cdk 38787,
38789), and it cannot tell one that nothing needs any more.
"""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from services.library.contract.acknowledgement import Acknowledgement
from services.library.contract.names import OWNER, SHORTEST_REASON
from services.library.guardrails.acknowledgement.review_rules import is_review_rule
from services.library.guardrails.finding import AcceptedBy, Finding, without_hashes
from services.library.guardrails.platform_rules import accepted_by

RULE = "Penstock-Acknowledgement"
PLATFORM_FILE = "stages/acknowledgements.py"


@dataclass(frozen=True, kw_only=True, slots=True)
class AcknowledgementSource:
    """Who gives acknowledgements: a service for the stacks that it has in each stage, or the platform team."""

    accepted_by: AcceptedBy
    file: str
    stacks: tuple[str, ...]
    """Construct paths that the acknowledgements' paths start from, one for each stage; empty for the App."""
    acknowledgements: tuple[Acknowledgement, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """A finding with the acknowledgement that accepts it."""

    finding: Finding
    acknowledgement: Acknowledgement
    file: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewAcknowledgement:
    """An acknowledgement of something that a review finds, with the construct path from the App that it covers."""

    path: str
    acknowledgement: Acknowledgement
    file: str


@dataclass(frozen=True, kw_only=True, order=True, slots=True)
class _Grant:
    """An acknowledgement where it holds; the first that was given goes first."""

    order: int
    source: AcknowledgementSource = field(compare=False)
    acknowledgement: Acknowledgement = field(compare=False)


Used = dict[tuple[str, tuple[str, ...], Acknowledgement], Finding]
"""(file, stacks, acknowledgement) -> the first finding that it covers."""


@dataclass(slots=True)
class Outcome:
    """What is left after acknowledgements."""

    remaining: list[Finding] = field(default_factory=list)
    accepted: list[Accepted] = field(default_factory=list)
    problems: list[Finding] = field(default_factory=list)
    """What is wrong with an acknowledgement. Nothing can accept these."""


def apply(
    findings: Iterable[Finding], sources: Sequence[AcknowledgementSource], stacks: Sequence[str], *, whole: bool = True
) -> Outcome:
    """Sort the findings into accepted and remaining, and name each wrong acknowledgement once.

    `stacks`: the construct paths of all of them. Stages lie below the pipeline's stack, so that without them an
    acknowledgement for the pipeline would reach every service. `whole`: whether they are those of every stage, so that
    an acknowledgement which none of them needs is wrong.
    """
    outcome = Outcome()
    grants = _grants(sources)
    beginnings = frozenset(stacks)
    used: Used = {}
    for finding in findings:
        reach = list(_within_its_stack(finding.path, beginnings))
        covering = [
            grant
            for rule in {finding.rule: None, without_hashes(finding.rule): None}
            for grant in sorted(each for path in reach for each in grants.get((rule, path), ()))
        ]
        nobody = accepted_by(finding.rule) is AcceptedBy.NOBODY
        for grant in covering:
            used.setdefault((grant.source.file, grant.source.stacks, grant.acknowledgement), finding)
        if covering and not nobody:
            source, acknowledgement = covering[0].source, covering[0].acknowledgement
            outcome.accepted.append(Accepted(finding=finding, acknowledgement=acknowledgement, file=source.file))
        else:
            outcome.remaining.append(finding)
    outcome.problems = list(_problems(sources, used, whole=whole))
    return outcome


def for_review(sources: Iterable[AcknowledgementSource]) -> Iterator[ReviewAcknowledgement]:
    """List what a review may accept of the next change: guardrails cannot tell whether that needs it."""
    for source in sources:
        for acknowledgement in source.acknowledgements:
            if is_review_rule(acknowledgement.rule) and _may_accept(source, acknowledgement):
                for stack in source.stacks:
                    path = _join(stack, acknowledgement.path)
                    yield ReviewAcknowledgement(path=path, acknowledgement=acknowledgement, file=source.file)


def _grants(sources: Iterable[AcknowledgementSource]) -> Mapping[tuple[str, str], list[_Grant]]:
    """Return rule and construct path -> what accepts that rule's findings there."""
    grants: dict[tuple[str, str], list[_Grant]] = defaultdict(list)
    order = itertools.count()
    for source in sources:
        for acknowledgement in source.acknowledgements:
            if _may_accept(source, acknowledgement):
                for stack in source.stacks:
                    grant = _Grant(order=next(order), source=source, acknowledgement=acknowledgement)
                    grants[acknowledgement.rule, _join(stack, acknowledgement.path)].append(grant)
    return grants


def _problems(sources: Sequence[AcknowledgementSource], used: Used, *, whole: bool) -> Iterator[Finding]:
    reasons: dict[str, tuple[str, Acknowledgement]] = {}
    for source in sources:
        seen: set[tuple[str, str]] = set()
        for each in source.acknowledgements:
            found = used.get((source.file, source.stacks, each))
            wrong = [*_wrong_in_itself(each), *_wrong_for(source, each, found, whole=whole)]
            if (each.rule, each.path) in seen:
                wrong.append("It stands there twice; keep one.")
            seen.add((each.rule, each.path))
            file, other = reasons.setdefault(_plain(each.reason), (source.file, each))
            if (file, other.path) != (source.file, each.path):
                wrong.append(
                    f"Its reason is another's: {other.rule} on {other.path!r} in {file} says the same."
                    " Say what makes this one acceptable."
                )
            for text in wrong:
                yield Finding(
                    rule=RULE,
                    path=_join(source.stacks[0], each.path) if source.stacks else each.path,
                    text=f"{source.file}: the acknowledgement of {each.rule} on {each.path!r} is wrong. {text}",
                    fix=f"Correct or remove it in {source.file}.",
                )


def _wrong_in_itself(each: Acknowledgement) -> Iterator[str]:
    if not each.path.strip("/") or each.path != each.path.strip("/"):
        yield "Its path must name a construct, without a slash at either end."
    if len(_plain(each.reason)) < SHORTEST_REASON:
        yield f"Its reason has under {SHORTEST_REASON} characters; say what makes the finding acceptable."
    if not OWNER.allows(each.owner):
        yield f"Its owner is {each.owner!r}; give {OWNER.allowed}."


def _wrong_for(
    source: AcknowledgementSource, each: Acknowledgement, found: Finding | None, *, whole: bool
) -> Iterator[str]:
    who = accepted_by(each.rule)
    if who is AcceptedBy.NOBODY:
        yield "Nobody can accept this rule's findings."
    elif not _may_accept(source, each):
        yield f"Only the platform team can accept this rule's findings, in {PLATFORM_FILE}."
    elif found is None and whole and not is_review_rule(each.rule):
        yield (
            "Nothing needs it: no stage has such a finding there that is not decided already."
            " The rule must be named exactly, with what stands in brackets."
        )
    elif found is not None and _is_rules_own_text(each.reason, found):
        yield "Its reason only repeats the rule; say what makes the finding acceptable here."


def _may_accept(source: AcknowledgementSource, acknowledgement: Acknowledgement) -> bool:
    return source.accepted_by is AcceptedBy.PLATFORM or accepted_by(acknowledgement.rule) is AcceptedBy.SERVICE


def _join(stack: str, path: str) -> str:
    return f"{stack}/{path}" if stack else path


def _within_its_stack(construct: str, stacks: frozenset[str]) -> Iterator[str]:
    """Yield the paths of a construct and of what holds it, up to its stack: what lies above is another stack's."""
    path = construct
    while True:
        yield path
        above, slash, _ = path.rpartition("/")
        if path in stacks or not slash:
            return
        path = above


def _plain(text: str) -> str:
    """Keep letters and digits alone: a full stop more does not make another reason."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _is_rules_own_text(reason: str, finding: Finding) -> bool:
    """Say whether little is left of a long enough reason without the rule's id and words."""
    plain = _plain(reason)
    if len(plain) < SHORTEST_REASON:
        return False
    own = [_plain(text) for text in (finding.text, finding.fix, finding.rule, finding.base_rule)]
    if any(plain in text for text in own):
        return True
    for text in own:
        plain = plain.replace(text, "")
    return len(plain.strip()) < SHORTEST_REASON
