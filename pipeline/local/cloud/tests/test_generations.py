"""A generation is whole or not there; what did not change is not written again."""

import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.cloud.generations import BLOB_BYTES, Generations, SnapshotError

LARGE = bytes(range(256)) * (BLOB_BYTES // 256 + 1)


@pytest.fixture
def generations(tmp_path: Path) -> Generations:
    return Generations(folder=tmp_path / "generations")


def resumed(generations: Generations) -> dict[str, Any]:
    """What a new process finds."""
    found = Generations(folder=generations.folder).resume(generations.folder.parent / "objects")
    return {} if found is None else dict(found.states)


def numbers(generations: Generations) -> list[str]:
    return sorted(path.name for path in generations.folder.iterdir())


def test_nothing_saved_is_nothing_found(generations: Generations) -> None:
    assert resumed(generations) == {}


def test_values_come_back_as_they_were(generations: Generations) -> None:
    state = {"a": (1, "x"), ("tuple", "key"): {b"bytes"}, 3: None, "large": LARGE}
    assert generations.write({"service": state}, None)
    assert resumed(generations) == {"service": state}


def test_the_last_two_are_kept(generations: Generations) -> None:
    for number in range(4):
        generations.write({"service": number}, None)
    assert numbers(generations) == ["3", "4"]
    assert resumed(generations) == {"service": 3}


def test_the_same_state_makes_no_new_generation(generations: Generations) -> None:
    assert generations.write({"service": {"a": 1}}, None)
    assert not generations.write({"service": {"a": 1}}, None)
    assert numbers(generations) == ["1"]


def test_unchanged_files_are_shared(generations: Generations) -> None:
    generations.write({"same": {"large": LARGE}, "other": 1}, None)
    generations.write({"same": {"large": LARGE}, "other": 2}, None)
    first, second = (
        {path.name: path.stat().st_ino for path in (generations.folder / number).iterdir()} for number in "12"
    )
    shared = {name for name in first.keys() & second.keys() if first[name] == second[name]}
    assert "same.state" in shared
    assert "other.state" not in shared
    assert any(name.endswith(".blob") for name in shared)


def test_large_bytes_that_went_and_came_back_are_there(generations: Generations) -> None:
    generations.write({"service": LARGE}, None)
    generations.write({"service": 1}, None)
    generations.write({"service": LARGE}, None)
    assert resumed(generations) == {"service": LARGE}


def test_a_state_that_cannot_be_saved_is_named_and_the_last_generation_stays(generations: Generations) -> None:
    generations.write({"good": 1, "bad": 1}, None)
    with pytest.raises(SnapshotError, match="the state of bad cannot be saved"):
        generations.write({"good": 2, "bad": threading.Lock()}, None)
    assert resumed(generations) == {"good": 1, "bad": 1}


def test_objects_belong_to_their_generation(generations: Generations, tmp_path: Path) -> None:
    live = tmp_path / "objects"
    (live / "bucket").mkdir(parents=True)
    (live / "bucket/key").write_bytes(b"old")
    links = tmp_path / "links"
    (links / "bucket").mkdir(parents=True)
    os.link(live / "bucket/key", links / "bucket/key")
    generations.write({"s3": 1}, links)
    (live / "bucket/key.tmp").write_bytes(b"new")
    (live / "bucket/key.tmp").replace(live / "bucket/key")
    (live / "later").write_bytes(b"new")
    generations.write({"s3": 2}, None)
    assert resumed(generations) == {"s3": 2}
    assert {path.name: path.read_bytes() for path in live.rglob("*") if path.is_file()} == {"key": b"old"}


def test_a_half_written_generation_counts_for_none(generations: Generations) -> None:
    generations.write({"service": 1}, None)
    (generations.folder / "2.new").mkdir()
    assert resumed(generations) == {"service": 1}
    assert generations.write({"service": 2}, None)
    assert resumed(generations) == {"service": 2}


def test_a_damaged_one_is_named_and_dropped(generations: Generations, caplog: pytest.LogCaptureFixture) -> None:
    generations.write({"service": 1}, None)
    generations.write({"service": 2}, None)
    damaged = generations.folder / "2/service.state"
    damaged.unlink()
    damaged.write_bytes(b"")
    with caplog.at_level(logging.ERROR):
        assert resumed(generations) == {"service": 1}
    assert "Generation 2 is damaged" in caplog.text
