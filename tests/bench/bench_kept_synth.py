"""What `make synth` costs where most of a large catalogue is as it was: nothing changed, one handler, ten overrides."""

import os
import re
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.figures import Figure
from tests.conftest import clean_environment
from tests.testbed import large_catalogue

RUNS = 3
OVERRIDE = "override=lambda stack, environment: setattr(stack.template_options, 'metadata', {'Louder': True})"
OVERRIDDEN = 10
LISTED = re.compile(r"(Svc\d+)\(\)")


@pytest.fixture(scope="module", params=[25, 100])
def checkout(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many services in each of four stages, synthesised once."""
    root = large_catalogue.make(tmp_path_factory.mktemp("large") / "checkout", request.param)
    _synth(root)
    return root


def measure_unchanged_synth(figure: Figure, checkout: Path) -> None:
    figure.aim = "1.5 s"
    _measure(figure, checkout, lambda _: None)


def measure_synth_after_a_change_of_one_handler(figure: Figure, checkout: Path) -> None:
    figure.aim = "3.0 s, 3.6 s"
    handler = checkout / "services/svc001/runtime/handler.py"

    def change(number: int) -> None:
        handler.write_text(f"{handler.read_text()}\n# {number}\n")

    _measure(figure, checkout, change)


def measure_synth_with_ten_overrides_in_one_stage(figure: Figure, checkout: Path) -> None:
    """What ten overrides add to a synth that takes everything else."""
    figure.aim = "3 s more"
    stage = checkout / "stages/prod.py"
    before = stage.read_text()

    def change(number: int) -> None:
        hook = OVERRIDE.replace("Louder", f"Louder{number}")
        stage.write_text(LISTED.sub(rf"\1({hook})", before, count=OVERRIDDEN))

    _measure(figure, checkout, change)
    stage.write_text(before)


def _measure(figure: Figure, checkout: Path, change: Callable[[int], None]) -> None:
    figure.name += f" ({sum('/service.py' in str(each) for each in checkout.glob('services/*/service.py'))} services)"
    figure.unit_of_parts = "s"
    for number in range(RUNS):
        change(number)
        began = time.perf_counter()
        usage = _synth(checkout)
        figure.samples.append(time.perf_counter() - began)
        figure.part("of processor time", usage.ru_utime + usage.ru_stime)


def _synth(checkout: Path) -> resource.struct_rusage:
    environment = clean_environment() | {"PENSTOCK_SYNTH_CACHE": str(checkout.parent / "store")}
    process = subprocess.Popen(["make", "synth"], cwd=checkout, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage
