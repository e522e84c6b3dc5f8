"""Which files of a build become an artifact, and the zips that carry them.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.artifacts
"""

import os
import re
import shutil
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pipeline.local.cloud.codebuild.buildspec import Output

EARLIEST = (1980, 1, 1, 0, 0, 0)


class ArtifactError(Exception):
    """An artifact that cannot be made or read."""


def select(source: Path, output: Output) -> dict[str, Path]:
    """Return the files of an artifact, by their names in it."""
    chosen: dict[str, Path] = {}
    for base in _bases(source, output.base_directory):
        inside = {path.relative_to(base).as_posix(): path for path in _files(base)}
        for location in output.files:
            wanted = _pattern(location.removeprefix("./"))
            found = {name: path for name, path in inside.items() if wanted.fullmatch(name)}
            outside = Path(location)
            if outside.is_absolute() and outside.is_file():
                found = {outside.name: outside}
            chosen |= found
    if not chosen:
        raise ArtifactError(f"no matching artifact paths found for {', '.join(output.files)}")
    excluded = [_pattern(path) for path in output.exclude_paths]
    chosen = {name: path for name, path in chosen.items() if not any(each.fullmatch(name) for each in excluded)}
    return {path.name: path for path in chosen.values()} if output.discard_paths else chosen


def pack(files: dict[str, Path], archive: Path, *, keep_symlinks: bool = False) -> None:
    """Write a zip; symbolic links are followed unless they are to be kept."""
    # Level 1: this machine's loopback is quicker than its processor.
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as made:
        for name, path in sorted(files.items()):
            if keep_symlinks and path.is_symlink():
                link = zipfile.ZipInfo(name, EARLIEST)
                link.create_system = 3
                link.external_attr = (stat.S_IFLNK | 0o777) << 16
                made.writestr(link, str(path.readlink()))
            elif path.is_file():
                packed = path.suffix == ".zip"  # what functions are made of: megabytes that only cost time again
                made.write(path, name, compress_type=zipfile.ZIP_STORED if packed else None)


def unpack(archive: Path, target: Path) -> None:
    """Unfold a zip with its modes and symbolic links; nothing of it may land outside."""
    root = target.resolve()
    inside: set[Path] = set()
    try:
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                path = root / entry.filename
                folder = path if entry.is_dir() else path.parent
                # A folder that was seen stays one: nothing unfolded later can make a link of it.
                if folder not in inside:
                    _stay_inside(folder, root, entry)
                    folder.mkdir(parents=True, exist_ok=True)
                    inside.add(folder)
                if path.is_symlink():
                    _stay_inside(path, root, entry)
                if not entry.is_dir():
                    _unpack_entry(opened, entry, path)
    except zipfile.BadZipFile as error:
        raise ArtifactError(f"the source is not a zip file: {error}") from error


def _stay_inside(path: Path, root: Path, entry: zipfile.ZipInfo) -> None:
    if not path.resolve().is_relative_to(root):
        raise ArtifactError(f"the source has an entry outside its folder: {entry.filename}")


def _unpack_entry(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    mode = entry.external_attr >> 16
    if stat.S_ISLNK(mode):
        path.symlink_to(opened.read(entry).decode())
        return
    with opened.open(entry) as read, path.open("wb") as written:
        shutil.copyfileobj(read, written, 1 << 20)
    path.chmod(0o755 if mode & stat.S_IXUSR else 0o644)


def _bases(source: Path, base_directory: str | None) -> list[Path]:
    if base_directory is None:
        return [source]
    if Path(base_directory).is_absolute():
        bases = [Path(base_directory)]
    else:
        bases = (
            sorted(source.glob(base_directory.rstrip("/"))) if base_directory.rstrip("/") not in ("", ".") else [source]
        )
    found = [base for base in bases if base.is_dir()]
    if not found:
        raise ArtifactError(f"no matching base directory path found for {base_directory}")
    return found


def _files(base: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(base):
        here = Path(folder)
        yield from (here / name for name in names)
        yield from (here / name for name in folders if (here / name).is_symlink())


def _pattern(location: str) -> re.Pattern[str]:
    """`*` stays within one folder, `**/` is any number of folders, also none."""
    expression = ""
    for part in re.split(r"(\*\*/|\*\*|\*|\?)", location):
        expression += {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))
    return re.compile(expression)
