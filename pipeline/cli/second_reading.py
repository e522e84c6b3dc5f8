"""The stages as another process reads them: run as `python -m pipeline.cli.second_reading`, it prints their values."""

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.operate.errors import OperateError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.catalogue.model import Catalogue
    from pipeline.catalogue.problem import Problem


def problems_of(catalogue: "Catalogue") -> "Iterator[Problem]":
    """Yield each value of the stages that another process reads otherwise."""
    import stages  # noqa: PLC0415 - other commands must not wait for the CDK
    from pipeline.catalogue import repeatability  # noqa: PLC0415 - as above

    checkout = Path(stages.__path__[0]).parent
    done = subprocess.run([sys.executable, "-m", __name__], cwd=checkout, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OperateError(f"The stages can be read once, and not again: {done.stderr.strip().splitlines()[-1]}")
    return repeatability.problems_of(catalogue, json.loads(done.stdout))


if __name__ == "__main__":
    from pipeline.catalogue.repeatability import values
    from stages.catalogue import STAGES

    json.dump(values(STAGES), sys.stdout)
