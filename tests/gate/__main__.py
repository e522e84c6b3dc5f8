"""`python -m tests.gate`: the fast tests, but for those that have passed on the very same inputs today."""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.gate import checkout, processes, records
from tests.gate.batches import batches
from tests.gate.checkout import ROOT, Checkout
from tests.gate.processes import Outcome
from tests.gate.records import Inputs

FAST = "not cloud and not soak and not slow"
WITHOUT_CLOUDS = "not cloud and not soak"
WORKERS = max(2, min(4, os.cpu_count() or 2))


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One run over a checkout as it was at the beginning."""

    state: Checkout
    marks: str
    shared: Path

    def run(self, inputs: Inputs) -> Outcome:
        """Run a batch, say so in a line, and record that it passed."""
        began = time.monotonic()
        outcome = processes.run(inputs.batch, inputs.environment, marks=self.marks, shared=self.shared)
        seconds = time.monotonic() - began
        observed = outcome.observed
        if outcome.good:
            left = records.keep(self.state, checkout.read(ROOT), inputs, observed, seconds=seconds)
            note = f", to be run again next time: {left}" if left else ""
            say(f"{inputs.batch.name}: {observed.passed} passed in {seconds:.1f} s{note}")
        else:
            say(f"{inputs.batch.name}: FAILED\n{outcome.output}")
        return outcome


def main(arguments: list[str]) -> int:
    """Run what has to run; 1 if something failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.gate", description=__doc__)
    parser.add_argument("--all", action="store_true", help="run every batch, and tests marked slow, as CI does")
    everything = parser.parse_args(arguments).all or "CI" in os.environ
    marks = WITHOUT_CLOUDS if everything else FAST
    state, day = checkout.read(ROOT).load(), datetime.now(UTC).date()
    environment = processes.environment(os.environ)
    due, unchanged = [], []
    for batch in batches(ROOT, state.names):
        inputs = Inputs(batch=batch, environment=environment, marks=marks, day=day)
        count = None if everything else records.passed(state, inputs)
        if count is None:
            due.append(inputs)
        else:
            unchanged.append(count)
    due.sort(key=lambda inputs: records.seconds(ROOT, inputs.batch), reverse=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as shared, ThreadPoolExecutor(WORKERS) as pool:
        outcomes = list(pool.map(Gate(state=state, marks=marks, shared=Path(shared)).run, due))
    say("\n".join(summary(outcomes, unchanged)))
    return 0 if all(outcome.good for outcome in outcomes) else 1


def summary(outcomes: Iterable[Outcome], unchanged: list[int]) -> list[str]:
    """Return what was looked at and what was not, each reason for the latter once."""
    skipped: Counter[str] = Counter()
    for outcome in outcomes:
        skipped.update(outcome.observed.skipped)
    ran = sum(outcome.observed.passed for outcome in outcomes)
    bad = sum(not outcome.good for outcome in outcomes)
    return [
        *(f"{count} skipped: {reason}" for reason, count in sorted(skipped.items())),
        f"{ran} tests passed; {sum(unchanged)} in {len(unchanged)} batches have passed today on the very same inputs"
        + (f"; {bad} batches FAILED" if bad else ""),
    ]


def say(text: str) -> None:
    """Print it at once, also where nobody looks yet."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
