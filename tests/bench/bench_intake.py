"""How many submissions a second intake accepts in the local cloud, from 16 clients at once."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.local.lifecycle import CloudLocation, LocalCloud, start, stop
from pipeline.local.processes import free_port
from tests.bench.figures import Figure
from tests.services.intake.deployed_intake import DeployedIntake

RUNS = 5
POSTS = 500
SUBMISSION = {"patient": "p-1", "resource": {"resourceType": "Observation", "valueQuantity": {"value": 10.00}}}


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    place = CloudLocation(home=tmp_path / "home", port=free_port())
    yield start(place, environment=os.environ)
    stop(place)


def measure_intake(cloud: LocalCloud, figure: Figure, tmp_path: Path) -> None:
    figure.name, figure.unit = "intake, accepted submissions", "a second"
    intake = DeployedIntake(cloud, tmp_path / "assembly", "bench")
    for _ in range(RUNS):
        began = time.perf_counter()
        with ThreadPoolExecutor(max_workers=16) as pool:
            answers = list(pool.map(lambda _: intake.api.post(SUBMISSION).status_code, range(POSTS)))
        assert answers.count(202) == POSTS
        figure.samples.append(POSTS / (time.perf_counter() - began))
        for answer in intake.executions():
            intake.closed(answer["name"])  # what was accepted is worked on before the next run
