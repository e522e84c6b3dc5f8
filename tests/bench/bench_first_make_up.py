"""How long the first `make up` of a fresh clone takes to production, the tools being installed."""

from pathlib import Path

from tests.bench.figures import Figure
from tests.end_to_end.clone import make

RUNS = 3


def measure_first_make_up(figure: Figure, tmp_path: Path) -> None:
    for number in range(RUNS):
        (tmp_path / str(number)).mkdir()
        clone = make(tmp_path / str(number))
        try:
            with figure.sample():
                up = clone.up()
            assert up.returncode == 0, up.stdout + up.stderr
        finally:
            clone.penstock("down")
