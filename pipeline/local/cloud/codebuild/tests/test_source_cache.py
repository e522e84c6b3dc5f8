"""A zip is unpacked once, and what a build does to its source stays with it."""

import os
import shutil
import zipfile
from pathlib import Path

import pytest

from pipeline.local.cloud.codebuild import artifacts, source_cache
from pipeline.local.cloud.codebuild.artifacts import ArtifactError
from pipeline.local.cloud.codebuild.source_cache import KEPT, SourceCache


@pytest.fixture
def cache(tmp_path: Path) -> SourceCache:
    return SourceCache(tmp_path / "sources")


def pack(archive: Path, **files: str) -> Path:
    with zipfile.ZipFile(archive, "w") as made:
        for name, text in files.items():
            made.writestr(f"folder/{name}", text)
    return archive


def build(cache: SourceCache, archive: Path, folder: Path) -> Path:
    """The file of a build's source."""
    folder.mkdir()
    cache.unpack(archive, folder)
    return folder / "folder/file"


def test_a_build_that_appends_to_its_source_in_place_is_not_seen_by_the_next(
    cache: SourceCache, tmp_path: Path
) -> None:
    archive = pack(tmp_path / "source.zip", file="source\n")
    first = build(cache, archive, tmp_path / "first")
    second = build(cache, archive, tmp_path / "second")
    with first.open("a") as file:
        file.write("of the first build\n")
    (first.parent / "made").touch()
    third = build(cache, archive, tmp_path / "third")
    for other in (second, third):
        assert other.read_text() == "source\n"
        assert list(other.parent.iterdir()) == [other]


def test_a_zip_is_unpacked_once(cache: SourceCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked = []

    def unpack(archive: Path, target: Path) -> None:
        unpacked.append(archive)
        artifacts.unpack(archive, target)

    monkeypatch.setattr(source_cache, "unpack", unpack)
    one = pack(tmp_path / "one.zip", file="1")
    same = Path(shutil.copy(one, tmp_path / "same.zip"))
    other = pack(tmp_path / "other.zip", file="2")
    read = [
        build(cache, archive, tmp_path / str(number)).read_text() for number, archive in enumerate((one, same, other))
    ]
    assert read == ["1", "1", "2"]
    assert unpacked == [one, other]


def test_a_source_keeps_modes_and_links(cache: SourceCache, tmp_path: Path) -> None:
    archive = tmp_path / "source.zip"
    with zipfile.ZipFile(archive, "w") as made:
        script = zipfile.ZipInfo("script")
        script.external_attr = 0o100755 << 16
        made.writestr(script, "#!/bin/sh")
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        made.writestr(link, "script")
    target = tmp_path / "build"
    target.mkdir()
    cache.unpack(archive, target)
    assert os.access(target / "script", os.X_OK)
    assert (target / "link").readlink() == Path("script")


def test_only_the_latest_sources_are_kept(cache: SourceCache, tmp_path: Path) -> None:
    for number in range(KEPT + 2):
        build(cache, pack(tmp_path / f"{number}.zip", file=str(number)), tmp_path / str(number))
    assert len(list((tmp_path / "sources").iterdir())) == KEPT
    again = build(cache, tmp_path / "0.zip", tmp_path / "again")
    assert again.read_text() == "0"


def test_what_is_no_zip_is_refused_each_time(cache: SourceCache, tmp_path: Path) -> None:
    archive = tmp_path / "source.zip"
    archive.write_bytes(b"no zip")
    for _ in range(2):
        with pytest.raises(ArtifactError, match="not a zip"):
            cache.unpack(archive, tmp_path / "build")


def test_what_an_earlier_process_left_is_not_used(tmp_path: Path) -> None:
    archive = pack(tmp_path / "source.zip", file="whole")
    build(SourceCache(tmp_path / "sources"), archive, tmp_path / "first")
    (left,) = (tmp_path / "sources").iterdir()
    (left / "folder/file").write_text("ha")
    assert build(SourceCache(tmp_path / "sources"), archive, tmp_path / "second").read_text() == "whole"
