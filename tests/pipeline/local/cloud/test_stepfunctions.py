"""Step Functions of the local cloud where its service completes the emulator.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

import itertools
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.roles import role

pytestmark = pytest.mark.cloud

LIMIT = 262_144
_numbers = itertools.count()


def a_machine(cloud: LocalCloud, *, level: str = "OFF", data: bool = False) -> str:
    """A state machine that waits for `$.wait` seconds, then fails if the input says so."""
    group = f"/states/{next(_numbers)}"
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName=group)
    arn = f"arn:aws:logs:us-east-1:111111111111:log-group:{group}:*"
    states = {
        "Wait": {"Type": "Wait", "SecondsPath": "$.wait", "Next": "Choose"},
        "Choose": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.fail", "IsPresent": True, "Next": "Fail"}],
            "Default": "Done",
        },
        "Fail": {"Type": "Fail", "Error": "Intended", "Cause": "about somebody"},
        "Done": {"Type": "Succeed"},
    }
    made = cloud.client("stepfunctions").create_state_machine(
        name=group.strip("/").replace("/", "-"),
        roleArn=role(cloud, "states", "states.amazonaws.com"),
        definition=json.dumps({"StartAt": "Wait", "States": states}),
        loggingConfiguration={
            "level": level,
            "includeExecutionData": data,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}],
        },
    )
    return str(made["stateMachineArn"])


def start(cloud: LocalCloud, machine: str, **request: Any) -> dict[str, Any]:
    found: dict[str, Any] = cloud.client("stepfunctions").start_execution(
        **{"stateMachineArn": machine, "input": '{"wait": 0}'} | request
    )
    return found


def closed(cloud: LocalCloud, arn: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while (found := cloud.client("stepfunctions").describe_execution(executionArn=arn))["status"] == "RUNNING":
        assert time.monotonic() < deadline
    described: dict[str, Any] = found
    return described


def refused(cloud: LocalCloud, machine: str, **request: Any) -> str:
    with pytest.raises(ClientError) as failure:
        start(cloud, machine, **request)
    assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return failure.value.response["Error"]["Code"]


@pytest.fixture(scope="module")
def machine(cloud: LocalCloud) -> str:
    return a_machine(cloud)


@pytest.fixture
def name() -> str:
    return f"name-{next(_numbers)}"


class TestIdempotency:
    """ "StartExecution is idempotent for STANDARD workflows. ... If the execution is closed or if the input is
    different, it returns a 400 ExecutionAlreadyExists error. You can reuse names after 90 days."
    """

    LONG = '{"wait": 600}'

    def test_the_same_request_while_running_has_the_same_answer(
        self, cloud: LocalCloud, machine: str, name: str
    ) -> None:
        first, second = (start(cloud, machine, name=name, input=self.LONG) for _ in range(2))
        assert first["executionArn"] == second["executionArn"]
        assert first["startDate"] == second["startDate"]

    def test_another_input_is_refused(self, cloud: LocalCloud, machine: str, name: str) -> None:
        start(cloud, machine, name=name, input=self.LONG)
        assert refused(cloud, machine, name=name, input='{"wait":600}') == "ExecutionAlreadyExists"

    def test_a_closed_execution_keeps_its_name(self, cloud: LocalCloud, machine: str, name: str) -> None:
        closed(cloud, start(cloud, machine, name=name)["executionArn"])
        assert refused(cloud, machine, name=name) == "ExecutionAlreadyExists"

    def test_starts_at_the_same_time_start_one(self, cloud: LocalCloud, machine: str, name: str) -> None:
        inputs = [f'{{"wait": {seconds}}}' for seconds in (600, 601) for _ in range(25)]

        def attempt(text: str) -> str:
            try:
                return f"{start(cloud, machine, name=name, input=text)['executionArn']} {text}"
            except ClientError as error:
                return error.response["Error"]["Code"]

        with ThreadPoolExecutor(max_workers=50) as pool:
            answers = list(pool.map(attempt, inputs))
        assert sorted({answers.count(answer) for answer in answers}) == [25]
        assert "ExecutionAlreadyExists" in answers

    def test_another_machine_has_names_of_its_own(self, cloud: LocalCloud, machine: str, name: str) -> None:
        ours = start(cloud, machine, name=name, input=self.LONG)
        theirs = start(cloud, a_machine(cloud), name=name)
        assert ours["executionArn"] != theirs["executionArn"]


class TestRefusals:
    @pytest.mark.parametrize("bad", ["*", "a b", "a:b", "a/b", "a{b}", 'a"b', "a\x07b", "a\x9fb", "a\\b", "a,b"])
    def test_a_bad_name(self, cloud: LocalCloud, machine: str, bad: str) -> None:
        """ "A name must not contain: white space; brackets ...; wildcard characters ...; special characters ..." """
        assert refused(cloud, machine, name=bad) == "InvalidName"

    @pytest.mark.parametrize("good", ["a" * 80, "a-b_c.d=e+f@g!(h)'", "naïve"])
    def test_a_good_name(self, cloud: LocalCloud, machine: str, good: str) -> None:
        assert start(cloud, machine, name=good)["executionArn"].endswith(good)

    def test_a_name_that_is_too_long(self, cloud: LocalCloud, machine: str) -> None:
        """ "Length Constraints: Minimum length of 1. Maximum length of 80." """
        assert refused(cloud, machine, name="a" * 81) == "ValidationException"

    @pytest.mark.parametrize("text", ["", "{", '{"a": NaN}', "{} {}", "'a'"])
    def test_an_input_that_is_not_json(self, cloud: LocalCloud, machine: str, text: str) -> None:
        """ "InvalidExecutionInput: The provided JSON input data is not valid." """
        assert refused(cloud, machine, input=text) == "InvalidExecutionInput"

    def test_an_input_that_is_too_long(self, cloud: LocalCloud, machine: str) -> None:
        """ "Length Constraints: Maximum length of 262144", which the quotas count in bytes of UTF-8."""
        fits = json.dumps({"wait": 0, "text": ""})[:-2]
        start(cloud, machine, input=fits + "e" * (LIMIT - len(fits) - 2) + '"}')
        assert refused(cloud, machine, input=fits + "e" * (LIMIT - len(fits) - 1) + '"}') == "ValidationException"
        assert refused(cloud, machine, input=fits + "é" * (LIMIT // 2) + '"}') == "ValidationException"

    def test_a_machine_that_is_not_there(self, cloud: LocalCloud, machine: str) -> None:
        assert refused(cloud, machine + "x") == "StateMachineDoesNotExist"

    def test_an_arn_that_is_none(self, cloud: LocalCloud) -> None:
        assert refused(cloud, "machine") == "InvalidArn"


def test_the_trace_header_is_kept(cloud: LocalCloud, machine: str) -> None:
    """ "traceHeader: Passes the AWS X-Ray trace header." """
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793"
    arn = start(cloud, machine, traceHeader=trace)["executionArn"]
    assert cloud.client("stepfunctions").describe_execution(executionArn=arn)["traceHeader"] == trace


@pytest.mark.parametrize("data", [False, True])
def test_a_failure_is_logged_at_the_level_error(cloud: LocalCloud, data: bool) -> None:
    """ERROR logs ExecutionFailed; without execution data nothing that the execution worked on is in the log.

    https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
    """
    machine = a_machine(cloud, level="ERROR", data=data)
    good = start(cloud, machine)["executionArn"]
    bad = start(cloud, machine, input='{"wait": 0, "fail": true}')["executionArn"]
    assert (closed(cloud, good)["status"], closed(cloud, bad)["status"]) == ("SUCCEEDED", "FAILED")
    group = "/" + machine.rpartition(":")[2].replace("-", "/", 1)

    def lines() -> list[dict[str, Any]]:
        events = cloud.client("logs").filter_log_events(logGroupName=group)["events"]
        return [json.loads(event["message"]) for event in events]

    deadline = time.monotonic() + 10
    while not lines():
        assert time.monotonic() < deadline
    (line,) = lines()
    assert (line["type"], line["execution_arn"]) == ("ExecutionFailed", bad)
    assert line["details"] == {"error": "Intended"} | ({"cause": "about somebody"} if data else {})


def test_nothing_is_logged_when_logging_is_off(cloud: LocalCloud) -> None:
    machine = a_machine(cloud)
    closed(cloud, start(cloud, machine, input='{"wait": 0, "fail": true}')["executionArn"])
    group = "/" + machine.rpartition(":")[2].replace("-", "/", 1)
    assert cloud.client("logs").filter_log_events(logGroupName=group)["events"] == []


def test_without_the_service_this_contract_is_broken(fresh_cloud: Callable[..., LocalCloud]) -> None:
    cloud = fresh_cloud(without=("stepfunctions",))
    machine = a_machine(cloud)
    start(cloud, machine, name="once", input='{"wait": 600}')
    assert refused(cloud, machine, name="once", input='{"wait": 600}') == "ExecutionAlreadyExists"
    start(cloud, machine, name="*")
