"""Bare git repositories on disk: what a source action and a push need to know of them."""

import os
import re
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

NOTHING = "0" * 40
"""What git gives as the commit before a branch existed."""
_SHA = re.compile(r"[0-9a-f]{40}")
_FIELDS = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B"


class GitError(Exception):
    """Something that a repository does not have, in git's words."""


@dataclass(frozen=True, kw_only=True)
class Commit:
    """One commit."""

    id: str
    tree: str
    parents: tuple[str, ...]
    author: str
    author_email: str
    author_date: str
    committer: str
    committer_email: str
    committer_date: str
    message: str


def create(path: Path) -> None:
    """Make an empty repository, whose default branch is main."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _run("init", "--quiet", "--bare", "--initial-branch=main", str(path))


def head(path: Path, branch: str) -> str:
    """Return the newest commit of a branch."""
    return _git(path, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}").decode().strip()


def branches(path: Path) -> list[str]:
    """Return the names of all branches."""
    return _git(path, "for-each-ref", "--format=%(refname:short)", "refs/heads").decode().split()


def commit(path: Path, commit_id: str) -> Commit:
    """Return one commit, by its id."""
    _check_id(commit_id)
    fields = _git(path, "show", "--no-patch", f"--format={_FIELDS}", f"{commit_id}^{{commit}}").decode().split("\0", 9)
    return Commit(
        id=fields[0],
        tree=fields[1],
        parents=tuple(fields[2].split()),
        author=fields[3],
        author_email=fields[4],
        author_date=fields[5],
        committer=fields[6],
        committer_email=fields[7],
        committer_date=fields[8],
        message=fields[9].strip(),
    )


def changed_files(path: Path, before: str, after: str) -> list[str]:
    """Return the files that a push changes; of a new branch, every file that it has."""
    _check_id(after)
    if before == NOTHING:
        listed = _git(path, "ls-tree", "-r", "-z", "--name-only", after)
    else:
        _check_id(before)
        listed = _git(path, "diff", "--name-only", "--no-renames", "-z", before, after)
    return [name for name in listed.decode().split("\0") if name]


def archive(path: Path, commit_id: str) -> bytes:
    """Return the files of a commit, as a zip without `.git`."""
    _check_id(commit_id)
    return _git(path, "archive", "--format=zip", commit_id)


def full_clone(path: Path, commit_id: str, branch: str) -> bytes:
    """Return the files of a commit with the history and metadata of git, as a zip."""
    _check_id(commit_id)
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        _run("clone", "--quiet", "--no-hardlinks", "--no-checkout", str(path), str(clone))
        _run("-C", str(clone), "checkout", "--quiet", "-B", branch, commit_id)
        body = BytesIO()
        with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as zipped:
            for place, _, names in os.walk(clone):
                for name in names:
                    file = Path(place) / name
                    _add(zipped, file, str(file.relative_to(clone)))
        return body.getvalue()


def _add(zipped: zipfile.ZipFile, file: Path, name: str) -> None:
    """One file with its mode; a link stays a link, as `git archive` has it too."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = file.lstat().st_mode << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    zipped.writestr(entry, str(file.readlink()) if file.is_symlink() else file.read_bytes())


def _check_id(commit_id: str) -> None:
    if not _SHA.fullmatch(commit_id):
        raise GitError(f"{commit_id!r} is no commit id")


def _git(path: Path, *arguments: str) -> bytes:
    if not path.is_dir():
        raise GitError(f"There is no repository at {path}")
    return _run(f"--git-dir={path}", *arguments)


def _run(*arguments: str) -> bytes:
    """Git without the user's configuration, hooks or questions."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(["git", *arguments], capture_output=True, env=environment, check=False)
    if done.returncode != 0:
        raise GitError(done.stderr.decode(errors="replace").strip() or f"git {arguments[-1]} found nothing")
    return done.stdout
