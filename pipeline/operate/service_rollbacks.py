"""Which `penstock rollback` takes back what a run changed of a service, where nothing goes back by itself.

By the pipeline's history: the run that changed the service's stack last, and the run before it that succeeded in the
whole stage. What failed there is nothing to go back to, although it deployed the service.
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.operate import holds, outputs
from pipeline.operate.next_step import penstock
from pipeline.operate.outputs import DeployedStack, Place
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.rollback import RECENT, SHORTEST_COMMIT, commit_of
from pipeline.operate.run import SUCCEEDED
from pipeline.operate.target import Target
from services.library.contract.names import entry_of

SHORT_COMMIT = 12
TOLERANCE = timedelta(seconds=1)
"""CodePipeline and CloudFormation do not round the same moment alike."""

Details = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceRollback:
    """What one service goes back to."""

    stage: str
    service: str
    changed_by: str
    """The execution that changed its stack last."""
    execution: str
    """The one before that succeeded in the stage; empty if there is none among those looked at."""
    to: str
    """It, or its commit, as `penstock rollback` takes it."""

    def command(self, why: str) -> str:
        """Return the command as it can be typed; empty if there is nothing to go back to."""
        if not self.execution:
            return ""
        reason = shlex.quote(holds.as_reason(why))
        return penstock("rollback", self.service, self.stage, "--to", self.to, "--why", reason)

    def to_json(self, why: str) -> dict[str, str]:
        """Return what `penstock status --json` prints of it."""
        found = {name: getattr(self, name) for name in ("stage", "service", "execution")}
        return {**found, "command": self.command(why)}


def of_run(pipeline: Pipeline, execution: str, stage: str) -> list[ServiceRollback]:
    """Return what goes back of what a run changed in a stage, or in all parts of it."""
    names = [each["name"] for each in pipeline.definition() if entry_of(each["name"]) == entry_of(stage)]
    there = [service for name in names for service in outputs.read(pipeline, name)]
    return [each for each in of_services(pipeline, there) if each.changed_by == execution]


def of_services(pipeline: Pipeline, services: Iterable[DeployedStack]) -> list[ServiceRollback]:
    """Return what each service goes back to; nothing of one that no run of those looked at has changed last."""
    try:
        summaries = pipeline.executions(RECENT)
        return list(find(services, summaries, lambda execution: _details(pipeline, execution), pipeline.target))
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)


def find(
    services: Iterable[DeployedStack], summaries: Details, details: Callable[[str], Details], target: Target
) -> Iterator[ServiceRollback]:
    """Yield it. `summaries`: of executions, newest first; `details`: an execution's actions, as CodePipeline tells."""
    wanted = {each.place: each for each in services if each.changed is not None}
    changed: dict[Place, Mapping[str, Any]] = {}
    for summary in summaries:
        if not wanted:
            return
        if not any(place in changed or _spans(summary, each.changed) for place, each in wanted.items()):
            continue  # its actions, which are a call of their own, say nothing
        its = details(summary["pipelineExecutionId"])
        for place, action in _deployments(its, target).items():
            service = wanted.get(place)
            if service is None:
                continue
            if place in changed:
                if _succeeded_in(its, action["stageName"]):
                    del wanted[place]
                    yield _rollback(service, changed[place], before=summary)
            elif _is_within(service.changed, action):
                if summary.get("executionType") == "ROLLBACK":
                    del wanted[place]  # it is back already
                changed[place] = summary
    yield from (_rollback(each, changed[place], before=None) for place, each in wanted.items() if place in changed)


def _rollback(
    service: DeployedStack, changed: Mapping[str, Any], *, before: Mapping[str, Any] | None
) -> ServiceRollback:
    execution, to = "", ""
    if before is not None:
        rolled_back = before.get("rollbackMetadata", {}).get("rollbackTargetPipelineExecutionId", "")
        execution, commit = rolled_back or before["pipelineExecutionId"], commit_of(before)
        # The newest run of a commit is what `penstock rollback` takes for it.
        is_clear = len(commit) >= SHORTEST_COMMIT and not rolled_back and commit != commit_of(changed)
        to = commit[:SHORT_COMMIT] if is_clear else execution
    return ServiceRollback(
        stage=service.stage,
        service=service.service,
        changed_by=changed["pipelineExecutionId"],
        execution=execution,
        to=to,
    )


def _details(pipeline: Pipeline, execution: str) -> Details:
    pages = pipeline.client.get_paginator("list_action_executions").paginate(
        pipelineName=pipeline.name, filter={"pipelineExecutionId": execution}
    )
    return [detail for page in pages for detail in page["actionExecutionDetails"]]


def _deployments(details: Details, target: Target) -> dict[Place, Mapping[str, Any]]:
    """Return the newest successful deployment of each stack."""
    found: dict[Place, Mapping[str, Any]] = {}
    for detail in sorted(details, key=_began):
        given = detail.get("input", {})
        configuration = given.get("resolvedConfiguration") or given.get("configuration", {})
        if detail["status"] == SUCCEEDED and "TemplatePath" in configuration:
            found[outputs.place_of(given, target)] = detail
    return found


def _succeeded_in(details: Details, stage: str) -> bool:
    """Return whether the last attempt at each action that the run has begun in a stage has succeeded."""
    latest = {each["actionName"]: each["status"] for each in sorted(details, key=_began) if each["stageName"] == stage}
    return set(latest.values()) == {SUCCEEDED}


def _spans(summary: Mapping[str, Any], moment: datetime | None) -> bool:
    """Return whether an execution may have done what was done at a moment."""
    return moment is not None and summary["startTime"] - TOLERANCE <= moment <= summary["lastUpdateTime"] + TOLERANCE


def _is_within(moment: datetime | None, action: Mapping[str, Any]) -> bool:
    return moment is not None and _began(action) - TOLERANCE <= moment <= action["lastUpdateTime"] + TOLERANCE


def _began(detail: Mapping[str, Any]) -> datetime:
    began: datetime = detail["startTime"]
    return began
