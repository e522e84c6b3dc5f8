import zipfile
from pathlib import Path

import pytest

from pipeline.local.cloud.codebuild.artifacts import ArtifactError, pack, select, unpack
from pipeline.local.cloud.codebuild.buildspec import Output


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def documented(tmp_path: Path) -> Path:
    """The example of https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.artifacts"""
    return tree(
        tmp_path, "my-build-1/my-file-1.txt", "my-build-2/my-file-2.txt", "my-build-2/my-subdirectory/my-file-3.txt"
    )


def test_the_documented_base_directory_is_left_out_of_the_names(documented: Path) -> None:
    output = Output(files=("*/my-file-3.txt",), base_directory="my-build-2")
    assert list(select(documented, output)) == ["my-subdirectory/my-file-3.txt"]


def test_the_documented_pattern_of_base_directories_may_be_flattened(documented: Path) -> None:
    output = Output(files=("**/*",), base_directory="my-build*", discard_paths=True)
    assert sorted(select(documented, output)) == ["my-file-1.txt", "my-file-2.txt", "my-file-3.txt"]


def test_one_star_stays_in_its_folder_and_two_do_not(documented: Path) -> None:
    assert list(select(documented, Output(files=("my-build-2/*",)))) == ["my-build-2/my-file-2.txt"]
    assert len(select(documented, Output(files=("my-build-2/**/*",)))) == 2


def test_excluded_paths_are_left_out(tmp_path: Path) -> None:
    tree(tmp_path, "a/.git/config", "a/.env", "a/b.txt", "c.txt")
    output = Output(files=("**/*",), exclude_paths=("**/.*/**/*", "**/.*"))
    assert sorted(select(tmp_path, output)) == ["a/b.txt", "c.txt"]


def test_an_artifact_without_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no matching artifact paths found for missing/"):
        select(tmp_path, Output(files=("missing/*",)))
    with pytest.raises(ArtifactError, match="no matching base directory path found for out"):
        select(tmp_path, Output(files=("**/*",), base_directory="out"))


def test_modes_and_links_survive_the_way_through_a_zip(tmp_path: Path) -> None:
    source = tree(tmp_path / "source", "run.sh", "plain.txt")
    (source / "run.sh").chmod(0o755)
    (source / "link.txt").symlink_to("plain.txt")
    pack(select(source, Output(files=("**/*",))), tmp_path / "kept.zip", keep_symlinks=True)
    unpack(tmp_path / "kept.zip", tmp_path / "kept")
    assert (tmp_path / "kept/run.sh").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "kept/plain.txt").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "kept/link.txt").readlink() == Path("plain.txt")
    pack(select(source, Output(files=("**/*",))), tmp_path / "followed.zip")
    unpack(tmp_path / "followed.zip", tmp_path / "followed")
    assert not (tmp_path / "followed/link.txt").is_symlink()


@pytest.mark.parametrize("name", ["../outside.txt", "/outside.txt"])
def test_nothing_of_a_source_lands_outside_its_folder(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(ArtifactError, match="outside its folder"):
        unpack(tmp_path / "bad.zip", tmp_path / "in")


@pytest.mark.filterwarnings("ignore:Duplicate name")  # a writer would not; an attacker does
@pytest.mark.parametrize("written", ["link", "link/file.txt"])
def test_nothing_is_written_through_a_link_that_leads_out(tmp_path: Path, written: str) -> None:
    outside = tmp_path / "outside"
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        link = zipfile.ZipInfo("link")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, str(outside))
        archive.writestr(written, "x")
    with pytest.raises(ArtifactError, match="outside its folder"):
        unpack(tmp_path / "bad.zip", tmp_path / "in")
    assert not outside.exists()


def test_a_source_that_is_no_zip_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    with pytest.raises(ArtifactError, match="not a zip file"):
        unpack(tmp_path / "text", tmp_path / "in")
