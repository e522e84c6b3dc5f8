"""`python -m tests.bench.blocking_findings FOLDER...`: what a review blocks, so that nobody learns to wave it through.

From each assembly to the next, as a history would have it; and in the last one from every stage's template of a service
to every other's, which is more, and larger, changes than a pull request makes.

`python -m tests.bench.blocking_findings --snapshots FOLDER...`: from each template in a folder to the one of the same
name in the next, such as the snapshots that the CDK's own packages publish with their tests. For each kind of finding
that blocks, one is shown.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise, permutations
from pathlib import Path

from pipeline.review import engine
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Finding, Level, Review
from pipeline.review.read import assembly
from pipeline.review.read.assembly import UnreadableError

STAGE = "assembly-Pipeline-"
SNAPSHOTS = "--snapshots"


def history(folders: list[Path]) -> Iterator[Review]:
    """Review each assembly against the one before."""
    for before, after in pairwise(folders):
        yield engine.review(assembly.read(before), assembly.read(after), ReviewBaseline())


def between_stages(folder: Path) -> Iterator[Review]:
    """Review the template that a service has in one stage against the one in another."""
    services: dict[str, list[Path]] = {}
    for file in sorted(folder.glob(f"{STAGE}*/*.template.json")):
        stage = file.parent.name.removeprefix(STAGE).replace("-", "")
        service = re.sub(rf"^Pipeline{stage}|[0-9A-F]{{8}}\.template\.json$", "", file.name)
        services.setdefault(service, []).append(file)
    for files in services.values():
        for old, new in permutations(files, 2):
            yield engine.review(assembly.of_template(old), assembly.of_template(new), ReviewBaseline())


def of_snapshots(folders: list[Path]) -> Iterator[Review]:
    """Review each template that two folders have under one name and that is not the same."""
    for before, after in pairwise(folders):
        for old in sorted(before.rglob("*.json")):
            new = after / old.relative_to(before)
            if new.exists() and new.read_bytes() != old.read_bytes():
                with suppress(UnreadableError):  # some snapshots are lists of templates
                    yield engine.review(assembly.of_template(old), assembly.of_template(new), ReviewBaseline())


def blocking(reviews: list[Review]) -> Iterator[tuple[Review, Finding]]:
    """Yield each finding that blocks, with the review that has it."""
    for each in reviews:
        yield from ((each, finding) for finding in each.findings if finding.level.rank >= Level.HIGH.rank)


def show(reviews: list[Review]) -> None:
    """Print one finding of each kind: of a rule, about a type's property."""
    shown: dict[str, list[str]] = {}
    for review, finding in blocking(reviews):
        types = {change.logical_id: change.type for change in review.changes}
        kind = f"{finding.rule} {types.get(finding.logical_id, '')}"
        shown.setdefault(kind, []).append(f"{review.head}: {finding.evidence.splitlines()[0]}")
    for kind, examples in sorted(shown.items()):
        sys.stdout.write(f"{len(examples):4} {kind}\n     {examples[0]}\n")


def count(what: str, reviews: list[Review]) -> None:
    """Print how many findings block, by their rules."""
    rules = Counter(finding.rule for _, finding in blocking(reviews))
    told = ", ".join(f"{rule} {number}" for rule, number in sorted(rules.items()))
    sys.stdout.write(
        f"{what}: {len(reviews)} reviews, {rules.total()} blocking findings{f': {told}' if told else ''}\n"
    )


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:] if argument != SNAPSHOTS]
    if SNAPSHOTS in sys.argv:
        found = list(of_snapshots(given))
        count("snapshots", found)
        show(found)
    else:
        count("history", list(history(given)))
        count("between stages", list(between_stages(given[-1])))
