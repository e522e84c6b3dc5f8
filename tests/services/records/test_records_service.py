"""records and ingest as they are deployed: what comes over the stream is read and searched over the API."""

import json
from functools import partial
from typing import Any

import pytest

from pipeline.local.lifecycle import LocalCloud
from tests.services.records.deployed_records import DeployedRecords
from tests.testbed.functions import until
from tests.testbed.signed import problem

pytestmark = pytest.mark.cloud


@pytest.fixture(scope="module")
def deployed(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> DeployedRecords:
    return DeployedRecords(cloud, tmp_path_factory.mktemp("records"))


def change(number: int, resource: dict[str, Any], patient: str = "p-1") -> tuple[str, bytes]:
    return patient, json.dumps({"id": f"s-{number}", "patient": patient, "resource": resource}).encode()


def test_what_comes_over_the_stream_is_read_and_searched(deployed: DeployedRecords) -> None:
    patients: list[dict[str, Any]] = [
        {"resourceType": "Patient", "id": f"p-{each}", "name": [{"family": "Schmidt"}]} for each in range(5)
    ]
    pill = {"resourceType": "Nonsense", "id": "n-1"}
    deployed.ingest.put(
        [
            *(change(number, patient, patient["id"]) for number, patient in enumerate(patients)),
            change(10, pill),
            change(11, {**patients[1], "active": True}),
        ]
    )
    read = until(lambda: deployed.api.get("Patient/p-1"), lambda answer: b'"active":true' in answer.content, 60)
    assert read.headers["etag"] == 'W/"2"'
    assert read.headers["content-type"] == "application/fhir+json"
    for patient in patients:  # each has its own partition key, so a reader of another shard may still be at it
        until(partial(deployed.api.get, f"Patient/{patient['id']}"), lambda answer: bool(answer.status_code == 200), 60)
    found: list[str] = []
    body: dict[str, Any] = {"parameters": {"family": "Schmidt"}, "count": 2}
    while body.get("next", "first"):
        answer = deployed.api.post(body, path="Patient/_search")
        assert answer.status_code == 200, answer.text
        found += [resource["id"] for resource in answer.json()["resources"]]
        body = {"next": answer.json()["next"]}
    assert sorted(found) == [patient["id"] for patient in patients]
    assert [json.loads(data)["resource"] for data in deployed.ingest.quarantined()] == [pill]


def test_refusals_have_the_one_shape(deployed: DeployedRecords) -> None:
    assert problem(deployed.api.get("Patient/nobody"), 404)["title"] == "Not found"
    problem(deployed.api.get("Account/1"), 400)
    problem(deployed.api.post({"parameters": {"photo": "x"}}, path="Patient/_search"), 400)
    problem(deployed.api.post({"next": "bm8gdG9rZW4="}, path="Patient/_search"), 400)
    problem(deployed.api.post({}, path="Patient/_search", signed=False), 403)
