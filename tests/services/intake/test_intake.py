"""intake as it is deployed: what a client posts is recorded and handed over, or kept for an operator."""

import base64
import hashlib
import json

import httpx
import pytest

from pipeline.local.lifecycle import LocalCloud
from services.intake.service import PAYLOAD_LIMIT_BYTES, REFUSED, Variant
from services.library.constructs.mappings.request_name import execution_name
from services.library.runtime.content import content_digest
from tests.services.intake.deployed_intake import DeployedIntake
from tests.testbed.functions import until
from tests.testbed.signed import a_key, problem

pytestmark = pytest.mark.cloud

OBSERVATION = {"resourceType": "Observation", "note": 'it\'s "é" \\ 😀 ${x} #end'}
SUBMISSION = {"patient": "p-1", "resource": OBSERVATION}


@pytest.fixture(scope="module")
def intake(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> DeployedIntake:
    return DeployedIntake(cloud, tmp_path_factory.mktemp("intake"), "standard", claim_check=True)


def handed_over(intake: DeployedIntake, id_: str) -> list[tuple[str, dict[str, object]]]:
    return until(lambda: [found for found in intake.records() if found[1]["id"] == id_], bool)  # type: ignore[no-any-return]  # what it read


def test_a_submission_is_recorded_and_handed_over_under_its_id(intake: DeployedIntake) -> None:
    id_ = intake.api.post(SUBMISSION).json()["id"]
    assert intake.closed(id_)["status"] == "SUCCEEDED"
    assert json.loads(intake.items()[id_]["resource"]["S"]) == OBSERVATION
    assert handed_over(intake, id_) == [("p-1", {"id": id_, **SUBMISSION})]


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"patient": "p-1"},
        {"resource": OBSERVATION},
        {"patient": "p 1", "resource": OBSERVATION},
        {"patient": "p-1", "resource": {}},
        {"patient": "p-1", "resource": OBSERVATION, "claim": "claims/a"},
        {"patient": "p-1", "claim": "kept/a"},
        {"patient": "p-1", "resource": OBSERVATION, "more": 1},
        {"patient": "p-1\n", "resource": OBSERVATION},
        {"patient": "p-1", "claim": "claims/a\n"},
        {"patient": "p-1", "resource": {"resourceType": "observation"}},
        {"patient": "p-1", "resource": {"resourceType": "Observation\n"}},
        {"patient": "p-1", "resource": {**OBSERVATION, "id": "o-1\n"}},
        {"patient": "p-1", "resource": {**OBSERVATION, "id": ".."}},
        {"patient": "p-1", "resource": {"resourceType": "Bundle", "type": "transaction"}},
        {"patient": "p-1", "resource": {"resourceType": "Bundle", "type": "batch"}},
    ],
)
def test_what_is_no_submission_is_refused_in_a_sentence(intake: DeployedIntake, payload: dict[str, object]) -> None:
    assert problem(intake.api.post(payload), 400)["detail"] == REFUSED


def test_half_of_a_surrogate_pair_is_refused(intake: DeployedIntake) -> None:
    refused = intake.api.post({"patient": "p-1", "resource": {**OBSERVATION, "note": "\ud800"}})
    assert "surrogate" in problem(refused, 400)["detail"]


def test_an_id_means_one_content(intake: DeployedIntake) -> None:
    """Step Functions remembers a name for 90 days; the table remembers longer."""
    key = a_key()
    content = json.dumps(SUBMISSION).encode()
    id_ = intake.api.post(content=content, key=key).json()["id"]
    assert intake.closed(id_)["status"] == "SUCCEEDED"
    for again in (content, content.replace(b"p-1", b"p-2")):
        problem(intake.api.post(content=again, key=key), 409)
    forgotten = a_key()
    name = execution_name(intake.api.account, forgotten)
    recorded = {"id": name, "patient": "p-1", "digest": "d", "resource": "{}"}
    intake.keep(recorded)
    intake.api.post(content=content, key=forgotten)
    failed = intake.closed(name)
    assert (failed["status"], failed["error"]) == ("FAILED", "AnotherContent")
    assert intake.dead_letter(name)["error"] == "AnotherContent"
    items = intake.items()
    digest = content_digest("p-1", json.dumps(OBSERVATION))
    assert items[name] == {field: {"S": value} for field, value in recorded.items()}
    assert items[f"{name}#{digest}"]["recorded_digest"] == {"S": "d"}
    assert items[f"{name}#{digest}"]["resource"] == {"S": json.dumps(OBSERVATION)}
    assert not [found for found in intake.records() if found[1]["id"] == name]


def test_an_execution_that_was_started_before_bodies_were_text_is_worked_on(intake: DeployedIntake) -> None:
    name = a_key()
    kept = {"id": name, "patient": "p-1", "resource": json.dumps(OBSERVATION, ensure_ascii=False, sort_keys=True)}
    intake.keep(kept)  # by the first task, before it was replaced and tried again
    intake.start(name, json.dumps(SUBMISSION))
    assert intake.closed(name)["status"] == "SUCCEEDED"
    assert handed_over(intake, name) == [("p-1", {"id": name, **SUBMISSION})]


def test_the_largest_submission_is_worked_on_and_one_byte_more_is_413(intake: DeployedIntake) -> None:
    head, tail = '{"patient": "p-2", "resource": {"resourceType": "Binary", "data": "', '"}}'
    room = PAYLOAD_LIMIT_BYTES - len(head + tail)
    # Of a sign that is twice as long in a text within a text, and one that is three times as long escaped.
    for data in ("\\n" * (room // 2) + "a" * (room % 2), "é" * (room // 2) + "a" * (room % 2)):
        body = (head + data + tail).encode()
        assert len(body) == PAYLOAD_LIMIT_BYTES
        id_ = intake.api.post(content=body).json()["id"]
        assert intake.closed(id_)["status"] == "SUCCEEDED"
    assert str(PAYLOAD_LIMIT_BYTES) in problem(intake.api.post(content=body + b" "), 413)["detail"]


def test_a_payload_over_the_limit_is_uploaded_and_then_submitted_by_its_claim(intake: DeployedIntake) -> None:
    payload = json.dumps({"patient": "p-3", "resource": {"resourceType": "Binary", "data": "a" * 300_000}}).encode()
    asked = {"bytes": len(payload), "sha256": base64.b64encode(hashlib.sha256(payload).digest()).decode()}
    answer = intake.api.post(asked, path="claims")
    assert answer.status_code == 201, answer.text
    claim = answer.json()
    assert httpx.put(claim["url"], content=payload, headers=claim["headers"]).status_code == 200
    id_ = intake.api.post({"patient": "p-3", "claim": claim["claim"]}).json()["id"]
    assert handed_over(intake, id_) == [("p-3", {"id": id_, "patient": "p-3", "claim": claim["claim"]})]
    stored = intake.stack.client("s3").get_object(Bucket=intake.offering.outputs["Bucket"], Key=claim["claim"])
    assert stored["Body"].read() == payload
    assert intake.items()[id_]["claim"] == {"S": claim["claim"]}


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"bytes": 0, "sha256": "A" * 43 + "="},
        {"bytes": 67_108_865, "sha256": "A" * 43 + "="},
        {"bytes": 1, "sha256": "no"},
        {"bytes": 1.5, "sha256": "A" * 43 + "="},
    ],
)
def test_a_claim_that_does_not_say_what_will_be_uploaded_is_refused(
    intake: DeployedIntake, asked: dict[str, object]
) -> None:
    problem(intake.api.post(asked, path="claims"), 400)


def test_a_submission_that_cannot_be_handed_over_is_kept_for_an_operator(
    cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory
) -> None:
    intake = DeployedIntake(cloud, tmp_path_factory.mktemp("broken"), "broken")
    intake.stack.client("kinesis").delete_stream(StreamName=intake.offering.outputs["StreamName"])
    id_ = intake.api.post(SUBMISSION).json()["id"]
    failed = intake.closed(id_)
    assert (failed["status"], failed["error"]) == ("FAILED", "RefusedByAws")
    assert intake.dead_letter(id_) == {
        "id": id_,
        "execution": failed["executionArn"],
        "error": "RefusedByAws",
    }
    assert json.loads(base64.b64decode(json.loads(failed["input"])["base64"])) == SUBMISSION


def test_an_express_one_hands_over_each_retry_under_the_same_id(
    cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory
) -> None:
    intake = DeployedIntake(cloud, tmp_path_factory.mktemp("express"), "express", variant=Variant.EXPRESS)
    key = a_key()
    answers = [intake.api.post(SUBMISSION, key=key) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {202}
    (id_,) = {answer.json()["id"] for answer in answers}
    record = ("p-1", {"id": id_, **SUBMISSION})
    until(intake.records, lambda found: found == [record, record])
    assert set(intake.items()) == {id_}


def test_a_synchronous_one_answers_once_it_is_handed_over(
    cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory
) -> None:
    intake = DeployedIntake(cloud, tmp_path_factory.mktemp("sync"), "sync", variant=Variant.SYNCHRONOUS)
    answer = intake.api.post(SUBMISSION)
    assert answer.status_code == 200, answer.text
    assert intake.records() == [("p-1", {"id": answer.json()["id"], **SUBMISSION})]
    intake.stack.client("kinesis").delete_stream(StreamName=intake.offering.outputs["StreamName"])
    failed = problem(intake.api.post(SUBMISSION), 500)
    assert failed["title"] == "Failed"
