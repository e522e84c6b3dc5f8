"""Who may import whom, and that a forbidden import of each kind is noticed."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLOUD = ROOT / "pipeline/local/cloud"
INSTALL_IMPORTS = [
    "from typing import TYPE_CHECKING",
    "if TYPE_CHECKING:\n    from pipeline.local.cloud.emulator import Emulator",
]

FORBIDDEN = {
    "the runtime imports the CDK": (
        "services/one/runtime/wrong.py",
        "import aws_cdk",
        "aws_cdk",
    ),
    "a runtime imports the library besides its runtime": (
        "services/one/runtime/wrong.py",
        "from services.library.contract import defaults",
        "services.library.contract.defaults",
    ),
    "a runtime imports another service": (
        "services/one/runtime/wrong.py",
        "from services.other.runtime import handler",
        "services.other",
    ),
    "a runtime imports its stack relatively": (
        "services/one/runtime/wrong.py",
        "from .. import service",
        "services.one.service",
    ),
    "the library's runtime imports the CDK": (
        "services/library/runtime/wrong.py",
        "import aws_cdk",
        "aws_cdk",
    ),
    "the library's runtime imports the library": (
        "services/library/runtime/wrong.py",
        "from services.library.contract import defaults",
        "services.library.contract.defaults",
    ),
    "an operator tool imports the CDK": (
        "services/library/operations/wrong.py",
        "import aws_cdk",
        "aws_cdk",
    ),
    "the library imports boto3": (
        "services/library/constructs/wrong.py",
        "import boto3",
        "boto3",
    ),
    "the library imports its runtime": (
        "services/library/constructs/wrong.py",
        "from services.library.runtime import logging",
        "services.library.runtime",
    ),
    "the library imports a service": (
        "services/library/constructs/wrong.py",
        "from services.one import overrides",
        "services.one",
    ),
    "the library imports stages": (
        "services/library/constructs/wrong.py",
        "import pipeline.catalogue.model",
        "pipeline.catalogue.model",
    ),
    "the library imports the pipeline": (
        "services/library/constructs/wrong.py",
        "import pipeline.settings",
        "pipeline.settings",
    ),
    "a stack imports its runtime": (
        "services/one/wrong.py",
        "from services.one.runtime import handler",
        "services.one.runtime",
    ),
    "a stack imports it relatively": (
        "services/one/wrong.py",
        "from .runtime import handler",
        "services.one.runtime",
    ),
    "a stack imports boto3": (
        "services/one/wrong.py",
        "import boto3",
        "boto3",
    ),
    "a stack imports another service": (
        "services/one/wrong.py",
        "from services.other import service",
        "services.other.service",
    ),
    "stages import the pipeline": (
        "stages/wrong.py",
        "import pipeline.definition.stack",
        "pipeline.definition.stack",
    ),
    "stages import a runtime": (
        "stages/wrong.py",
        "from services.one.runtime import handler",
        "services.one.runtime",
    ),
    "the definition imports boto3": (
        "pipeline/definition/wrong.py",
        "import boto3",
        "boto3",
    ),
    "the definition imports a service": (
        "pipeline/definition/wrong.py",
        "from services.one import overrides",
        "services.one",
    ),
    "the definition imports the catalogue": (
        "pipeline/definition/wrong.py",
        "import stages.catalogue",
        "stages.catalogue",
    ),
    "the definition imports the local cloud in a function": (
        "pipeline/definition/wrong.py",
        "def f() -> None:\n    import pipeline.local.lifecycle",
        "pipeline.local",
    ),
    "the definition imports the local cloud relatively": (
        "pipeline/definition/wrong.py",
        "from ..local import lifecycle",
        "pipeline.local",
    ),
    "the definition imports its command line": (
        "pipeline/definition/wrong.py",
        "from pipeline.cli import text",
        "pipeline.cli",
    ),
    "the definition imports the review": (
        "pipeline/definition/wrong.py",
        "from pipeline.review import seen",
        "pipeline.review",
    ),
    "the review imports the CDK": (
        "pipeline/review/wrong.py",
        "import aws_cdk",
        "aws_cdk",
    ),
    "the review imports stages": (
        "pipeline/review/wrong.py",
        "import pipeline.catalogue.model",
        "pipeline.catalogue.model",
    ),
    "the review imports the library": (
        "pipeline/review/wrong.py",
        "from services.library.contract import defaults",
        "services.library.contract.defaults",
    ),
    "the engine imports a renderer": (
        "pipeline/review/wrong.py",
        "from pipeline.review.render import page",
        "pipeline.review.render.page",
    ),
    "a reader of the review imports a difference": (
        "pipeline/review/read/wrong.py",
        "from pipeline.review.diff import compare",
        "pipeline.review.diff.compare",
    ),
    "a difference imports a judgement": (
        "pipeline/review/diff/wrong.py",
        "from pipeline.review.judge import rules",
        "pipeline.review.judge.rules",
    ),
    "the access comparison imports a difference": (
        "pipeline/review/access/wrong.py",
        "from pipeline.review.diff import compare",
        "pipeline.review.diff.compare",
    ),
    "a judgement imports the engine": (
        "pipeline/review/judge/wrong.py",
        "from pipeline.review import engine",
        "pipeline.review.engine",
    ),
    "a renderer imports a difference": (
        "pipeline/review/render/wrong.py",
        "from pipeline.review.diff import compare",
        "pipeline.review.diff.compare",
    ),
    "a host imports the engine": (
        "pipeline/review/hosts/wrong.py",
        "from pipeline.review import engine",
        "pipeline.review.engine",
    ),
    "the reader of templates imports the review": (
        "services/library/cloudformation/wrong.py",
        "from pipeline.review import model",
        "pipeline.review.model",
    ),
    "the review imports the local cloud": (
        "pipeline/review/wrong.py",
        "from ..local import lifecycle",
        "pipeline.local",
    ),
    "the scaffold imports the CDK": (
        "pipeline/scaffold/wrong.py",
        "import aws_cdk",
        "aws_cdk",
    ),
    "the scaffold imports a service": (
        "pipeline/scaffold/wrong.py",
        "from services.one import service",
        "services.one",
    ),
    "the local cloud's host side imports the CDK": (
        "pipeline/local/wrong.py",
        "import aws_cdk",
        "aws_cdk",
    ),
    "the local cloud's host side imports the review": (
        "pipeline/local/wrong.py",
        "from ..review import seen",
        "pipeline.review",
    ),
    "the local cloud's host side imports stages": (
        "pipeline/local/wrong.py",
        "import stages.accounts",
        "stages.accounts",
    ),
    "the local cloud's host side imports the library": (
        "pipeline/local/wrong.py",
        "from services.library.contract import defaults",
        "services.library.contract.defaults",
    ),
    "a service of the local cloud imports the emulator beside its patches": (
        "pipeline/local/cloud/kinesis/wrong.py",
        "from ministack.services import kinesis",
        "ministack",
    ),
    "a service of the local cloud imports the web server": (
        "pipeline/local/cloud/kinesis/wrong.py",
        "import hypercorn.config",
        "hypercorn",
    ),
    "a service of the local cloud imports the host side": (
        "pipeline/local/cloud/wrong.py",
        "from pipeline.local import lifecycle",
        "pipeline.local.lifecycle",
    ),
    "a service of the local cloud imports the host side relatively": (
        "pipeline/local/cloud/wrong.py",
        "from .. import lifecycle",
        "pipeline.local.lifecycle",
    ),
    "a service of the local cloud imports a tool of the platform's": (
        "pipeline/local/cloud/wrong.py",
        "import typer",
        "typer",
    ),
    "a command's logic imports the CDK": (
        "pipeline/operate/wrong.py",
        "import aws_cdk",
        "aws_cdk",
    ),
    "setup imports a package": (
        "pipeline/toolset/wrong.py",
        "import rich",
        "rich",
    ),
    "a name made at run time is imported": (
        "stages/wrong.py",
        "import importlib\nimportlib.import_module('pipe' + 'line')",
        "dynamic import in line 2",
    ),
    "a name made at run time is imported under another name": (
        "services/library/constructs/wrong.py",
        "from importlib import import_module as load\nload('pipe' + 'line')",
        "dynamic import in line 1",
    ),
    "an import is a function": (
        "pipeline/definition/wrong.py",
        "load = __import__\nload('pipeline.local')",
        "dynamic import in line 1",
    ),
    "a module is run": (
        "pipeline/review/wrong.py",
        "import runpy\nrunpy.run_module('stages.dev')",
        "dynamic import in line 2",
    ),
    "a module is loaded from its file": (
        "pipeline/scaffold/wrong.py",
        "from importlib import util\nutil.spec_from_file_location('a', 'stages/dev.py')",
        "dynamic import in line 2",
    ),
    "a service imports a guardrail": (
        "services/one/wrong.py",
        "from services.library.guardrails import finding",
        "services.library.guardrails.finding",
    ),
    "the contract imports a construct": (
        "services/library/contract/wrong.py",
        "from services.library.constructs import table",
        "services.library.constructs.table",
    ),
    "the contract imports a guardrail": (
        "services/library/contract/wrong.py",
        "from services.library.guardrails import finding",
        "services.library.guardrails.finding",
    ),
    "a construct imports a guardrail": (
        "services/library/constructs/wrong.py",
        "from services.library.guardrails import finding",
        "services.library.guardrails.finding",
    ),
    "a guardrail imports a construct": (
        "services/library/guardrails/wrong.py",
        "from services.library.constructs import table",
        "services.library.constructs.table",
    ),
    "the reader of templates imports the library": (
        "services/library/cloudformation/wrong.py",
        "from services.library.contract import defaults",
        "services.library.contract.defaults",
    ),
    "the reader of templates imports a package": (
        "services/library/cloudformation/wrong.py",
        "import yaml",
        "yaml",
    ),
    "packaging imports the contract": (
        "services/library/packaging/wrong.py",
        "from services.library.contract import defaults",
        "services.library.contract.defaults",
    ),
    "stages import the machinery of the catalogue": (
        "stages/wrong.py",
        "from pipeline.catalogue import validation",
        "pipeline.catalogue.validation",
    ),
    "stages import the CDK": (
        "stages/wrong.py",
        "import aws_cdk",
        "aws_cdk",
    ),
    "the catalogue imports the CDK": (
        "pipeline/catalogue/wrong.py",
        "import aws_cdk",
        "aws_cdk",
    ),
    "the catalogue imports stages": (
        "pipeline/catalogue/wrong.py",
        "from stages.catalogue import STAGES",
        "stages.catalogue",
    ),
    "the catalogue imports the definition": (
        "pipeline/catalogue/wrong.py",
        "from pipeline.definition import stack",
        "pipeline.definition.stack",
    ),
    "the catalogue imports a guardrail": (
        "pipeline/catalogue/wrong.py",
        "from services.library.guardrails import finding",
        "services.library.guardrails.finding",
    ),
    "a build's script imports the CDK": (
        "pipeline/builds/wrong.py",
        "import aws_cdk",
        "aws_cdk",
    ),
    "a build's script imports stages": (
        "pipeline/builds/wrong.py",
        "import stages.accounts",
        "stages.accounts",
    ),
    "the review imports a guardrail": (
        "pipeline/review/wrong.py",
        "from services.library.guardrails import finding",
        "services.library.guardrails.finding",
    ),
    "a module lies loose in the pipeline": (
        "pipeline/wrong.py",
        "import json",
        "in no room",
    ),
    "a module lies loose in the library": (
        "services/library/wrong.py",
        "import json",
        "in no room",
    ),
}
"""Kind -> where, what is written there, and what the violation must name: at least one for each row of the table."""


def violations(root: Path) -> list[str]:
    command = [sys.executable, str(ROOT / "tests/architecture/layering.py"), str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
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
    # Rooms that nobody has built yet, and two services.
    for module in (
        "services/one/service.py",
        "services/one/overrides.py",
        "services/one/runtime/handler.py",
        "services/other/service.py",
        "services/other/runtime/handler.py",
        "services/library/operations/redrive.py",
        "pipeline/review/seen.py",
        "pipeline/scaffold/new.py",
    ):
        file = root / module
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        (file.parent / "__init__.py").touch()
    for number, (path, text, _) in enumerate(FORBIDDEN.values()):
        (root / path).with_name(f"wrong_{number}.py").write_text(text)
    return violations(root)


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_a_forbidden_import_is_noticed(kind: str, spoiled: list[str]) -> None:
    number = list(FORBIDDEN).index(kind)
    _, _, imported = FORBIDDEN[kind]
    assert [found for found in spoiled if f"wrong_{number} -> {imported}" in found]


def test_no_package_passes_on_what_another_module_defines() -> None:
    written = [
        str(file.relative_to(ROOT))
        for folder in ("services", "stages", "pipeline")
        for file in (ROOT / folder).rglob("__init__.py")
        if file.read_text().strip() and not (file.parents[1] == CLOUD and installs_only(file.read_text()))
    ]
    assert written == []


def installs_only(text: str) -> bool:
    """Tell whether a file has a docstring and `install`, and imports its argument's type at most."""
    docstring, *rest = ast.parse(text).body
    if rest[:2] and [ast.unparse(each) for each in rest[:2]] == INSTALL_IMPORTS:
        rest = rest[2:]
    functions = [each.name if isinstance(each, ast.FunctionDef) else "" for each in rest]
    return isinstance(docstring, ast.Expr) and functions in ([], ["install"])


@pytest.mark.parametrize(
    "more", ["from pipeline.local.cloud.kinesis.patches import stream", "STREAM = 1", "def stream() -> None: ..."]
)
def test_a_service_of_the_local_cloud_gives_nothing_but_install(more: str) -> None:
    text = (CLOUD / "kinesis/__init__.py").read_text()
    assert installs_only(text)
    assert not installs_only(f"{text}\n{more}\n")


def test_only_patches_reach_into_private_members_of_the_emulator() -> None:
    reaching = [
        str(file.relative_to(CLOUD))
        for file in CLOUD.rglob("*.py")
        if "SLF001" in file.read_text()
        and file.stem not in {"emulator", "server", "snapshot"}
        and not file.stem.endswith("patches")
    ]
    assert reaching == []
