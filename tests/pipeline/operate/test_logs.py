"""What `penstock logs`, `outputs` and `call` print, choose by themselves, and say when there is nothing."""

import http.client
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.operate import call, logs, outputs
from pipeline.operate.errors import OperateError
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import FAILED, IN_PROGRESS, NOT_STARTED, SUCCEEDED, Action, Run, Stage
from tests.testbed.code_pipeline import connected, refusal

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
NONE_YET = refusal("ResourceNotFoundException")


def action(name: str, status: str, *, provider: str = "CodeBuild", external_id: str = "b:1", **more: Any) -> Action:
    return Action(
        stage="dev",
        name=name,
        provider=provider,
        category="Build",
        configuration={"StackName": "dev-x"},
        region="eu-west-1",
        role=None,
        status=status,
        started=None if status == NOT_STARTED else AT,
        external_id=external_id,
        **more,
    )


def run(*actions: Action, status: str = IN_PROGRESS) -> Run:
    stages = (Stage(name="dev", status=status, actions=actions),)
    return Run(pipeline="penstock", execution="e1", status=status, commit="", message="", started=AT, stages=stages)


class Account:
    """CodeBuild, CloudWatch Logs and CloudFormation as far as an action's log is read."""

    exceptions: ClassVar = SimpleNamespace(ResourceNotFoundException=ClientError)

    def __init__(self) -> None:
        self.builds: list[dict[str, Any]] = [{"logs": {"groupName": "g", "streamName": "s"}}]
        self.printed: list[str] = []
        self.fails: Exception | None = None
        self.events: list[tuple[timedelta, str]] = []

    def batch_get_builds(self, **_asked: Any) -> dict[str, Any]:
        return {"builds": self.builds}

    def get_log_events(self, *, nextToken: str = "0", **_asked: Any) -> dict[str, Any]:  # noqa: N803 - boto3's name
        if self.fails:
            raise self.fails
        found = self.printed[int(nextToken) :]
        return {"events": [{"message": f"{line}\n"} for line in found], "nextForwardToken": str(len(self.printed))}

    def get_paginator(self, operation: str) -> "Account":
        assert operation == "describe_stack_events"
        return self

    def paginate(self, *, StackName: str) -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's name
        assert StackName == "dev-x"
        if self.fails:
            raise self.fails
        for after, status in self.events:
            event = {"LogicalResourceId": "Queue", "ResourceType": "AWS::SQS::Queue", "ResourceStatusReason": "no"}
            yield {"StackEvents": [event | {"Timestamp": AT + after, "ResourceStatus": status}]}

    def describe_stacks(self, **_asked: Any) -> dict[str, Any]:
        assert self.fails is not None
        raise self.fails


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def pipeline(account: Account) -> Pipeline:
    return connected(account).pipeline


def test_logs_chooses_what_runs_and_else_what_was_built_last() -> None:
    one, two = action("One", SUCCEEDED), action("Two", SUCCEEDED)
    gate = action("Gate", SUCCEEDED, provider="Manual")
    assert logs.choose(run(one, action("Goes", IN_PROGRESS), two), None).name == "Goes"
    assert logs.choose(run(one, two, gate, action("Later", NOT_STARTED)), None) == two
    with pytest.raises(OperateError, match=r"Nothing has been built in this run yet, so there is no log\."):
        logs.choose(run(gate), None)


def test_logs_says_what_may_be_meant() -> None:
    stack = action("payments.Deploy", SUCCEEDED, provider="CloudFormation")
    with pytest.raises(OperateError, match="payments is a service: with --stage you see what it logs there"):
        logs.choose(run(stack), "payments")
    with pytest.raises(OperateError, match=r"Did you mean payments\?"):
        logs.choose(run(stack), "payment")


def test_logs_refuses_an_action_that_has_not_started(pipeline: Pipeline) -> None:
    with pytest.raises(OperateError, match=r"dev/Later has not started in this run\."):
        logs.lines(pipeline, action("Later", NOT_STARTED))


def test_logs_prints_a_builds_lines_or_what_codepipeline_says_of_it(pipeline: Pipeline, account: Account) -> None:
    failed = action("Test", FAILED, summary="2 failed", error="exit 1\nphase BUILD")
    account.printed = ["[Container] begins", "one", "two"]
    assert logs.lines(pipeline, failed) == account.printed
    assert logs.lines(pipeline, failed, last=1) == ["two"]
    assert logs.last_words(pipeline, failed, count=5) == ["one", "two"]
    said = ["2 failed", "exit 1", "phase BUILD"]
    account.fails = NONE_YET
    assert logs.lines(pipeline, failed) == said
    account.builds = [{"logs": {}}]
    assert logs.lines(pipeline, failed) == said


def test_logs_prints_why_a_stack_failed_since_the_action_began(pipeline: Pipeline, account: Account) -> None:
    failed = action("Deploy", FAILED, provider="CloudFormation", summary="the stack failed")
    newest_first = [(2, "UPDATE_ROLLBACK_COMPLETE"), (1, "CREATE_FAILED"), (0, "UPDATE_FAILED"), (-1, "CREATE_FAILED")]
    account.events = [(timedelta(seconds=seconds), status) for seconds, status in newest_first]
    assert logs.lines(pipeline, failed) == [
        "12:00:00 Queue (AWS::SQS::Queue) UPDATE_FAILED: no",
        "12:00:01 Queue (AWS::SQS::Queue) CREATE_FAILED: no",
    ]
    account.fails = refusal("ValidationError", "Stack [dev-x] does not exist")
    assert logs.lines(pipeline, failed) == ["the stack failed"]
    account.fails = refusal("AccessDenied", "not yours")
    with pytest.raises(OperateError, match=f"Stack dev-x in {'9' * 12} eu-west-1: not yours"):
        logs.lines(pipeline, failed)


def follow(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, first: Run, *later: Run) -> list[str]:
    """Follow the first action of a run that is read again after each pause."""
    then = iter(later)
    pauses: list[float] = []
    monkeypatch.setattr(Pipeline, "read", lambda _self, _execution: next(then))
    found = list(logs.followed(pipeline, first, first.actions[0], pause=pauses.append))
    assert pauses == [0.5] * len(later)
    assert next(then, None) is None
    return found


def test_logs_follow_prints_each_line_once(
    pipeline: Pipeline, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.printed = ["one"]
    waiting, going = run(action("A", NOT_STARTED, external_id="")), run(action("A", IN_PROGRESS))
    ended = run(action("A", SUCCEEDED), status=SUCCEEDED)
    assert follow(pipeline, monkeypatch, waiting, going, going, ended) == ["one"]


def test_logs_follow_ends_with_a_run_that_never_reaches_the_action(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = action("A", NOT_STARTED, external_id="")
    assert follow(pipeline, monkeypatch, run(waiting), run(waiting, status="Stopped")) == []


def test_logs_follow_prints_at_the_end_what_no_build_printed(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    approval = {"provider": "Manual", "external_id": ""}
    going, ended = action("A", IN_PROGRESS, **approval), action("A", SUCCEEDED, summary="fine", **approval)
    assert follow(pipeline, monkeypatch, run(going), run(ended, status=SUCCEEDED)) == ["fine"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (refusal("AccessDenied", "not yours"), "Stack dev-x in 999999999999 eu-west-1: not yours"),
        (EndpointConnectionError(endpoint_url="http://x"), "http://127.0.0.1:1 does not answer. `make up` starts"),
    ],
)
def test_outputs_says_why_a_stack_cannot_be_read(
    pipeline: Pipeline, account: Account, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    deploys = {"actionTypeId": {"provider": "CloudFormation"}, "configuration": {"StackName": "dev-x"}}
    monkeypatch.setattr(Pipeline, "definition", lambda _self: [{"name": "dev", "actions": [deploys]}])
    account.fails = error
    with pytest.raises(OperateError) as refused:
        outputs.read(pipeline)
    assert said in str(refused.value)
    account.fails = refusal("ValidationError", "Stack with id dev-x does not exist")
    assert [(each.service, each.status) for each in outputs.read(pipeline)] == [("x", "")]
    with pytest.raises(OperateError, match="The pipeline has no stage qa; it has dev"):
        outputs.read(pipeline, "qa")


def test_call_refuses_a_service_without_a_url(pipeline: Pipeline) -> None:
    queue = DeployedStack(
        stage="dev",
        service="x",
        stack="dev-x",
        account="1" * 12,
        region="eu-west-1",
        status="CREATE_COMPLETE",
        outputs={"Url": "sqs://queue"},
    )
    with pytest.raises(OperateError, match=r"Service y has no output Url in this stage\. .* lists what there is: x\."):
        call.choose([queue], service="y", output="Url")
    with pytest.raises(OperateError, match=r"Service x has no output Api .*: no service has one"):
        call.choose([queue], service="x", output="Api")
    with pytest.raises(OperateError, match="Nothing with an output Api is deployed in this stage yet"):
        call.choose([queue], service=None, output="Api")
    with pytest.raises(OperateError, match="sqs://queue is no API's URL, so the local cloud cannot be asked for it"):
        call.to_service(pipeline.target, queue, body="{}")


@pytest.mark.parametrize("error", [ConnectionRefusedError("refused"), http.client.BadStatusLine("garbage")])
def test_call_says_that_a_service_does_not_answer(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr(http.client.HTTPConnection, "request", fail)
    request = call.Call(url="http://127.0.0.1:1/x", region="eu-west-1", account="1" * 12, body="", headers={})
    with pytest.raises(OperateError, match=rf"^http://127\.0\.0\.1:1/x does not answer: {error}$"):
        call.send(pipeline.target, request)
