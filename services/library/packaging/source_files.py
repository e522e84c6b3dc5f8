"""Which files of a runtime folder are packaged: links are followed within the repository, and nothing is dropped."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.library.packaging.dependencies import PackagingError


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFile:
    """A file of ours that is packaged."""

    name: str
    """Its path in the repository as it is packaged; of a file below a linked folder, the path through the link."""
    path: Path
    """Where its content is."""
    size: int
    """In bytes."""
    is_executable: bool
    """Whether its owner may execute it, which is all that git keeps of a file's mode."""


def source_files(root: Path, folder: Path) -> list[SourceFile]:
    """Return the files below a folder of the repository `root`, in the order of their names.

    Raises:
        PackagingError: for what no package can carry: a link that is broken, leads out of the repository, to what is
            hidden there, or round in a circle; and what is neither a file nor a folder.
    """
    return sorted(_below(root.resolve(), folder, folder.relative_to(root).as_posix(), ()), key=lambda each: each.name)


def stays_here(part: str) -> bool:
    """Whether a file or folder of this name is an editor's, Python's or git's, and never packaged."""
    return part.startswith(".") or part == "__pycache__" or part.endswith((".pyc", "~"))


def _below(root: Path, folder: Path, name: str, above: tuple[Path, ...]) -> Iterator[SourceFile]:
    here = folder.resolve()
    if here in above:
        raise PackagingError(f"{name} leads back to a folder that it is in: link to what the function needs alone.")
    for entry in folder.iterdir():
        if stays_here(entry.name):
            continue
        inner = f"{name}/{entry.name}"
        if entry.is_symlink():
            _refuse_link(root, entry, inner)
        mode = entry.stat().st_mode
        if stat.S_ISDIR(mode):
            yield from _below(root, entry, inner, (*above, here))
        elif stat.S_ISREG(mode):
            yield SourceFile(name=inner, path=entry, size=entry.stat().st_size, is_executable=bool(mode & stat.S_IXUSR))
        else:
            raise PackagingError(f"{inner} is neither a file nor a folder, and a package has nothing else: remove it.")


def _refuse_link(root: Path, link: Path, name: str) -> None:
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: before Python 3.13, for a link that leads to itself
        raise PackagingError(f"{name} is a link to {link.readlink()}, which is not there: mend or remove it.") from None
    if not target.is_relative_to(root):
        raise PackagingError(
            f"{name} is a link to {link.readlink()}, out of the repository: another machine has something else there."
            " Copy what the function needs."
        )
    if any(map(stays_here, target.relative_to(root).parts)):
        raise PackagingError(f"{name} is a link to {link.readlink()}, which is never packaged: copy what is needed.")
