"""`penstock alarms` and `penstock trace` against clients in memory."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

from pipeline.cli import watch
from pipeline.cli.main import app
from pipeline.operate import outputs
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.target import Target
from tests.conftest import ROOT

Type = Callable[..., Result]
MACHINE = "arn:aws:states:us-east-1:333333333333:stateMachine:m"
TRACE = "1-6b058cbb-373e4f2e18e43ff1f1c08343"


class Account:
    """All that is asked of an account, by whichever client."""

    def __init__(self) -> None:
        self.alarms = [f"a-{number}" for number in range(150)]
        self.machines = [MACHINE]
        self.firing = {"a-3", "a-140"}
        self.nested: list[str] = []
        """Alarms in a stack that is nested in the service's."""
        self.newest = ["x-2", "x-1"]
        self.header = f"Root={TRACE};Sampled=1"
        self.documents: list[dict[str, Any]] = []
        self.asked: list[str] = []

    def get_paginator(self, operation: str) -> "Account":
        assert operation in ("list_stack_resources", "batch_get_traces")
        return self

    def resources(self) -> list[dict[str, Any]]:
        found = [("AWS::CloudWatch::Alarm", name) for name in self.alarms]
        found += [("AWS::StepFunctions::StateMachine", name) for name in self.machines]
        return self.page([*found, ("AWS::CloudFormation::Stack", "nested"), ("AWS::CloudFormation::Stack", "")])

    def page(self, found: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
        summaries = [
            {"ResourceType": type_, "LogicalResourceId": name, "PhysicalResourceId": name} for type_, name in found
        ]
        return [{"StackResourceSummaries": summaries}]

    def describe_alarms(self, *, AlarmNames: list[str], StateValue: str, MaxRecords: int) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert (len(AlarmNames) <= MaxRecords, StateValue) == (True, "ALARM")
        at = datetime(2026, 11, 24, 12, tzinfo=UTC)
        return {
            "MetricAlarms": [
                {"AlarmName": name, "AlarmDescription": f"{name}: see docs/runbooks/x.md", "StateUpdatedTimestamp": at}
                for name in AlarmNames
                if name in self.firing
            ]
        }

    def list_executions(self, *, stateMachineArn: str, maxResults: int) -> dict[str, Any]:  # noqa: N803 - as above
        assert (stateMachineArn, maxResults) == (MACHINE, 1)
        return {
            "executions": [{"executionArn": MACHINE.replace("stateMachine", "execution") + f":{self.newest[0]}"}]
            if self.newest
            else []
        }

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803 - as above
        name = executionArn.rpartition(":")[2]
        if name == "nobody":
            error = {"Error": {"Code": "ExecutionDoesNotExist", "Message": "Execution Does Not Exist"}}
            raise ClientError(error, "DescribeExecution")  # type: ignore[arg-type]  # all that is read of it
        return {"name": name, "traceHeader": self.header}

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        """A page for each segment of a trace; one of resources."""
        if "TraceIds" not in asked:
            if asked == {"StackName": "nested"}:
                return self.page(("AWS::CloudWatch::Alarm", name) for name in self.nested)
            assert asked == {"StackName": "staging-intake"}
            return self.resources()
        self.asked += asked["TraceIds"]
        return [{"Traces": [{"Segments": [{"Document": json.dumps(each)}]}]} for each in self.documents]


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def type_(account: Account, monkeypatch: pytest.MonkeyPatch) -> Type:
    target = Target(
        account="999999999999",
        region="eu-west-1",
        endpoint=None,
        _clients=lambda *_place: account,
        _credentials=lambda _account: Credentials("a", "b"),
    )
    place = {"stage": "staging", "account": "333333333333", "region": "us-east-1", "outputs": {}}
    deployed = [
        DeployedStack(service="intake", stack="staging-intake", status="CREATE_COMPLETE", **place),  # type: ignore[arg-type]  # the rest of its fields
        DeployedStack(service="later", stack="staging-later", status="", **place),  # type: ignore[arg-type]  # as above
    ]
    connected = SimpleNamespace(pipeline=SimpleNamespace(target=target))
    monkeypatch.setattr(watch, "connect", lambda *_given, **_named: connected)
    monkeypatch.setattr(outputs, "read", lambda _pipeline, _stage: deployed)
    return lambda *arguments: CliRunner().invoke(app, arguments, obj=ROOT)


def test_alarms_lists_firing_alarms_with_their_page(type_: Type) -> None:
    done = type_("alarms", "--stage", "staging")
    assert done.exit_code == 1
    assert [line.partition(":00  ")[2] for line in done.stdout.splitlines()] == [
        "a-3: see docs/runbooks/x.md",
        "a-140: see docs/runbooks/x.md",
    ]
    assert all(line.startswith("staging/intake  since 2026-11-24 ") for line in done.stdout.splitlines())
    found = json.loads(type_("alarms", "--json").stdout)
    assert [(each["stage"], each["service"], each["alarm"]) for each in found] == [
        ("staging", "intake", "a-3"),
        ("staging", "intake", "a-140"),
    ]


def test_alarms_answers_0_when_none_fires(type_: Type, account: Account) -> None:
    account.firing = set()
    done = type_("alarms")
    assert (done.exit_code, done.stdout) == (0, "No alarm fires.\n")


def test_alarm_of_a_nested_stack_fires_too(type_: Type, account: Account) -> None:
    account.nested, account.firing = ["deep", "well"], {"deep"}
    done = type_("alarms", "--json")
    assert (done.exit_code, [each["alarm"] for each in json.loads(done.stdout)]) == (1, ["deep"])


def span(name: str, at: float, **more: Any) -> dict[str, Any]:
    return {"name": name, "start_time": at, "end_time": at + 0.025, **more}


def test_trace_lists_spans_by_time_and_hides_foreign_urls(type_: Type, account: Account) -> None:
    ours = span("p", 101, annotations={"resource": "GET https://p/{id}"}, http={"response": {"status": 503}})
    theirs = span("intake", 100, http={"request": {"url": "https://x/Patient/ada"}, "response": {"status": 202}})
    account.documents = [ours, theirs | {"subsegments": [span("States", 100.5)]}]
    done = type_("trace", "intake", "--stage", "staging")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        f"{TRACE}  execution x-2",
        "   0.000 s      25 ms  202  intake",
        "   0.500 s      25 ms       States",
        "   1.000 s      25 ms  503  GET https://p/{id}",
    ]
    assert account.asked == [TRACE]
    found = json.loads(type_("trace", "intake", "--stage", "staging", "--execution", "x-1", "--json").stdout)
    assert (found["trace"], found["execution"], len(found["spans"])) == (TRACE, "x-1", 3)
    assert "ada" not in json.dumps(found)


@pytest.mark.parametrize(
    ("changes", "arguments", "said"),
    [
        ({"newest": []}, (), "has not run yet: `penstock call` starts it"),
        ({"header": ""}, (), "Execution x-2 of staging-intake belongs to no trace"),
        ({"machines": []}, (), "has 0 workflows; give a service that has one, such as intake"),
        ({}, ("--execution", "nobody"), "The trace of staging-intake: Execution Does Not Exist"),
    ],
)
def test_trace_says_why_it_cannot_be_shown(
    type_: Type, account: Account, changes: dict[str, Any], arguments: tuple[str, ...], said: str
) -> None:
    for name, value in changes.items():
        setattr(account, name, value)
    done = type_("trace", "intake", "--stage", "staging", *arguments)
    assert (done.exit_code, said in done.stderr) == (2, True)


def test_trace_says_when_it_has_no_spans(type_: Type) -> None:
    assert "no spans of it, or none yet" in type_("trace", "intake", "--stage", "staging").stdout
