"""A snapshot is whole or not there; what did not change is not written again."""

import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.cloud.snapshot_store import BLOB_BYTES, SnapshotError, SnapshotStore

LARGE = bytes(range(256)) * (BLOB_BYTES // 256 + 1)


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(folder=tmp_path / "snapshots")


def resumed(store: SnapshotStore) -> dict[str, Any]:
    """What a new process finds."""
    found = SnapshotStore(folder=store.folder).resume(store.folder.parent / "objects")
    return {} if found is None else dict(found.states)


def numbers(store: SnapshotStore) -> list[str]:
    return sorted(path.name for path in store.folder.iterdir())


def test_nothing_saved_is_nothing_found(store: SnapshotStore) -> None:
    assert resumed(store) == {}


def test_values_come_back_as_they_were(store: SnapshotStore) -> None:
    state = {"a": (1, "x"), ("tuple", "key"): {b"bytes"}, 3: None, "large": LARGE}
    assert store.write({"service": state}, None)
    assert resumed(store) == {"service": state}


def test_the_last_two_are_kept(store: SnapshotStore) -> None:
    for number in range(4):
        store.write({"service": number}, None)
    assert numbers(store) == ["3", "4"]
    assert resumed(store) == {"service": 3}


def test_the_same_state_makes_no_new_snapshot(store: SnapshotStore) -> None:
    assert store.write({"service": {"a": 1}}, None)
    assert not store.write({"service": {"a": 1}}, None)
    assert numbers(store) == ["1"]


def test_unchanged_files_are_shared(store: SnapshotStore) -> None:
    store.write({"same": {"large": LARGE}, "other": 1}, None)
    store.write({"same": {"large": LARGE}, "other": 2}, None)
    first, second = ({path.name: path.stat().st_ino for path in (store.folder / number).iterdir()} for number in "12")
    shared = {name for name in first.keys() & second.keys() if first[name] == second[name]}
    assert "same.state" in shared
    assert "other.state" not in shared
    assert any(name.endswith(".blob") for name in shared)


def test_large_bytes_that_went_and_came_back_are_there(store: SnapshotStore) -> None:
    store.write({"service": LARGE}, None)
    store.write({"service": 1}, None)
    store.write({"service": LARGE}, None)
    assert resumed(store) == {"service": LARGE}


def test_a_state_that_cannot_be_saved_is_named_and_the_last_snapshot_stays(store: SnapshotStore) -> None:
    store.write({"good": 1, "bad": 1}, None)
    with pytest.raises(SnapshotError, match="the state of bad cannot be saved"):
        store.write({"good": 2, "bad": threading.Lock()}, None)
    assert resumed(store) == {"good": 1, "bad": 1}


def test_objects_belong_to_their_snapshot(store: SnapshotStore, tmp_path: Path) -> None:
    live = tmp_path / "objects"
    (live / "bucket").mkdir(parents=True)
    (live / "bucket/key").write_bytes(b"old")
    links = tmp_path / "links"
    (links / "bucket").mkdir(parents=True)
    os.link(live / "bucket/key", links / "bucket/key")
    store.write({"s3": 1}, links)
    (live / "bucket/key.tmp").write_bytes(b"new")
    (live / "bucket/key.tmp").replace(live / "bucket/key")
    (live / "later").write_bytes(b"new")
    store.write({"s3": 2}, None)
    assert resumed(store) == {"s3": 2}
    assert {path.name: path.read_bytes() for path in live.rglob("*") if path.is_file()} == {"key": b"old"}


def test_a_half_written_snapshot_counts_for_none(store: SnapshotStore) -> None:
    store.write({"service": 1}, None)
    (store.folder / "2.new").mkdir()
    assert resumed(store) == {"service": 1}
    assert store.write({"service": 2}, None)
    assert resumed(store) == {"service": 2}


def test_a_damaged_one_is_named_and_dropped(store: SnapshotStore, caplog: pytest.LogCaptureFixture) -> None:
    store.write({"service": 1}, None)
    store.write({"service": 2}, None)
    damaged = store.folder / "2/service.state"
    damaged.unlink()
    damaged.write_bytes(b"")
    with caplog.at_level(logging.ERROR):
        assert resumed(store) == {"service": 1}
    assert "Snapshot 2 is damaged" in caplog.text


class Large:
    """Makes its bytes anew each time that it is saved, where those before may have been."""

    def __init__(self, filling: int) -> None:
        self.filling = filling

    def __reduce__(self) -> tuple[type[bytes], tuple[bytes]]:
        return bytes, (bytes([self.filling]) * (BLOB_BYTES + 1),)


def test_large_bytes_that_live_no_longer_than_their_saving_are_told_apart(store: SnapshotStore) -> None:
    fillings = {f"service{number}": number // 2 for number in range(6)}
    store.write({name: Large(filling) for name, filling in fillings.items()}, None)
    assert {name: large[0] for name, large in resumed(store).items()} == fillings
