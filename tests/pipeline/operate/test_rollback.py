"""`penstock rollback` against clients in memory: what it refuses, what it changes, and what is left if it fails."""

import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from pipeline.operate import outputs, rollback
from pipeline.operate.errors import OperateError
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.rollback import EarlierDeployment
from tests.testbed.code_pipeline import CodePipeline, connected, refusal, state

COMMIT = "c0ffee" + "0" * 34
EARLIER, NOW = '{"Resources": {"Old": {}}}', '{"Resources": {"New": {}}}'
TEMPLATE = "assembly-x/dev.template.json"
MANIFEST = "assembly-x/dev.assets.json"
DEPLOYED = DeployedStack(
    stage="dev",
    service="x",
    stack="dev-x",
    account="1" * 12,
    region="eu-west-1",
    status="UPDATE_COMPLETE",
    outputs={},
)
STACK = {"StackName": "dev-x", "TemplatePath": f"Synth::{TEMPLATE}", "RoleArn": "arn:aws:iam::111111111111:role/cfn"}

OTHERS = "arn:aws:iam::222222222222:role/cfn"
"""Of an account that has a stack of the same name."""


class Account(CodePipeline):
    """CodePipeline, and CloudFormation, S3 and SSM as far as a rollback asks them."""

    def __init__(self) -> None:
        super().__init__(state("dev"))
        self.executions = [{"pipelineExecutionId": "e1", "sourceRevisions": [{"revisionId": COMMIT}]}]
        own, others = ({"StackName": "dev-x", "RoleArn": role} for role in (STACK["RoleArn"], OTHERS))
        self.stages = [
            {"name": "far", "actions": [{"name": "Deploy", "configuration": others}]},
            {"name": "dev", "actions": [{"name": "Deploy", "configuration": own}]},
        ]
        artifact = {"name": "Synth", "s3location": {"bucket": "artifacts", "key": "one"}}
        given = {"resolvedConfiguration": STACK, "region": "eu-west-1", "inputArtifacts": [artifact]}
        self.details = [{"status": "Succeeded", "input": given}]
        self.files = {TEMPLATE: EARLIER}
        self.status, self.template = "UPDATE_COMPLETE", NOW
        self.events: list[dict[str, Any]] = []
        self.refused: dict[str, Exception] = {}
        """By operation."""
        self.updated: dict[str, Any] = {}
        self.records: list[str] = []

    def refuse(self, operation: str) -> None:
        if operation in self.refused:
            raise self.refused[operation]

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert (Bucket, Key) == ("artifacts", "one")
        self.refuse("get_object")
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for path, text in self.files.items():
                archive.writestr(path, text)
        return {"Body": io.BytesIO(content.getvalue())}

    def head_object(self, **_asked: str) -> None:
        self.refuse("head_object")

    def get_template(self, **_asked: str) -> dict[str, Any]:
        return {"TemplateBody": json.loads(self.template)}

    def describe_stacks(self, **_asked: str) -> dict[str, Any]:
        return {"Stacks": [{"StackStatus": self.status}]}

    def update_stack(self, **asked: Any) -> None:
        self.refuse("update_stack")
        self.updated = asked

    def get_waiter(self, _name: str) -> "Account":
        return self

    def wait(self, **_asked: Any) -> None:
        self.refuse("wait")

    def get_paginator(self, operation: str) -> Any:
        return self if operation == "list_action_executions" else Events(self.events)

    def put_parameter(self, **asked: Any) -> None:
        self.refuse("put_parameter")
        self.records.append(json.loads(asked["Value"])["status"])


class Events:
    """A stack's events."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.events = events

    def paginate(self, **_asked: Any) -> list[dict[str, Any]]:
        return [{"StackEvents": self.events}]


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def pipeline(account: Account, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    monkeypatch.setattr(outputs, "find", lambda *_words: DEPLOYED)
    return connected(account).pipeline


def find(pipeline: Pipeline, to: str = COMMIT[:7]) -> EarlierDeployment:
    return rollback.find(pipeline, "x", "dev", to=to)


def refused(pipeline: Pipeline, to: str = COMMIT[:7]) -> str:
    with pytest.raises(OperateError) as said:
        find(pipeline, to)
    return str(said.value)


def test_rollback_finds_what_an_earlier_run_deployed(pipeline: Pipeline) -> None:
    found = find(pipeline)
    assert (found.execution, found.commit, found.template, found.now) == ("e1", COMMIT, EARLIER, NOW)
    assert (found.stage, found.missing, found.execution_role) == ("dev", (), STACK["RoleArn"])
    assert find(pipeline, "e1") == found


@pytest.mark.parametrize("to", ["e2", COMMIT[:6], "0000000"])
def test_rollback_refuses_what_is_no_run(pipeline: Pipeline, to: str) -> None:
    assert refused(pipeline, to).startswith(f"--to {to!r} is no execution and no commit (at least 7 characters of it)")


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "Failed"},
        {"input": {"resolvedConfiguration": STACK, "region": "us-east-1"}},
        {"input": {"resolvedConfiguration": STACK | {"RoleArn": OTHERS}, "region": "eu-west-1"}},
        {"input": {"resolvedConfiguration": STACK, "region": "eu-west-1", "roleArn": OTHERS}},
        {"input": {"configuration": STACK | {"StackName": "dev-y"}, "region": "eu-west-1"}},
        {"input": {"configuration": {"StackName": "dev-x"}, "region": "eu-west-1"}},
    ],
    ids=["failed", "another region", "another account", "another account's deployer", "another stack", "no template"],
)
def test_rollback_refuses_a_run_that_did_not_deploy_the_stack(
    pipeline: Pipeline, account: Account, changes: dict[str, Any]
) -> None:
    account.details = [account.details[0] | changes]
    assert refused(pipeline) == (f"{COMMIT[:7]} was never deployed to dev/x: only what ran there can be gone back to.")


def test_rollback_refuses_a_stack_that_the_pipeline_deploys_no_more(pipeline: Pipeline, account: Account) -> None:
    account.stages[1]["actions"][0]["region"] = "us-east-1"
    assert refused(pipeline) == "The pipeline deploys no stack dev-x any more."


def test_rollback_refuses_an_artifact_that_is_gone_or_has_no_template(pipeline: Pipeline, account: Account) -> None:
    account.files = {"other": ""}
    assert refused(pipeline) == f"The artifact of execution e1 has no {TEMPLATE}."
    account.refused["get_object"] = refusal("NoSuchKey", "It is gone.")
    assert refused(pipeline).startswith("The artifact s3://artifacts/one cannot be read: It is gone. An old one is")


def test_rollback_finds_files_that_are_gone_and_refuses_those_it_may_not_look_at(
    pipeline: Pipeline, account: Account
) -> None:
    sources = {"code": "asset.code", "template": "dev.template.json"}
    files = {
        name: {"source": {"path": path}, "destinations": {"x": {"bucketName": "b", "objectKey": name}}}
        for name, path in sources.items()
    }
    account.files[MANIFEST] = json.dumps({"files": files})
    assert find(pipeline).missing == ()
    account.refused["head_object"] = refusal("404")
    assert find(pipeline).missing == ("s3://b/code",)
    account.refused["head_object"] = refusal("403", "Forbidden")
    assert refused(pipeline) == "s3://b/code cannot be looked at: Forbidden"


def not_applied(pipeline: Pipeline, earlier: EarlierDeployment) -> str:
    with pytest.raises(OperateError) as said:
        rollback.apply(pipeline, earlier, why="it is wrong")
    return str(said.value)


def test_rollback_changes_nothing_while_the_stack_is_not_as_it_was_reviewed(
    pipeline: Pipeline, account: Account
) -> None:
    earlier = find(pipeline)
    account.template = EARLIER
    assert not_applied(pipeline, earlier) == (
        "Stack dev-x was deployed to since the way back was reviewed: look at it again."
    )
    account.status = "UPDATE_IN_PROGRESS"
    assert not_applied(pipeline, earlier).startswith("Stack dev-x is UPDATE_IN_PROGRESS: wait until")
    account.states = [state("dev", "InProgress", execution="e9")]
    assert not_applied(pipeline, earlier).startswith("Execution e9 is in stage dev and would deploy over it")
    assert (account.updated, account.records) == ({}, [])


def test_rollback_changes_nothing_that_it_cannot_record(pipeline: Pipeline, account: Account) -> None:
    account.refused["put_parameter"] = refusal("AccessDenied", "not yours")
    assert not_applied(pipeline, find(pipeline)).startswith("Stack dev-x: ")
    assert account.updated == {}


@pytest.mark.parametrize("role", [None, STACK["RoleArn"]])
def test_rollback_deploys_the_earlier_template_by_the_role_that_deployed_it(
    pipeline: Pipeline, account: Account, role: str | None
) -> None:
    account.details[0]["input"] |= {"resolvedConfiguration": STACK | {"RoleArn": role}, "roleArn": STACK["RoleArn"]}
    assert rollback.apply(pipeline, find(pipeline), why="it is wrong") is True
    assert (account.updated["TemplateBody"], account.updated.get("RoleARN")) == (EARLIER, role)
    assert account.records == ["BEGUN", "DONE"]


def test_rollback_says_that_nothing_had_to_change(pipeline: Pipeline, account: Account) -> None:
    account.refused["update_stack"] = refusal("ValidationError", "No updates are to be performed.")
    assert rollback.apply(pipeline, find(pipeline), why="it is wrong") is False
    assert account.records == ["BEGUN", "DONE"]


def test_rollback_that_fails_stays_begun_and_says_why(pipeline: Pipeline, account: Account) -> None:
    earlier = find(pipeline)
    account.refused["update_stack"] = refusal("AccessDenied", "not yours")
    assert not_applied(pipeline, earlier) == (
        "Stack dev-x: An error occurred (AccessDenied) when calling the Operation operation: not yours"
    )
    account.refused = {"wait": WaiterError(name="stack_update_complete", reason="it failed", last_response={})}
    account.status = "UPDATE_COMPLETE"
    assert not_applied(pipeline, earlier) == (
        "Stack dev-x could not be rolled back and is UPDATE_COMPLETE. CloudFormation gives no reason."
        " docs/repair.md says how to go on."
    )
    assert account.records == ["BEGUN", "BEGUN"]
