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

SCENE = ("no_reason", "reason_again", "weaker_override", "nothing")
CODES = (0, 1, 0, 1, 1)
"""Edits, and how the first synth and that after each ends: what `make test` looks at; `make soak` draws its own."""


@dataclass(frozen=True)
class Synth:
    """What a synth came to."""

    code: int
    says: str
    files: dict[str, str]


def start(root: Path, out: Path, store: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [root / ".venv/bin/python", "-m", "pipeline.synthesis"],
        cwd=root,
        env={**clean_environment(), "PENSTOCK_SYNTH_CACHE": store, "CDK_OUTDIR": str(out)},
        stderr=subprocess.PIPE,
        text=True,
    )


def written(out: Path) -> dict[str, str]:
    files = (file for file in sorted(out.rglob("*")) if file.is_file())
    return {str(file.relative_to(out)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def synth(root: Path, out: Path, store: str) -> Synth:
    process = start(root, out, store)
    _, says = process.communicate()
    assert "Traceback" not in says, says
    return Synth(code=process.returncode, says=says.replace(str(out), "out"), files=written(out))


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


@pytest.mark.slow
def test_kept_parts_change_nothing(tmp_path: Path) -> None:
    assert tuple(compare(SCENE, tmp_path)) == CODES


@pytest.mark.slow
def test_two_synths_at_once_write_what_one_writes(tmp_path: Path) -> None:
    root = small_checkout.make(tmp_path / "checkout")
    store, out, other = str(tmp_path / "store"), tmp_path / "out", tmp_path / "other"
    running = [start(root, folder, store) for folder in (out, out, other)]
    said = [each.communicate()[1] for each in running]
    assert [each.returncode for each in running] == [0, 0, 0], said
    assert written(out) == written(other) == synth(root, tmp_path / "alone", "off").files


@pytest.mark.soak
@pytest.mark.parametrize("number", range(int(os.environ.get("SYNTH_SEEDS", "4"))))
def test_kept_parts_change_nothing_whatever_the_edits(number: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    @seed(number)
    @settings(max_examples=4, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from(sorted(BY_NAME)), min_size=4, max_size=10).map(tuple))
    def drawn(names: tuple[str, ...]) -> None:
        compare(names, tmp_path_factory.mktemp("drawn"))

    drawn()
