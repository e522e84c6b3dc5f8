"""A checkout with as many services in each stage as wanted: for figures and tests that ask how work grows.

`.venv/bin/python -m tests.testbed.large_catalogue FOLDER 25` makes a copy of this checkout with 25 services a stage.
"""

import re
import shutil
import subprocess
import sys
from itertools import count, islice
from pathlib import Path

from pipeline.scaffold import service
from pipeline.scaffold.draft import Draft
from pipeline.scaffold.names import ServiceName
from tests.testbed.checkout import copy_of_the_checkout

OWNER = "@example/platform"
SERVICES = re.compile(r"^    services=\((.*?)\),\n(?=    [\w#]|\))", re.DOTALL | re.MULTILINE)
"""What a stage lists, with another field of its own after it or none."""
IMPORTS = "from services.library.contract.environment"
"""What each stage's file imports, too: imports of further services stand in front of it."""


def make(target: Path, services: int) -> Path:
    """Copy this checkout, and add small services until each stage has as many as wanted."""
    root = copy_of_the_checkout(target)
    add_services(root, services)
    return root


def add_services(root: Path, services: int) -> None:
    """Add services such as `penstock new service` makes to a checkout, and list them in each of its stages."""
    stages = [file for file in sorted((root / "stages").glob("*.py")) if SERVICES.search(file.read_text())]
    missing = services - max(len(_listed(file)) for file in stages)
    numbered = (ServiceName(name=f"svc{number:03}") for number in count(1))
    names = list(islice((name for name in numbered if not (root / name.folder).exists()), max(missing, 0)))
    if not names:
        return
    _add_first(root, names[0])
    for name in names[1:]:
        _copy(root, names[0], name)
    for file in stages:
        _list(file, names)
    files = [file.relative_to(root) for file in stages]
    subprocess.run([".venv/bin/ruff", "check", "--quiet", "--fix", "--select", "I", *files], cwd=root, check=True)
    subprocess.run([".venv/bin/ruff", "format", "--quiet", *files], cwd=root, check=True)
    subprocess.run([".venv/bin/penstock", "ledger"], cwd=root, check=True, capture_output=True)


def _listed(stage: Path) -> list[str]:
    found = SERVICES.search(stage.read_text())
    return re.findall(r"\b[A-Z]\w*\(", found[1] if found else "")


def _add_first(root: Path, name: ServiceName) -> None:
    draft = Draft(root=root)
    service.add(draft, name, owner=OWNER, personal_data=False, first_stage="dev")
    draft.apply(draft.changes())


def _copy(root: Path, of: ServiceName, name: ServiceName) -> None:
    """Copy a service under another name of the same length, so that its layout stays as the gate wants it."""
    shutil.copytree(root / of.folder, root / name.folder, ignore=shutil.ignore_patterns("__pycache__"))
    runbook = root / service.runbook(name.name)
    shutil.copyfile(root / service.runbook(of.name), runbook)
    for file in (runbook, *(root / name.folder).rglob("*.py")):
        text = file.read_text().replace(of.name, name.name).replace(of.class_name, name.class_name)
        file.write_text(text)


def _list(stage: Path, names: list[ServiceName]) -> None:
    imports = "".join(f"from services.{name.module}.service import {name.class_name}\n" for name in names)
    entries = "".join(f" {name.class_name}()," for name in names)
    text = SERVICES.sub(lambda found: f"    services=({found[1].rstrip().rstrip(',')},{entries}),\n", stage.read_text())
    stage.write_text(text.replace(IMPORTS, f"{imports}{IMPORTS}", 1))


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True)
    make(Path(sys.argv[1]), int(sys.argv[2]))
