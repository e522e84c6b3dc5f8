"""What the import of each function's handler takes of a processor, which every cold start pays for.

With what its package and its layers have, and nothing of the environment that this runs in: a library may import more
where it finds more (httpx its command line).
"""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.toolset import functions
from services.library.packaging.dependencies import LAYER_GROUP
from tests.bench.figures import Figure

ROOT = Path(__file__).parents[2]
PREPARED = ROOT / ".venv/functions"
RUNS = 7
HANDLERS = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for file in sorted(ROOT.glob("services/*/runtime/*.py"))
    if "\ndef handle(" in file.read_text(encoding="utf-8")
]
PROGRAM = (
    "import importlib, sys, time; sys.path[:0] = sys.argv[2:]; began = time.process_time();"
    " importlib.import_module(sys.argv[1]); print(time.process_time() - began)"
)
"""Processor time, and not what a clock says: a machine that is busy with something else takes none of it."""


def path_of(handler: str) -> list[str]:
    """Where a function finds its modules: the repository's own files, and the distributions of its groups."""
    requirements = [PREPARED / f"{group}.txt" for group in (handler.split(".")[1], LAYER_GROUP)]
    return [str(ROOT), *(str(functions.host_path(PREPARED, each)) for each in requirements if each.exists())]


@pytest.mark.parametrize("handler", HANDLERS)
def measure_import_time(figure: Figure, handler: str) -> None:
    figure.name, figure.unit, figure.aim = f"import {handler}", "ms", "300 ms"
    for _ in range(RUNS):
        # -I and -S, as the local cloud starts a function: nothing else can be imported.
        command = [sys.executable, "-I", "-S", "-c", PROGRAM, handler, *path_of(handler)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        figure.samples.append(1_000 * float(done.stdout))
