"""How long `make up` takes where everything is there: while the local cloud runs, and after `penstock down`."""

import pytest

from tests.bench.figures import Figure
from tests.end_to_end.clone import Clone

RUNS = 5


@pytest.mark.parametrize("first", [(), ("down",)], ids=["running", "stopped"])
def measure_warm_make_up(clone: Clone, figure: Figure, first: tuple[str, ...]) -> None:
    figure.name += " (after `penstock down`)" if first else " (running)"
    figure.aim = "15 s"
    for _ in range(RUNS):
        if first:
            clone.penstock(*first)
        with figure.sample():
            up = clone.up("APPROVE=auto")
        assert up.returncode == 0, up.stdout + up.stderr
