"""intake, ingest and records as they are deployed: what is posted is read and searched over the API as it was posted.

Nothing of a payload changes between the API and the datastore; what is no JSON gets no further than the API.
"""

import base64
import hashlib
import itertools
import json
import os
import random
import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.local.lifecycle import LocalCloud
from services.intake.service import PAYLOAD_LIMIT_BYTES
from services.library.operations.records import RedriveVerdict
from services.library.operations.redrive import RedriveRequest
from services.library.runtime import exact_json
from services.library.runtime.content import content_digest
from tests.services.library.velocity.payloads import payload
from tests.services.records.deployed_records import DeployedRecords
from tests.services.records.json_cases import INVALID, INVALID_BODIES, VALID
from tests.testbed.functions import until
from tests.testbed.signed import problem

pytestmark = pytest.mark.cloud
STAMP = re.compile(r',"meta":\{"versionId":"[0-9]+","lastUpdated":"[^"]+"\}')
"""What the datastore adds to a resource without `meta`, behind its id."""


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
    read = until(lambda: deployed.api.get("Patient/p-1"), lambda answer: b'"active": true' in answer.content, 60)
    assert read.headers["etag"] == 'W/"2"'
    assert read.headers["content-type"] == "application/fhir+json"
    for patient in patients:  # each has its own partition key, so a reader of another shard may still be at it
        until(partial(deployed.api.get, f"Patient/{patient['id']}"), lambda answer: bool(answer.status_code == 200), 60)

    def search(body: dict[str, Any]) -> Any:
        answer = deployed.api.post(body, path="Patient/_search")
        assert answer.status_code == 200, answer.text
        return answer.json()

    wanted = {"parameters": {"family": "Schmidt"}}  # a search lags behind what was written
    until(lambda: search(wanted)["resources"], lambda all_: len(all_) == len(patients))
    found: list[str] = []
    body: dict[str, Any] = {**wanted, "count": 2}
    while body.get("next", "first"):
        page = search(body)
        found += [resource["id"] for resource in page["resources"]]
        body = {"next": page["next"]}
    assert sorted(found) == [patient["id"] for patient in patients]
    posted = {pill["id"], *(patient["id"] for patient in patients)}  # other tests quarantine theirs
    waiting = [json.loads(data)["resource"] for data in deployed.ingest.quarantined()]
    assert [resource for resource in waiting if resource["id"] in posted] == [pill]


def test_refusals_have_the_one_shape(deployed: DeployedRecords) -> None:
    assert problem(deployed.api.get("Patient/nobody"), 404)["title"] == "Not found"
    problem(deployed.api.get("Account/1"), 400)
    problem(deployed.api.post({"parameters": {"photo": "x"}}, path="Patient/_search"), 400)
    problem(deployed.api.post({"next": "bm8gdG9rZW4="}, path="Patient/_search"), 400)
    problem(deployed.api.post({}, path="Patient/_search", signed=False), 403)


def observation(id_: str, value: str) -> str:
    return f'{{ "resourceType":"Observation", "id":"{id_}" ,"value":{value} }}'


def body_of(resource: str, patient: str = "p-1") -> bytes:
    return f' {{"resource" : {resource},\n"patient":"{patient}"}} '.encode()


def post(deployed: DeployedRecords, resource: str, patient: str = "p-1") -> str:
    """Submit a resource, by a claim if it is too large to be posted; the submission's id."""
    body = body_of(resource, patient)
    answer = deployed.intake.post(content=body) if len(body) <= PAYLOAD_LIMIT_BYTES else claim(deployed, body, patient)
    assert answer.status_code == 202, answer.text
    id_: str = answer.json()["id"]
    return id_


def claim(deployed: DeployedRecords, body: bytes, patient: str) -> httpx.Response:
    asked = {"bytes": len(body), "sha256": base64.b64encode(hashlib.sha256(body).digest()).decode()}
    upload = deployed.intake.post(asked, path="claims").json()
    assert httpx.put(upload["url"], content=body, headers=upload["headers"]).status_code == 200
    return deployed.intake.post({"patient": patient, "claim": upload["claim"]})


def stored(deployed: DeployedRecords, path: str) -> str:
    """The text of a resource in the datastore, once it is there."""
    answer = until(
        lambda: deployed.store.call("GET", path, region="eu-west-1"), lambda found: bool(found.status_code == 200), 60
    )
    text: str = answer.text
    return text


def received(deployed: DeployedRecords, id_: str) -> str:
    """The text that the datastore was sent, byte for byte: what it answers, without what it adds."""
    return STAMP.sub("", stored(deployed, f"Observation/{id_}"), count=1)


def require_exact(deployed: DeployedRecords, resources: dict[str, str]) -> None:
    """Each is in the datastore, byte for byte as it was posted, and read from there as it is."""
    for id_, text in resources.items():
        assert received(deployed, id_) == text
        read = deployed.api.get(f"Observation/{id_}")
        assert (read.status_code, STAMP.sub("", read.text, count=1)) == (200, text)


def distinct(chance: random.Random, count: int) -> Iterable[str]:
    """Random objects with texts and numbers of every kind; the local datastore takes no name twice."""

    def once(pairs: list[tuple[str, object]]) -> None:
        if len(dict(pairs)) < len(pairs):
            raise KeyError

    while count:
        text = payload(chance)
        try:
            json.loads(text, object_pairs_hook=once)
        except KeyError:
            continue
        count -= 1
        yield text


@pytest.mark.parametrize("count", [pytest.param(12, id="fast"), pytest.param(400, id="full", marks=pytest.mark.soak)])
def test_a_payload_reaches_the_datastore_byte_for_byte(deployed: DeployedRecords, count: int) -> None:
    seed = int(os.environ.get("PENSTOCK_SEED", random.SystemRandom().getrandbits(32)))
    chance = random.Random(seed)  # noqa: S311 - not a secret
    resources = {kind: observation(kind, value) for kind, value in VALID.items()}
    resources |= {
        f"r-{at}-{count}": observation(f"r-{at}-{count}", text) for at, text in enumerate(distinct(chance, count))
    }
    for text in resources.values():
        post(deployed, text)
    require_exact(deployed, resources)


def test_a_claimed_payload_reaches_the_datastore_byte_for_byte(deployed: DeployedRecords) -> None:
    text = observation("claimed", f'["{"é" * 100_000}", {VALID["numbers"]}]')
    assert len(text.encode()) > PAYLOAD_LIMIT_BYTES
    post(deployed, text)
    require_exact(deployed, {"claimed": text})


def test_a_search_answers_numbers_with_their_digits(deployed: DeployedRecords) -> None:
    text = observation("searched", VALID["numbers"])
    post(deployed, text)
    received(deployed, "searched")

    def look() -> list[Any]:
        answer = deployed.api.post({"parameters": {"_id": "searched"}}, path="Observation/_search")
        found: list[Any] = exact_json.read(answer.content)["resources"]
        return found

    (found,) = until(look, bool)  # a search lags behind what was written
    assert exact_json.write(found["value"]) == exact_json.write(exact_json.read(VALID["numbers"]))


def test_a_mended_payload_reaches_the_datastore_byte_for_byte(deployed: DeployedRecords) -> None:
    """The local datastore takes no number that a decimal cannot hold; the quarantine has it as it was posted."""
    text = observation("mended", '[1.50, 1e-9999999999999999999, "\\u00e4\\/ä"]')
    id_ = post(deployed, text)
    redrive = deployed.ingest.redrive()

    def pill() -> list[tuple[str, str, bytes]]:
        found = [(each.file_name, each.reason, each.record.data) for each in redrive.quarantined()]
        return [each for each in found if id_.encode() in each[2]]

    ((name, reason, data),) = until(pill, bool, 60)
    assert reason == "NotAResource"
    assert text.encode() in data
    mended = {name: data.replace(b"1e-9999999999999999999", b"1E-99")}
    verdicts = [line.verdict for line in redrive.run(RedriveRequest(applies=True, mended=mended))]
    assert RedriveVerdict.SENT in verdicts
    require_exact(deployed, {"mended": text.replace("1e-9999999999999999999", "1E-99")})


def test_another_content_under_a_known_id_is_quarantined_with_both_digests(deployed: DeployedRecords) -> None:
    first, second = observation("conflict", "1.0"), observation("conflict", "1.00")
    records = [f'{{"id":"c-1","patient":"p-c","resource":{each}}}'.encode() for each in (first, second, first)]
    deployed.ingest.put([("p-c", data) for data in records])
    bucket, s3 = deployed.ingest.consumer.quarantine, deployed.ingest.stack.client("s3")

    def pills() -> list[dict[str, Any]]:
        listed = s3.list_objects_v2(Bucket=bucket, Prefix="quarantined/").get("Contents", [])
        found = [json.loads(s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()) for each in listed]
        return [each for each in found if each["reason"] == "AnotherContent"]

    (pill,) = until(pills, bool, 60)
    assert (pill["digest"], pill["recorded_digest"]) == (content_digest("p-c", second), content_digest("p-c", first))
    assert base64.b64decode(pill["record"]["kinesis"]["data"]) == records[1]
    require_exact(deployed, {"conflict": first})


def test_what_is_no_json_gets_no_further_than_the_api(deployed: DeployedRecords) -> None:
    bodies = [*(body_of(observation("x", value)) for value in INVALID), *INVALID_BODIES]
    accepted = [body for body in bodies if deployed.intake.post(content=body).status_code != 400]
    assert accepted == []
    problem(deployed.intake.post(content=bodies[0]), 400)


NO_EXAMPLES = (
    "HL7's examples are not here: `npm pack hl7.fhir.r4.examples@4.0.1`, unpack what that wrote, and name the folder"
    " `package` in PENSTOCK_HL7_EXAMPLES"
)
OF_EACH_TYPE = 3


def examples(folder: Path) -> Iterable[str]:
    """The first examples of each type, byte for byte."""
    files = sorted(folder.glob("*-*.json"))
    for _, named in itertools.groupby(files, lambda file: file.name.partition("-")[0]):
        yield from (file.read_bytes().decode("utf-8-sig").strip() for file in itertools.islice(named, OF_EACH_TYPE))


def without_stamp(text: str) -> str:
    """A resource without what the datastore sets in `meta`, with every number as it is written."""
    resource = exact_json.read(text)
    meta = {name: value for name, value in resource.pop("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    return exact_json.write({**resource, **({"meta": meta} if meta else {})})


@pytest.mark.soak
def test_hl7s_examples_reach_the_datastore_as_they_are(deployed: DeployedRecords) -> None:
    folder = os.environ.get("PENSTOCK_HL7_EXAMPLES")
    if not folder:
        pytest.skip(NO_EXAMPLES)
    posted: dict[str, str] = {}
    for text in examples(Path(folder)):
        resource = json.loads(text)
        patient = resource["id"] if resource["resourceType"] == "Patient" else "p-hl7"
        if resource["resourceType"] == "Bundle" and resource["type"] in ("transaction", "batch"):
            problem(deployed.intake.post(content=body_of(text, patient)), 400)
            continue
        post(deployed, text, patient)
        posted[f"{resource['resourceType']}/{resource['id']}"] = text
    for path, text in posted.items():
        found = stored(deployed, path)
        assert without_stamp(found) == without_stamp(text)
        if "meta" not in exact_json.members(text):
            assert STAMP.sub("", found, count=1) == text
