"""Whether one set of statements grants what another does not: exact, over wildcards, Not elements, Deny, conditions.

All texts fall into classes by which patterns they match (`patterns.py`); a statement covers whole classes. So a request
is told apart from another only by which statements match its principal, action and resource, and by its context.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.review.access.statements import AttachedStatement, PolicySource
from pipeline.review.model import AccessKind, Direction
from services.library.cloudformation.conditions import ConditionTest, Requests
from services.library.cloudformation.patterns import EVERYTHING, CombinationsError, Pattern, classes
from services.library.cloudformation.statements import Matcher, actions_matcher

MOST_CELLS = 2_000_000
ESCALATING = tuple(
    tuple(f"iam:{action}")
    for action in (
        "attachrolepolicy",
        "attachuserpolicy",
        "attachgrouppolicy",
        "putrolepolicy",
        "putuserpolicy",
        "putgrouppolicy",
        "createpolicyversion",
        "setdefaultpolicyversion",
    )
)
"""Actions that let one who may use them on any resource give themselves everything else."""
NEEDED = frozenset({AccessKind.TRUST, AccessKind.KEY})
"""Kinds of policy that must allow what anybody does: where they allow nothing, their Deny forbids nothing more."""
WITH_TOKEN = actions_matcher("sts:AssumeRoleWithWebIdentity")
EVERYBODYS_PROVIDERS = frozenset(
    f"Federated:{each}"
    for each in ("accounts.google.com", "cognito-identity.amazonaws.com", "graph.facebook.com", "www.amazon.com")
)
"""Identity providers that are no resource of an account: whoever signs in anywhere is theirs."""


@dataclass(slots=True)
class Gain:
    """What one side grants and the other does not."""

    patterns: dict[AttachedStatement, set[tuple[Pattern, Pattern]]] = field(default_factory=dict)
    """Statement that grants it -> the action and resource patterns of it that reach what is gained."""
    principals: dict[AttachedStatement, set[Pattern]] = field(default_factory=dict)
    """Statement that grants it -> those of its principals that are given something."""
    undenied: set[AttachedStatement] = field(default_factory=set)
    """Deny statements of the other side that kept it away, or what policies of others may allow."""
    loosened: dict[AttachedStatement, set[AttachedStatement]] = field(default_factory=dict)
    """Statement that grants it -> statements of the other side that grant it on a condition."""
    public: set[PolicySource] = field(default_factory=set)
    """What grants some of it to anybody."""
    everything: set[PolicySource] = field(default_factory=set)
    """What grants any action on any resource, or one that leads there."""

    def __bool__(self) -> bool:
        return bool(self.patterns or self.undenied)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a change of statements gives and takes."""

    gained: Gain
    lost: Gain

    @property
    def direction(self) -> Direction | None:
        """None if both grant the same."""
        if self.gained and self.lost:
            return Direction.CHANGED
        return Direction.BROADENED if self.gained else Direction.NARROWED if self.lost else None


def compare(
    old: Sequence[AttachedStatement], new: Sequence[AttachedStatement], *, denies_others: bool = False
) -> Comparison:
    """Return what `new` grants and `old` does not, and the other way round.

    `denies_others`: a Deny counts also for what no statement of these allows, since it forbids what policies of others
    allow: a role's what a bucket's grants, a bucket's what its account's roles may do.

    Raises:
        CombinationsError: if the statements are too entangled to decide; that is never "no change".
    """
    if {each.meaning for each in old} == {each.meaning for each in new}:
        return Comparison(Gain(), Gain())
    return _Space([*old, *new], len(old), denies_others=denies_others).comparison()


class _Space:
    """All requests, by which statements they match. Statement i is bit i of a number."""

    def __init__(self, statements: Sequence[AttachedStatement], old: int, *, denies_others: bool) -> None:
        self._statements = statements
        self._old = (1 << old) - 1
        self._allow = sum(1 << at for at, each in enumerate(statements) if each.allows)
        self._deny_others = self._changed_denies(old) if denies_others else 0
        self._principals = _Dimension(statements, lambda each: each.principals)
        self._actions = _Dimension(statements, lambda each: each.actions, further=ESCALATING)
        self._resources = _Dimension(statements, lambda each: each.resources)
        self._decided: dict[int, _Decided] = {}

    def _changed_denies(self, old: int) -> int:
        """Every Deny whose like the other side has not, unless nothing goes without an Allow of the same policy."""
        sides = [{each.meaning for each in side} for side in (self._statements[:old], self._statements[old:])]
        return sum(
            1 << at
            for at, each in enumerate(self._statements)
            if not each.allows and each.source.kind not in NEEDED and each.meaning not in sides[at < old]
        )

    def comparison(self) -> Comparison:
        if math.prod(len(each.masks) for each in (self._principals, self._actions, self._resources)) > MOST_CELLS:
            raise CombinationsError
        gained, lost = Gain(), Gain()
        decisive = self._allow | self._deny_others
        for by_principal in self._principals.masks:
            for by_action in self._actions.masks:
                both = by_principal & by_action
                if both & decisive:
                    for by_resource in self._resources.masks:
                        if both & by_resource & decisive:
                            self._note(gained, lost, (by_principal, by_action, by_resource))
        return Comparison(gained, lost)

    def _note(self, gained: Gain, lost: Gain, cell: tuple[int, int, int]) -> None:
        signature = cell[0] & cell[1] & cell[2]
        decided = self._decide(signature)
        if decided.gains:
            self._record(gained, signature, cell, granting=~self._old, is_public=decided.gains_public)
        if decided.loses:
            self._record(lost, signature, cell, granting=self._old, is_public=decided.loses_public)
        if decided.undenied:
            gained.undenied |= set(self._chosen(signature & self._deny_others & self._old))
        if decided.newly_denied:
            lost.undenied |= set(self._chosen(signature & self._deny_others & ~self._old))

    def _decide(self, signature: int) -> "_Decided":
        """What becomes of the requests that these statements match."""
        if signature not in self._decided:
            tests: set[ConditionTest] = set()
            for each in self._chosen(signature):
                tests |= each.tests
            requests = Requests(tests)
            answer = _Decided()
            for request in requests:
                applying = sum(
                    1 << at
                    for at, each in enumerate(self._statements)
                    if signature >> at & 1 and requests.passes(each.tests, request)
                )
                before, after = applying & self._old, applying & ~self._old
                was_granted, is_granted = self._grants(before), self._grants(after)
                if was_granted != is_granted:
                    answer.add(is_granted=is_granted, is_public=requests.is_a_strangers(request))
                elif not is_granted:
                    denied_before, denied_after = before & ~self._allow, after & ~self._allow
                    answer.undenied |= bool(denied_before & self._deny_others) and not denied_after
                    answer.newly_denied |= bool(denied_after & self._deny_others) and not denied_before
            self._decided[signature] = answer
        return self._decided[signature]

    def _grants(self, applying: int) -> bool:
        return bool(applying & self._allow) and not applying & ~self._allow

    def _record(
        self, gain: Gain, signature: int, cell: tuple[int, int, int], *, granting: int, is_public: bool
    ) -> None:
        by_principal, by_action, by_resource = cell
        denying = self._chosen(signature & ~granting & ~self._allow)
        before = self._chosen(signature & ~granting & self._allow)
        for each in self._chosen(signature & granting & self._allow):
            reached = gain.patterns.setdefault(each, set())
            gain.principals.setdefault(each, set()).update(self._principals.reaching(each.principals, by_principal))
            for action in self._actions.reaching(each.actions, by_action):
                reached |= {(action, resource) for resource in self._resources.reaching(each.resources, by_resource)}
            if is_public and (by_principal in self._principals.far or _is_for_tokens(each)):
                gain.public.add(each.source)
            if by_resource in self._resources.far and (
                by_action in self._actions.far or by_action in self._actions.further
            ):
                gain.everything.add(each.source)
            if before and not denying:
                gain.loosened.setdefault(each, set()).update(before)
        if before:
            gain.undenied |= set(denying)

    def _chosen(self, bits: int) -> list[AttachedStatement]:
        return [each for at, each in enumerate(self._statements) if bits >> at & 1]


@dataclass(slots=True)
class _Decided:
    """What happens to some of the requests that match the same statements; public: to one that anybody can make."""

    gains: bool = False
    gains_public: bool = False
    loses: bool = False
    loses_public: bool = False
    undenied: bool = False
    newly_denied: bool = False

    def add(self, *, is_granted: bool, is_public: bool) -> None:
        """Add a request that only one side grants."""
        if is_granted:
            self.gains, self.gains_public = True, self.gains_public or is_public
        else:
            self.loses, self.loses_public = True, self.loses_public or is_public


class _Dimension:
    """One of principal, action and resource: which statements a text matches, for every kind of text."""

    def __init__(
        self,
        statements: Sequence[AttachedStatement],
        matcher: Callable[[AttachedStatement], Matcher],
        further: Iterable[Pattern] = (),
    ) -> None:
        matchers = [matcher(each) for each in statements]
        further = tuple(further)
        every: list[Pattern] = list(dict.fromkeys([*(one for each in matchers for one in each.patterns), *further]))
        number = {pattern: 1 << at for at, pattern in enumerate(every)}
        covered = [(sum(number[pattern] for pattern in each.patterns), each.is_negated) for each in matchers]
        named = sum(bit for pattern, bit in number.items() if not is_universal(pattern))
        universal = sum(bit for pattern, bit in number.items() if is_universal(pattern))
        probed = sum(number[pattern] for pattern in further)
        self.masks: dict[int, list[int]] = {}
        """Which statements match -> the classes of text for which that is so, each by the patterns that it matches."""
        self.far: set[int] = set()
        """Masks of text that no pattern names."""
        self.further: set[int] = set()
        """Masks of one of the texts asked for besides."""
        for matched in classes(every):
            mask = sum(1 << at for at, (bits, negated) in enumerate(covered) if bool(matched & bits) != negated)
            self.masks.setdefault(mask, []).append(matched)
            if not matched & named and matched & universal == universal:
                self.far.add(mask)
            if matched & probed:
                self.further.add(mask)
        self._number: Mapping[Pattern, int] = number

    def reaching(self, matcher: Matcher, mask: int) -> list[Pattern]:
        """Return those patterns of a statement that cover some of the text of a mask; all of them for a Not element."""
        if matcher.is_negated:
            return list(matcher.patterns)
        return [
            pattern
            for pattern in matcher.patterns
            if any(matched & self._number[pattern] for matched in self.masks[mask])
        ]


def _is_for_tokens(statement: AttachedStatement) -> bool:
    """Whether it lets in whoever has a token of an identity provider, most of which give one to everybody."""
    providers = {text for each in statement.principals.patterns if (text := "".join(each)).startswith("Federated:")}
    if statement.principals.is_negated or not providers:
        return False
    is_trust = statement.source.kind is AccessKind.TRUST
    return statement.actions.covers(WITH_TOKEN) or (not is_trust and not providers.isdisjoint(EVERYBODYS_PROVIDERS))


def is_universal(pattern: Pattern) -> bool:
    """Return whether it covers every resource or action there is, in any of the ways to write that."""
    text = "".join(pattern)
    return pattern == EVERYTHING or (
        "*" in text and not text.removeprefix("arn:").removeprefix("aws:").strip("*:?") and text[:1] in "*a"
    )
