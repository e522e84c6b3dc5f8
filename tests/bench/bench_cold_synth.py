"""How long `make synth`, the pipeline's synth step, takes in a clone in which nothing was ever run."""

from pathlib import Path

from tests.bench.figures import Figure
from tests.end_to_end.clone import make

RUNS = 5


def measure_cold_synth(figure: Figure, tmp_path: Path) -> None:
    for number in range(RUNS):
        (tmp_path / str(number)).mkdir()
        clone = make(tmp_path / str(number))
        with figure.sample():
            done = clone.run("make", "synth")
        assert done.returncode == 0, done.stderr
