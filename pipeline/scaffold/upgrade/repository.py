"""A repository as git has it: what an upgrade asks git for, and how it has git change files."""

import os
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pipeline.scaffold.errors import ScaffoldError

FIELD = "\x1f"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The last commit that changed a file on one side."""

    commit: str
    author: str
    subject: str

    @property
    def text(self) -> str:
        """As a person reads it."""
        return f"{self.commit} '{self.subject}' by {self.author}"


class Repository:
    """The repository in one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *arguments: str, given: str | None = None) -> str:
        """Return what a git command prints; its complaint becomes ours."""
        done = self._run(arguments, given)
        if done.returncode != 0:
            raise ScaffoldError(f"git {arguments[0]} failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def succeeds(self, *arguments: str) -> bool:
        """Return whether a git command answers yes."""
        return self._run(arguments, None).returncode == 0

    def commit(self, revision: str) -> str | None:
        """Return the commit that a revision names; None if it names none."""
        done = self._run(("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"), None)
        return done.stdout.strip() or None

    def merge_base(self, one: str, other: str) -> str | None:
        """Return the newest commit that both sides have; None if there is none."""
        return self._run(("merge-base", one, other), None).stdout.strip() or None

    def files(self, commit: str) -> dict[str, str]:
        """Return path -> content's digest of all files of a commit."""
        lines = self.git("ls-tree", "-r", "-z", commit).split("\0")
        return {path: entry.split()[2] for entry, _, path in (line.partition("\t") for line in lines if line)}

    def show(self, commit: str, path: str) -> str | None:
        """Return a file's text in a commit; None where it is not."""
        done = self._run(("show", f"{commit}:{path}"), None)
        return done.stdout if done.returncode == 0 else None

    def staged(self, commit: str) -> set[str]:
        """Return which files are staged as another content than a commit's, unmerged ones included."""
        return set(filter(None, self.git("diff", "--cached", "--name-only", "--no-renames", "-z", commit).split("\0")))

    def unmerged(self) -> set[str]:
        """Return the files of which git has more than one side."""
        lines = self.git("ls-files", "--unmerged", "-z").split("\0")
        return {line.partition("\t")[2] for line in lines if line}

    def uncommitted(self) -> list[str]:
        """Return what is not committed, as `git status --short` names it."""
        return self.git("status", "--porcelain").splitlines()

    def origin(self, commits: str, path: str) -> Origin | None:
        """Return the last of these commits that changed a file; None if none did."""
        found = self.git("log", "-1", "--no-merges", f"--format=%h{FIELD}%an{FIELD}%s", commits, "--", path).strip()
        if not found:
            return None
        commit, author, subject = found.split(FIELD)
        return Origin(commit=commit, author=author, subject=subject)

    def take(self, commit: str, paths: Collection[str]) -> None:
        """Stage and write these files as a commit has them."""
        if paths:
            self.git("checkout", "--quiet", commit, *FROM_INPUT, given="\0".join(sorted(paths)))

    def leave_out(self, paths: Collection[str]) -> None:
        """Delete these files, on disk as well."""
        if paths:
            self.git("rm", "--quiet", "--force", "--ignore-unmatch", *FROM_INPUT, given="\0".join(sorted(paths)))

    def _run(self, arguments: Collection[str], given: str | None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env={**os.environ, "GIT_LITERAL_PATHSPECS": "1"},
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )


FROM_INPUT = ("--pathspec-from-file=-", "--pathspec-file-nul")
"""Thousands of paths are too long for a command line."""
