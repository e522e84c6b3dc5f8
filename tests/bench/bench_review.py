"""How long a review of the whole platform takes with a cached base, and its engine alone on 400 stacks."""

import copy
import resource
from datetime import date
from pathlib import Path

from pipeline.review import engine
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.read.assembly import read
from pipeline.review.tests.assemblies import StackOf, write
from tests.bench.figures import Figure
from tests.conftest import Assembly, JsonObject
from tests.end_to_end.clone import make

RUNS = 5
STAGES, SERVICES = 8, 50


def measure_review_with_a_cached_base(figure: Figure, tmp_path: Path) -> None:
    figure.aim = "1.2 x one synth"
    clone = make(tmp_path)
    clone.penstock("review")
    for number in range(RUNS):
        (clone.checkout / "services/intake/runtime/fresh.py").write_text(f'"""Other code, {number}."""\n')
        with figure.sample():
            done = clone.penstock("review")
        assert done.returncode == 0, done.stdout + done.stderr


def measure_review_engine_on_400_stacks(figure: Figure, tmp_path: Path, assembly: Assembly) -> None:
    """Each is intake's, and in each a function, a table's key and what a role may do change."""
    figure.aim = "5 s"
    before = assembly.template("prod-intake")
    sides = [write(tmp_path / name, _stages(each)) for name, each in (("base", before), ("head", _changed(before)))]
    for _ in range(RUNS):
        base, head = (read(side) for side in sides)
        with figure.sample():
            found = engine.review(base, head, ReviewBaseline(today=date(2026, 1, 1)))
        assert len({change.stack for change in found.changes}) == STAGES * SERVICES
    mebibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figure.name += f", {mebibytes:.0f} MiB of 500"
    assert mebibytes < 500


def _changed(template: JsonObject) -> JsonObject:
    after = copy.deepcopy(template)
    for each in after["Resources"].values():
        if each["Type"] == "AWS::Lambda::Function":
            each["Properties"]["MemorySize"] = 1769
        elif each["Type"] == "AWS::DynamoDB::Table":
            each["Properties"]["KeySchema"][0]["AttributeName"] = "tenant"
        elif each["Type"] == "AWS::IAM::Policy":
            granted = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
            each["Properties"]["PolicyDocument"]["Statement"].append(granted)
    return after


def _stages(template: JsonObject) -> dict[str, dict[str, StackOf]]:
    return {
        f"stage{stage}": {
            f"service{number}": StackOf(template=template, account=f"{stage + 1:012}") for number in range(SERVICES)
        }
        for stage in range(STAGES)
    }
