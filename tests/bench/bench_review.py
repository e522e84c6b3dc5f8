"""How long a review of the whole platform takes with a cached base, and its engine alone on 400 stacks."""

import json
import resource
from datetime import date
from pathlib import Path

from pipeline.review import assembly, engine
from pipeline.review.tests.assemblies import StackOf, write
from tests.bench.figures import Figure
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


def measure_review_engine_on_400_stacks(figure: Figure, tmp_path: Path) -> None:
    figure.aim = "5 s"
    sides = [write(tmp_path / str(size), _stages(size)) for size in (128, 256)]
    for _ in range(RUNS):
        before, after = (assembly.read(side) for side in sides)
        with figure.sample():
            found = engine.review(before, after, engine.Basis(today=date(2026, 1, 1)))
        assert len(found.changes) == STAGES * SERVICES
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 500 * 1024


def _stages(memory: int) -> dict[str, dict[str, StackOf]]:
    """Stacks of 40 resources, of which one changes in each."""
    topics = {f"T{number}": {"Type": "AWS::SNS::Topic", "Properties": {}} for number in range(39)}
    function = {"F": {"Type": "AWS::Lambda::Function", "Properties": {"MemorySize": memory}}}
    template = json.loads(json.dumps({"Resources": {**topics, **function}}))
    return {
        f"stage{stage}": {
            f"service{number}": StackOf(template=template, account=f"{stage + 1:012}") for number in range(SERVICES)
        }
        for stage in range(STAGES)
    }
