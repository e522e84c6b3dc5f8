"""After a kill the local cloud comes back as it was at its last snapshot, whole, and takes the next deployment."""

import contextlib
import json
import os
import random
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from pipeline.local.errors import LocalCloudError
from pipeline.local.lifecycle import CHECKOUT, LocalCloud, stop
from tests.testbed.killing import kill

pytestmark = pytest.mark.cloud

FreshCloud = Callable[..., LocalCloud]
ACCOUNT = "222222222222"
REGION = "eu-west-1"
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 23))]
TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "TableName": "rows",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    },
}


class Account:
    """What a test does in one account of a cloud."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud

    def client(self, service: str) -> Any:
        return self.cloud.client(service, account=ACCOUNT, region=REGION)

    def deploy(self, name: str, resources: dict[str, Any], *, wait: bool = True) -> None:
        formation = self.client("cloudformation")
        request = {
            "StackName": name,
            "TemplateBody": json.dumps({"Resources": resources}),
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
        }
        if name in self.stacks():
            formation.update_stack(**request)
            waiter = "stack_update_complete"
        else:
            formation.create_stack(**request)
            waiter = "stack_create_complete"
        if wait:
            formation.get_waiter(waiter).wait(StackName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 400})

    def stacks(self) -> dict[str, str]:
        found = self.client("cloudformation").describe_stacks()["Stacks"]
        return {stack["StackName"]: stack["StackStatus"] for stack in found}

    def put(self, row: str) -> None:
        self.client("dynamodb").put_item(TableName="rows", Item={"id": {"S": row}})

    def rows(self) -> set[str]:
        return {item["id"]["S"] for item in self.client("dynamodb").scan(TableName="rows")["Items"]}


def roles(prefix: str, count: int) -> dict[str, Any]:
    policy = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    return {
        f"{prefix}{number}": {
            "Type": "AWS::IAM::Role",
            "Properties": {"RoleName": f"{prefix}-{number}", "AssumeRolePolicyDocument": policy},
        }
        for number in range(count)
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_a_kill_during_deployments_leaves_the_last_snapshot_and_blocks_nothing(
    fresh_cloud: FreshCloud, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - seeded on purpose
    account = Account(fresh_cloud())
    account.deploy("base", {"Table": TABLE} | roles("Base", 5))
    account.put("before")
    account.cloud.save()

    def work() -> None:
        try:
            for number in range(200):
                account.deploy(f"new{number}", roles(f"New{number}x", 20), wait=False)
                account.put(f"row-{number}")
                if number % 3 == 0:
                    account.deploy("base", {"Table": TABLE} | roles("Base", 5 + number), wait=False)
                if number == moment:
                    account.cloud.save()
                    reached.set()
        except (ClientError, EndpointConnectionError, HTTPClientError, LocalCloudError, OSError):
            reached.set()  # the cloud is gone, or still updates this stack

    moment = chance.randrange(2)
    reached = threading.Event()
    worker = threading.Thread(target=work)
    worker.start()
    assert reached.wait(60)
    threading.Event().wait(chance.random() / 5)
    kill(account.cloud)
    worker.join()

    again = Account(fresh_cloud())
    assert "before" in again.rows()
    assert [status for status in again.stacks().values() if status.endswith("_IN_PROGRESS")] == []
    again.deploy("base", {"Table": TABLE} | roles("Base", 300 % 7 + 1))
    again.deploy("new0", roles("New0x", 21))
    assert {again.stacks()["base"], again.stacks()["new0"]} <= {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
    assert "before" in again.rows()


def stop_writer(cloud: LocalCloud) -> int:
    """Stop the copy of the emulator that writes a snapshot, in the middle of it."""
    emulator = cloud.emulator_pid
    pause = threading.Event()
    for _ in range(30_000):
        for writer in Path(f"/proc/{emulator}/task/{emulator}/children").read_text(encoding="ascii").split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(writer), signal.SIGSTOP)
                return int(writer)
        pause.wait(0.001)
    raise AssertionError("no snapshot was written")


def test_requests_are_answered_while_a_snapshot_is_written(fresh_cloud: FreshCloud) -> None:
    account = Account(fresh_cloud())
    account.deploy("kept", {"Table": TABLE, **roles("big", 40)})
    account.put("before")
    with ThreadPoolExecutor(1) as thread:
        saving = thread.submit(account.cloud.save)
        writer = stop_writer(account.cloud)
        try:
            account.put("meanwhile")
            assert account.rows() == {"before", "meanwhile"}
            assert not saving.done()
        finally:
            os.kill(writer, signal.SIGCONT)
        saving.result()
    kill(account.cloud)
    assert "before" in Account(fresh_cloud()).rows()


def test_a_kill_while_a_snapshot_is_written_leaves_the_one_before_it_and_no_writer(fresh_cloud: FreshCloud) -> None:
    account = Account(fresh_cloud())
    account.deploy("kept", {"Table": TABLE, **roles("big", 40)})
    account.put("saved")
    account.cloud.save()
    account.put("lost")
    with ThreadPoolExecutor(1) as thread:
        saving = thread.submit(account.cloud.save)
        writer = stop_writer(account.cloud)
        kill(account.cloud)
        with pytest.raises(LocalCloudError, match="does not answer"):
            saving.result()
    with pytest.raises(ProcessLookupError):
        os.kill(writer, 0)
    assert "saved" in Account(fresh_cloud()).rows()


WAITING = {
    "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
    "Wait": {
        "Type": "AWS::CloudFormation::WaitCondition",
        "DependsOn": "New0",
        "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "600", "Count": 1},
    },
}
"""Keeps a stack in progress until somebody signals, which nobody does."""


def test_those_who_want_a_snapshot_at_the_same_time_share_one_that_has_the_changes_of_all(
    fresh_cloud: FreshCloud,
) -> None:
    account = Account(fresh_cloud())
    account.deploy("kept", {"Table": TABLE, **roles("big", 40)})
    rows = {f"row-{number}" for number in range(32)}

    def change_and_save(row: str) -> None:
        account.put(row)
        account.cloud.save()

    account.cloud.save()
    snapshots = account.cloud.place.home / "cloud/snapshots"
    before = max(int(each.name) for each in snapshots.iterdir() if each.name.isdigit())
    with ThreadPoolExecutor(len(rows)) as threads:
        list(threads.map(change_and_save, rows))
    after = max(int(each.name) for each in snapshots.iterdir() if each.name.isdigit())
    kill(account.cloud)
    assert Account(fresh_cloud()).rows() == rows
    assert after - before < len(rows)


def killed_while_waiting(fresh_cloud: FreshCloud, account: Account) -> Account:
    """Save in the middle of the operation on stack `interrupted`, kill, start again."""
    formation = account.client("cloudformation")
    pause = threading.Event()
    for _ in range(1500):
        resources = formation.describe_stack_resources(StackName="interrupted")["StackResources"]
        if any(resource["LogicalResourceId"] == "New0" for resource in resources):
            break
        pause.wait(0.02)
    assert account.stacks()["interrupted"].endswith("_IN_PROGRESS")
    account.cloud.save()
    kill(account.cloud)
    return Account(fresh_cloud())


def test_an_interrupted_creation_is_undone_so_that_its_name_is_free(fresh_cloud: FreshCloud) -> None:
    account = Account(fresh_cloud())
    account.deploy("interrupted", roles("New", 1) | WAITING, wait=False)
    again = killed_while_waiting(fresh_cloud, account)
    assert again.stacks() == {}
    assert [role["RoleName"] for role in again.client("iam").list_roles()["Roles"] if "New" in role["RoleName"]] == []
    again.deploy("interrupted", roles("New", 1))
    assert again.stacks() == {"interrupted": "CREATE_COMPLETE"}


def test_an_interrupted_update_keeps_what_it_made_and_takes_the_next_one(fresh_cloud: FreshCloud) -> None:
    account = Account(fresh_cloud())
    account.deploy("interrupted", {"Table": TABLE})
    account.put("row")
    account.deploy("interrupted", {"Table": TABLE} | roles("New", 1) | WAITING, wait=False)
    again = killed_while_waiting(fresh_cloud, account)
    assert again.stacks() == {"interrupted": "UPDATE_ROLLBACK_COMPLETE"}
    again.deploy("interrupted", {"Table": TABLE} | roles("New", 2))
    assert again.stacks() == {"interrupted": "UPDATE_COMPLETE"}
    again.deploy("interrupted", {"Table": TABLE})
    assert again.rows() == {"row"}
    assert [role["RoleName"] for role in again.client("iam").list_roles()["Roles"] if "New" in role["RoleName"]] == []


def test_an_interrupted_change_set_is_failed(fresh_cloud: FreshCloud) -> None:
    account = Account(fresh_cloud())
    formation = account.client("cloudformation")
    formation.create_change_set(
        StackName="interrupted",
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps({"Resources": {"Table": TABLE}}),
    )
    formation.get_waiter("change_set_create_complete").wait(
        StackName="interrupted", ChangeSetName="first", WaiterConfig={"Delay": 0.05}
    )
    formation.execute_change_set(StackName="interrupted", ChangeSetName="first")
    formation.get_waiter("stack_create_complete").wait(StackName="interrupted", WaiterConfig={"Delay": 0.05})
    formation.create_change_set(
        StackName="interrupted",
        ChangeSetName="second",
        Capabilities=["CAPABILITY_NAMED_IAM"],
        TemplateBody=json.dumps({"Resources": {"Table": TABLE} | roles("New", 1) | WAITING}),
    )
    formation.get_waiter("change_set_create_complete").wait(
        StackName="interrupted", ChangeSetName="second", WaiterConfig={"Delay": 0.05}
    )
    formation.execute_change_set(StackName="interrupted", ChangeSetName="second")
    again = killed_while_waiting(fresh_cloud, account)
    ended = again.client("cloudformation").describe_change_set(StackName="interrupted", ChangeSetName="second")
    assert ended["ExecutionStatus"] == "EXECUTE_FAILED"


def test_what_came_after_the_last_snapshot_is_forgotten_wholly(fresh_cloud: FreshCloud) -> None:
    account = Account(fresh_cloud())
    objects = account.client("s3")
    objects.create_bucket(Bucket="first", CreateBucketConfiguration={"LocationConstraint": REGION})
    objects.put_object(Bucket="first", Key="kept/a", Body=b"old")
    objects.put_object(Bucket="first", Key="kept/b", Body=b"old")
    account.cloud.save()
    objects.put_object(Bucket="first", Key="kept/a", Body=b"new")
    objects.put_object(Bucket="first", Key="late", Body=b"new")
    objects.delete_object(Bucket="first", Key="kept/b")
    objects.create_bucket(Bucket="second", CreateBucketConfiguration={"LocationConstraint": REGION})
    objects.put_object(Bucket="second", Key="late", Body=b"new")
    kill(account.cloud)

    objects = Account(fresh_cloud()).client("s3")
    assert [bucket["Name"] for bucket in objects.list_buckets()["Buckets"]] == ["first"]
    listed = objects.list_objects_v2(Bucket="first")["Contents"]
    assert {entry["Key"] for entry in listed} == {"kept/a", "kept/b"}
    assert objects.get_object(Bucket="first", Key="kept/a")["Body"].read() == b"old"


def test_stopping_saves_what_no_snapshot_had(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud()
    cloud.client("ssm").put_parameter(Name="/late", Value="kept", Type="String")
    stop(cloud.place)
    assert fresh_cloud().client("ssm").get_parameter(Name="/late")["Parameter"]["Value"] == "kept"


def test_changes_are_saved_after_a_while_without_being_asked(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud()
    cloud.client("ssm").put_parameter(Name="/late", Value="kept", Type="String")
    snapshots = cloud.place.folder / "snapshots"
    pause = threading.Event()
    for _ in range(1500):
        if (snapshots / "1").exists():
            break
        pause.wait(0.02)
    kill(cloud)
    assert fresh_cloud().client("ssm").get_parameter(Name="/late")["Parameter"]["Value"] == "kept"


@pytest.mark.parametrize("damage", ["torn", "changed", "missing", "no manifest"])
def test_a_damaged_snapshot_is_named_and_the_one_before_it_taken(fresh_cloud: FreshCloud, damage: str) -> None:
    cloud = fresh_cloud()
    for value in ("first", "second"):
        cloud.client("ssm").put_parameter(Name="/value", Value=value, Type="String", Overwrite=True)
        cloud.save()
    kill(cloud)
    newest = cloud.place.folder / "snapshots" / "2"
    state = newest / "ssm.state"
    data = state.read_bytes()
    state.unlink()  # it may be the same file as the last snapshot's
    if damage == "torn":
        state.write_bytes(data[: len(data) // 2])
    elif damage == "changed":
        state.write_bytes(data.replace(b"second", b"forged"))
    elif damage == "no manifest":
        state.write_bytes(data)
        (newest / "manifest.json").unlink()
    again = fresh_cloud()
    assert again.client("ssm").get_parameter(Name="/value")["Parameter"]["Value"] == "first"
    assert "Snapshot 2 is damaged" in again.place.log.read_text(encoding="utf-8")


def test_a_full_disk_is_one_clear_error_and_the_last_snapshot_stays(fresh_cloud: FreshCloud, tmp_path: Path) -> None:
    limited = tmp_path / "python"
    limited.write_text(
        f'#!/bin/sh\nulimit -f 200\nexec "{CHECKOUT}/.venv/emulator/bin/python" "$@"\n', encoding="utf-8"
    )
    limited.chmod(0o755)
    cloud = fresh_cloud(python=limited)
    parameters = cloud.client("ssm")
    parameters.put_parameter(Name="/small", Value="kept", Type="String")
    cloud.save()
    for number in range(60):
        parameters.put_parameter(Name=f"/large/{number}", Value="x" * 4000, Type="String")
    with pytest.raises(LocalCloudError, match=r"could not save its state: .*What it saved before is kept"):
        cloud.save()
    assert parameters.get_parameter(Name="/small")["Parameter"]["Value"] == "kept"  # it still answers
    kill(cloud)
    assert fresh_cloud().client("ssm").get_parameter(Name="/small")["Parameter"]["Value"] == "kept"
