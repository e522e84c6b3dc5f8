"""How `make test` distributes files over its processes."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import END_TO_END, OneWorkerAFile

PLATFORM = [f"{END_TO_END}test_recovery.py::test_{number}" for number in range(3)]
PLATFORM += [f"{END_TO_END}test_push.py::test_{number}" for number in range(3)]
FILES = ("cloud_1", "cloud_2", "fast_1", "fast_2")
TESTS = PLATFORM + [f"tests/test_{file}.py::test_{number}" for file in FILES for number in range(3)]


class Worker:
    """Takes what it is given."""

    shutting_down = False

    def __init__(self, number: int) -> None:
        self.gateway = SimpleNamespace(id=f"gw{number}")
        self.given: list[str] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.given += [TESTS[index] for index in indices]

    def shutdown(self) -> None:
        raise AssertionError("there is work for it")


def distribute(workers: int) -> list[list[str]]:
    """The tests that each worker begins with."""
    config: Any = SimpleNamespace(
        getvalue=lambda _name: [f"{workers}*popen"], option=SimpleNamespace(loadscopereorder=False)
    )
    scheduler = OneWorkerAFile(config, None)
    nodes = [Worker(number) for number in range(workers)]
    for node in nodes:
        scheduler.add_node(node)
        scheduler.add_node_collection(node, TESTS)
    scheduler.schedule()
    return [node.given for node in nodes]


def of(file: str) -> list[str]:
    return [test for test in TESTS if file in test]


def test_files_that_share_a_platform_go_to_one_worker() -> None:
    assert distribute(2) == [PLATFORM, of("cloud_1")]


@pytest.mark.parametrize("workers", [3, 4])
def test_last_of_several_workers_begins_at_the_other_end(workers: int) -> None:
    first, second, *_, last = distribute(workers)
    assert (first, second, last) == (PLATFORM, of("cloud_1"), of("fast_2"))
