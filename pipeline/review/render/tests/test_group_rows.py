"""Rows for people hold every change, with the values of each stage."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.review.model import PropertyChange, ResourceChange, ResourceOutcome
from pipeline.review.render.group_rows import group_rows

NAMES = st.sampled_from(["a", "b"])
NUMBERS = st.integers(0, 1)
PROPERTIES = st.lists(
    st.builds(
        PropertyChange,
        path=NAMES,
        old=st.integers(0, 1),
        new=st.integers(0, 1),
        impact=st.sampled_from(ResourceOutcome),
    ),
    max_size=2,
).map(tuple)
CHANGES = st.lists(
    st.builds(
        ResourceChange,
        stage=NAMES,
        service=NAMES,
        stack=NAMES,
        logical_id=NAMES,
        path=NAMES,
        type=NAMES,
        outcome=st.sampled_from(ResourceOutcome),
        data_loss=st.booleans(),
        noise=st.sampled_from(["", "code changed"]),
        points_at=st.sampled_from([(), ("qa",)]),
        properties=PROPERTIES,
    ),
    max_size=12,
)


@given(changes=CHANGES)
def test_group_rows_has_every_change_once_and_in_order(changes: list[ResourceChange]) -> None:
    position = {id(change): at for at, change in enumerate(changes)}
    rows = [[position[id(change)] for change in row.changes] for row in group_rows(changes)]
    assert sorted(at for row in rows for at in row) == list(range(len(changes)))
    assert rows == sorted(map(sorted, rows))


@given(changes=CHANGES)
def test_a_row_has_the_values_of_each_stage(changes: list[ResourceChange]) -> None:
    for row in group_rows(changes):
        for index, property_ in enumerate(row.properties):
            told = [(stage, each.old, each.new) for each in property_.values for stage in each.stages]
            given = [(each.stage, each.properties[index].old, each.properties[index].new) for each in row.changes]
            assert sorted(told) == sorted(given)
