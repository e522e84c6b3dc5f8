"""What a cold synth of 25 and of 100 services in four stages costs, beside an app of that size in JavaScript.

Seconds are of processor time, of Python and Node together, so that what else the machine does counts less.
"""

import json
import os
import resource
import subprocess
from pathlib import Path

from tests.bench.figures import Figure
from tests.conftest import ROOT, clean_environment
from tests.testbed import javascript_app, large_catalogue

RUNS = 3
SERVICES, MANY_SERVICES = 25, 100
PYTHON = (".venv/bin/python", "app.py")
JAVASCRIPT = (str(ROOT / ".venv/bin/node"), "app.js")
OF_THE_COMMAND_LINE = {
    "aws:cdk:enable-path-metadata": True,
    "aws:cdk:enable-asset-metadata": True,
    "aws:cdk:version-reporting": False,
    "aws:cdk:bundling-stacks": ["**"],
}
"""What the CDK's command line adds to the context of cdk.json; guardrails need the paths."""


def measure_cold_synth_of_25_services(figure: Figure, tmp_path: Path) -> None:
    figure.name, figure.unit, figure.aim = "cold synth of 25 services, by JavaScript's", "times", "3"
    figure.unit_of_parts = "s"
    python = large_catalogue.make(tmp_path / "python", SERVICES)
    (tmp_path / "javascript").mkdir()
    javascript = javascript_app.make(tmp_path / "javascript")
    for _ in range(RUNS):
        ours, theirs = (_seconds(_synth(*each)) for each in ((python, PYTHON), (javascript, JAVASCRIPT)))
        figure.samples.append(ours / theirs)
        figure.part("Python", ours)
        figure.part("JavaScript", theirs)


def measure_cold_synth_of_100_services(figure: Figure, tmp_path: Path) -> None:
    figure.aim = "50 s, 1 GiB"
    python = large_catalogue.make(tmp_path / "python", MANY_SERVICES)
    usage = _synth(python, PYTHON)
    figure.samples.append(_seconds(usage))
    figure.name += f", {usage.ru_maxrss / 1024:.0f} MiB"  # of the larger process, Node's


def _synth(checkout: Path, command: tuple[str, ...]) -> resource.struct_rusage:
    """Run an app with the context that the CDK's command line would give it, and return what it used."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"] | OF_THE_COMMAND_LINE
    given = {"CDK_OUTDIR": str(checkout / "cdk.out"), "CDK_CONTEXT_JSON": json.dumps(context)}
    environment = clean_environment() | given | {"SERVICES": str(SERVICES), "PENSTOCK_SYNTH_CACHE": "off"}
    process = subprocess.Popen(command, cwd=checkout, env=environment, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert (checkout / "cdk.out/manifest.json").exists()
    return usage


def _seconds(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime
