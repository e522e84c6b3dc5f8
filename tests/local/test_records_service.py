"""records and ingest as they are deployed: what comes over the stream is read and searched over the API."""

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from pipeline.local.lifecycle import LocalCloud
from services.ingest.service import Ingest
from services.library.environment import Environment, Tier
from services.records.service import Records
from tests.local.functions import until
from tests.local.ingest import DeployedIngest
from tests.local.records import Datastore
from tests.local.signed import SignedApi, problem
from tests.local.stacks import ACCOUNT, REGION, deploy

pytestmark = pytest.mark.cloud

HERE = Environment(name="whole", tier=Tier.SANDBOX, account=ACCOUNT, region=REGION)


class Deployed:
    """Both services."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        def build(stage: cdk.Stage) -> None:
            records = Records(rate_limit=10_000, burst_limit=5_000).deploy(stage, HERE)
            Ingest(records=True).deploy(stage, HERE).add_stack_dependency(records)

        stacks = deploy(cloud, folder, build, environment=HERE)
        self.api = SignedApi(cloud=cloud, url=stacks["records"].outputs["Url"])
        self.ingest = DeployedIngest(stack=stacks["ingest"])
        (id_,) = stacks["records"].ids("AWS::HealthLake::FHIRDatastore")
        self.store = Datastore(cloud=cloud, id=id_, url=f"{cloud.endpoint}/datastore/{id_}/r4/")
        self.store.faults(lag_seconds=0)

    def read(self, path: str) -> Any:
        return self.api.get(path)


@pytest.fixture(scope="module")
def deployed(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    return Deployed(cloud, tmp_path_factory.mktemp("records"))


def change(number: int, resource: dict[str, Any], patient: str = "p-1") -> tuple[str, bytes]:
    return patient, json.dumps({"id": f"s-{number}", "patient": patient, "resource": resource}).encode()


def test_what_comes_over_the_stream_is_read_and_searched(deployed: Deployed) -> None:
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
    read = until(lambda: deployed.read("Patient/p-1"), lambda answer: b'"active":true' in answer.content, 60)
    assert read.headers["etag"] == 'W/"2"'
    assert read.headers["content-type"] == "application/fhir+json"
    found: list[str] = []
    body: dict[str, Any] = {"parameters": {"family": "Schmidt"}, "count": 2}
    while body.get("next", "first"):
        answer = deployed.api.post(body, path="Patient/_search")
        assert answer.status_code == 200, answer.text
        found += [resource["id"] for resource in answer.json()["resources"]]
        body = {"next": answer.json()["next"]}
    assert sorted(found) == [patient["id"] for patient in patients]
    assert [json.loads(data)["resource"] for data in deployed.ingest.quarantined()] == [pill]


def test_refusals_have_the_one_shape(deployed: Deployed) -> None:
    assert problem(deployed.read("Patient/nobody"), 404)["title"] == "Not found"
    problem(deployed.read("Account/1"), 400)
    problem(deployed.api.post({"parameters": {"photo": "x"}}, path="Patient/_search"), 400)
    problem(deployed.api.post({"next": "bm8gdG9rZW4="}, path="Patient/_search"), 400)
    problem(deployed.api.post({}, path="Patient/_search", signed=False), 403)
