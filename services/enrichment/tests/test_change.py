"""What a task may be given, and that whatever else it is given is named without its value."""

from typing import Any

import pytest

from services.enrichment.runtime import change

CANARY = "Schmidt 1957"
DETAIL: dict[str, Any] = {"id": "c-1", "patient": "p-1", "resource_type": "Observation", "version": 3}
TRACE = "00-6b0557b4aabbccdd0011223344556677-0123456789abcdef-01"


def test_the_work_is_the_change_and_the_execution_that_does_it() -> None:
    work = change.parse({"execution": "e-1", "change": DETAIL | {"trace": TRACE}})
    assert (work.execution, work.id, work.patient) == ("e-1", "c-1", "p-1")
    assert work.trace is not None
    assert work.trace.traceparent == TRACE
    assert change.parse({"execution": "e-1", "change": DETAIL | {"trace": CANARY}}).trace is None


@pytest.mark.parametrize(
    ("event", "named"),
    [
        ({}, "change"),
        ({"execution": "e-1", "change": CANARY}, "change"),
        ({"change": DETAIL}, "execution"),
        ({"execution": "e-1", "change": DETAIL | {"id": 7}}, "id"),
        ({"execution": "e-1", "change": DETAIL | {"patient": CANARY}}, "patient"),
        ({"execution": "e-1", "change": DETAIL | {"patient": f"../{CANARY}"}}, "patient"),
        ({"execution": "e-1", "change": {"patient": "p-1"}}, "id"),
    ],
)
def test_parse_names_the_invalid_field(event: dict[str, Any], named: str) -> None:
    with pytest.raises(change.NotAChange) as raised:
        change.parse(event)
    assert str(raised.value) == named
