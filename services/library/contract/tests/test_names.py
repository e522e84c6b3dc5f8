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


def test_bootstrap_is_one_of_the_platforms_own_unless_it_is_named() -> None:
    place = {"account": "111111111111", "region": "eu-west-1"}
    assert names.PLATFORM_BOOTSTRAP.role("deploy", **place) == "cdk-penstock-deploy-role-111111111111-eu-west-1"
    assert names.PLATFORM_BOOTSTRAP.bucket(**place) == "cdk-penstock-assets-111111111111-eu-west-1"
    shared = names.Bootstrap(qualifier=names.SHARED_QUALIFIER, toolkit_stack=names.SHARED_TOOLKIT_STACK)
    assert shared.version_parameter == "/cdk-bootstrap/hnb659fds/version"


@pytest.mark.parametrize(
    ("qualifier", "toolkit_stack", "said"),
    [
        ("elevensigns", "Ours", "qualifier='elevensigns' is not allowed; give 1-10 of a-z and 0-9."),
        ("Ours", "Ours", "qualifier='Ours' is not allowed; give"),
        ("ours", "Our_s", "toolkit_stack='Our_s' is not allowed; give"),
        ("ours", "CDKToolkit", "give CDKToolkit with the qualifier hnb659fds and with no other."),
        ("hnb659fds", "Ours", "give CDKToolkit with the qualifier hnb659fds and with no other."),
    ],
)
def test_bootstrap_refuses_names_that_the_cdk_or_another_app_would_trip_over(
    qualifier: str, toolkit_stack: str, said: str
) -> None:
    with pytest.raises(ValueError, match=r"^Bootstrap: ") as refused:
        names.Bootstrap(qualifier=qualifier, toolkit_stack=toolkit_stack)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("file", "written"),
    [
        ("branches.yaml", f"RoleName: {names.BRANCH_DEPLOY_ROLE}\n"),
        ("branches.yaml", "arn:${AWS::Partition}:s3:::cdk-${Qualifier}-assets-${AWS::AccountId}-*"),
        ("branches.yaml", f"Default: {names.PLATFORM_BOOTSTRAP.qualifier}\n"),
        ("foundation.yaml", f"Default: {names.PLATFORM_BOOTSTRAP.qualifier}\n"),
        ("branches.yaml", "parameter/cdk-bootstrap/${Qualifier}/version"),
        ("branches.yaml", f"aws:ResourceTag/{names.BRANCH_TAG}: {names.BRANCH_PREFIX}*"),
        ("branches.yaml", f"aws:ResourceTag/{names.ENVIRONMENT_TAG}:"),
        ("branches.yaml", f"parameter{names.parameter(names.BRANCH_PREFIX, '').rstrip('/')}*"),
    ],
)
def test_names_are_those_of_the_accounts_templates(file: str, written: str) -> None:
    assert written in (ROOT / "pipeline/accounts" / file).read_text(encoding="utf-8")
