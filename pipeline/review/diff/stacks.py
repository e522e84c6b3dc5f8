"""Which stack of one side is which of the other, and what becomes of those that have no counterpart."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pipeline.review.diff import stateful
from pipeline.review.diff.removals import RemovalStep
from pipeline.review.model import DeploymentLocation, ResourceOutcome, StackChange
from pipeline.review.read.assembly import Stack


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A stack before and after. Not both None."""

    before: Stack | None
    after: Stack | None

    @property
    def either(self) -> Stack:
        """Return the stack as it will be, or as it was if it goes."""
        stack = self.after or self.before
        if stack is None:
            raise ValueError("A pair has at least one stack.")
        return stack

    @property
    def path(self) -> str:
        """Return its construct path."""
        return self.either.path

    @property
    def content(self) -> bytes:
        """Return its template's bytes."""
        return self.either.content

    def forget(self) -> None:
        """Let go of both templates."""
        for stack in (self.before, self.after):
            if stack:
                stack.forget()

    @property
    def is_same_stack(self) -> bool:
        """Return whether CloudFormation updates it: another name, account or region is another stack."""
        return self.before is not None and self.after is not None and self.before.place == self.after.place

    @property
    def adopts(self) -> bool:
        """Return whether the stack was there before the platform, and comes into its hands now."""
        return self.before is not None and bool(self.before.before_platform)


def pairs(before: Sequence[Stack], after: Sequence[Stack]) -> list[Pair]:
    """Return pairs in the head side's order, then what only the base side has.

    By name, account and region first, for that is what CloudFormation goes by; then by construct path.
    """
    places = {stack.place: stack for stack in before}
    same = {stack.path: places[stack.place] for stack in after if stack.place in places}
    taken = {stack.path for stack in same.values()}
    paths = {stack.path: stack for stack in before if stack.path not in taken}
    found = [Pair(before=same.get(stack.path) or paths.get(stack.path), after=stack) for stack in after]
    used = {pair.before.path for pair in found if pair.before}
    return found + [Pair(before=stack, after=None) for stack in before if stack.path not in used]


def change(
    pair: Pair, removed: Collection[str] = (), steps: Mapping[DeploymentLocation, RemovalStep] | None = None
) -> StackChange | None:
    """Return what happens to a stack as a whole; None if it is the same one.

    `removed`: what the pipeline deletes; `steps`: those of the deletions that say why, and look at what is deployed.
    """
    stack = pair.either
    if pair.is_same_stack:
        return None
    left = pair.before.resolve() if pair.before else None
    is_removed = pair.before is not None and pair.before.place.name in removed
    return StackChange(
        stage=stack.stage,
        service=stack.service,
        stack=(pair.before or stack).place.name,
        path=stack.path,
        outcome=_outcome(pair, is_removed=is_removed),
        before=pair.before.place if pair.before else None,
        after=pair.after.place if pair.after else None,
        resources=len(stack.body.get("Resources", ())),
        stateful=tuple(
            sorted(id_ for id_, resource in left.resources.items() if stateful.is_store(resource)) if left else ()
        ),
        lost=tuple(
            sorted(id_ for id_, resource in left.resources.items() if stateful.is_lost_with_stack(resource))
            if left and is_removed
            else ()
        ),
        tombstone=_tombstone(pair.before, steps or {}) if pair.before and is_removed else "",
    )


def _tombstone(stack: Stack, steps: Mapping[DeploymentLocation, RemovalStep]) -> str:
    """Why a stack is removed, and by whom. One that was protected from termination needs a step that keeps data."""
    step = steps.get(stack.place)
    return f"{step.why} ({step.owner})" if step and (step.keeps_data or not stack.protected) else ""


def _outcome(pair: Pair, *, is_removed: bool) -> ResourceOutcome:
    if pair.before is None:
        return ResourceOutcome.CREATE
    if pair.after is not None:
        return ResourceOutcome.REPLACE
    return ResourceOutcome.DESTROY if is_removed else ResourceOutcome.ORPHAN
