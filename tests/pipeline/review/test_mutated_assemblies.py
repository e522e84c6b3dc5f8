"""The platform's own templates and assembly with something odd in them: no traceback, the documented exit codes, and
never green where something was not read. The figures of the full size are in docs/soak.md.
"""

import json
import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli.main import app
from pipeline.review import engine
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Review, Verdict
from pipeline.review.read import assembly as sides
from pipeline.review.read.assembly import UnreadableError
from pipeline.review.render import data, markdown, page, terminal
from pipeline.review.tests.test_mutations import mutated
from tests.conftest import Assembly
from tests.pipeline.review.copies import copied, replaced, stacks

Json = Any
CODES = {Verdict.PASS: 0, Verdict.BLOCKED: 1, Verdict.INCOMPLETE: 2}
RENDERED = 20
"""One review in so many is written in every form, since that takes longer than to make it."""
ASKED = 50
"""One pair of templates in so many goes through the command, which is asked for its exit code."""


def exit_code(read: Callable[[Path], sides.Assembly], both: Sequence[Path], *, writes: bool) -> int:
    """What `penstock review` answers of two sides, whatever they are."""
    try:
        found = engine.review(read(both[0]), read(both[1]), ReviewBaseline())
    except UnreadableError:
        return 2  # one sentence
    check(found, writes=writes)
    return found.verdict.exit_code


def check(found: Review, *, writes: bool) -> None:
    """Check what is true of every review."""
    assert found.complete is not bool(found.incomplete)
    assert found.verdict.exit_code == CODES[found.verdict]
    assert found.complete or found.verdict.exit_code != 0
    for render in (terminal.render, markdown.render, page.render, data.write) if writes else ():
        render(found)


@pytest.mark.parametrize(("seed", "pairs"), [(14, 60), pytest.param(15, 10_000, marks=pytest.mark.soak)])
def test_review_of_the_platforms_templates_with_something_odd_ends(
    seed: int, pairs: int, assembly: Assembly, tmp_path: Path
) -> None:
    known, codes = [body for _, body in stacks(assembly.folder)], Counter[int]()
    files = [tmp_path / "old.json", tmp_path / "new.json"]
    for number in range(pairs):
        chance = random.Random(f"{seed}-{number}")  # noqa: S311 - no secret: the same in every run
        document = chance.choice(known)
        both = [document, mutated(document, chance)]
        chance.shuffle(both)
        for file, side in zip(files, both, strict=True):
            file.write_text(json.dumps(side))
        code = exit_code(sides.of_template, files, writes=number % RENDERED == 0)
        if number % ASKED == 0:
            asked = CliRunner().invoke(app, ["review", "template", *map(str, files)])
            assert asked.exit_code == code, asked.output
        codes[code] += 1
    logging.getLogger(__name__).info("seed %d, %d pairs: %s", seed, pairs, dict(codes))
    assert set(codes) == {0, 1, 2}


@pytest.mark.parametrize(("seed", "assemblies"), [(14, 4), pytest.param(15, 500, marks=pytest.mark.soak)])
def test_review_of_the_platforms_assembly_with_something_odd_ends(
    seed: int, assemblies: int, assembly: Assembly, tmp_path: Path
) -> None:
    codes = Counter[int]()
    for number in range(assemblies):
        chance = random.Random(f"{seed}-{number}")  # noqa: S311 - no secret: the same in every run
        both = [assembly.folder, odd(assembly.folder, tmp_path / str(number), chance)]
        chance.shuffle(both)
        codes[exit_code(sides.read, both, writes=number % RENDERED == 0)] += 1
    logging.getLogger(__name__).info("seed %d, %d assemblies: %s", seed, assemblies, dict(codes))


def odd(folder: Path, to: Path, chance: random.Random) -> Path:
    """The assembly with something odd in one of its files, a manifest as often as a template."""
    whole = copied(folder, to)
    kinds = [[*whole.rglob("manifest.json")], [*whole.rglob("*.template.json")], [*whole.rglob("*.json")]]
    file = chance.choice(sorted(chance.choice(kinds)))
    replaced(file, mutated(json.loads(file.read_text()), chance))
    return whole
