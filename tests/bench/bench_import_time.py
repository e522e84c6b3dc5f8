"""What the import of each function's handler takes of a processor, which every cold start pays for."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.figures import Figure

ROOT = Path(__file__).parents[2]
RUNS = 7
HANDLERS = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for file in sorted(ROOT.glob("services/*/runtime/*.py"))
    if "\ndef handle(" in file.read_text(encoding="utf-8")
]
PROGRAM = (
    "import importlib, sys, time; began = time.process_time(); importlib.import_module(sys.argv[1]);"
    " print(time.process_time() - began)"
)
"""Processor time, and not what a clock says: a machine that is busy with something else takes none of it."""


@pytest.mark.parametrize("handler", HANDLERS)
def measure_import_time(figure: Figure, handler: str) -> None:
    figure.name, figure.unit, figure.aim = f"import {handler}", "ms", "300 ms"
    for _ in range(RUNS):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, handler], cwd=ROOT, capture_output=True, text=True, check=True
        )
        figure.samples.append(1_000 * float(done.stdout))
