"""What a record may say, and that whatever else it says is known to be unprocessable."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.runtime import change
from services.library.runtime.stream import PermanentFailure

RIGHT: dict[str, Any] = {"id": "s-1", "patient": "p-1", "resource": {"resourceType": "Observation"}}
CLAIMED: dict[str, Any] = {"id": "s-1", "patient": "p-1", "claim": "intake/s-1"}


def parse(content: object, key: str = "p-1") -> Any:
    return change.parse(json.dumps(content).encode(), key)


def test_a_record_holds_a_resource_or_says_where_it_is() -> None:
    resource = change.Resource(type="Observation", text='{"resourceType": "Observation"}')
    assert parse(RIGHT) == change.PatientChange(id="s-1", patient="p-1", content=resource)
    assert parse(CLAIMED) == change.PatientChange(id="s-1", patient="p-1", content="intake/s-1")
    assert change.claimed_resource(json.dumps(RIGHT).encode(), "p-1") == resource


def test_a_resource_is_the_text_that_was_submitted() -> None:
    text = '{ "a":[1.50,1E+2,-0, 1e400] ,"resourceType":"Observation","a":"\\u00e4\\/ä" }'
    found = change.parse(f'{{"resource" :{text}, "id":"s-1","patient":"p-1"}}'.encode(), "p-1")
    assert found.content == change.Resource(type="Observation", text=text)


@pytest.mark.parametrize("what", [RIGHT, CLAIMED])
def test_a_record_may_say_which_trace_it_belongs_to(what: dict[str, Any]) -> None:
    traceparent = "00-6b0557b4aabbccdd0011223344556677-0123456789abcdef-01"
    assert parse(what | {"trace": traceparent}).trace.traceparent == traceparent


@pytest.mark.parametrize("trace", ["", "00-0-0-00", 7, None, {"a": 1}])
def test_parse_ignores_a_malformed_trace(trace: object) -> None:
    assert parse(RIGHT | {"trace": trace}) == parse(RIGHT)


@pytest.mark.parametrize(
    ("content", "failure"),
    [
        ([], "NotAnObject"),
        ("text", "NotAnObject"),
        ({}, "NotAChange"),
        (RIGHT | {"more": 1}, "NotAChange"),
        (RIGHT | CLAIMED, "NotAChange"),
        (RIGHT | {"id": ""}, "NotAChange"),
        (RIGHT | {"id": "x" * 81}, "NotAChange"),
        (RIGHT | {"id": 7}, "NotAChange"),
        (RIGHT | {"patient": "p 1"}, "NotAChange"),
        (RIGHT | {"patient": "p-1\n"}, "NotAChange"),
        (RIGHT | {"resource": None}, "NotAChange"),
        (RIGHT | {"resource": {}}, "NotAChange"),
        (RIGHT | {"resource": {"resourceType": ["Observation"]}}, "NotAChange"),
        (CLAIMED | {"claim": ""}, "NotAChange"),
        (CLAIMED | {"claim": {"resourceType": "Observation"}}, "NotAChange"),
        (RIGHT | {"patient": "p-2"}, "AnotherPatient"),
    ],
)
def test_parse_names_the_invalid_field(content: object, failure: str) -> None:
    with pytest.raises(PermanentFailure) as raised:
        parse(content)
    assert type(raised.value).__name__ == failure


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\xff", b"{", b"[" * 100_000, b'{"id": 1}x', b"[]", b'"text"', b"\xef\xbb\xbf{}"),
        *(b'{"resource": {"a": %s}}' % constant for constant in (b"NaN", b"Infinity", b"-Infinity", b"01", b"1.")),
    ],
)
def test_parse_refuses_what_is_no_json(data: bytes) -> None:
    with pytest.raises(PermanentFailure) as raised:
        change.parse(data, "p-1")
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


@pytest.mark.parametrize("payload", [RIGHT | {"patient": "p-2"}, {"resource": RIGHT["resource"]}])
def test_a_claim_is_about_the_same_patient(payload: dict[str, Any]) -> None:
    with pytest.raises(change.AnotherPatient):
        change.claimed_resource(json.dumps(payload).encode(), "p-1")


TEXT = st.text("aZ0.- \x00\n\u00e4\U0001f600", max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT | st.just("resourceType"), inner, max_size=2),
    max_leaves=4,
)
RECORDS = st.dictionaries(st.sampled_from([*RIGHT, "claim"]), JSON).map(lambda made: json.dumps(made).encode())


@settings(derandomize=True)
@given(st.binary(max_size=60) | RECORDS)
def test_parse_raises_permanent_failures_alone(data: bytes) -> None:
    try:
        change.parse(data, "p-1")
    except PermanentFailure as failure:
        assert len(str(failure)) < 20  # noqa: PT017 - a field's name at most, for whatever is refused
