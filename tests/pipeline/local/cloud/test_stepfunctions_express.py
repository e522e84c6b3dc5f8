"""Express workflows and time limits in the local cloud.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html
https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
"""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.functions import until
from tests.testbed.roles import role

pytestmark = pytest.mark.cloud

_numbers = itertools.count()
STATES = {
    "Choose": {
        "Type": "Choice",
        "Choices": [
            {"Variable": "$.fail", "IsPresent": True, "Next": "Fail"},
            {"Variable": "$.wait", "IsPresent": True, "Next": "Wait"},
        ],
        "Default": "Name",
    },
    "Fail": {"Type": "Fail", "Error": "Intended", "Cause": "for a test"},
    "Wait": {"Type": "Wait", "SecondsPath": "$.wait", "Next": "Name"},
    "Name": {"Type": "Pass", "Parameters": {"name.$": "$$.Execution.Name"}, "End": True},
}


def a_machine(cloud: LocalCloud, *, type_: str = "EXPRESS", seconds: int | None = None) -> str:
    limit = {} if seconds is None else {"TimeoutSeconds": seconds}
    made = cloud.client("stepfunctions").create_state_machine(
        name=f"express-{next(_numbers)}",
        roleArn=role(cloud, "states", "states.amazonaws.com"),
        type=type_,
        definition=json.dumps({"StartAt": "Choose", "States": STATES, **limit}),
    )
    return str(made["stateMachineArn"])


def sync(cloud: LocalCloud, machine: str, input_: str = "{}", **request: Any) -> dict[str, Any]:
    client = cloud.client("stepfunctions")
    # The SDK sends this operation to sync-states.<region>; loopback has no such name.
    client.meta.events.unregister("before-call", unique_id="inject-host-prefix")
    client.meta.config.inject_host_prefix = False
    found: dict[str, Any] = client.start_sync_execution(stateMachineArn=machine, input=input_, **request)
    return found


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as failure:
        call()
    return failure.value.response["Error"]["Code"]


@pytest.fixture(scope="module")
def machine(cloud: LocalCloud) -> str:
    return a_machine(cloud)


class TestSync:
    def test_it_answers_with_the_output(self, cloud: LocalCloud, machine: str) -> None:
        """ "output: The JSON output data of the execution." """
        answer = sync(cloud, machine, name="mine")
        assert (answer["status"], json.loads(answer["output"])) == ("SUCCEEDED", {"name": "mine"})
        assert ":express:" in answer["executionArn"]

    def test_a_failed_execution_is_a_success_of_the_call(self, cloud: LocalCloud, machine: str) -> None:
        """ "StartSyncExecution will return a 200 OK response, even if your execution fails, because the status code in
        the API response doesn't reflect function errors."
        """
        answer = sync(cloud, machine, '{"fail": true}')
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
        assert (answer["status"], answer["error"], answer["cause"]) == ("FAILED", "Intended", "for a test")
        assert "output" not in answer

    def test_one_that_takes_too_long_is_timed_out(self, cloud: LocalCloud) -> None:
        """ "TimeoutSeconds: ... If it runs longer than the specified time, the execution fails with a States.Timeout".

        https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html
        """
        answer = sync(cloud, a_machine(cloud, seconds=1), '{"wait": 60}')
        assert (answer["status"], answer["error"]) == ("TIMED_OUT", "States.Timeout")

    def test_it_runs_the_version_of_an_alias(self, cloud: LocalCloud) -> None:
        """https://docs.aws.amazon.com/step-functions/latest/dg/auth-version-alias.html lists StartSyncExecution."""
        states, machine = cloud.client("stepfunctions"), a_machine(cloud)
        version = states.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
        routing = [{"stateMachineVersionArn": version, "weight": 100}]
        states.create_state_machine_alias(name="live", routingConfiguration=routing)
        other = {"StartAt": "Other", "States": {"Other": {"Type": "Pass", "Result": "other", "End": True}}}
        states.update_state_machine(stateMachineArn=machine, definition=json.dumps(other))
        assert sync(cloud, machine)["output"] == '"other"'
        for arn in (version, f"{machine}:live"):
            answer = sync(cloud, arn, name="mine")
            assert (json.loads(answer["output"]), answer["stateMachineArn"]) == ({"name": "mine"}, machine)

    def test_standard_workflows_have_none(self, cloud: LocalCloud) -> None:
        """ "StartSyncExecution is not available for STANDARD workflows." """
        standard = a_machine(cloud, type_="STANDARD")
        assert refusal(lambda: sync(cloud, standard)) == "StateMachineTypeNotSupported"

    @pytest.mark.parametrize(
        ("request_", "error"),
        [
            ({"name": "*"}, "InvalidName"),
            ({"input_": "{"}, "InvalidExecutionInput"),
            ({"machine": "arn:aws:states:us-east-1:111111111111:stateMachine:none"}, "StateMachineDoesNotExist"),
            ({"machine": "none"}, "InvalidArn"),
        ],
    )
    def test_it_refuses_what_a_start_refuses(
        self, cloud: LocalCloud, machine: str, request_: dict[str, str], error: str
    ) -> None:
        assert refusal(lambda: sync(cloud, **{"machine": machine, **request_})) == error


class TestExpress:
    def test_a_name_may_come_again(self, cloud: LocalCloud, machine: str) -> None:
        """ "StartExecution is not idempotent for EXPRESS workflows." """
        client = cloud.client("stepfunctions")
        arns = {client.start_execution(stateMachineArn=machine, name="same")["executionArn"] for _ in range(2)}
        assert len(arns) == 2
        assert {arn.rpartition(":")[0].rpartition(":")[2] for arn in arns} == {"same"}

    def test_executions_are_not_described_or_listed(self, cloud: LocalCloud, machine: str) -> None:
        """ "This API action is not supported by EXPRESS state machines."

        https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
        https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html
        """
        client = cloud.client("stepfunctions")
        arn = client.start_execution(stateMachineArn=machine)["executionArn"]
        assert refusal(lambda: client.describe_execution(executionArn=arn)) == "InvalidArn"
        assert refusal(lambda: client.list_executions(stateMachineArn=machine)) == "StateMachineTypeNotSupported"


def test_a_standard_execution_that_takes_too_long_is_timed_out(cloud: LocalCloud) -> None:
    """ "TIMED_OUT" is a status of its own.

    https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
    """
    client, slow = cloud.client("stepfunctions"), a_machine(cloud, type_="STANDARD", seconds=1)
    arn = client.start_execution(stateMachineArn=slow, input='{"wait": 2}')["executionArn"]
    until(lambda: client.describe_execution(executionArn=arn)["status"], lambda status: status == "TIMED_OUT")
    until(lambda: client.get_execution_history(executionArn=arn)["events"][-1]["type"], lambda last: "Exited" in last)
    assert client.describe_execution(executionArn=arn)["status"] == "TIMED_OUT"


def test_without_the_service_this_contract_is_broken(fresh_cloud: Callable[..., LocalCloud]) -> None:
    cloud = fresh_cloud(without=("stepfunctions",))
    assert "status" in sync(cloud, a_machine(cloud, type_="STANDARD"))
    assert ":express:" not in sync(cloud, a_machine(cloud))["executionArn"]
