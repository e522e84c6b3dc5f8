"""How long a change of a handler takes from `git push` to production, and where the time goes."""

from tests.bench.figures import Figure
from tests.bench.pushes import HANDLER, time_pushes
from tests.end_to_end.clone import Clone

RUNS = 5


def measure_warm_push(clone: Clone, figure: Figure) -> None:
    figure.aim = "12 s"
    time_pushes(clone, figure, HANDLER, runs=RUNS)
