"""A synth that takes what earlier ones made is, byte for byte and word for word, the synth that takes nothing."""

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.conftest import clean_environment
from tests.pipeline.synthesis.edits import BY_NAME
from tests.testbed import small_checkout

SCENES = {
    ("override", "weaker_override", "nothing"): (0, 0, 1, 1),
    ("no_reason", "stack", "reason_again"): (0, 1, 1, 0),
}
"""Edits, and how each synth ends: what `make test` looks at; `make soak` draws its own."""


@dataclass(frozen=True)
class Synth:
    """What a synth came to."""

    code: int
    says: str
    files: dict[str, str]


def synth(root: Path, out: Path, store: str, **environment: str) -> Synth:
    done = subprocess.run(
        [root / ".venv/bin/python", "-m", "pipeline.synthesis"],
        cwd=root,
        env={**clean_environment(), **environment, "PENSTOCK_SYNTH_CACHE": store, "CDK_OUTDIR": str(out)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    files = {
        str(file.relative_to(out)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(out.rglob("*"))
        if file.is_file()
    }
    return Synth(code=done.returncode, says=done.stderr.replace(str(out), "out"), files=files)


def compare(names: tuple[str, ...], folder: Path) -> list[int]:
    """Make the edits one after the other, and synthesise twice after each; returns the exit codes."""
    root = small_checkout.make(folder / "checkout")
    anew = None
    codes = []
    for name in ("nothing", *names):
        BY_NAME[name](root)
        kept = synth(root, folder / "kept", str(folder / "store"))
        if anew is None or name != "nothing":
            anew = synth(root, folder / "anew", "off")
        assert kept == anew, f"after {name} of {names}"
        codes.append(kept.code)
    return codes


@pytest.mark.parametrize(("scene", "codes"), [*SCENES.items()], ids=map("-".join, SCENES))
def test_kept_parts_change_nothing(scene: tuple[str, ...], codes: tuple[int, ...], tmp_path: Path) -> None:
    assert tuple(compare(scene, tmp_path)) == codes


@pytest.mark.soak
@pytest.mark.parametrize("number", range(int(os.environ.get("SYNTH_SEEDS", "4"))))
def test_kept_parts_change_nothing_whatever_the_edits(number: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    @seed(number)
    @settings(max_examples=4, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from(sorted(BY_NAME)), min_size=4, max_size=10).map(tuple))
    def drawn(names: tuple[str, ...]) -> None:
        compare(names, tmp_path_factory.mktemp("drawn"))

    drawn()
