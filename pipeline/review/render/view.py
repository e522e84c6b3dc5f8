"""What every document shows of a review, in the order in which it shows it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from pipeline.review.model import (
    AccessChange,
    AssetChange,
    Finding,
    GuardrailChange,
    Level,
    PipelineDifference,
    ResourceChange,
    ResourceOutcome,
    Review,
    StackChange,
    StackLocation,
    Verdict,
)
from pipeline.review.render.compared import Entries
from pipeline.review.render.escape import shortened
from pipeline.review.render.group_rows import Row, RowProperty, group_rows
from pipeline.review.render.new_services import NewService, is_folded, is_in_row, is_new, new_services, places
from pipeline.review.render.words import PLATFORM, counted_noun

WORDS = {
    ResourceOutcome.NONE: "unchanged",
    ResourceOutcome.CREATE: "new",
    ResourceOutcome.UPDATE: "updated",
    ResourceOutcome.MAY_REPLACE: "perhaps replaced",
    ResourceOutcome.WILL_FAIL: "fails",
    ResourceOutcome.SNAPSHOT: "deleted, snapshot kept",
    ResourceOutcome.ORPHAN: "left behind",
    ResourceOutcome.REPLACE: "replaced",
    ResourceOutcome.DESTROY: "deleted",
}


def flags(change: ResourceChange) -> tuple[str, ...]:
    """Return what a row is marked with besides its outcome."""
    marks = (
        ("data lost", change.data_loss),
        ("data unknown", change.unknown_data),
        ("data ending", bool(change.ending_data)),
        ("guard dropped", change.guard_dropped),
    )
    return tuple(words for words, is_so in marks if is_so)


T = TypeVar("T", AccessChange, GuardrailChange, AssetChange)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rated:
    """One change, in all of its stages, with the highest level of a finding about it that nobody accepted."""

    row: Row
    risk: Level


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared(Generic[T]):
    """One thing that is the same in several stages."""

    first: T
    stages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """All that changes in one service."""

    service: str
    risk: Level
    """Of its findings that nobody accepted."""
    rows: tuple[Rated, ...]
    """The worst first."""
    noise: tuple[Row, ...]
    new: tuple[NewService, ...]
    stacks: tuple[StackChange, ...]
    """The others that come, go or move."""
    access: tuple[Shared[AccessChange], ...]
    """Without what stays within a new stack."""
    guardrails: tuple[Shared[GuardrailChange], ...]
    """Without findings that go with their resources."""
    gone: int
    """How many those are."""
    assets: tuple[Shared[AssetChange], ...]

    @property
    def stages(self) -> tuple[str, ...]:
        """Return where something changes."""
        every = [stage for each in self.rows for stage in each.row.stages]
        every += [stage for row in self.noise for stage in row.stages]
        every += [stage for shared in self.access for stage in shared.stages]
        every += [stage for shared in self.guardrails for stage in shared.stages]
        every += [stage for shared in self.assets for stage in shared.stages]
        every += [stack.stage for stack in self.stacks]
        every += [stage for each in self.new for stage in each.stages]
        return tuple(stage for stage in dict.fromkeys(every) if stage)

    @property
    def summary(self) -> str:
        """Such as `2 replaced, 5 updated, 3 access changes`."""
        counted = Counter(each.row.first.outcome for each in self.rows)
        # A new service whose stages differ is two rows, and one word.
        words = [*dict.fromkeys(each.title if each.first.is_promotion else "new service" for each in self.new)]
        words += [f"{counted[each]} {WORDS[each]}" for each in sorted(counted, key=lambda each: -each.rank)]
        for number, noun in (
            (len(self.stacks), "stack"),
            (len(self.access), "access change"),
            (len(self.guardrails), "guardrail change"),
            (len(self.assets), "asset"),
        ):
            if number:
                words.append(counted_noun(number, noun))
        if self.gone:
            words.append(f"{counted_noun(self.gone, 'guardrail finding')} gone")
        if self.noise:
            words.append(f"{len(self.noise)} folded")
        return ", ".join(words) or "nothing"


def has_short_values(difference: PipelineDifference) -> bool:
    """Return whether values fit beside what is said of them; commands of several lines stand in the finding."""
    values = f"{difference.old}{difference.new}"
    return bool(values) and "\n" not in values


def gone(section: Section) -> str:
    """Return how many guardrail findings go with their resources; empty if there are none."""
    return f"{counted_noun(section.gone, 'guardrail finding')} gone with their resources" if section.gone else ""


def in_entries(property_: RowProperty) -> str:
    """Return how many entries of a list a line is about, if they are several."""
    return f" of {property_.entries} entries" if property_.entries > 1 else ""


def entries(part: Entries, most: int) -> Iterator[tuple[str, str]]:
    """Yield what goes and what comes of a list, each side with at most that many characters."""
    for verb, listed in (("drops", part.dropped), ("adds", part.added)):
        if listed:
            yield verb, shortened(", ".join(listed), most)


def sections(review: Review) -> tuple[Section, ...]:
    """Return a section for each service that changes, the riskiest first, the platform's before others of its risk."""
    rows = group_rows(review.changes)
    services = dict.fromkeys(
        [
            *(row.first.service for row in rows),
            *(each.service for each in (*review.stacks, *review.access, *review.guardrails, *review.assets)),
        ]
    )
    found = [_section(service, review, rows) for service in services]
    return tuple(sorted(found, key=lambda each: (-each.risk.rank, each.service != PLATFORM, each.service)))


def _section(service: str, review: Review, rows: Sequence[Row]) -> Section:
    own = [row for row in rows if row.first.service == service]
    findings = [each for each in in_front(review) if each.service == service]
    new = places(review)
    order = {stage: at for at, stage in enumerate(review.stages)}
    guardrails = [each for each in review.guardrails if each.service == service]
    guardrails.sort(key=lambda each: order.get(each.stage, 0))
    risks: dict[str, Level] = {}
    for finding in findings:
        risks[finding.logical_id] = worst([finding], risks.get(finding.logical_id, Level.NONE))
    rated = [Rated(row=row, risk=risks.get(row.first.logical_id, Level.NONE)) for row in own if not row.first.noise]
    return Section(
        service=service,
        risk=worst(findings),
        rows=tuple(
            sorted(rated, key=lambda each: (-each.risk.rank, -each.row.first.outcome.rank, each.row.first.path))
        ),
        noise=tuple(row for row in own if row.first.noise),
        new=new_services(service, review),
        stacks=tuple(each for each in review.stacks if each.service == service and not is_new(each)),
        access=shared(each for each in review.access if each.service == service and not is_in_row(each, new)),
        guardrails=shared(
            _below_its_stack(each) for each in guardrails if each.state != "gone" and not is_in_row(each, new)
        ),
        gone=sum(each.state == "gone" for each in guardrails),
        assets=shared([each for each in review.assets if each.service == service]),
    )


def _below_its_stack(change: GuardrailChange) -> GuardrailChange:
    """The change with its path from the service's stack on, which is the same in every stage."""
    below = change.path.partition(f"/{change.stage}/{change.service}/")[2]
    return replace(change, path=below or change.path)


def in_front(review: Review) -> tuple[Finding, ...]:
    """Return the findings that are shown each by itself."""
    return tuple(each for each in review.findings if not is_folded(each, review))


def folded(review: Review) -> str:
    """Return how many findings are only counted, and why; empty if there are none."""
    number = sum(is_folded(each, review) for each in review.findings)
    what = "what a new service, or a removal, always brings: within its own stack, and as its own actions"
    return f"{counted_noun(number, 'finding')} folded: {what}" if number else ""


def shared(changes: Iterable[T]) -> tuple[Shared[T], ...]:
    """Return each thing that is the same in several stages once."""
    groups: dict[T, list[T]] = {}
    for change in changes:
        groups.setdefault(replace(change, stage="", stack=""), []).append(change)
    return tuple(
        Shared(first=several[0], stages=tuple(dict.fromkeys(each.stage for each in several)))
        for several in groups.values()
    )


def worst(findings: Iterable[Finding], least: Level = Level.NONE) -> Level:
    """Return the highest level that nobody accepted."""
    levels = [each.level for each in findings if not each.acknowledged]
    return max([least, *levels], key=lambda level: level.rank)


def counted_levels(findings: Iterable[Finding]) -> str:
    """`1 critical, 2 high`."""
    counted = Counter(each.level for each in findings if not each.acknowledged)
    return ", ".join(f"{counted[level]} {level.value}" for level in reversed(Level) if counted[level])


def headline(review: Review) -> str:
    """Return the verdict in one line. "Nothing changed" and "could not review" are never alike."""
    counts = counted_levels(review.findings)
    if within := sum(is_folded(each, review) and not each.acknowledged for each in review.findings):
        counts += f" ({within} of them folded)"
    if review.verdict is Verdict.BLOCKED:
        also = "" if review.complete else ", and not everything could be reviewed"
        return f"Blocked: {counts}{also}"
    if review.verdict is Verdict.INCOMPLETE or not review.complete:
        everything = "" if review.is_empty else " everything"
        return f"Could not review{everything}" + (f": {counts} in what could be read" if counts else "")
    if review.is_empty:
        return "Nothing changed: both sides deploy the same"
    return f"Pass: {counts}, nothing at {review.fail_on.value} or above" if counts else "Pass: no findings"


def way_back(review: Review) -> str:
    """Say in one line whether the release can be taken back; empty if it changes nothing that is deployed."""
    if review.irreversible:
        return f"This release cannot be taken back as it was: {counted_noun(len(review.irreversible), 'reason')}"
    if not (review.changes or review.stacks):
        return ""
    read = "the templates" if review.complete else "what could be read"
    return f"This release can be taken back, by {read}; what its code writes and sends is not in them"


def where(place: StackLocation | Finding, stages: Sequence[str]) -> str:
    """`intake in dev, qa`; a bare template has neither."""
    named = [stage for stage in stages if stage]
    return " in ".join(part for part in (place.service, ", ".join(named)) if part)
