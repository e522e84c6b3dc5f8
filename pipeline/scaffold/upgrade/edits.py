"""Codemods on a company's files. One that is added is listed here, in a module of its own, after those before it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.scaffold import ownership
from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.ownership import FileOwner
from pipeline.scaffold.tidy import tidy
from pipeline.scaffold.upgrade.codemod import Codemod
from pipeline.scaffold.upgrade.codemods import (
    concurrency_names,
    locked_cdk,
    settings_class,
    stage_acknowledgements,
    start_command,
)
from pipeline.scaffold.upgrade.merge import Upgrade
from pipeline.scaffold.upgrade.repository import Repository

CODEMODS = (
    settings_class.CODEMOD,
    locked_cdk.CODEMOD,
    concurrency_names.CODEMOD,
    stage_acknowledgements.CODEMOD,
    start_command.CODEMOD,
)
FOLDER = Path("pipeline/scaffold/upgrade/codemods")


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What one codemod has changed."""

    codemod: str
    why: str
    files: tuple[str, ...]


def missing(root: Path, upgrade: Upgrade, codemods: Sequence[Codemod] = CODEMODS) -> list[Codemod]:
    """Return the codemods that the company's version does not have yet."""
    had = Repository(root).files(upgrade.before)
    return [each for each in codemods if (FOLDER / f"{each.name}.py").as_posix() not in had]


def apply(root: Path, upgrade: Upgrade, codemods: Sequence[Codemod]) -> list[Edit]:
    """Edit the company's files; returns what was changed, by codemod."""
    draft = Draft(root=root)
    files = [Path(each) for each in company_files(root, upgrade)]
    found = []
    for codemod in codemods:
        changed = [str(each) for each in files if _edit(draft, each, codemod)]
        if changed:
            found.append(Edit(codemod=codemod.name, why=codemod.why, files=tuple(changed)))
    draft.apply(draft.changes())
    return found


def company_files(root: Path, upgrade: Upgrade) -> Iterator[str]:
    """Yield the files that only the company writes: those in its folders, and those that no version of Penstock had."""
    repository = Repository(root)
    owners = ownership.read(root)
    known = repository.files(upgrade.base).keys() | repository.files(upgrade.target).keys()
    for file in sorted(repository.files(upgrade.before)):
        owner = ownership.owner_of(Path(file), owners)
        if (owner is FileOwner.COMPANY or file not in known) and (root / file).is_file():
            yield file


def _edit(draft: Draft, file: Path, codemod: Codemod) -> bool:
    try:
        before = draft.read(file)
    except UnicodeDecodeError:
        return False
    try:
        after = codemod.change(file, before)
    except Exception as error:
        raise ScaffoldError(f"{file}: the codemod {codemod.name} ({codemod.why}) cannot read it: {error}") from error
    if after == before:
        return False
    was_tidy = file.suffix == ".py" and tidy(draft.root, file, before) == before
    draft.generate(file, tidy(draft.root, file, after) if was_tidy else after)
    return True
