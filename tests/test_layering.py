"""Who may import whom, and that a forbidden import of each kind is noticed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FORBIDDEN = {
    "the runtime imports the CDK": ("services/intake/runtime/wrong.py", "import aws_cdk", "aws_cdk"),
    "a runtime imports another service": (
        "services/intake/runtime/wrong.py",
        "from services.other.runtime import handler",
        "services.other",
    ),
    "a stack imports its runtime": (
        "services/intake/wrong.py",
        "from services.intake.runtime import handler",
        "services.intake.runtime",
    ),
    "a stack imports it relatively": (
        "services/intake/wrong.py",
        "from .runtime import handler",
        "services.intake.runtime",
    ),
    "a stack imports boto3": ("services/intake/wrong.py", "import boto3", "boto3"),
    "the library imports a service": (
        "services/library/wrong.py",
        "from services.intake import overrides",
        "services.intake",
    ),
    "the library imports stages": ("services/library/wrong.py", "import stages.model", "stages.model"),
    "stages import the pipeline": ("stages/wrong.py", "import pipeline.stack", "pipeline.stack"),
    "the pipeline imports a service": (
        "pipeline/wrong.py",
        "from services.intake import overrides",
        "services.intake",
    ),
    "the pipeline imports the catalogue": ("pipeline/wrong.py", "import stages.catalogue", "stages.catalogue"),
    "the pipeline imports the local cloud": (
        "pipeline/wrong.py",
        "def f() -> None:\n    import pipeline.local.lifecycle",
        "pipeline.local",
    ),
    "a filler imports the host side": (
        "pipeline/local/cloud/wrong.py",
        "from pipeline.local import lifecycle",
        "pipeline.local.lifecycle",
    ),
    "the review imports the CDK": ("pipeline/review/wrong.py", "import aws_cdk", "aws_cdk"),
    "the review imports stages": ("pipeline/review/wrong.py", "import stages.model", "stages.model"),
    "setup imports a package": ("pipeline/toolset/wrong.py", "import rich", "rich"),
    "anything imports by a name made at run time": (
        "stages/wrong.py",
        "import importlib\nimportlib.import_module('pipe' + 'line')",
        "dynamic import",
    ),
}


def violations(root: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, ROOT / "tests/layering.py", root], capture_output=True, text=True, check=True, cwd=root
    )
    found: list[str] = json.loads(done.stdout)
    return found


def test_every_room_imports_only_what_its_row_of_the_table_allows() -> None:
    assert violations(ROOT) == []


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The violations of a copy of the tree with every forbidden import added, each in a file of its own."""
    root = tmp_path_factory.mktemp("spoiled")
    for folder in ("services", "stages", "pipeline"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    other = root / "services/other/runtime"
    other.mkdir(parents=True)
    for name in ("__init__.py", "handler.py"):
        (other / name).touch()
    (root / "services/other/__init__.py").touch()
    for number, (path, text, _) in enumerate(FORBIDDEN.values()):
        (root / path).with_name(f"wrong_{number}.py").write_text(text)
    return violations(root)


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_a_forbidden_import_is_noticed(kind: str, spoiled: list[str]) -> None:
    number = list(FORBIDDEN).index(kind)
    _, _, imported = FORBIDDEN[kind]
    assert [found for found in spoiled if f"wrong_{number} -> {imported}" in found]
