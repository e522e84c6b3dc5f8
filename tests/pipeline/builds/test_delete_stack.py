"""The step that deletes a stack: what it refuses by what is deployed, what it deletes, and what it writes down."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.builds import delete_stack
from pipeline.catalogue import ledger
from pipeline.catalogue.model import Shipped, Tombstone
from pipeline.cli import removal_cleanup, scaffold
from pipeline.cli.connection import Connection
from pipeline.cli.main import app
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.target import local_target
from pipeline.settings import SETTINGS
from stages import accounts
from tests.testbed.checkout import copy_of_the_checkout
from tests.testbed.roles import role

pytestmark = pytest.mark.cloud
TOOLS, STAGE, REGION = "999999999999", "444444444444", "us-east-1"
QUEUE = {"Type": "AWS::SQS::Queue"}
TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    },
}
KEPT = {**TABLE, "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
Remove = Callable[..., int]


class Account:
    """The account of a stage, with stacks that are protected from termination as in production."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloudformation = cloud.client("cloudformation", STAGE, REGION)
        self.records = cloud.client("ssm", TOOLS, REGION)
        self.dynamodb = cloud.client("dynamodb", STAGE, REGION)
        self.role = f"deploy-{uuid.uuid4().hex[:8]}"
        role(cloud, self.role, "cloudformation.amazonaws.com", account=STAGE, principals=(TOOLS,))

    def deploy(self, resources: dict[str, Any], outputs: dict[str, Any] | None = None) -> str:
        name = f"s{uuid.uuid4().hex[:8]}"
        template = {"Resources": resources, "Outputs": outputs or {}}
        self.cloudformation.create_stack(
            StackName=name, TemplateBody=json.dumps(template), EnableTerminationProtection=True
        )
        self.cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 0.1})
        return name

    def exists(self, name: str) -> bool:
        return name in {
            stack["StackName"]
            for stack in self.cloudformation.describe_stacks()["Stacks"]
            if stack["StackStatus"] != "DELETE_COMPLETE"
        }

    def record(self, name: str) -> Any:
        return json.loads(self.records.get_parameter(Name=f"/removed/{name}")["Parameter"]["Value"])


@pytest.fixture
def account(cloud: LocalCloud) -> Account:
    return Account(cloud)


@pytest.fixture
def remove_stack(cloud: LocalCloud, account: Account, monkeypatch: pytest.MonkeyPatch) -> Remove:
    """Runs the step as a build does: with the credentials of its role, here the tools account's own."""
    for name, value in {
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_ACCESS_KEY_ID": TOOLS,
        "AWS_SECRET_ACCESS_KEY": cloud.root_secret,
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(delete_stack, "POLLING", {"Delay": 0.1, "MaxAttempts": 100})
    role = f"arn:aws:iam::{STAGE}:role/{account.role}"

    def run(stack: str, *more: str) -> int:
        place = ["--role", role, "--region", REGION, "--record", f"/removed/{stack}"]
        return delete_stack.main([*place, "--why", "It is of no use any more", "--owner", "@example/old", *more, stack])

    return run


def test_it_deletes_a_protected_stack_and_says_what_it_kept(account: Account, remove_stack: Remove) -> None:
    stack = account.deploy({"Queue": QUEUE, "Table": KEPT})
    (table,) = (
        each["PhysicalResourceId"]
        for each in account.cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
        if each["LogicalResourceId"] == "Table"
    )
    assert remove_stack(stack, "--keeps-data") == 0
    assert not account.exists(stack)
    assert account.record(stack)["kept"] == [f"AWS::DynamoDB::Table {table}"]
    assert table in account.dynamodb.list_tables()["TableNames"]


def test_production_data_keeps_its_stack(
    account: Account, remove_stack: Remove, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = account.deploy({"Table": TABLE})
    assert remove_stack(stack, "--keeps-data") == 1
    assert account.exists(stack)
    assert "Table would be deleted with its data." in capsys.readouterr().out
    (found,) = account.cloudformation.describe_stacks(StackName=stack)["Stacks"]
    assert found["EnableTerminationProtection"] is True
    assert remove_stack(stack) == 0  # a sandbox's goes with it
    assert not account.exists(stack)


def test_a_stack_that_another_imports_from_stays(
    account: Account, remove_stack: Remove, capsys: pytest.CaptureFixture[str]
) -> None:
    export = f"e{uuid.uuid4().hex[:8]}"
    exporter = account.deploy({"Queue": QUEUE}, {"Arn": {"Value": "x", "Export": {"Name": export}}})
    imported = {"Type": "String", "Value": {"Fn::ImportValue": export}}
    importer = account.deploy({"Value": {"Type": "AWS::SSM::Parameter", "Properties": imported}})
    assert remove_stack(exporter) == 1
    assert account.exists(exporter)
    assert f"{importer} import {export} from it" in capsys.readouterr().out
    assert remove_stack(importer) == 0
    assert remove_stack(exporter) == 0


def test_what_the_record_says_is_removed_leaves_the_repository_with_its_tombstone(
    cloud: LocalCloud, account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = Shipped(stage="dev", service="old", stack="dev-old", account=accounts.DEV, region=accounts.FIRST_REGION)
    tombstone = Tombstone(stage="dev", service="old", why="Nobody calls it any more", owner="@example/old")
    root = copy_of_the_checkout(tmp_path)
    file, tombstones = root / "stages/deployed.json", root / "stages/removed.py"
    before = file.read_text(), tombstones.read_text()
    file.write_text(ledger.text_of([*ledger.read(file), gone]))
    said = 'stage="dev", service="old", why="Nobody calls it any more", owner="@example/old"'
    tombstones.write_text(before[1].replace("= ()", f"= (\n    Tombstone({said}),\n)"))
    monkeypatch.setattr(ledger.read, "__defaults__", (file,))
    monkeypatch.setattr(removal_cleanup, "REMOVED", (tombstone,))
    target = local_target(cloud.endpoint, secret=cloud.root_secret, account=SETTINGS.account, region=SETTINGS.region)
    made = Connection(pipeline=Pipeline(target=target, name=SETTINGS.name), approves_by_itself=False)
    monkeypatch.setattr(scaffold, "connect", lambda *_arguments, **_named: made)

    def finish() -> Any:
        return CliRunner().invoke(app, ["remove", "--finish"], obj=root)

    waiting = finish()
    assert waiting.exit_code == 1, waiting.output
    assert "still there  dev-old" in waiting.output
    assert gone in ledger.read()

    parameters = cloud.client("ssm", SETTINGS.account, SETTINGS.region)
    record = json.dumps({"stack": "dev-old", "kept": ["AWS::S3::Bucket old-data"]})
    parameters.put_parameter(Name=gone.removal_record, Value=record, Type="String")
    stacks = cloud.client("cloudformation", gone.account, gone.region)
    stacks.create_stack(StackName=gone.stack, TemplateBody=json.dumps({"Resources": {"Queue": QUEUE}}))
    stacks.get_waiter("stack_create_complete").wait(StackName=gone.stack, WaiterConfig={"Delay": 0.1})
    assert finish().exit_code == 1  # it came back after that record
    stacks.delete_stack(StackName=gone.stack)
    stacks.get_waiter("stack_delete_complete").wait(StackName=gone.stack, WaiterConfig={"Delay": 0.1})
    done = finish()
    assert done.exit_code == 0
    assert "AWS::S3::Bucket old-data" in done.output
    assert (file.read_text(), tombstones.read_text()) == before


def test_a_repeated_removal_changes_nothing(account: Account, remove_stack: Remove) -> None:
    stack = account.deploy({"Queue": QUEUE, "Table": KEPT})
    assert remove_stack(stack) == 0
    before = account.record(stack)
    assert remove_stack(stack) == 0
    assert account.record(stack) == before
