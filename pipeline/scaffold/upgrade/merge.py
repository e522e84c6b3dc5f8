"""The platform's next version, merged into a company's repository: whose a file is decides which side is taken.

git merges. What is the company's is then put back as it was, and what is generated or a sample is decided here. What
both have changed of the platform's stays as git merged it, or as a conflict that names where both sides come from.
"""

import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from pipeline.scaffold import ownership
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.ownership import FileOwner
from pipeline.scaffold.upgrade.repository import Origin, Repository

STATE = Path(".penstock/upgrade.json")
LOCKS = frozenset({"uv.lock", "package-lock.json"})
LOCKED = ("pyproject.toml", "package.json")
"""What the locks are written from."""
SHOWN = 3


class Side(StrEnum):
    """Where a file of the merge is taken from."""

    OURS = "ours"
    THEIRS = "theirs"
    NEW = "new"
    """Theirs, in a folder of the company's."""
    NEITHER = "neither"
    MERGED = "merged"
    """As git has it, be it a conflict."""


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """One upgrade, from its beginning to its commit."""

    before: str
    """The company's commit."""
    base: str
    """The newest commit that the company and the platform share."""
    target: str
    """The platform's commit."""
    revision: str
    """As it was asked for."""
    both_changed: tuple[str, ...] = ()
    """Files of the platform's that the company has changed, and the platform too."""
    new: tuple[str, ...] = ()
    """Files that the platform adds where the company's are."""


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """A file of the platform's that both sides have changed in the same place."""

    file: str
    ours: Origin | None
    theirs: Origin | None

    @property
    def text(self) -> str:
        """Name both origins."""
        yours = self.ours.text if self.ours else "nothing"
        theirs = self.theirs.text if self.theirs else "nothing"
        return f"{self.file}: yours is {yours}; the platform's is {theirs}"


def begin(root: Path, revision: str) -> Upgrade:
    """Merge, and decide each file by whose it is. What is left to do is `conflicts`. Nothing is committed."""
    repository = Repository(root)
    _refuse_unready(repository)
    before = repository.commit("HEAD")
    target = repository.commit(revision)
    if before is None or target is None:
        raise ScaffoldError(f"{revision!r} names no commit here: fetch it first, such as `git fetch penstock --tags`.")
    table = repository.show(target, ownership.FILE.as_posix())
    if table is None:
        raise ScaffoldError(f"{revision!r} is no version of Penstock: it has no {ownership.FILE}.")
    if repository.succeeds("merge-base", "--is-ancestor", target, before):
        raise ScaffoldError(f"{revision!r} is part of this branch already: there is nothing to upgrade to.")
    base = repository.merge_base(before, target)
    if base is None:
        raise ScaffoldError(
            f"{revision!r} and this branch have no commit in common, so that nobody can tell which edits are yours. If"
            " the repository began as a copy of files, docs/upgrade-penstock.md says how to tell git of which version."
        )
    started = Upgrade(before=before, base=base, target=target, revision=revision)
    _write(root, started)
    # It answers 1 for conflicts, which are sorted out below; company folders attract no renamed directories.
    repository.succeeds(
        *("-c", "merge.directoryRenames=false", "-c", "merge.conflictStyle=diff3"),
        *("merge", "--no-commit", "--no-ff", "--quiet", target),
    )
    if repository.commit("MERGE_HEAD") != target:
        (root / STATE).unlink()
        raise ScaffoldError("git could not begin the merge: `git merge --no-commit --no-ff` says why.")
    done = _Sides(repository, started, table).settle()
    _write(root, done)
    return done


def under_way(root: Path) -> Upgrade | None:
    """Return the upgrade that has begun and is neither committed nor given up; None if there is none."""
    try:
        said = json.loads((root / STATE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    found = Upgrade(**{**said, "both_changed": tuple(said["both_changed"]), "new": tuple(said["new"])})
    return found if Repository(root).commit("MERGE_HEAD") == found.target else None


def conflicts(root: Path, upgrade: Upgrade) -> list[Conflict]:
    """Return what a person has to decide, sorted."""
    repository = Repository(root)
    return [
        Conflict(
            file=file,
            ours=repository.origin(f"{upgrade.base}..{upgrade.before}", file),
            theirs=repository.origin(f"{upgrade.base}..{upgrade.target}", file),
        )
        for file in sorted(repository.unmerged())
    ]


def needs_locks(root: Path, upgrade: Upgrade) -> bool:
    """Return whether neither side's locks fit: the company has dependencies of its own, and the platform has others."""
    repository = Repository(root)
    merged = {file: repository.git("hash-object", file).strip() for file in LOCKED if (root / file).exists()}
    sides = (repository.files(upgrade.before), repository.files(upgrade.target))
    return not any(all(side.get(file) == blob for file, blob in merged.items()) for side in sides)


def abort(root: Path) -> Upgrade:
    """Put everything back as it was. The tree was clean when the upgrade began, so that nothing else is lost."""
    upgrade = under_way(root)
    if upgrade is None:
        raise ScaffoldError("No upgrade is under way.")
    Repository(root).git("reset", "--quiet", "--hard", upgrade.before)
    (root / STATE).unlink()
    return upgrade


def finish(root: Path) -> None:
    """Forget that an upgrade was under way: it is committed."""
    (root / STATE).unlink(missing_ok=True)


class _Sides:
    """The trees of one upgrade, and what becomes of each file that differs."""

    def __init__(self, repository: Repository, upgrade: Upgrade, table: str) -> None:
        self._repository = repository
        self._upgrade = upgrade
        self._owners = ownership.parse(table)
        self._base = repository.files(upgrade.base)
        self._ours = repository.files(upgrade.before)
        self._theirs = repository.files(upgrade.target)
        samples = self._owners.get(FileOwner.SAMPLES, ())
        self._kept_samples = {ownership.entry_of(Path(file), samples) for file in self._ours}

    def settle(self) -> Upgrade:
        """Decide every file that the merge has touched; returns the upgrade with what a person should know."""
        touched = self._repository.staged(self._upgrade.before) | self._repository.unmerged()
        sides: dict[Side, set[str]] = {side: set() for side in Side}
        for file in touched:
            sides[self._side(file)].add(file)
        self._repository.take(self._upgrade.before, sides[Side.OURS])
        self._repository.take(self._upgrade.target, sides[Side.THEIRS] | sides[Side.NEW])
        self._repository.leave_out(sides[Side.NEITHER])
        both = filter(self._both_changed, sides[Side.MERGED])
        return replace(self._upgrade, both_changed=tuple(sorted(both)), new=tuple(sorted(sides[Side.NEW])))

    def _side(self, file: str) -> Side:
        match ownership.owner_of(Path(file), self._owners):
            case FileOwner.SAMPLES:
                return Side.MERGED if self._has_sample(file) else Side.NEITHER
            case FileOwner.COMPANY:
                return self._side_of_company(file)
            case FileOwner.GENERATED:
                return self._side_of_generated(file)
        return Side.MERGED

    def _side_of_company(self, file: str) -> Side:
        if file in self._ours:
            return Side.OURS
        return Side.NEW if file in self._theirs and file not in self._base else Side.NEITHER

    def _side_of_generated(self, file: str) -> Side:
        """Take a lock from the side whose pins have changed; all else is the company's until it is written anew."""
        pins_changed = any(self._ours.get(each) != self._base.get(each) for each in LOCKED)
        if file in LOCKS and file in self._theirs and not pins_changed:
            return Side.THEIRS
        return Side.OURS if file in self._ours else Side.THEIRS if file in self._theirs else Side.NEITHER

    def _has_sample(self, file: str) -> bool:
        return ownership.entry_of(Path(file), self._owners[FileOwner.SAMPLES]) in self._kept_samples

    def _both_changed(self, file: str) -> bool:
        return self._ours.get(file) != self._base.get(file) and self._theirs.get(file) != self._base.get(file)


def _refuse_unready(repository: Repository) -> None:
    if not repository.succeeds("rev-parse", "--git-dir"):
        raise ScaffoldError(
            f"{repository.root} is no git repository, and an upgrade merges histories:"
            " docs/upgrade-penstock.md says how a copy of files gets one."
        )
    if not repository.succeeds("var", "GIT_COMMITTER_IDENT"):
        raise ScaffoldError(
            "An upgrade is a commit, and git has no name for who makes it: `git config user.name NAME`, and"
            " `git config user.email ADDRESS`."
        )
    if repository.commit("MERGE_HEAD") is not None:
        raise ScaffoldError("A merge is under way: end it with --continue or --abort, or with git, first.")
    if left := repository.uncommitted():
        more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        raise ScaffoldError(
            f"Not committed: {', '.join(each[3:] for each in left[:SHOWN])}{more}. Commit, stash or delete it first:"
            " an upgrade begins from a clean tree, so that it can be given up."
        )


def _write(root: Path, upgrade: Upgrade) -> None:
    file = root / STATE
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(asdict(upgrade), indent=2), encoding="utf-8")
