"""What is kept comes back as it was, or not at all."""

import json
import os
import threading
from pathlib import Path

import pytest

from pipeline.synthesis.store import Part, Store

KEY, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def made(folder: Path, content: str = "one") -> Part:
    (folder / "stage").mkdir(parents=True, exist_ok=True)
    (folder / "stage/template.json").write_text(content)
    (folder / "run").write_text("#!/bin/sh")
    (folder / "run").chmod(0o755)
    return Part(files=("stage/template.json", "run"), data={"findings": ["ä"]})


def record(tmp_path: Path, key: str = KEY) -> Path:
    return tmp_path / f"store/parts/{key}.json"


def test_a_part_comes_back_with_its_files_and_their_modes(store: Store, tmp_path: Path) -> None:
    part = made(tmp_path / "one")
    store.keep(KEY, part, tmp_path / "one")
    assert store.take(KEY, tmp_path / "two") == part
    assert (tmp_path / "two/stage/template.json").read_text() == "one"
    assert os.access(tmp_path / "two/run", os.X_OK)
    assert store.take(OTHER, tmp_path / "two") is None


def test_what_is_taken_cannot_be_written_through(store: Store, tmp_path: Path) -> None:
    store.keep(KEY, made(tmp_path / "one"), tmp_path / "one")
    for folder in ("two", "three"):
        assert store.take(KEY, tmp_path / folder) is not None
        assert (tmp_path / folder / "run").read_text() == "#!/bin/sh"
        (tmp_path / folder / "run").write_text("spoilt")
    (tmp_path / "one/run").write_text("spoilt")
    assert store.take(KEY, tmp_path / "four") is not None
    assert (tmp_path / "four/run").read_text() == "#!/bin/sh"


def test_a_file_that_several_parts_bring_is_written_again_if_it_is_not_as_it_was(store: Store, tmp_path: Path) -> None:
    for key in (KEY, OTHER):
        store.keep(key, made(tmp_path / "one"), tmp_path / "one")
    assert store.take(KEY, tmp_path / "two") is not None
    (tmp_path / "two/run").write_text("spoilt")
    (tmp_path / "two/stage/template.json").unlink()
    assert store.take(OTHER, tmp_path / "two") is not None
    assert (tmp_path / "two/run").read_text() == "#!/bin/sh"
    assert (tmp_path / "two/stage/template.json").read_text() == "one"


def damaged_file(store: Path) -> None:
    largest = max((store / "files").iterdir(), key=lambda each: each.stat().st_size)
    largest.write_text("x" * largest.stat().st_size)


def missing_file(store: Path) -> None:
    next((store / "files").iterdir()).unlink()


def half_written(store: Path) -> None:
    (file,) = (store / "parts").iterdir()
    file.write_bytes(file.read_bytes()[:-20])


def of_another_key(store: Path) -> None:
    (file,) = (store / "parts").iterdir()
    file.rename(file.with_name(f"{OTHER}.json"))
    (store / f"parts/{KEY}.json").write_bytes((store / f"parts/{OTHER}.json").read_bytes().replace(b"a", b"b"))


def edited(store: Path) -> None:
    (file,) = (store / "parts").iterdir()
    file.write_text(file.read_text().replace("findings", "nothing"))


def empty(store: Path) -> None:
    (file,) = (store / "parts").iterdir()
    file.write_bytes(b"")


@pytest.mark.parametrize("damage", [damaged_file, missing_file, half_written, of_another_key, edited, empty])
def test_what_is_damaged_foreign_or_half_written_is_never_used(damage, store: Store, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]  # one of the functions above
    store.keep(KEY, made(tmp_path / "one"), tmp_path / "one")
    damage(tmp_path / "store")
    assert store.take(KEY, tmp_path / "two") is None
    assert [each for each in (tmp_path / "two").rglob("*") if each.is_file()] == []
    store.keep(KEY, made(tmp_path / "one"), tmp_path / "one")
    assert store.take(KEY, tmp_path / "two") is not None


def test_a_record_reaches_no_file_outside_of_the_assembly(store: Store, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "secret").write_text("mine")
    store.keep(KEY, Part(files=("../secret",), data={}), tmp_path / "one")
    (tmp_path / "secret").unlink()
    assert store.take(KEY, tmp_path / "two") is None
    assert not (tmp_path / "secret").exists()


def test_records_are_written_at_once_by_many(store: Store, tmp_path: Path) -> None:
    part = made(tmp_path / "one")
    threads = [threading.Thread(target=store.keep, args=(KEY, part, tmp_path / "one")) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert store.take(KEY, tmp_path / "two") == part
    assert [each.name for each in record(tmp_path).parent.iterdir()] == [record(tmp_path).name]


def test_what_was_used_longest_ago_goes_first(store: Store, tmp_path: Path) -> None:
    for number, key in enumerate((KEY, OTHER)):
        store.keep(key, made(tmp_path / "one", str(number) * 1000), tmp_path / "one")
        os.utime(record(tmp_path, key), (number, number))
    for file in (tmp_path / "store/files").iterdir():
        os.utime(file, (0, 0))
    store.prune(most_bytes=10_000)
    assert store.take(KEY, tmp_path / "two") is not None  # which makes it the one that was used last
    store.prune(most_bytes=1_100)
    assert store.take(OTHER, tmp_path / "two") is None
    assert store.take(KEY, tmp_path / "two") is not None
    assert sum(file.stat().st_size for file in (tmp_path / "store/files").iterdir()) < 1_100


def test_a_record_says_what_it_is_in_json(store: Store, tmp_path: Path) -> None:
    store.keep(KEY, made(tmp_path / "one"), tmp_path / "one")
    assert json.loads(record(tmp_path).read_text().split("\n", 1)[1])["data"] == {"findings": ["ä"]}
