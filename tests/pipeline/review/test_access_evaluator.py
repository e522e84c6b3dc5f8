"""The review's comparison of access and the local cloud's evaluator: what one lets through, the other has said."""

from collections.abc import Collection, Iterable, Iterator

import pytest

from pipeline.review.access.changes import changes
from pipeline.review.model import Direction, StackLocation
from tests.pipeline.review.policy_pairs import Asked, Pairs, Side

PLACE = StackLocation(stage="dev", service="orders", stack="dev-orders")
SAYS_MORE = {Direction.BROADENED, Direction.CHANGED, Direction.UNKNOWN}
SAYS_LESS = {Direction.NARROWED, Direction.CHANGED, Direction.UNKNOWN}
REQUESTS = 60
"""For each pair."""


def disagreements(old: Side, new: Side, requests: Iterable[Asked], said: Collection[Direction]) -> Iterator[str]:
    """Yield each request that only one side allows, of which the review has said nothing."""
    before, after = old.judged(), new.judged()
    for asked in requests:
        was_allowed, is_allowed = before.allows(asked), after.allows(asked)
        if was_allowed != is_allowed and (SAYS_MORE if is_allowed else SAYS_LESS).isdisjoint(said):
            change = "allowed now" if is_allowed else "allowed no more"
            yield f"{asked} is {change}, and the review says {sorted(said) or 'nothing'}:\n{old}\n{new}"


@pytest.mark.parametrize(("seed", "cases"), [(20, 200), pytest.param(13, 10_000, marks=pytest.mark.soak)])
def test_evaluator_allows_and_denies_only_what_the_review_has_said(seed: int, cases: int) -> None:
    pairs = Pairs(seed)
    silent = 0
    for number in range(cases):
        old, new = pairs.pair()
        said = {each.direction for each in changes(old.template, new.template, PLACE)}
        found = next(disagreements(old, new, pairs.requests((old, new), REQUESTS), said), None)
        assert found is None, f"case {number} of seed {seed}: {found}"
        silent += not said
    assert silent > cases / 20, "a review that always says something is never wrong"
