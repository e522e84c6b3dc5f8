"""What the pipeline did and what people did to it, read back: runs, actions, rollbacks, holds, each with its reason.

CodePipeline keeps runs and actions for 12 months, whatever becomes of the pipeline's definition meanwhile:
https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ListActionExecutions.html
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.operate import holds, rollback
from pipeline.operate.outputs import DeployedStack, Place, place_of
from pipeline.operate.pipeline import Pipeline, hotfix_of, message_of
from pipeline.operate.run import Hotfix

KEPT = timedelta(days=365)
"""How long CodePipeline keeps it."""
LOOKED_BACK = timedelta(days=30)
"""How far before a period the deployment is looked for that was the last one before it."""
STARTED_BY_CALL = "StartPipelineExecution"
"""How a run begins that may leave stages out; one that a push started enters all of them."""
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class PastRun:
    """One run of the pipeline, whatever it came to."""

    execution: str
    commit: str
    """Empty where the source tells none."""
    began: datetime
    rollback_target: str = ""
    """The execution that it rolls a stage back to; empty for every other run."""
    hotfix: Hotfix | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PastAction:
    """One attempt at one action of a run."""

    execution: str
    stage: str
    """Of the pipeline."""
    name: str
    category: str
    status: str
    began: datetime
    ended: datetime
    """When it changed last."""
    place: Place = ("", "", "")
    """Of the stack that it deploys; without a name if it deploys none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedRollback:
    """One service that `penstock rollback` brought back."""

    stage: str
    service: str
    commit: str
    why: str
    began: datetime
    ended: datetime | None
    """None if it failed, or was cut off."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedHold:
    """A time in which nothing might enter a stage of the pipeline."""

    stage: str
    why: str
    began: datetime
    ended: datetime | None
    """None while it lasts."""


@dataclass(frozen=True, kw_only=True)
class History:
    """What is known of a period, and of some time before it."""

    since: datetime
    """Of the period: not before the pipeline was created, nor before what CodePipeline keeps."""
    until: datetime
    read_from: datetime
    """What came before is not read."""
    runs: Mapping[str, PastRun]
    actions: Sequence[PastAction]
    """Oldest first."""
    rollbacks: Sequence[RecordedRollback]
    holds: Sequence[RecordedHold]


def read(pipeline: Pipeline, services: Sequence[DeployedStack], *, since: datetime, now: datetime) -> History:
    """Read the pipeline's history since then, and what was recorded of these services and of holds."""
    try:
        return _read(pipeline, services, since=since, now=now)
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)


def _read(pipeline: Pipeline, services: Sequence[DeployedStack], *, since: datetime, now: datetime) -> History:
    created = pipeline.client.get_pipeline(name=pipeline.name)["metadata"]["created"]
    since = max(since, created.astimezone(UTC), now - KEPT)
    read_from = max(since - LOOKED_BACK, now - KEPT)
    actions = sorted(_actions(pipeline, read_from), key=lambda each: each.began)
    executions = {each.execution for each in actions}
    return History(
        since=since,
        until=now,
        read_from=read_from,
        runs={each.execution: each for each in _runs(pipeline, executions)},
        actions=actions,
        rollbacks=list(_rollbacks(pipeline, services)),
        holds=list(_holds(pipeline)),
    )


def _actions(pipeline: Pipeline, earliest: datetime) -> Iterator[PastAction]:
    """Yield them newest first, as CodePipeline lists them."""
    for page in pipeline.client.get_paginator("list_action_executions").paginate(pipelineName=pipeline.name):
        details: Sequence[Any] = page["actionExecutionDetails"]
        for detail in details:
            if detail["startTime"] < earliest:
                return
            yield _action(pipeline, detail)


def _action(pipeline: Pipeline, detail: Mapping[str, Any]) -> PastAction:
    given = detail.get("input", {})
    return PastAction(
        execution=detail["pipelineExecutionId"],
        stage=detail["stageName"],
        name=detail["actionName"],
        category=given.get("actionTypeId", {}).get("category", ""),
        status=detail["status"],
        began=detail["startTime"],
        ended=detail.get("lastUpdateTime", detail["startTime"]),
        place=place_of(given, pipeline.target),
    )


def _runs(pipeline: Pipeline, executions: set[str]) -> Iterator[PastRun]:
    for page in pipeline.client.get_paginator("list_pipeline_executions").paginate(pipelineName=pipeline.name):
        summaries: Sequence[Any] = page["pipelineExecutionSummaries"]
        for summary in summaries:
            execution = summary["pipelineExecutionId"]
            if execution not in executions:
                continue
            called = summary.get("trigger", {}).get("triggerType") == STARTED_BY_CALL
            yield PastRun(
                execution=execution,
                commit=_commit(summary),
                began=summary["startTime"],
                rollback_target=summary.get("rollbackMetadata", {}).get("rollbackTargetPipelineExecutionId", ""),
                hotfix=_hotfix(pipeline, execution) if called else None,
            )


def _commit(summary: Mapping[str, Any]) -> str:
    """Return the commit of a run, or nothing; a source in S3 has it in front of its revision's message."""
    revision: Mapping[str, Any] = next(iter(summary.get("sourceRevisions", [])), {})
    words = (revision.get("revisionId", ""), message_of(revision.get("revisionSummary", "")).partition(" ")[0])
    return next((each for each in words if COMMIT.fullmatch(each)), "")


def _hotfix(pipeline: Pipeline, execution: str) -> Hotfix | None:
    found: Any = pipeline.client.get_pipeline_execution(pipelineName=pipeline.name, pipelineExecutionId=execution)
    return hotfix_of(found["pipelineExecution"])


def _rollbacks(pipeline: Pipeline, services: Sequence[DeployedStack]) -> Iterator[RecordedRollback]:
    recorded = set(_parameters(pipeline, rollback.RECORDS))
    for deployed in services:
        name = rollback.record_of(deployed)
        if name in recorded:
            yield from _rollbacks_of(deployed, list(_versions(pipeline, name)))


def _rollbacks_of(deployed: DeployedStack, records: Sequence[Mapping[str, Any]]) -> Iterator[RecordedRollback]:
    """Yield what was begun, and when it was done; what changed nothing was none."""
    for record, later in zip(records, [*records[1:], {}], strict=True):
        is_done = later.get("status") == rollback.DONE
        if record["status"] != rollback.BEGUN or (is_done and not later.get("changed", True)):
            continue
        yield RecordedRollback(
            stage=deployed.stage,
            service=deployed.service,
            commit=record["commit"],
            why=record["why"],
            began=datetime.fromisoformat(record["at"]),
            ended=datetime.fromisoformat(later["at"]) if is_done else None,
        )


def _holds(pipeline: Pipeline) -> Iterator[RecordedHold]:
    for name in _parameters(pipeline, holds.records_of(pipeline)):
        records = list(_versions(pipeline, name))
        for record, later in zip(records, [*records[1:], {}], strict=True):
            if record["held"]:
                yield RecordedHold(
                    stage=name.rpartition("/")[2],
                    why=record["why"],
                    began=datetime.fromisoformat(record["at"]),
                    ended=datetime.fromisoformat(later["at"]) if later else None,
                )


def _parameters(pipeline: Pipeline, path: str) -> Iterator[str]:
    pages = pipeline.target.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
    for page in pages:
        yield from (each["Name"] for each in page["Parameters"])


def _versions(pipeline: Pipeline, name: str) -> Iterator[Mapping[str, Any]]:
    """Yield what a parameter held, oldest first: its last 100 versions.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html
    """
    versions = [
        (each["Version"], json.loads(each["Value"]))
        for page in pipeline.target.client("ssm").get_paginator("get_parameter_history").paginate(Name=name)
        for each in page["Parameters"]
    ]
    yield from (record for _, record in sorted(versions, key=lambda each: each[0]))
