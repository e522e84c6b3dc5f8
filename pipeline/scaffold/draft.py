"""A change of the repository's own files that is thought through before any of them is touched."""

import difflib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.tidy import require_tidy, tidy


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """What becomes of one file; None where there is none."""

    file: Path
    before: str | None
    after: str | None

    @property
    def verb(self) -> str:
        """In a word."""
        return "add" if self.before is None else "delete" if self.after is None else "edit"

    def diff(self) -> str:
        """Return the change as git shows it."""
        old = "/dev/null" if self.before is None else f"a/{self.file}"
        new = "/dev/null" if self.after is None else f"b/{self.file}"
        lines = difflib.unified_diff(
            (self.before or "").splitlines(keepends=True), (self.after or "").splitlines(keepends=True), old, new
        )
        return "".join(lines)


@dataclass(kw_only=True)
class Draft:
    """Files as they would be. Nothing is written before `apply`, and what reads through it sees what is planned."""

    root: Path
    _planned: dict[Path, str | None] = field(default_factory=dict)

    def read(self, file: Path) -> str:
        """Return the text of a file."""
        text = self._planned[file] if file in self._planned else self._now(file)
        if text is None:
            raise ScaffoldError(f"{file} is not there.")
        return text

    def exists(self, file: Path) -> bool:
        """Return whether a file will be there."""
        return (self._planned[file] if file in self._planned else self._now(file)) is not None

    def files(self, folder: Path, suffix: str) -> list[Path]:
        """Return the files right in a folder, sorted."""
        there = {each.relative_to(self.root) for each in (self.root / folder).glob(f"*{suffix}")}
        planned = {each for each in self._planned if each.parent == folder and each.name.endswith(suffix)}
        return sorted(each for each in there | planned if self.exists(each))

    def add(self, file: Path, text: str) -> None:
        """Add a file, laid out as the gate asks. One with this very text may be there: of a run that was cut off."""
        text = tidy(self.root, file, text)
        if self._now(file) not in (None, text):
            raise ScaffoldError(f"{file} is there already, with other text: nothing is overwritten.")
        self._planned[file] = text

    def edit(self, file: Path, text: str) -> None:
        """Change a hand-written file, which must be as the gate wants it before; it is so afterwards."""
        require_tidy(self.root, file, self.read(file))
        self._planned[file] = tidy(self.root, file, text)

    def generate(self, file: Path, text: str) -> None:
        """Set the text of a file that nobody writes by hand."""
        self._planned[file] = text

    def delete(self, file: Path) -> None:
        """Delete a file."""
        self._planned[file] = None

    def changes(self) -> list[FileChange]:
        """Return what would be another than now, new files first."""
        found = [FileChange(file=file, before=self._now(file), after=text) for file, text in self._planned.items()]
        differing = [each for each in found if each.before != each.after]
        return sorted(differing, key=lambda each: (each.before is not None, each.after is None, each.file))

    def apply(self, changes: Sequence[FileChange]) -> None:
        """Write it: each file as a whole or not at all, and new ones before those that refer to them.

        One that is cut off leaves new files without those that refer to them: what is in no stage, no stage deploys.
        The same command then goes on from there.
        """
        home = self.root / ".penstock"
        home.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home, prefix="draft-") as folder:
            for number, change in enumerate(changes):
                if change.after is not None:
                    (Path(folder) / str(number)).write_text(change.after, encoding="utf-8")
            for number, change in enumerate(changes):
                target = self.root / change.file
                if change.after is None:
                    target.unlink()
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.exists():
                    shutil.copymode(target, Path(folder) / str(number))
                (Path(folder) / str(number)).replace(target)
        for change in changes:
            if change.after is None:
                self._forget_empty(self.root / change.file)

    def _now(self, file: Path) -> str | None:
        path = self.root / file
        return path.read_text(encoding="utf-8") if path.is_file() else None

    def _forget_empty(self, deleted: Path) -> None:
        for folder in _parents_below(self.root, deleted):
            if not _is_empty(folder):
                return
            shutil.rmtree(folder)


def _parents_below(root: Path, path: Path) -> Iterator[Path]:
    for folder in path.parents:
        if folder == root:
            return
        if folder.is_dir():
            yield folder


def _is_empty(folder: Path) -> bool:
    """Return whether a folder has nothing but what Python made itself."""
    return all("__pycache__" in each.parts for each in folder.rglob("*") if each.is_file())
