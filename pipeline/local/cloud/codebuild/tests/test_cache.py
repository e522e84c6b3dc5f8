from pathlib import Path

import pytest

from pipeline.local.cloud.codebuild.cache import Cache, CacheError


class Build:
    """One build's folders, beside a cache that it shares with others."""

    def __init__(self, folder: Path, name: str) -> None:
        self.source, self.home = folder / name / "src", folder / name / "home"
        for each in (self.source, self.home):
            each.mkdir(parents=True)
        self.cache = Cache(folder / "cache", source=self.source, home=self.home)


def test_what_one_build_keeps_the_next_one_finds(tmp_path: Path) -> None:
    first = Build(tmp_path, "first")
    (first.source / "node_modules/a").mkdir(parents=True)
    (first.source / "node_modules/a/index.js").write_text("a")
    (first.source / "other.txt").write_text("not asked for")
    (first.home / ".m2").mkdir()
    (first.home / ".m2/jar").write_text("jar")
    assert first.cache.restore() == 0
    assert first.cache.keep(["node_modules/**/*", "/root/.m2/**/*"]) == 2
    second = Build(tmp_path, "second")
    assert second.cache.restore() == 2
    assert (second.source / "node_modules/a/index.js").read_text() == "a"
    assert (second.home / ".m2/jar").read_text() == "jar"
    assert not (second.source / "other.txt").exists()


def test_writing_into_a_restored_file_leaves_the_cache_alone(tmp_path: Path) -> None:
    first = Build(tmp_path, "first")
    (first.source / "state").write_text("good")
    first.cache.keep(["state"])
    second, third = Build(tmp_path, "second"), Build(tmp_path, "third")
    second.cache.restore()
    with (second.source / "state").open("r+") as file:
        file.write("spoiled")
    third.cache.restore()
    assert (third.source / "state").read_text() == "good"


def test_a_file_of_the_source_is_not_replaced_by_a_kept_one(tmp_path: Path) -> None:
    first, second = Build(tmp_path, "first"), Build(tmp_path, "second")
    (first.source / "made.txt").write_text("kept")
    first.cache.keep(["*.txt"])
    (second.source / "made.txt").write_text("source")
    second.cache.restore()
    assert (second.source / "made.txt").read_text() == "source"


def test_keeping_replaces_all_that_was_kept(tmp_path: Path) -> None:
    first = Build(tmp_path, "first")
    (first.source / "a").write_text("a")
    first.cache.keep(["*"])
    (first.source / "a").rename(first.source / "b")
    first.cache.keep(["*"])
    second = Build(tmp_path, "second")
    second.cache.restore()
    assert [path.name for path in second.source.iterdir()] == ["b"]
    assert len(list((tmp_path / "cache").iterdir())) == 2, (
        "the folder before is gone; there is one, and a pointer to it"
    )


@pytest.mark.parametrize("path", ["/etc/**/*", "../sibling/*", "/home/me/.npm"])
def test_a_build_cannot_keep_what_is_not_its_own(tmp_path: Path, path: str) -> None:
    with pytest.raises(CacheError, match="outside"):
        Build(tmp_path, "first").cache.keep([path])
