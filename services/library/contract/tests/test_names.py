"""The names that rooms agree on: cheap to import, and as the accounts' templates write them."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.library.contract import names

ROOT = Path(__file__).parents[4]


def test_names_import_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules); import services.library.contract.names;"
        " print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["services"]


@pytest.mark.parametrize(
    ("file", "written"),
    [
        ("branches.yaml", f"RoleName: {names.BRANCH_DEPLOY_ROLE}\n"),
        ("branches.yaml", f"arn:${{AWS::Partition}}:s3:::cdk-{names.QUALIFIER}-assets-${{AWS::AccountId}}-*"),
        ("branches.yaml", f"parameter/cdk-bootstrap/{names.QUALIFIER}/version"),
        ("branches.yaml", f"aws:ResourceTag/{names.BRANCH_TAG}: {names.BRANCH_PREFIX}*"),
        ("branches.yaml", f"aws:ResourceTag/{names.ENVIRONMENT_TAG}:"),
        ("branches.yaml", f"parameter{names.parameter(names.BRANCH_PREFIX, '').rstrip('/')}*"),
    ],
)
def test_names_are_those_of_the_accounts_templates(file: str, written: str) -> None:
    assert written in (ROOT / "pipeline/accounts" / file).read_text(encoding="utf-8")
