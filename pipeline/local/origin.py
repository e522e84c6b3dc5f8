"""The local git origin: a bare repository whose hooks tell the local cloud what was pushed."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from pipeline.local import push_hook
from pipeline.local.errors import LocalCloudError
from pipeline.local.lifecycle import CloudLocation

REMOTE = "local"
HOOKS = ("pre-receive", "post-receive")


def create(place: CloudLocation, *, checkout: Path, repository: str) -> Path:
    """Make the origin, its hooks and the checkout's remote of it, or bring them up to date; returns the repository.

    `repository` is the name under which the pipeline's source knows it: CodeCommit's, owner/name of a connection, or
    `s3://bucket/key` of a zip.
    """
    bare = place.origin
    if not (bare / "HEAD").exists():
        bare.parent.mkdir(parents=True, exist_ok=True)
        _git(checkout, "init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(bare))
    for name in HOOKS:
        _write_hook(bare / "hooks" / name, name, place, checkout, repository)
    # A global core.hooksPath would otherwise have other hooks run here.
    _git(checkout, "--git-dir", str(bare), "config", "core.hooksPath", str(bare / "hooks"))
    remote = remote_of(checkout)
    known = _git(checkout, "remote").split()
    _git(checkout, "remote", "set-url" if remote in known else "add", remote, str(bare))
    return bare


def remote_of(checkout: Path) -> str:
    """Return what the origin is called in this checkout; worktrees share remotes, so each has its own."""
    asked = ("rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir")
    folder, common = _git(checkout, *asked).splitlines()
    return REMOTE if folder == common else f"{REMOTE}-{Path(folder).name}"


def push(checkout: Path, refspec: str, *, follow: bool = True) -> None:
    """Push to the origin as a person would, whose output goes through; raises if the push was refused."""
    environment = _without_git_variables() | ({} if follow else {push_hook.DO_NOT_FOLLOW: "1"})
    remote = remote_of(checkout)
    pushed = subprocess.run(["git", "push", remote, refspec], cwd=checkout, env=environment, check=False)
    if pushed.returncode != 0:
        raise LocalCloudError(f"`git push {remote} {refspec}` failed; git says above why.")


def _write_hook(hook: Path, name: str, place: CloudLocation, checkout: Path, repository: str) -> None:
    hook.parent.mkdir(parents=True, exist_ok=True)
    command = shlex.join(
        [sys.executable, "-I", push_hook.__file__, name, str(place.state_file), str(checkout), repository]
    )
    hook.write_text(f"#!/bin/sh\nexec {command}\n", encoding="utf-8")
    hook.chmod(0o755)


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=_without_git_variables(), capture_output=True, check=False, text=True
    )
    if done.returncode != 0:
        raise LocalCloudError(f"`git {shlex.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout


def _without_git_variables() -> dict[str, str]:
    """A hook of the checkout's own may be what calls us: git then points at that repository with variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
