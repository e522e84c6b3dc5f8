"""Git as a review needs it: which trees to compare, and what is in them. It never touches the working tree."""

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pipeline.review.read.assembly import UnreadableError


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """One side: a tree of files, whatever commit or none it belongs to."""

    label: str
    tree: str
    """The hash of its content, which names what is cached of it."""


class Repository:
    """A checkout. What a review writes, such as the tree of uncommitted work, goes to `objects` and not into it."""

    def __init__(self, root: Path, objects: Path) -> None:
        self.root = root
        self._objects = objects

    def default_base(self) -> Revision:
        """Return where this branch left main."""
        for main in ("origin/main", "main"):
            if self._git("rev-parse", "--verify", "--quiet", f"{main}^{{commit}}", check=False):
                commit = self._git("merge-base", main, "HEAD")
                return Revision(label=f"{main} at {commit[:12]}", tree=self._git("rev-parse", f"{commit}^{{tree}}"))
        raise UnreadableError("There is neither origin/main nor main to compare with: name a BASE revision.")

    def revision(self, name: str) -> Revision:
        """Return the tree of a branch, tag or commit."""
        tree = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{tree}}", check=False)
        if not tree:
            raise UnreadableError(
                f"{name!r} is neither a revision of {self.root.name} nor a folder with a cloud assembly. Fetch the"
                " branch, or give a folder like cdk.out."
            )
        commit = self._git("rev-parse", "--short=12", "--end-of-options", f"{name}^{{commit}}")
        return Revision(label=name if name == commit else f"{name} ({commit})", tree=tree)

    def working_tree(self) -> Revision:
        """Return the files as they are, new ones included and ignored ones not."""
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._git("read-tree", "HEAD", variables=index)
            self._git("add", "--all", "--", ":/", variables=index)
            return Revision(label="the working tree", tree=self._git("write-tree", variables=index))

    def hash_of(self, revision: Revision, path: str) -> str:
        """Return the hash of a file or folder in a tree; empty if it is not there."""
        return self._git("rev-parse", "--verify", "--quiet", f"{revision.tree}:{path}", check=False)

    def text_of(self, revision: Revision, path: str) -> str:
        """Return the text of a file in a tree; empty if it is not there."""
        return self._git("cat-file", "blob", f"{revision.tree}:{path}", check=False)

    def files_in(self, revision: Revision, path: str) -> dict[str, str]:
        """Path -> hash of each file below a folder of a tree."""
        lines = self._git("ls-tree", "-r", revision.tree, "--", f"{path}/").splitlines()
        entries = (line.split("\t", 1) for line in lines)
        return {name: entry.split()[2] for entry, name in entries}

    def export(self, revision: Revision, target: Path) -> None:
        """Write the files of a tree into an empty folder."""
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._git("read-tree", revision.tree, variables=index)
            self._git("checkout-index", "--all", f"--prefix={target}/", variables=index)

    def _git(self, *arguments: str, check: bool = True, variables: dict[str, str] | None = None) -> str:
        self._objects.mkdir(parents=True, exist_ok=True)
        own = self._object_folder()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            **(variables or {}),
            "GIT_OBJECT_DIRECTORY": str(self._objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(own),
        }
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode and check:
            raise UnreadableError(f"git {arguments[0]} failed in {self.root}: {done.stderr.strip()}")
        return "" if done.returncode else done.stdout.strip()

    def _object_folder(self) -> Path:
        done = subprocess.run(
            ["git", "rev-parse", "--git-path", "objects"], cwd=self.root, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise UnreadableError(f"{self.root} is no git repository: give two folders with cloud assemblies instead.")
        return (self.root / done.stdout.strip()).resolve()
