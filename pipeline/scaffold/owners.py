"""Who answers for what, as GitHub reads it, from what each service says of itself.

Read from the services' text: one that is in no stage, or does not import yet, has an owner all the same.
"""

from collections.abc import Mapping
from pathlib import Path

import libcst as cst

from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.listing import PythonSource

CODEOWNERS = Path(".github/CODEOWNERS")
PULL_REQUEST_TEMPLATE = Path(".github/pull_request_template.md")
PLATFORM = (Path("stages/acknowledgements.py"), "OWNER")
"""Where the platform team's name is."""
LIBRARY = "library"


def generate(draft: Draft) -> None:
    """Bring both files in step with the services."""
    owners, platform = read(draft), platform_owner(draft)
    draft.generate(CODEOWNERS, codeowners(owners, platform))
    draft.generate(PULL_REQUEST_TEMPLATE, pull_request_template(owners, platform))


def read(draft: Draft) -> dict[str, str]:
    """Return folder of a service -> its owner, sorted."""
    services = Path("services")
    folders = {each.parent.name for each in (draft.root / services).glob("*/service.py")}
    folders |= {change.file.parts[1] for change in draft.changes() if _is_service(change.file)}
    there = [each for each in sorted(folders - {LIBRARY}) if draft.exists(services / each / "service.py")]
    return {folder: _owner(draft, services / folder) for folder in there}


def platform_owner(draft: Draft) -> str:
    """Return the team that owns everything else."""
    file, name = PLATFORM
    found = _constants(PythonSource(file.as_posix(), draft.read(file))).get(name)
    if found is None:
        raise ScaffoldError(f'{file} says no {name} = "@organisation/team", which is who answers for the platform.')
    return found


def codeowners(owners: Mapping[str, str], platform: str) -> str:
    """Return the file CODEOWNERS: of several lines that match a path, the last decides."""
    rules = {"*": platform} | {f"/services/{folder}/": owner for folder, owner in owners.items()}
    lines = [f"{pattern} {owner}" for pattern, owner in rules.items()]  # not aligned: each service is one line
    head = "# Written by `penstock ledger` from what each services/<service>/service.py says of its owner."
    return "\n".join([head, *lines, ""])


def pull_request_template(owners: Mapping[str, str], platform: str) -> str:
    """Return what whoever opens a pull request is asked."""
    rows = [f"| `services/{folder}/` | {owner} |" for folder, owner in owners.items()]
    return "\n".join(
        [
            "<!-- Written by `penstock ledger` from what each service says of its owner. -->",
            "",
            "What changes, and why:",
            "",
            "- [ ] `make check` passes",
            "- [ ] `penstock review` says nothing that this text does not explain",
            "- [ ] what is accepted of findings has a reason that a stranger can judge, an owner and an end",
            "",
            "| a change of | is approved by |",
            "|---|---|",
            *rows,
            f"| everything else | {platform} |",
            "",
        ]
    )


def _is_service(file: Path) -> bool:
    return len(file.parts) == 3 and file.parts[0] == "services" and file.name == "service.py"


def _owner(draft: Draft, folder: Path) -> str:
    file = folder / "service.py"
    source = PythonSource(file.as_posix(), draft.read(file))
    for statement in source.module.body:
        if isinstance(statement, cst.ClassDef):
            for value in _said(statement):
                if (owner := _text(draft, source, folder, value)) is not None:
                    return owner
    raise ScaffoldError(
        f'{file} says no owner that can be read: give it as `owner: ClassVar[str] = "@organisation/team"`, or as'
        f' `overrides.OWNER` with OWNER = "@organisation/team" in {folder}/overrides.py.'
    )


def _said(class_: cst.ClassDef) -> list[cst.BaseExpression]:
    """Return what a class gives as `owner`."""
    return [
        each.value
        for line in class_.body.body
        if isinstance(line, cst.SimpleStatementLine)
        for each in line.body
        if isinstance(each, cst.AnnAssign)
        and isinstance(each.target, cst.Name)
        and each.target.value == "owner"
        and each.value is not None
    ]


def _text(draft: Draft, source: PythonSource, folder: Path, value: cst.BaseExpression) -> str | None:
    """Return a text: written out, a constant of the file, or one of a module beside it."""
    match value:
        case cst.SimpleString():
            return str(value.evaluated_value)
        case cst.Name(value=name):
            return _constants(source).get(name)
        case cst.Attribute(value=cst.Name(value=module), attr=cst.Name(value=name)):
            beside = folder / f"{module}.py"
            return (
                _constants(PythonSource(beside.as_posix(), draft.read(beside))).get(name)
                if draft.exists(beside)
                else None
            )
    return None


def _constants(source: PythonSource) -> dict[str, str]:
    return {
        name: str(value.evaluated_value) for name, value in source.assigned() if isinstance(value, cst.SimpleString)
    }
