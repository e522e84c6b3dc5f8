"""ingest as it is deployed: real stream, real function processes, real table, quarantine and bus of the local cloud."""

import base64
import hashlib
import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import httpx
import pytest

from pipeline.local.lifecycle import LocalCloud
from services.ingest.service import Ingest
from services.intake.service import Intake
from services.library.operations.records import RedriveVerdict
from services.library.operations.redrive import RedriveRequest
from tests.conftest import FreshCloud
from tests.services.ingest.deployed_ingest import PATIENTS, DeployedIngest, submission
from tests.services.ingest.stream.poison import PATIENT, POISON, payload
from tests.services.ingest.stream.simulation import seeded
from tests.testbed.functions import until
from tests.testbed.killing import kill
from tests.testbed.roles import letting_in
from tests.testbed.signed import SignedApi
from tests.testbed.stacks import HERE, deploy, environment

pytestmark = pytest.mark.cloud
BATCHES_A_KILL = 3


def heard(running: DeployedIngest) -> Callable[[], list[dict[str, Any]]]:
    """Subscribes a queue to the bus; the details of what came."""
    sqs, events = running.stack.client("sqs"), running.stack.client("events")
    url = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = letting_in("events.amazonaws.com", action="sqs:SendMessage", resource=arn)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    (bus,) = running.stack.ids("AWS::Events::EventBus")
    rule = f"r-{uuid.uuid4().hex[:8]}"
    pattern = {"source": ["penstock.ingest"], "detail-type": ["PatientChanged"]}
    events.put_rule(Name=rule, EventBusName=bus, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "q", "Arn": arn}])
    details: list[dict[str, Any]] = []

    def read() -> list[dict[str, Any]]:
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            details.extend(json.loads(message["Body"])["detail"] for message in messages)
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return details

    return read


@pytest.fixture(scope="module")
def running(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> DeployedIngest:
    made = deploy(cloud, tmp_path_factory.mktemp("ingest"), lambda stage: Ingest(shards=2).deploy(stage, HERE))
    return DeployedIngest(made["ingest"])


def test_submissions_are_stored_in_order_and_told_and_pills_are_mended(running: DeployedIngest) -> None:
    details = heard(running)
    good = [submission(number) for number in range(60)]
    records = [(each["patient"], json.dumps(each).encode()) for each in good]
    pills = [("p-1", b"\xffnot JSON"), ("p-2", json.dumps(submission(900, patient="p-3")).encode())]
    records[10:10], records[40:40] = pills[:1], pills[1:]
    ids = {each["id"] for each in good}
    running.put(records)
    stored = until(running.changes, lambda found: ids <= found.keys(), 60)
    changes = {id_: item for id_, item in stored.items() if id_ in ids}
    until(details, lambda found: len(found) >= len(good), 30)
    assert {id_: item["payload"]["S"].encode() for id_, item in changes.items()} == {
        json.loads(data)["id"]: data for _, data in records if data not in (pills[0][1], pills[1][1])
    }
    for patient in range(PATIENTS):
        of_one = [each["id"] for each in good if each["patient"] == f"p-{patient}"]
        assert [int(changes[id_]["version"]["N"]) for id_ in of_one] == list(range(1, len(of_one) + 1))
    expected = {(each["id"], each["patient"], "Observation", int(changes[each["id"]]["version"]["N"])) for each in good}
    assert {tuple(detail[name] for name in ("id", "patient", "resource_type", "version")) for detail in details()} == (
        expected
    )
    bad = sorted(data for _, data in pills)
    assert sorted(until(running.quarantined, lambda found: len(found) == len(bad))) == bad

    redrive = running.redrive()
    mended = {
        pill.file_name: json.dumps(submission(900 + index, patient=pill.record.partition_key)).encode()
        for index, pill in enumerate(redrive.quarantined())
    }
    own = {pill.record.sequence for pill in redrive.quarantined()}

    def verdicts(*, applies: bool) -> list[RedriveVerdict]:
        """Of this test's pills; another's are re-driven already."""
        results = redrive.run(RedriveRequest(applies=applies, mended=mended))
        return [result.verdict for result in results if result.sequence in own]

    assert verdicts(applies=False) == [RedriveVerdict.WOULD_SEND] * 2
    assert verdicts(applies=True) == [RedriveVerdict.SENT] * 2
    assert verdicts(applies=True) == [RedriveVerdict.ALREADY] * 2
    assert {"s-900", "s-901"} <= running.changes().keys()
    assert running.objects(running.consumer.failures or "") == 0


def test_poison_of_every_kind_costs_no_good_record_and_is_on_alarm_until_it_is_mended(running: DeployedIngest) -> None:
    before, waited = running.changes().keys(), len(running.quarantined())
    records = []
    for number, (data, _) in enumerate(POISON.values()):
        records += [(PATIENT, payload(id=f"between-{number}")), (PATIENT, data)]
    running.put(records)
    changes = until(running.changes, lambda found: len(found) == len(before) + len(POISON), 60)
    until(running.quarantined, lambda found: len(found) == waited + len(POISON), 60)
    versions = [int(changes[f"between-{number}"]["version"]["N"]) for number in range(len(POISON))]
    assert versions == list(range(1, len(POISON) + 1))
    redrive = running.redrive()
    waiting = redrive.quarantined()
    assert {pill.record.data: pill.reason for pill in waiting} == dict(POISON.values())
    assert until(lambda: running.alarm("InQuarantine"), lambda state: state == "ALARM") == "ALARM"
    running.count_quarantine()
    assert until(running.counted, lambda found: found[-1:] == [len(waiting)])
    mended = {pill.file_name: payload(id=f"mended-{number}") for number, pill in enumerate(waiting)}
    results = list(redrive.run(RedriveRequest(applies=True, mended=mended)))
    assert {result.verdict for result in results} <= {RedriveVerdict.SENT, RedriveVerdict.ALREADY}
    assert until(running.counted, lambda found: found[-1] == 0), "the re-drive asked for it"
    assert running.objects(running.consumer.failures or "") == 0


def workers(cloud: LocalCloud) -> list[int]:
    """The processes that run functions of this cloud."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            command = (folder / "cmdline").read_bytes().split(b"\0")
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == cloud.emulator_pid and any(part.endswith(b"awslambda/worker.py") for part in command):
                found.append(int(folder.name))
    return found


def test_what_is_posted_to_intake_is_stored_by_ingest_and_told_once(
    cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The two as a stage deploys them, claims among it."""
    here = environment("both")

    def build(stage: cdk.Stage) -> None:
        offered = Ingest().deploy(stage, here)
        Intake(claim_check=True, rate_limit=1_000, burst_limit=1_000).deploy(stage, here).add_dependency(offered)

    stacks = deploy(cloud, tmp_path_factory.mktemp("both"), build, environment=here)
    api, ingest = SignedApi(cloud=cloud, url=stacks["intake"].outputs["Url"]), DeployedIngest(stacks["ingest"])
    details = heard(ingest)
    payload = {"patient": "p-1", "resource": {"resourceType": "Observation", "status": "final"}}
    content = json.dumps(payload).encode()
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    claim = api.post({"bytes": len(content), "sha256": digest}, path="claims").json()
    assert httpx.put(claim["url"], content=content, headers=claim["headers"]).status_code == 200
    posted = [api.post(payload).json()["id"], api.post({"patient": "p-1", "claim": claim["claim"]}).json()["id"]]
    changes = until(ingest.changes, lambda found: found.keys() == set(posted), 60)
    stored = json.loads(changes[posted[0]]["payload"]["S"])
    assert stored.pop("trace").startswith("00-"), "what caused it, for the calls that follow"
    assert stored == {"id": posted[0], **payload}
    assert changes[posted[1]]["claim"] == {"S": claim["claim"]}
    told = until(details, lambda found: len(found) == 2)
    assert {detail["id"] for detail in told} == set(posted)
    assert ingest.quarantined() == []


@pytest.mark.parametrize(
    "records", [pytest.param(150, id="fast"), pytest.param(1_000, id="full", marks=pytest.mark.soak)]
)
def test_killed_processes_and_a_killed_emulator_lose_nothing(
    records: int, fresh_cloud: FreshCloud, tmp_path: Path
) -> None:
    """Handler processes at random moments, whoever was hit before; the emulator once, which goes on from its last
    snapshot. How often follows the pace: a machine that is so slow that each call is hit would never finish.
    """
    rng = seeded(records)
    cloud = fresh_cloud()
    service = Ingest(shards=2, batch_size=10)
    running = DeployedIngest(deploy(cloud, tmp_path / "assembly", lambda stage: service.deploy(stage, HERE))["ingest"])
    given = [submission(number) for number in range(records)]
    pills = {number for number in range(records) if rng.random() < 0.02}
    running.put(
        [
            (each["patient"], (b"pill " if number in pills else b"") + json.dumps(each).encode())
            for number, each in enumerate(given)
        ]
    )
    cloud.save()
    began, killed, emulator_killed = time.monotonic(), 0, False
    pause, deadline = threading.Event(), began + 600
    good = {each["id"] for number, each in enumerate(given) if number not in pills}

    def given_up() -> int:
        return running.objects(running.consumer.failures or "")

    def is_done(changes: AbstractSet[str]) -> bool:
        """Not before both were killed: between two looks all of it may be processed."""
        return emulator_killed and killed > 0 and changes == good and len(running.quarantined()) == len(pills)

    while not is_done((changes := running.changes()).keys()):
        if len(changes) > len(good) // 2 and not emulator_killed:
            emulator_killed = True
            kill(cloud)
            cloud = fresh_cloud()
            running = DeployedIngest(replace(running.stack, cloud=cloud))
        elif changes:
            found = workers(cloud)
            for process in rng.sample(found, k=min(1, len(found))):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
                    killed += 1
            if given_up():  # eleven kills in a row, which chance allows
                list(running.redrive().run(RedriveRequest(applies=True)))
        assert time.monotonic() < deadline, f"{len(changes)} of {len(good)}, {killed} killed"
        batches = max(len(changes) / service.batch_size, 1)
        pause.wait(rng.expovariate(1 / (BATCHES_A_KILL * (time.monotonic() - began) / batches)))
    changes = running.changes()
    payloads = {item["payload"]["S"] for item in changes.values()}
    assert payloads == {json.dumps(each) for each in given if each["id"] in good}
    assert sorted(running.quarantined()) == sorted(b"pill " + json.dumps(given[number]).encode() for number in pills)
    if given_up():
        return  # what is sent again comes late
    for patient in range(PATIENTS):
        own = [each["id"] for each in given if each["patient"] == f"p-{patient}" and each["id"] in good]
        assert [int(changes[id_]["version"]["N"]) for id_ in own] == list(range(1, len(own) + 1))
