"""Two branch environments beside main's dev in one account: apart while they live, and gone without a trace."""

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipeline.catalogue.branch import prefix_of
from pipeline.cli import branch, connection, dev_copy
from pipeline.cli.main import app
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate import functions
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.target import local_target
from stages.branches import BRANCHES_LIKE
from tests.conftest import ROOT
from tests.testbed.branches import cloud_with
from tests.testbed.functions import until
from tests.testbed.inventory import inventory
from tests.testbed.signed import SignedApi

pytestmark = pytest.mark.cloud
HERE = BRANCHES_LIKE.environment
ACCOUNT, REGION = HERE.account, HERE.region
FEATURE, FIX = "feature/new-tax", "fix/rounding"
PAGE = [
    line.partition("#")[0].split()[2:]
    for line in (ROOT / "docs/branch.md").read_text().splitlines()
    if line.startswith("    penstock branch ")
]
SERVICES = sorted(service.name for service in BRANCHES_LIKE.services)
SUBMISSION = {"patient": "p-1", "resource": {"resourceType": "Observation"}}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with cloud_with(BRANCHES_LIKE, tmp_path_factory.mktemp("branches")) as cloud:
        yield cloud


@pytest.fixture(autouse=True)
def _commands_act_there(account: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "find", lambda _place: account)
    monkeypatch.setattr(branch, "_checked_out", lambda _checkout: FEATURE)


def penstock(*arguments: str) -> Result:
    return command("branch", *arguments)


def command(*arguments: str) -> Result:
    done = CliRunner().invoke(app, arguments, obj=ROOT)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def answered(*arguments: str) -> Any:
    done = penstock(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def api(cloud: LocalCloud, stack: str) -> SignedApi:
    described = cloud.client("cloudformation", ACCOUNT, REGION).describe_stacks(StackName=stack)["Stacks"][0]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}
    return SignedApi(cloud=cloud, url=outputs["Url"], account=ACCOUNT)


def kept(cloud: LocalCloud, label: str) -> set[str]:
    """The ids of the submissions that an environment has stored at the end of its way."""
    formation, dynamodb = (cloud.client(name, ACCOUNT, REGION) for name in ("cloudformation", "dynamodb"))
    resources = formation.describe_stack_resources(StackName=f"{label}-ingest")["StackResources"]
    (table,) = [each["PhysicalResourceId"] for each in resources if each["ResourceType"] == "AWS::DynamoDB::Table"]
    ids = {item["id"]["S"] for item in dynamodb.scan(TableName=table)["Items"]}
    return {id_.removeprefix("effect#") for id_ in ids if id_.startswith("effect#")}


def test_two_branches_and_main_live_side_by_side_and_leave_nothing(account: LocalCloud) -> None:
    before = inventory(account, ACCOUNT, REGION)
    up, up_again, list_, down, dry_run, sweep = PAGE
    penstock(*up)
    (feature,) = answered(*up_again)
    (fix,) = answered("up", "--branch", FIX, "--expires", "3d")
    assert [feature["prefix"], fix["prefix"]] == [prefix_of(FEATURE), prefix_of(FIX)]
    assert [each["service"] for each in feature["stacks"]] == SERVICES
    assert answered(*list_) == sorted([feature, fix], key=lambda each: str(each["prefix"]))

    labels = ["dev", f"{feature['prefix']}-dev", f"{fix['prefix']}-dev"]
    ids = {label: str(api(account, f"{label}-intake").post(SUBMISSION).json()["id"]) for label in labels}
    for label in labels:
        assert until(lambda label=label: kept(account, label), bool, 60) == {ids[label]}  # type: ignore[misc]  # mypy 5382

    check_that_commands_take_a_branch_for_a_stage(account, feature["prefix"], unknown=fix["prefix"][:-1])

    both = inventory(account, ACCOUNT, REGION)
    assert answered(*down)["removed"] == [f"{feature['prefix']}-dev-{name}" for name in SERVICES]
    assert {
        each
        for each in both - inventory(account, ACCOUNT, REGION)
        if feature["prefix"] not in each and not _unnamed(each)
    } == set()
    assert answered("list") == [fix]
    for label in ("dev", f"{fix['prefix']}-dev"):
        assert api(account, f"{label}-intake").post(SUBMISSION).status_code == 202

    assert answered(*dry_run) == {"dry_run": True, "removed": [], "problems": {}}
    assert answered(*sweep) == {"dry_run": False, "removed": [], "problems": {}}
    assert answered("down", "--branch", FIX)["prefix"] == fix["prefix"]
    assert inventory(account, ACCOUNT, REGION) == before
    assert answered("down", "--branch", FIX)["removed"] == []


def check_that_commands_take_a_branch_for_a_stage(account: LocalCloud, prefix: str, *, unknown: str) -> None:
    (stage, services), *others = json.loads(command("outputs", "branch", "--json").stdout).items()
    assert (stage, sorted(services), others) == (prefix, SERVICES, [])
    assert services["intake"]["outputs"]["Url"].startswith(f"{account.endpoint}/_aws/execute-api/")
    assert command("call", "intake", "--stage", prefix).exit_code == 0
    assert "status=202" in command("logs", "intake", "--stage", "branch").stdout
    assert command("trace", "intake", "--stage", f"{prefix}-dev").exit_code == 0
    assert command("alarms", "--stage", "branch").stdout == "No alarm fires.\n"
    called = command("invoke", "ingest/Consumer", "--stage", "branch", "--json")
    # Its event is a batch of records, and this is none.
    assert (called.exit_code, json.loads(called.stdout)["function"]) == (1, "Consumer")
    check_that_functions_get_code_without_a_deployment(account, prefix)
    refused = command("outputs", unknown)
    assert (refused.exit_code, f"no branch environment {unknown}; there is" in refused.stderr) == (2, True)


def check_that_functions_get_code_without_a_deployment(account: LocalCloud, prefix: str) -> None:
    target = local_target(account.endpoint, account=ACCOUNT, region=REGION)
    deployed = DeployedStack(
        stage=prefix,
        service="ingest",
        stack=f"{prefix}-dev-ingest",
        account=ACCOUNT,
        region=REGION,
        status="there",
        outputs={},
    )
    found = functions.functions_of(target, deployed)
    code = dev_copy.package_of(ROOT, "ingest")
    assert functions.replace_code(target, deployed, found, code, handlers="services.ingest.runtime.")
    client = account.client("lambda", ACCOUNT, REGION)
    (consumer,) = [each.physical for each in found if each.name == "Consumer"]
    digest = client.get_function_configuration(FunctionName=consumer)["CodeSha256"]
    assert digest == base64.b64encode(hashlib.sha256(code).digest()).decode()


def _unnamed(each: str) -> bool:
    """What AWS names by itself."""
    return each.startswith(("kms ", "apigateway ", "lambda ", "logs API-Gateway-Execution-Logs_"))
