"""The deployed pipeline, and its runs as CodePipeline's API tells of them."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.operate.errors import OperateError
from pipeline.operate.run import (
    FAILED,
    IN_PROGRESS,
    LIVE,
    NOT_STARTED,
    SKIPPED,
    STOPPED,
    SUCCEEDED,
    WAITING,
    Action,
    Hold,
    Hotfix,
    Run,
    Stage,
)
from pipeline.operate.target import Target
from services.library.contract.names import EVERY_STAGE, REASON_VARIABLE, STAGES_VARIABLE, entry_of

if TYPE_CHECKING:
    from mypy_boto3_codepipeline import CodePipelineClient

MOST_PAGES = 40
"""Of executions that are read, however far back one is looked for."""


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """The deployed pipeline."""

    target: Target
    name: str
    _structures: dict[int, list[Any]] = field(default_factory=dict, repr=False)

    @cached_property
    def client(self) -> "CodePipelineClient":
        """CodePipeline's API where the pipeline is, by one client: whoever follows a run asks it again and again."""
        client: CodePipelineClient = self.target.client("codepipeline")
        return client

    def latest(self) -> str:
        """Return the execution that started last."""
        summaries = self.executions(1)
        if not summaries:
            raise OperateError(f"Pipeline {self.name} has not run yet. Push to its branch, or run `penstock start`.")
        return str(summaries[0]["pipelineExecutionId"])

    def executions(self, count: int, *, back_to: Collection[str] = ()) -> Sequence[Mapping[str, Any]]:
        """Return CodePipeline's summaries of the latest executions, newest first.

        `back_to`: executions that are looked for further back, if they are not among so many.
        """
        found: list[Any] = []
        more: dict[str, Any] = {}
        try:
            for _ in range(MOST_PAGES):
                answer = self.client.list_pipeline_executions(pipelineName=self.name, maxResults=count, **more)
                found += answer["pipelineExecutionSummaries"]
                is_missing = not {each["pipelineExecutionId"] for each in found}.issuperset(back_to)
                if "nextToken" not in answer or (len(found) >= count and not is_missing):
                    break
                more = {"nextToken": answer["nextToken"]}
        except (ClientError, EndpointConnectionError) as error:
            self.explain(error)
        return found if back_to else found[:count]

    def read(self, execution: str | None = None) -> Run:
        """Return one execution, or the latest, as it is now."""
        wanted = execution or self.latest()
        try:
            found: Any = self.client.get_pipeline_execution(pipelineName=self.name, pipelineExecutionId=wanted)
            details: list[Any] = []
            for page in self.client.get_paginator("list_action_executions").paginate(
                pipelineName=self.name, filter={"pipelineExecutionId": wanted}
            ):
                details += page["actionExecutionDetails"]
        except (ClientError, EndpointConnectionError) as error:
            self.explain(error)
        about = found["pipelineExecution"]
        status = about["status"]
        states = self.states()
        holds = {state["stageName"]: hold_of(state) for state in states}
        hotfix = hotfix_of(about)
        stages = tuple(
            replace(
                stage,
                hold=holds.get(stage.name),
                status=SKIPPED if _is_left_out(stage, declared, hotfix) else stage.status,
            )
            for declared in self.definition(about["pipelineVersion"])
            for stage in [_stage(declared, details, region=self.target.region, is_live=status in LIVE)]
        )
        actions = [action for stage in stages for action in stage.actions]
        reason = about.get("statusSummary", "")
        if status == IN_PROGRESS and _only_waits(actions):
            status = WAITING
        elif status == IN_PROGRESS and all(action.status != IN_PROGRESS for action in actions):
            held_up = _held_up(wanted, states)
            status, reason = (WAITING, held_up) if held_up else (status, reason)
        revision: Mapping[str, Any] = next(iter(about.get("artifactRevisions", [])), {})
        return Run(
            pipeline=self.name,
            execution=wanted,
            status=status,
            commit=revision.get("revisionId", ""),
            message=message_of(revision.get("revisionSummary", "")),
            started=min((action.started for action in actions if action.started), default=None),
            stages=stages,
            reason=reason,
            hotfix=hotfix,
        )

    def states(self) -> list[Any]:
        """Return CodePipeline's state of each stage, whichever executions are in them."""
        try:
            return list(self.client.get_pipeline_state(name=self.name)["stageStates"])
        except (ClientError, EndpointConnectionError) as error:
            self.explain(error)

    def definition(self, version: int | None = None) -> list[Any]:
        """Return the stages that the pipeline declares, now or in one version."""
        if version is not None and version in self._structures:
            return self._structures[version]
        try:
            arguments: dict[str, Any] = {} if version is None else {"version": version}
            found = self.client.get_pipeline(name=self.name, **arguments)
        except (ClientError, EndpointConnectionError) as error:
            self.explain(error)
        stages: list[Any] = list(found["pipeline"]["stages"])
        if version is not None:
            self._structures[version] = stages
        return stages

    def explain(self, error: ClientError | EndpointConnectionError) -> NoReturn:
        """Raise the error in the words of whoever typed the command."""
        if isinstance(error, EndpointConnectionError):
            if self.target.is_local:
                raise OperateError(f"{self.target.endpoint} does not answer. `make up` starts the local cloud.")
            raise OperateError(f"AWS does not answer: {error}") from error
        details = error.response["Error"]
        said = details.get("Message", "")
        if details.get("Code") == "PipelineNotFoundException":
            remedy = "`make up` deploys it." if self.target.is_local else "docs/aws.md shows its first deployment."
            said = f"There is no pipeline {self.name!r} in {self.target.title}. {remedy}"
        elif details.get("Code") == "PipelineExecutionNotFoundException":
            said = f"Pipeline {self.name} has no such execution: {said}"
        raise OperateError(said) from error


def _held_up(execution: str, states: Sequence[Mapping[str, Any]]) -> str:
    """Return what a person must do before an execution in front of a stage goes on; empty if nothing."""
    for state in states:
        inbound = [each["pipelineExecutionId"] for each in state.get("inboundExecutions", [])]
        inbound.append(state.get("inboundExecution", {}).get("pipelineExecutionId", ""))
        if execution not in inbound:
            continue
        stage, hold = state["stageName"], hold_of(state)
        if hold is not None:
            return f"{stage} is held: {hold.why}"
        before = state.get("latestExecution", {}).get("pipelineExecutionId", "")
        if any(approvals_of(state)):
            return f"execution {before} is before it in {stage} and waits for approval"
    return ""


def approvals_of(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the approvals that wait in a stage, by CodePipeline's state of it: each action, and its token."""
    for action in state["actionStates"]:
        latest = action.get("latestExecution", {})
        if latest.get("status") == IN_PROGRESS and "token" in latest:
            yield action["actionName"], latest["token"]


def hold_of(state: Mapping[str, Any]) -> Hold | None:
    """Return why nothing may enter a stage, by CodePipeline's state of it; None if executions may."""
    transition = state.get("inboundTransitionState", {})
    if transition.get("enabled", True):
        return None
    return Hold(
        why=transition.get("disabledReason", ""),
        by=transition.get("lastChangedBy", ""),
        since=transition.get("lastChangedAt"),
    )


def _is_left_out(stage: Stage, declared: Mapping[str, Any], hotfix: Hotfix | None) -> bool:
    """Return whether a run names other stages, which CodePipeline tells for the last run in a stage alone."""
    if hotfix is None or "beforeEntry" not in declared or any(each.status != NOT_STARTED for each in stage.actions):
        return False
    return entry_of(stage.name) not in hotfix.stages and stage.name not in hotfix.stages


def hotfix_of(execution: Mapping[str, Any]) -> Hotfix | None:
    """Return which stages a run enters, by its variables as CodePipeline tells them; None if it leaves none out."""
    variables = {each["name"]: each["resolvedValue"] for each in execution.get("variables", [])}
    stages = variables.get(STAGES_VARIABLE, EVERY_STAGE)
    if stages == EVERY_STAGE:
        return None
    return Hotfix(stages=tuple(stages.split(",")), why=variables.get(REASON_VARIABLE, ""))


def _stage(declared: Mapping[str, Any], details: Sequence[Mapping[str, Any]], *, region: str, is_live: bool) -> Stage:
    name = declared["name"]
    latest: dict[str, Mapping[str, Any]] = {}
    for detail in details:
        if detail["stageName"] != name:
            continue
        known = latest.get(detail["actionName"])
        if known is None or detail["startTime"] > known["startTime"]:
            latest[detail["actionName"]] = detail
    ordered = sorted(declared["actions"], key=lambda action: action.get("runOrder", 1))
    actions = tuple(_action(name, action, latest.get(action["name"]), region) for action in ordered)
    return Stage(name=name, status=_stage_status(actions, is_live=is_live), actions=actions)


def _action(stage: str, declared: Mapping[str, Any], detail: Mapping[str, Any] | None, region: str) -> Action:
    kind = declared["actionTypeId"]
    known: dict[str, Any] = {
        "stage": stage,
        "name": declared["name"],
        "provider": kind["provider"],
        "category": kind["category"],
        "configuration": declared.get("configuration", {}),
        "region": declared.get("region", region),
        "role": declared.get("roleArn"),
    }
    if detail is None:
        return Action(**known)
    result = detail.get("output", {}).get("executionResult", {})
    given = detail.get("input", {})
    error = result.get("errorDetails", {})
    known["configuration"] = given.get("resolvedConfiguration") or known["configuration"]
    known["role"] = given.get("roleArn") or known["role"]
    return Action(
        **known,
        status=detail["status"],
        started=detail.get("startTime"),
        updated=detail.get("lastUpdateTime"),
        summary=_first_line(result.get("externalExecutionSummary", "")),
        error=error.get("message", "") if detail["status"] != SUCCEEDED else "",
        url=result.get("externalExecutionUrl", ""),
        external_id=result.get("externalExecutionId", ""),
    )


def _stage_status(actions: Sequence[Action], *, is_live: bool) -> str:
    """Return a stage's status by its actions: CodePipeline keeps it only for the last execution in a stage."""
    statuses = {action.status for action in actions}
    if _only_waits(actions):
        return WAITING
    for decisive in (IN_PROGRESS, FAILED):
        if decisive in statuses:
            return decisive
    if len(statuses) == 1 and statuses <= {SUCCEEDED, NOT_STARTED}:
        return statuses.pop()
    return IN_PROGRESS if is_live else STOPPED


def _only_waits(actions: Sequence[Action]) -> bool:
    going_on = [action for action in actions if action.status == IN_PROGRESS]
    return bool(going_on) and all(action.waits_for_a_person for action in going_on)


def message_of(summary: str) -> str:
    """Return a revision's first line; a connection wraps it in JSON, beside the provider's name."""
    try:
        wrapped = json.loads(summary)
    except ValueError:
        return _first_line(summary)
    return _first_line(
        wrapped["CommitMessage"] if isinstance(wrapped, dict) and "CommitMessage" in wrapped else summary
    )


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
