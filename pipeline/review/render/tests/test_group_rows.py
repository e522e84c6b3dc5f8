"""Folding for people loses nothing."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.review.model import Change, Outcome, PropertyChange
from pipeline.review.render.group_rows import fold, unfold

NAMES = st.sampled_from(["a", "b"])
NUMBERS = st.integers(0, 1)
PROPERTIES = st.lists(
    st.builds(
        PropertyChange, path=NAMES, old=st.integers(0, 1), new=st.integers(0, 1), impact=st.sampled_from(Outcome)
    ),
    max_size=2,
).map(tuple)
CHANGES = st.lists(
    st.builds(
        Change,
        stage=NAMES,
        service=NAMES,
        stack=NAMES,
        logical_id=NAMES,
        path=NAMES,
        type=NAMES,
        outcome=st.sampled_from(Outcome),
        data_loss=st.booleans(),
        noise=st.sampled_from(["", "code changed"]),
        points_at=st.sampled_from([(), ("qa",)]),
        properties=PROPERTIES,
    ),
    max_size=12,
)


@given(changes=CHANGES)
def test_unfolding_gives_back_what_was_folded(changes: list[Change]) -> None:
    assert unfold(fold(changes)) == tuple(changes)


@given(changes=CHANGES)
def test_a_row_has_each_stages_values(changes: list[Change]) -> None:
    for row in fold(changes):
        for index, property_ in enumerate(row.properties):
            told = [(stage, each.old, each.new) for each in property_.values for stage in each.stages]
            given = [(each.stage, each.properties[index].old, each.properties[index].new) for each in row.changes]
            assert sorted(told) == sorted(given)
