"""How long a change of a handler takes from `git push` to production where each stage has 25 services."""

from pathlib import Path

from tests.bench.figures import Figure
from tests.bench.pushes import HANDLER, time_pushes
from tests.end_to_end.clone import make
from tests.testbed import large_catalogue

SERVICES = 25
RUNS = 3


def measure_push_of_25_services(figure: Figure, tmp_path: Path) -> None:
    figure.aim = "20 s"
    clone = make(tmp_path)
    large_catalogue.add_services(clone.checkout, SERVICES)
    clone.commit("More services")
    try:
        up = clone.up("APPROVE=auto")
        assert up.returncode == 0, up.stdout + up.stderr
        time_pushes(clone, figure, HANDLER, runs=RUNS)
    finally:
        clone.penstock("down")
