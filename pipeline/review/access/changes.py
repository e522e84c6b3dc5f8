"""Who may do what, before and after: every access change of one stack."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline.review.access import evidence, exposure, managed, network, properties, variables
from pipeline.review.access.compare import Comparison, Gain, compare
from pipeline.review.access.policy_attachments import PolicyAttachment, boundaries, default, policy_attachments
from pipeline.review.access.statements import AttachedStatement, PolicySource, allow, read_policy
from pipeline.review.access.within_stack import stays_within
from pipeline.review.model import AccessChange, AccessKind, Direction, Json, StackLocation
from services.library.cloudformation.patterns import CombinationsError
from services.library.cloudformation.policy_text import policy_text
from services.library.cloudformation.resolved_template import ResolvedTemplate
from services.library.cloudformation.statements import UnreadablePolicyError
from services.library.cloudformation.template import Resource
from services.library.cloudformation.undecided import MOST_UNDECIDED, combinations, decide, undecided_conditions

WITHIN_A_NETWORK = frozenset({"AWS::EC2::VPCEndpoint"})
"""Types whose policy names everybody and is met only by who is in the network already."""
LETS_OTHERS_IN = frozenset({AccessKind.RESOURCE, AccessKind.TRUST, AccessKind.KEY})
"""Kinds of policy that say who, so that who could so far is worth a line."""
MOST_BEFORE = 3
"""So many of those are named."""
_REFERENCE = re.compile(r"<([A-Za-z0-9]+)((?:\.[A-Za-z0-9.]+)?)>")


def changes(old: ResolvedTemplate, new: ResolvedTemplate, place: StackLocation) -> tuple[AccessChange, ...]:
    """Return what one stack's change does to access, in a fixed order; `EMPTY` stands for a stack that is not there."""
    same = {name for name, resource in new.resources.items() if old.resources.get(name) is resource}
    before, after = _by_subject(old, same), _by_subject(new, same)
    found: dict[tuple[str, AccessKind, str], AccessChange] = {}
    for subject in sorted(before.keys() | after.keys()):
        pair = _Pair(old, new, place, subject)
        pair.compare(
            before.get(subject) or list(default(subject, old)), after.get(subject) or list(default(subject, new))
        )
        for change in pair.changes():
            found.setdefault((change.logical_id, change.kind, change.evidence), change)
    opened = list(exposure.changes(old, new, place))
    for change in (
        *_of_boundaries(old, new, place),
        *network.changes(old, new, place),
        *opened,
        *properties.changes(old, new, place, {change.logical_id for change in opened}),
    ):
        found.setdefault((change.logical_id, change.kind, change.evidence), change)
    return tuple(sorted(found.values(), key=lambda each: (each.logical_id, each.kind, each.evidence)))


@dataclass(slots=True)
class _SourceChange:
    """What changes in the policies of one resource."""

    gained: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    public: bool = False
    admin: bool = False
    wildcard: bool = False
    within: list[str] = field(default_factory=list)
    """What of the gained stays within the stack."""

    @property
    def stays_within(self) -> bool:
        """Whether all that is granted stays within the stack, and none of it is more than is named."""
        is_more = self.public or self.admin or self.wildcard or self.unknown
        return bool(self.gained) and set(self.gained) <= set(self.within) and not is_more

    def split(self) -> "tuple[_SourceChange, ...]":
        """Return what reaches outside the stack and what does not, if all of it is new and plain grants."""
        outside = [line for line in self.gained if line not in self.within]
        is_more = self.public or self.admin or self.wildcard or self.unknown or self.lost
        if is_more or not (outside and self.within):
            return (self,)
        return replace(self, gained=outside, within=[]), _SourceChange(gained=self.within, within=self.within)

    @property
    def direction(self) -> Direction:
        if self.unknown:
            return Direction.UNKNOWN
        if self.gained and self.lost:
            return Direction.CHANGED
        return Direction.BROADENED if self.gained else Direction.NARROWED


class _Pair:
    """Two sides of the policies about one subject."""

    def __init__(self, old: ResolvedTemplate, new: ResolvedTemplate, place: StackLocation, subject: str) -> None:
        self._old, self._new, self._place = old, new, place
        self._subject = subject.partition(" ")[0]
        self._who = self._path_of(self._subject)
        self._told: dict[PolicySource, _SourceChange] = {}

    def compare(self, old: Sequence[PolicyAttachment], new: Sequence[PolicyAttachment]) -> None:
        """Compare them, whichever way undecided conditions turn out."""
        if _are_same(old, new) or _documents(old) == _documents(new):
            return
        names = set().union(*(undecided_conditions(each.document) for each in (*old, *new)))
        names |= {each.condition for each in (*old, *new) if each.condition}
        if len(names) > MOST_UNDECIDED:
            for each in (*old, *new):
                self._unknown(each.source, f"it depends on {len(names)} conditions that only a deployment decides")
            return
        both = set(_documents(old)) & set(_documents(new))
        for way in combinations(names):
            before = self._statements(old, way, self._old.account, both)
            after = self._statements(new, way, self._new.account, both)
            try:
                found = compare(managed.apart(before), managed.apart(after), denies_others=self._stays)
                self._tell(found, before)
                for source in variables.left_open(before, after):
                    self._unknown(source, variables.OPEN)
            except CombinationsError:
                for each in (*old, *new):
                    self._unknown(each.source, "its statements are too entangled to compare; read them side by side")

    def changes(self) -> Iterator[AccessChange]:
        """Yield one for each resource whose policies grant more, or less, or nobody knows what."""
        is_new = not self._old.resources
        for source, told in (
            (source, part) for source, whole in self._told.items() for part in (whole.split() if is_new else (whole,))
        ):
            resource = self._resource(source.logical_id)
            lines = dict.fromkeys([*told.unknown, *told.gained, *told.before, *told.lost])
            yield AccessChange(
                stage=self._place.stage,
                service=self._place.service,
                stack=self._place.stack,
                kind=source.kind,
                logical_id=source.logical_id,
                path=resource.path if resource else source.logical_id,
                direction=told.direction,
                public=told.public and not (resource and resource.type in WITHIN_A_NETWORK),
                admin=told.admin,
                wildcard=told.wildcard and not told.admin,
                within_stack=told.stays_within,
                evidence=_REFERENCE.sub(self._named, "\n".join(lines)),
            )

    def _tell(self, found: Comparison, before: Sequence[AttachedStatement]) -> None:
        for gain, is_lost in ((found.gained, False), (found.lost, True)):
            for source in _sources(gain):
                told = self._told.setdefault(source, _SourceChange())
                words = evidence.lines(gain, source, who=self._who, is_lost=is_lost)
                (told.lost if is_lost else told.gained).extend(words)
                if not is_lost:
                    told.within += evidence.lines(self._within(gain), source, who=self._who, is_lost=False)
                    told.before += _granted_before(gain, source, before)
                    by_identity = source.kind in (AccessKind.IDENTITY, AccessKind.MANAGED)
                    told.public |= source in gain.public and not by_identity and source.kind != AccessKind.BOUNDARY
                    told.admin |= source in gain.everything and by_identity
                    told.wildcard |= evidence.is_wildcard(gain, source)

    def _within(self, gain: Gain) -> Gain:
        """What of a gain stays within the stack."""
        if self._subject not in self._new.resources:
            return Gain()
        kept = {each: reached for each, reached in gain.patterns.items() if stays_within(each, reached, self._new)}
        return Gain(patterns=kept, principals=gain.principals, loosened=gain.loosened)

    @property
    def _stays(self) -> bool:
        """Whether the subject neither comes nor goes: one that does is all that its Deny statements could matter to."""
        return (self._subject in self._old.resources) == (self._subject in self._new.resources)

    def _resource(self, logical_id: str) -> Resource | None:
        return self._new.resources.get(logical_id) or self._old.resources.get(logical_id)

    def _path_of(self, logical_id: str) -> str:
        """A construct's path; what is no resource of the stack by its own name."""
        resource = self._resource(logical_id)
        return resource.path.removesuffix("/Resource") if resource else logical_id

    def _named(self, reference: re.Match[str]) -> str:
        return f"<{self._path_of(reference[1])}{reference[2]}>"

    def _statements(
        self, held: Iterable[PolicyAttachment], way: Mapping[str, bool], account: str, both: set[tuple[str, str]]
    ) -> list[AttachedStatement]:
        found: list[AttachedStatement] = []
        for each in held:
            document = decide(each.document, way)
            if not way.get(each.condition, True):
                continue
            try:
                found += _read(each.source, document, account)
            except UnreadablePolicyError as error:
                if (each.document_text, each.condition) not in both:
                    self._unknown(each.source, str(error))
        return found

    def _unknown(self, source: PolicySource, reason: str) -> None:
        told = self._told.setdefault(source, _SourceChange())
        if reason not in told.unknown:
            told.unknown.append(reason)


def _of_boundaries(old: ResolvedTemplate, new: ResolvedTemplate, place: StackLocation) -> Iterator[AccessChange]:
    """A role without a boundary may do whatever its policies say: taking one away broadens, adding one narrows."""
    before, after = boundaries(old), boundaries(new)
    for name in sorted(before.keys() & after.keys()):
        pair = _Pair(old, new, place, name)
        pair.compare(_boundary(name, before[name], old), _boundary(name, after[name], new))
        for change in pair.changes():
            if after[name] is None:
                yield replace(change, evidence="the permissions boundary is gone: nothing limits its policies any more")
            elif before[name] is None:
                yield replace(change, evidence=f"its policies are now limited by {policy_text(after[name])}")
            else:
                yield change


def _boundary(name: str, value: Json, template: ResolvedTemplate) -> list[PolicyAttachment]:
    source = PolicySource(AccessKind.BOUNDARY, name)
    if value is None:
        return [PolicyAttachment(name, source, None)]
    ours = template.resources.get(str(value.get("Ref", ""))) if isinstance(value, Mapping) else None
    return [PolicyAttachment(name, source, ours.properties.get("PolicyDocument", value) if ours else value)]


def _read(source: PolicySource, document: Json, account: str) -> list[AttachedStatement]:
    """A policy's statements, whether it is given as its text, with its name, as the ARN of one, or with others."""
    if document is None:
        return [allow(source)] if source.kind == AccessKind.BOUNDARY else []
    if isinstance(document, list):  # one that a condition chose as a whole
        return [statement for each in document for statement in _read(source, each, account)]
    if source.kind == AccessKind.MANAGED or (source.kind == AccessKind.BOUNDARY and "Statement" not in document):
        arn = policy_text(document)
        return managed.statements(arn, replace(source, managed=arn))
    if isinstance(document, Mapping) and "PolicyDocument" in document:
        document = document["PolicyDocument"]
    return list(read_policy(document, source=source, account=account))


def _by_subject(template: ResolvedTemplate, same: Collection[str]) -> dict[str, list[PolicyAttachment]]:
    found: dict[str, list[PolicyAttachment]] = {}
    for each in policy_attachments(template, same):
        found.setdefault(each.subject, []).append(each)
    return found


def _granted_before(gain: Gain, source: PolicySource, before: Iterable[AttachedStatement]) -> list[str]:
    """Who could so far, where a policy says who, and no line says already which condition is gone."""
    is_said = any(each.source == source for each in gain.loosened)
    is_granted = any(each.source == source for each in gain.patterns)
    if is_said or not is_granted or source.kind not in LETS_OTHERS_IN:
        return []
    return [evidence.granted_before(each) for each in before if each.allows][:MOST_BEFORE]


def _are_same(old: Sequence[PolicyAttachment], new: Sequence[PolicyAttachment]) -> bool:
    """Return whether both sides have the very same policies, as far as that is plain without reading them."""
    return len(old) == len(new) and all(
        one.document is other.document and (one.source, one.condition) == (other.source, other.condition)
        for one, other in zip(old, new, strict=True)
    )


def _documents(held: Iterable[PolicyAttachment]) -> list[tuple[str, str]]:
    return sorted((each.document_text, each.condition) for each in held)


def _sources(gain: Gain) -> set[PolicySource]:
    return {each.source for each in (*gain.patterns, *gain.undenied)}
