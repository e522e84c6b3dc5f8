"""The local cache of a project: `cache.paths` of the buildspec, kept from one successful build to the next.

https://docs.aws.amazon.com/codebuild/latest/userguide/caching-local.html
"""

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT_HOME = "/root"
"""HOME on AWS's images, as buildspecs write it out."""


class CacheError(Exception):
    """A cache path that a build may not have here."""


class Cache:
    """One folder a project, which a build takes as it is and replaces as a whole.

    Keeping is linking: the build is over, and its folder goes. Restoring is copying, because a tool that writes into a
    file instead of replacing it would write into the cache, and a failed build would spoil the next one.
    """

    def __init__(self, folder: Path, *, source: Path, home: Path) -> None:
        self._folder = folder
        self._source = source
        self._home = home

    def restore(self) -> int:
        """Put what was kept into the build; the number of files."""
        restored = 0
        for root, target in (("source", self._source), ("home", self._home)):
            kept = self._latest() / root
            if kept.is_dir():
                restored += _put_all(_files_below(kept), kept, target, _copy)
        return restored

    def keep(self, paths: Iterable[str]) -> int:
        """Replace what is kept by what these paths hold now; the number of files."""
        made = self._folder / uuid.uuid4().hex
        count = 0
        for path in paths:
            root, base, location = self._place(path)
            count += _put_all(_matching(base, location), base, made / root, _link)
        made.mkdir(parents=True, exist_ok=True)
        before = self._latest()
        pointer = self._folder / f"{made.name}.next"
        pointer.symlink_to(made.name)
        pointer.replace(self._folder / "latest")
        if before != self._folder / "latest" and before.is_dir():
            shutil.rmtree(before, ignore_errors=True)
        return count

    def _latest(self) -> Path:
        return (self._folder / "latest").resolve()

    def _place(self, path: str) -> tuple[str, Path, str]:
        if path == ROOT_HOME or path.startswith(f"{ROOT_HOME}/"):
            return "home", self._home, path.removeprefix(ROOT_HOME).lstrip("/")
        for root, base in (("source", self._source), ("home", self._home)):
            if path.startswith(f"{base}/"):
                return root, base, path.removeprefix(f"{base}/")
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise CacheError(f"cache/paths: {path} is outside the build's source and HOME, and is left alone here")
        return "source", self._source, path.removeprefix("./")


def _matching(base: Path, location: str) -> Iterable[Path]:
    """Return the files of a location; a folder, or one followed by `/**/*`, means all of its files."""
    whole = location.removesuffix("/**/*").removesuffix("/**")
    if whole in ("**", "**/*", ""):
        yield from _files_below(base)
    elif not any(sign in whole for sign in "*?["):
        path = base / whole
        if path.is_dir() and not path.is_symlink():
            yield from _files_below(path)
        elif path.is_symlink() or path.exists():
            yield path
    else:
        for found in base.glob(whole):
            if found.is_dir() and not found.is_symlink():
                yield from _files_below(found) if whole != location else ()
            else:
                yield found


def _files_below(folder: Path) -> Iterable[Path]:
    for here, folders, names in os.walk(folder):
        yield from (Path(here, name) for name in names)
        yield from (Path(here, name) for name in folders if Path(here, name).is_symlink())


def _put_all(files: Iterable[Path], base: Path, target: Path, put: Callable[[Path, Path], object]) -> int:
    count = 0
    for file in files:
        place = target / file.relative_to(base)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists() and not place.is_symlink():
            with contextlib.suppress(FileNotFoundError):  # a build beside this one has just replaced the cache
                put(file, place)
                count += 1
    return count


def _copy(file: Path, place: Path) -> None:
    shutil.copy2(file, place, follow_symlinks=False)


def _link(file: Path, place: Path) -> None:
    try:
        os.link(file, place, follow_symlinks=False)
    except OSError as error:
        if error.errno != errno.EXDEV:  # builds may be on another file system than what is kept of them
            raise
        _copy(file, place)
