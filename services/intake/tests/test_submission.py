"""What a client may submit, and that a refusal never quotes a patient's data."""

from typing import Any

import pytest

from services.intake.runtime import submission

# By name, as the function is found in Lambda: this room's code may not import its runtime, and its tests must.

GOOD = {"id": "caller-0123456789abcdef", "payload": {"patient": "p-1", "resource": {"resourceType": "Observation"}}}


def test_a_payload_becomes_a_submission_under_the_executions_name() -> None:
    parsed = submission.parse(GOOD)
    assert (parsed.id, parsed.patient) == (GOOD["id"], "p-1")
    assert parsed.resource == {"resourceType": "Observation"}


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (None, "payload"),
        ([], "payload"),
        ({"patient": "p-1"}, "resource or a claim"),
        ({"patient": "p-1", "resource": {}, "claim": "claims/one"}, "resource or a claim"),
        ({"patient": "p-1", "claim": "kept/SECRET"}, "claim"),
        ({"patient": "SECRET NAME", "resource": {}}, "patient"),
        ({"patient": "p-1", "resource": "SECRET NAME"}, "resource"),
        ({"patient": "p-1", "resource": {}, "SECRET": "NAME"}, "an unknown field"),
        ({"patient": "p-1", "resource": {}, "id": "SECRET NAME"}, "id"),
        ({"patient": "p-1", "resource": {"name": "\ud800 SECRET NAME"}}, "half of a character"),
    ],
)
def test_a_payload_that_can_never_be_processed_is_named_by_its_field_alone(payload: Any, field: str) -> None:
    with pytest.raises(submission.InvalidSubmission) as refused:
        submission.parse({"id": "caller-0123456789abcdef", "payload": payload})
    assert field in str(refused.value)
    assert "SECRET" not in str(refused.value)
    assert refused.value.__context__ is None


def test_a_claim_takes_the_place_of_the_resource() -> None:
    parsed = submission.parse({"id": GOOD["id"], "payload": {"patient": "p-1", "claim": "claims/caller_one"}})
    assert parsed.content() == {"claim": "claims/caller_one"}
