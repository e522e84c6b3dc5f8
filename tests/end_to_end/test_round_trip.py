"""A service's whole life as its team lives it: made, pushed, brought to production, removed, and no trace left."""

import json
import logging
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.clone import Clone
from tests.testbed.inventory import inventory

logger = logging.getLogger(__name__)
pytestmark = pytest.mark.cloud
PLACES = (
    ("999999999999", "eu-west-1"),
    ("999999999999", "us-east-1"),
    ("111111111111", "eu-west-1"),
    ("444444444444", "us-east-1"),
)
STAGES = ("dev", "prod")
NEW = "there-and-back"
KEPT = re.compile(r"  kept, and no longer anybody's: (?P<type>\S+) (?P<id>\S+)")
RECORD = re.compile(r"999999999999 eu-west-1 ssm /penstock/removed/\d+/[a-z0-9-]+/[a-z]+-there-and-back")


@pytest.fixture(scope="module")
def clone(approving: Clone) -> Clone:
    """The small platform, where every run is approved at once."""
    return approving


def penstock(clone: Clone, *arguments: str) -> str:
    done = clone.penstock(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def push(clone: Clone, message: str) -> None:
    """Commit everything, and see the run through."""
    clone.commit(message)
    printed = clone.push()
    run = clone.wait()
    assert (run.exit_code, set(run.stages.values())) == (0, {"Succeeded"}), printed


def everything(clone: Clone) -> set[str]:
    return {
        f"{account} {region} {each}" for account, region in PLACES for each in inventory(clone.cloud, account, region)
    }


def keep(clone: Clone, stage: str, text: str) -> Any:
    """What the new service answers for one id."""
    body = json.dumps({"id": "order-1", "text": text})
    answer = json.loads(penstock(clone, "call", NEW, "--stage", stage, "--body", body, "--json"))
    assert answer["status"] == 200, answer
    return json.loads(answer["body"])


def test_a_service_comes_to_production_and_goes_without_a_trace(clone: Clone) -> None:
    tree, before, pipeline = clone.git("rev-parse", "HEAD^{tree}"), everything(clone), clone.pipeline_template()

    began = time.monotonic()
    penstock(clone, "new", "service", NEW)
    penstock(clone, "promote", NEW, "--to", "prod")
    push(clone, "Add a service, to production")
    logger.info("from nothing to a service in production: %.0f s", time.monotonic() - began)
    assert keep(clone, "dev", "Hello") == {"id": "order-1", "text": "Hello", "first_time": True}
    assert keep(clone, "dev", "Again") == {"id": "order-1", "text": "Hello", "first_time": False}
    assert keep(clone, "prod", "Hello")["first_time"] is True

    penstock(clone, "remove", NEW, "--why", "Replaced by the partner's own in October")
    waiting = clone.penstock("remove", NEW, "--finish")
    assert (waiting.returncode, waiting.stdout.count("still there")) == (1, len(STAGES))
    push(clone, "Remove it")
    finished = penstock(clone, "remove", NEW, "--finish")
    assert finished.count("removed  ") == len(STAGES)
    penstock(clone, "remove", NEW, "--finish", "--delete-code")
    push(clone, "Forget it")

    assert clone.git("rev-parse", "HEAD^{tree}") == tree
    assert clone.pipeline_template() == pipeline
    assert not (clone.checkout / Path("services/there_and_back")).exists()
    after = everything(clone)
    assert before - after == set()
    left = {each for each in after - before if not RECORD.fullmatch(each)}
    # A queue's id is its URL, in which a cloud may call itself otherwise.
    kept = tuple(re.sub("^https?://[^/]+", "", found["id"]) for found in KEPT.finditer(finished))
    assert sorted(each for each in left if not each.endswith(kept)) == []
    # Production keeps its data on purpose. Elsewhere API Gateway's log role stays, which is one for an account's APIs.
    assert {each.split()[2] for each in left if not each.startswith("444444444444 ")} == {"iam"}
    assert {each.split()[2] for each in left} == {"dynamodb", "iam", "kms", "logs", "sqs"}
