"""How many queries a second records answers in the local cloud, from 8 clients at once, and how long one takes."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from pipeline.local.lifecycle import CloudLocation, LocalCloud, start, stop
from pipeline.local.processes import free_port
from tests.bench.figures import Figure
from tests.services.records.deployed_records import DeployedRecords
from tests.testbed.stacks import REGION

RUNS = 3
QUERIES = 200
PATIENTS = 200


@pytest.fixture
def records(tmp_path: Path) -> Iterator[DeployedRecords]:
    place = CloudLocation(home=tmp_path / "home", port=free_port())
    cloud: LocalCloud = start(place, environment=os.environ)
    deployed = DeployedRecords(cloud, tmp_path / "assembly")
    for number in range(PATIENTS):
        patient = {"resourceType": "Patient", "id": f"p-{number}", "name": [{"family": f"Family{number % 20}"}]}
        assert deployed.store.put(patient, region=REGION).status_code < 300
    yield deployed
    stop(place)


def measure_reads_of_records(records: DeployedRecords, figure: Figure) -> None:
    figure.name, figure.unit = "records, reads", "a second"
    _measure(figure, lambda number: records.api.get(f"Patient/p-{number % PATIENTS}"))


def measure_searches_of_records(records: DeployedRecords, figure: Figure) -> None:
    figure.name, figure.unit = "records, searches of 10 patients", "a second"
    _measure(
        figure,
        lambda number: records.api.post({"parameters": {"family": f"Family{number % 20}"}}, path="Patient/_search"),
    )


def _measure(figure: Figure, ask: Callable[[int], httpx.Response]) -> None:
    figure.unit_of_parts = "ms"

    def one(number: int) -> float:
        began = time.perf_counter()
        answer = ask(number)
        assert answer.status_code == 200, answer.text
        return time.perf_counter() - began

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(one, range(50)))  # the functions' first calls are not what is measured
        for _ in range(RUNS):
            began = time.perf_counter()
            took = sorted(pool.map(one, range(QUERIES)))
            figure.samples.append(QUERIES / (time.perf_counter() - began))
            figure.part("p50", took[len(took) // 2] * 1000)
            figure.part("p99", took[int(len(took) * 0.99)] * 1000)
