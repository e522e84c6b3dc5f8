"""`python -m tests.bench.blocking_findings FOLDER...`: what a review blocks, so that nobody learns to wave it through.

From each assembly to the next, as a history would have it; and in the last one from every stage's template of a service
to every other's, which is more, and larger, changes than a pull request makes.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise, permutations
from pathlib import Path

from pipeline.review import engine
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Level, Review
from pipeline.review.read import assembly

STAGE = "assembly-Pipeline-"


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


def count(what: str, reviews: list[Review]) -> None:
    """Print how many findings block, by their rules."""
    rules = Counter(
        finding.rule for each in reviews for finding in each.findings if finding.level.rank >= Level.HIGH.rank
    )
    told = ", ".join(f"{rule} {number}" for rule, number in sorted(rules.items()))
    sys.stdout.write(
        f"{what}: {len(reviews)} reviews, {rules.total()} blocking findings{f': {told}' if told else ''}\n"
    )


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    count("history", list(history(given)))
    count("between stages", list(between_stages(given[-1])))
