"""An execution whose start was answered outlives a kill of the emulator, as it would outlive any machine on AWS.

"Standard Workflows ... Exactly-once workflow execution", "persisted on every state transition":
https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.functions import until
from tests.testbed.killing import kill
from tests.testbed.roles import role

pytestmark = pytest.mark.cloud

FreshCloud = Callable[..., LocalCloud]
DEFINITION = {
    "StartAt": "Choose",
    "States": {
        "Choose": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.wait", "IsPresent": True, "Next": "Wait"}],
            "Default": "Done",
        },
        "Wait": {"Type": "Wait", "SecondsPath": "$.wait", "Next": "Done"},
        "Done": {"Type": "Succeed"},
    },
}


def a_machine(cloud: LocalCloud, name: str = "machine", type_: str = "STANDARD") -> str:
    made = cloud.client("stepfunctions").create_state_machine(
        name=name, type=type_, roleArn=role(cloud, "states", "states.amazonaws.com"), definition=json.dumps(DEFINITION)
    )
    return str(made["stateMachineArn"])


def start(cloud: LocalCloud, machine: str, name: str, input_: str = "{}") -> str:
    client = cloud.client("stepfunctions")
    return str(client.start_execution(stateMachineArn=machine, name=name, input=input_)["executionArn"])


def described(cloud: LocalCloud, arn: str) -> dict[str, Any]:
    found: dict[str, Any] = cloud.client("stepfunctions").describe_execution(executionArn=arn)
    return found


def succeeded(cloud: LocalCloud, arn: str) -> None:
    until(lambda: described(cloud, arn)["status"], lambda status: status == "SUCCEEDED")


def journal(cloud: LocalCloud) -> list[str]:
    return sorted(path.name for path in (cloud.place.folder / "executions").glob("*"))


def test_what_was_accepted_before_and_after_the_last_snapshot_is_done(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud()
    machine = a_machine(cloud)
    before = start(cloud, machine, "before", '{"wait": 1}')
    cloud.save()
    after = [start(cloud, machine, f"after-{number}", f'{{"number": {number}}}') for number in range(20)]
    kill(cloud)
    again = fresh_cloud()
    for arn in (before, *after):
        succeeded(again, arn)
    assert described(again, after[7])["input"] == '{"number": 7}'
    names = [
        found["name"] for found in again.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    ]
    assert sorted(names) == sorted(["before", *(f"after-{number}" for number in range(20))])


def test_a_second_kill_and_a_key_that_is_used_again(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud()
    machine = a_machine(cloud)
    cloud.save()
    arn = start(cloud, machine, "once", '{"wait": 600}')
    kill(cloud)
    again = fresh_cloud()
    assert start(again, machine, "once", '{"wait": 600}') == arn
    kill(again)
    third = fresh_cloud()
    assert described(third, arn)["status"] == "RUNNING"


def test_a_closed_execution_stays_closed(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud()
    arn = start(cloud, a_machine(cloud), "once")
    succeeded(cloud, arn)
    closed = described(cloud, arn)["stopDate"]
    cloud.save()
    kill(cloud)
    assert described(fresh_cloud(), arn)["stopDate"] == closed


def test_a_torn_line_is_a_start_that_was_never_answered(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud()
    machine = a_machine(cloud)
    cloud.save()
    arn = start(cloud, machine, "whole")
    kill(cloud)
    (file,) = (cloud.place.folder / "executions").glob("*")
    whole = file.read_bytes()
    file.write_bytes(whole + whole[: len(whole) // 2])
    succeeded(fresh_cloud(), arn)


def test_the_journal_is_as_long_as_two_snapshots_need(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud()
    machine = a_machine(cloud)
    for number in range(6):
        succeeded(cloud, start(cloud, machine, f"number-{number}"))
        cloud.save()
    assert len(journal(cloud)) <= 2


def test_an_execution_that_cannot_be_kept_is_not_accepted(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud()
    machine = a_machine(cloud)
    (cloud.place.folder / "executions").write_text("in the way")
    with pytest.raises(cloud.client("stepfunctions").exceptions.ClientError, match="ServiceUnavailable"):
        start(cloud, machine, "lost")
    assert cloud.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"] == []


def test_without_the_service_what_was_accepted_is_lost(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud(without=("stepfunctions",))
    machine = a_machine(cloud)
    cloud.save()
    start(cloud, machine, "lost")
    kill(cloud)
    again = fresh_cloud(without=("stepfunctions",))
    assert again.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"] == []
