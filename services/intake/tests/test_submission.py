"""What a client may submit, and that a refusal never quotes a patient's data."""

import base64
import json
from typing import Any

import pytest

from services.intake.runtime import submission

# By name, as the function is found in Lambda: this room's code may not import its runtime, and its tests must.

ID = "caller-0123456789abcdef"


def posted(body: str | bytes) -> dict[str, Any]:
    """A task's input, as the workflow makes it of a body."""
    content = body.encode() if isinstance(body, str) else body
    return {"id": ID, "payload": {"base64": base64.b64encode(content).decode()}}


def test_a_resource_is_the_text_that_was_posted() -> None:
    text = '{ "resourceType":"Observation","b":[1.50,1E+2,-0,1e400] ,"a":"\\u00e4\\/ä😀"}'
    parsed = submission.parse(posted(f' {{"resource" : {text}, "patient":"p-1"}}\n'))
    assert (parsed.id, parsed.patient, parsed.resource) == (ID, "p-1", text)
    assert parsed.content() == ("resource", text)


def test_a_claim_takes_the_place_of_the_resource() -> None:
    parsed = submission.parse(posted('{"patient": "p-1", "claim": "claims/caller_one"}'))
    assert parsed.content() == ("claim", '"claims/caller_one"')


def test_an_execution_of_before_has_a_body_that_was_parsed() -> None:
    payload = {"patient": "p-1", "resource": {"resourceType": "Observation", "a": "ä", "value": 1.5}}
    parsed = submission.parse({"id": ID, "payload": payload})
    assert parsed.resource == '{"resourceType":"Observation","a":"ä","value":1.5}'
    claimed = submission.parse({"id": ID, "payload": {"patient": "p-1", "claim": "claims/one"}})
    assert claimed.content() == ("claim", '"claims/one"')


REFUSED = [
    ({"patient": "p-1"}, "resource or a claim"),
    ({"patient": "p-1", "resource": {}, "claim": "claims/one"}, "resource or a claim"),
    ({"patient": "p-1", "claim": "kept/SECRET"}, "claim"),
    ({"patient": "SECRET NAME", "resource": {}}, "patient"),
    ({"patient": "p-1\n", "resource": {}}, "patient"),
    ({"patient": ["SECRET"], "resource": {}}, "patient"),
    ({"patient": "p-1", "resource": "SECRET NAME"}, "resource"),
    ({"patient": "p-1", "resource": None}, "resource"),
    ({"patient": "p-1", "resource": {}, "SECRET": "NAME"}, "an unknown field"),
    ({"patient": "p-1", "resource": {}, "id": "SECRET NAME"}, "id"),
]
NO_JSON = [
    b"",
    b"[]",
    b'"SECRET"',
    b'{"patient": "SECRET"',
    b'{"patient": "p-1", "resource": {"a": NaN, "b": "SECRET"}}',
    b'{"patient": "p-1", "resource": {"name": "SECRET \xff"}}',
    b'{"patient": "p-1", "resource": {"a":' + b"[" * 100_000,
]


def refusal(event: dict[str, Any]) -> str:
    with pytest.raises(submission.InvalidSubmission) as refused:
        submission.parse(event)
    assert "SECRET" not in str(refused.value)
    assert refused.value.__context__ is None
    return str(refused.value)


@pytest.mark.parametrize(("payload", "field"), REFUSED)
def test_a_payload_that_can_never_be_processed_is_named_by_its_field_alone(payload: Any, field: str) -> None:
    assert field in refusal(posted(json.dumps(payload)))
    assert field in refusal({"id": ID, "payload": payload})


@pytest.mark.parametrize("body", NO_JSON)
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    assert refusal(posted(body)) == "payload: must be a JSON object in UTF-8"


@pytest.mark.parametrize(
    "payload",
    [None, [], {"base64": "SECRET!"}, {"base64": 5}, {"patient": "p-1", "resource": {"name": "\ud800 SECRET"}}]
    + [{"patient": "p-1", "resource": {"SECRET": number}} for number in (float("inf"), float("nan"))],
)
def test_an_input_that_is_none_of_ours_is_refused(payload: Any) -> None:
    assert refusal({"id": ID, "payload": payload}).startswith("payload: ")


def test_a_digest_is_of_the_patient_and_the_text() -> None:
    def digest(patient: str, resource: str, more: str = "") -> str:
        return submission.parse(posted(f'{{"patient":"{patient}",{more}"resource":{resource}}}')).digest

    first = digest("p-1", '{"a":1.0}')
    assert first == digest("p-1", '{"a":1.0}', more="  ")
    assert len({first, digest("p-2", '{"a":1.0}'), digest("p-1", '{"a":1.00}'), digest("p-1", '{"a": 1.0}')}) == 4
