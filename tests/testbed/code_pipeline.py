"""CodePipeline in memory: the states and runs that a test gives it, and what it was asked to change."""

from collections.abc import Callable
from typing import Any

from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from pipeline.cli.connection import Connection
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.target import Target

CHANGES = (
    "put_approval_result",
    "retry_stage_execution",
    "stop_pipeline_execution",
    "start_pipeline_execution",
    "disable_stage_transition",
    "enable_stage_transition",
)
EXECUTION = "11111111-2222-3333-4444-555555555555"


def refusal(code: str, message: str = "said AWS") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class CodePipeline:
    """Every AWS API's client at once, as far as CodePipeline's is asked."""

    def __init__(self, *states: dict[str, Any]) -> None:
        self.states = list(states)
        self.executions: list[dict[str, Any]] = []
        self.stages: list[dict[str, Any]] = []
        self.details: list[dict[str, Any]] = []
        self.rules: str | None = None
        """What the gate of every stage judges by."""
        self.fails: Exception | None = None
        """What the next change is answered with."""
        self.changed: list[tuple[str, dict[str, Any]]] = []
        self.recorded: list[dict[str, Any]] = []
        """Parameters that were written."""

    def get_pipeline_state(self, **_asked: Any) -> dict[str, Any]:
        return {"stageStates": self.states}

    def list_pipeline_executions(self, **_asked: Any) -> dict[str, Any]:
        return {"pipelineExecutionSummaries": self.executions}

    def get_pipeline(self, **_asked: Any) -> dict[str, Any]:
        return {"pipeline": {"stages": self.stages}}

    def get_pipeline_execution(self, **_asked: Any) -> dict[str, Any]:
        return {"pipelineExecution": {"status": "InProgress", "pipelineVersion": 1}}

    def put_parameter(self, **asked: Any) -> None:
        self.recorded.append(asked)

    def get_parameter(self, **_asked: Any) -> dict[str, Any]:
        if self.rules is None:
            raise refusal("ParameterNotFound")
        return {"Parameter": {"Value": self.rules}}

    def get_paginator(self, operation: str) -> "CodePipeline":
        assert operation == "list_action_executions"
        return self

    def paginate(self, **_asked: Any) -> list[dict[str, Any]]:
        return [{"actionExecutionDetails": self.details}]

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        assert operation in CHANGES, operation

        def change(**asked: Any) -> dict[str, Any]:
            if self.fails:
                raise self.fails
            self.changed.append((operation, asked))
            return {"pipelineExecutionId": EXECUTION}

        return change


def connected(client: Any, *, endpoint: str | None = "http://127.0.0.1:1") -> Connection:
    """A pipeline all of whose clients are this one; no endpoint: on AWS."""
    target = Target(
        account="9" * 12,
        region="eu-west-1",
        endpoint=endpoint,
        _clients=lambda *_place: client,
        _assumed=lambda *_place: client,
        _credentials=lambda _account: Credentials("a", "b"),
    )
    return Connection(pipeline=Pipeline(target=target, name="penstock"), approves_by_itself=False)


def state(name: str, status: str = "Succeeded", *, execution: str = "e1", **more: Any) -> dict[str, Any]:
    """A stage's state, in CodePipeline's words."""
    return {
        "stageName": name,
        "latestExecution": {"pipelineExecutionId": execution, "status": status},
        "actionStates": [],
        **more,
    }


def waiting(name: str, *actions: str, execution: str = "e1") -> dict[str, Any]:
    """A stage in which approvals wait."""
    each = [{"actionName": action, "latestExecution": {"status": "InProgress", "token": "t"}} for action in actions]
    return state(name, "InProgress", actionStates=each, execution=execution)
