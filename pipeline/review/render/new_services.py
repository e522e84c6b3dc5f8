"""Stacks that are new as one row each for all stages: a service's first, or its promotion."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.review.model import AccessChange, Finding, GuardrailChange, ResourceOutcome, Review, StackChange
from pipeline.review.render.words import PLATFORM, counted_noun


@dataclass(frozen=True, kw_only=True, slots=True)
class NewService:
    """A service's stacks that are new, with what they grant."""

    stacks: tuple[StackChange, ...]
    grants: tuple[AccessChange, ...]
    """Those that stay within their own stack, of all stages."""
    outside: int
    """Statements that reach out of it."""
    decided: tuple[GuardrailChange, ...] = ()
    """Guardrail findings in it that the library or the pipeline has decided."""

    @property
    def first(self) -> StackChange:
        """Return what all of them share: service, whether it is a promotion, the number of resources."""
        return self.stacks[0]

    @property
    def stages(self) -> tuple[str, ...]:
        """Return where it is new, in promotion order."""
        return tuple(stack.stage for stack in self.stacks)

    @property
    def summary(self) -> str:
        """Such as `31 resources, 24 grants, all within its own stack`; with several stages, of each."""
        within = sum(map(_statements, self.grants)) // len(self.stacks)
        every = within + self.outside
        parts = [counted_noun(self.first.resources, "resource"), counted_noun(every, "grant")]
        if every:
            parts.append("all within its own stack" if not self.outside else f"{within} within its own stack")
        if self.decided:
            parts.append(f"{counted_noun(len(self.decided) // len(self.stacks), 'guardrail finding')} decided")
        return ", ".join(parts) + (" in each" if len(self.stacks) > 1 else "")

    @property
    def title(self) -> str:
        """Return what is new: `new service payments in dev`, or `records promoted to qa`."""
        stages = ", ".join(self.stages)
        return (
            f"{self.first.service} promoted to {stages}"
            if self.first.is_promotion
            else f"new service {self.first.service} in {stages}"
        )


def new_services(service: str, review: Review) -> tuple[NewService, ...]:
    """Return a service's new stacks, those with the same numbers together."""
    access = [each for each in review.access if each.service == service]
    guardrails = [each for each in review.guardrails if each.service == service and is_decided(each)]
    groups: dict[object, list[StackChange]] = {}
    for stack in filter(is_new, review.stacks):
        if stack.service == service:
            key = (stack.resources, *(sum(map(_statements, each)) for each in _grants(stack, access)))
            groups.setdefault(key, []).append(stack)
    return tuple(_new_service(stacks, access, guardrails) for stacks in groups.values())


def places(review: Review) -> frozenset[tuple[str, str]]:
    """Return stage and service of each stack that is a service's, and new."""
    return frozenset((stack.stage, stack.service) for stack in filter(is_new, review.stacks))


def is_new(stack: StackChange) -> bool:
    """Return whether a stack is a service's, and new."""
    return stack.outcome is ResourceOutcome.CREATE and stack.service not in {"", PLATFORM}


def is_folded(finding: Finding, review: Review) -> bool:
    """Return whether a finding is only counted: a stack that comes or goes always brings it, and it does not block."""
    return finding.follows_stack and finding.level.rank < review.fail_on.rank


def is_decided(change: GuardrailChange) -> bool:
    """Return whether it is a finding that nobody has to accept."""
    return change.kind == "finding" and change.state == "decided"


def is_in_row(change: AccessChange | GuardrailChange, new: frozenset[tuple[str, str]]) -> bool:
    """Return whether a change is a part of the row of a new service. `new`: their places."""
    is_part = change.within_stack if isinstance(change, AccessChange) else is_decided(change)
    return is_part and (change.stage, change.service) in new


def _new_service(
    stacks: Sequence[StackChange], access: Sequence[AccessChange], guardrails: Sequence[GuardrailChange]
) -> NewService:
    stages = {stack.stage for stack in stacks}
    return NewService(
        stacks=tuple(stacks),
        grants=tuple(grant for stack in stacks for grant in _grants(stack, access)[0]),
        outside=sum(map(_statements, _grants(stacks[0], access)[1])),
        decided=tuple(each for each in guardrails if each.stage in stages),
    )


def _grants(stack: StackChange, access: Sequence[AccessChange]) -> tuple[list[AccessChange], list[AccessChange]]:
    """What a service's new stack grants within it, and what reaches out of it."""
    own = [each for each in access if each.stage == stack.stage]
    return [each for each in own if each.within_stack], [each for each in own if not each.within_stack]


def _statements(change: AccessChange) -> int:
    return len(change.evidence.splitlines())
