"""How many records a second ingest stores and tells of in the local cloud, from one shard and from four."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.local.lifecycle import CloudLocation, LocalCloud, start, stop
from pipeline.local.processes import free_port
from services.ingest.service import Ingest
from tests.bench.figures import Figure
from tests.services.ingest.deployed_ingest import DeployedIngest, submission
from tests.testbed.functions import until
from tests.testbed.stacks import HERE, deploy

RUNS = 3
RECORDS = 500


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    place = CloudLocation(home=tmp_path / "home", port=free_port())
    yield start(place, environment=os.environ)
    stop(place)


@pytest.mark.parametrize("shards", [1, 4])
def measure_ingest(cloud: LocalCloud, figure: Figure, tmp_path: Path, shards: int) -> None:
    figure.name, figure.unit = f"ingest, records of {shards} shards", "a second"
    made = deploy(cloud, tmp_path / "assembly", lambda stage: Ingest(shards=shards).deploy(stage, HERE))
    ingest = DeployedIngest(made["ingest"])
    for run in range(RUNS):
        given = [submission(run * RECORDS + number) for number in range(RECORDS)]
        began = time.perf_counter()
        ingest.put([(each["patient"], json.dumps(each).encode()) for each in given])
        until(ingest.changes, lambda found, wanted=(run + 1) * RECORDS: len(found) == wanted, 300)  # type: ignore[misc]  # a default binds the number now
        figure.samples.append(RECORDS / (time.perf_counter() - began))
