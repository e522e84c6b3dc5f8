"""CodePipeline's API as far as it only looks: pipelines, their state and their history."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.local.cloud.codepipeline.declaration import Stage
from pipeline.local.cloud.codepipeline.executions import SUPERSEDED, ActionRun, Execution
from pipeline.local.cloud.codepipeline.executor import Transition
from pipeline.local.cloud.codepipeline.pipelines import Pipelines
from pipeline.local.cloud.codepipeline.records import Pipeline
from pipeline.local.cloud.emulator import AwsError, Call, Json, Operation

LatestRuns = Mapping[tuple[str, str], ActionRun]
"""Stage and action -> its run that started last, in whichever execution."""


def operations(pipelines: Pipelines) -> Mapping[str, Operation]:
    """Return every operation that changes nothing, by name."""
    reading = _Reading(pipelines)
    return {
        name: lambda call, answer=answer: pipelines.read(lambda: answer(call))  # type: ignore[misc]  # the default binds the loop's value
        for name, answer in {
            "GetPipeline": reading.get_pipeline,
            "ListPipelines": reading.list_pipelines,
            "GetPipelineState": reading.get_pipeline_state,
            "GetPipelineExecution": reading.get_pipeline_execution,
            "ListPipelineExecutions": reading.list_pipeline_executions,
            "ListActionExecutions": reading.list_action_executions,
            "ListTagsForResource": reading.list_tags_for_resource,
        }.items()
    }


class _Reading:
    def __init__(self, pipelines: Pipelines) -> None:
        self._pipelines = pipelines

    def _pipeline(self, call: Call, key: str = "pipelineName") -> Pipeline:
        return self._pipelines.get(call.account, call.region, call.parameters[key])

    def get_pipeline(self, call: Call) -> Json:
        pipeline = self._pipeline(call, "name")
        version = call.parameters.get("version", pipeline.executor.version)
        if version not in pipeline.definitions:
            raise AwsError("PipelineVersionNotFoundException", f"Pipeline {pipeline.name} has no version {version}")
        return {
            "pipeline": pipeline.definitions[version],
            "metadata": {"pipelineArn": pipeline.arn, "created": pipeline.created, "updated": pipeline.updated},
        }

    def list_pipelines(self, call: Call) -> Json:
        found = [
            {
                "name": pipeline.name,
                "version": pipeline.executor.version,
                "pipelineType": pipeline.definition.get("pipelineType", "V1"),
                "executionMode": pipeline.executor.declaration.mode,
                "created": pipeline.created,
                "updated": pipeline.updated,
            }
            for pipeline in self._pipelines.all()
            if (pipeline.account, pipeline.region) == (call.account, call.region)
        ]
        return _page(call, "pipelines", sorted(found, key=lambda pipeline: str(pipeline["name"])))

    def get_pipeline_state(self, call: Call) -> Json:
        pipeline = self._pipeline(call, "name")
        latest = _latest_runs(pipeline)
        return {
            "pipelineName": pipeline.name,
            "pipelineVersion": pipeline.executor.version,
            "stageStates": [_stage_state(pipeline, stage, latest) for stage in pipeline.executor.declaration.stages],
            "created": pipeline.created,
            "updated": pipeline.updated,
        }

    def get_pipeline_execution(self, call: Call) -> Json:
        pipeline = self._pipeline(call)
        execution = pipeline.execution(call.parameters["pipelineExecutionId"])
        answer = _summary(execution) | {
            "pipelineName": pipeline.name,
            "pipelineVersion": execution.version,
            "artifactRevisions": [
                {
                    "name": name,
                    "revisionId": run.revision["id"],
                    "revisionSummary": run.revision.get("summary", ""),
                    "revisionUrl": run.revision.get("url", ""),
                    "created": run.updated,
                }
                for run in execution.runs
                if run.revision is not None
                for name in run.outputs
            ],
            "variables": [{"name": name, "resolvedValue": value} for name, value in execution.variables.items()],
        }
        for only_in_lists in ("startTime", "lastUpdateTime", "sourceRevisions", "stopTrigger"):
            answer.pop(only_in_lists, None)
        return {"pipelineExecution": answer}

    def list_pipeline_executions(self, call: Call) -> Json:
        pipeline = self._pipeline(call)
        executions = list(reversed(pipeline.executor.executions))
        wanted = call.parameters.get("filter", {}).get("succeededInStage", {}).get("stageName")
        if wanted is not None:
            # "Filter for pipeline executions where the stage was successful in the current pipeline version."
            version = pipeline.executor.version
            executions = [e for e in executions if e.version == version and e.stages.get(wanted) == "Succeeded"]
        return _page(call, "pipelineExecutionSummaries", [_summary(execution) for execution in executions])

    def list_action_executions(self, call: Call) -> Json:
        pipeline = self._pipeline(call)
        wanted = call.parameters.get("filter", {})
        only = wanted.get("pipelineExecutionId") or wanted.get("latestInPipelineExecution", {}).get(
            "pipelineExecutionId"
        )
        executions = pipeline.executor.executions if only is None else [pipeline.execution(only)]
        found = [(execution, run) for execution in executions for run in execution.runs]
        found.sort(key=lambda pair: pair[1].started, reverse=True)
        answer = _page(call, "actionExecutionDetails", found)
        shown = answer["actionExecutionDetails"]
        return answer | {
            "actionExecutionDetails": [_action_details(pipeline, execution, run) for execution, run in shown]
        }

    def list_tags_for_resource(self, call: Call) -> Json:
        name = call.parameters["resourceArn"].rpartition(":")[2]
        return {"tags": self._pipelines.get(call.account, call.region, name).tags}


def _page(call: Call, key: str, items: Sequence[Any]) -> Json:
    start = int(call.parameters.get("nextToken", "0"))
    size = call.parameters.get("maxResults", 100)
    answer: Json = {key: items[start : start + size]}
    if start + size < len(items):
        answer["nextToken"] = str(start + size)
    return answer


def _summary(execution: Execution) -> Json:
    answer: Json = {
        "pipelineExecutionId": execution.id,
        "status": execution.status,
        "startTime": execution.started,
        "lastUpdateTime": execution.updated,
        "sourceRevisions": [
            {
                "actionName": run.action,
                "revisionId": run.revision["id"],
                "revisionSummary": run.revision.get("summary", ""),
                "revisionUrl": run.revision.get("url", ""),
            }
            for run in execution.runs
            if run.revision is not None
        ],
        "trigger": {"triggerType": execution.trigger_type, "triggerDetail": execution.trigger_detail},
        "executionMode": execution.mode,
        "executionType": execution.kind,
    }
    if execution.status_summary:
        answer["statusSummary"] = execution.status_summary
    if execution.stop:
        answer["stopTrigger"] = {"reason": execution.stop_reason}
    if execution.rollback_target:
        answer["rollbackMetadata"] = {"rollbackTargetPipelineExecutionId": execution.rollback_target}
    return answer


def _latest_runs(pipeline: Pipeline) -> LatestRuns:
    runs: dict[tuple[str, str], ActionRun] = {}
    for execution in pipeline.executor.executions:
        for run in execution.runs:
            known = runs.get((run.stage, run.action))
            if known is None or run.started > known.started:
                runs[run.stage, run.action] = run
    return runs


def _stage_state(pipeline: Pipeline, stage: Stage, latest_runs: LatestRuns) -> Json:
    executor = pipeline.executor
    inbound = [
        e
        for e in executor.executions
        if e.live and e.waiting and executor.declarations[e.version].stages[e.position].name == stage.name
    ]
    answer: Json = {
        "stageName": stage.name,
        "inboundExecutions": [_reference(execution, "InProgress") for execution in inbound],
        "inboundTransitionState": _transition(executor.transitions.get(stage.name, Transition())),
        "actionStates": [
            _action_state(action.name, latest_runs.get((stage.name, action.name))) for action in stage.actions
        ],
    }
    if inbound:
        answer["inboundExecution"] = _reference(inbound[-1], "InProgress")
    entered = [e for e in executor.executions if stage.name in e.entered]
    if entered:
        latest = max(entered, key=lambda execution: execution.entered[stage.name])
        answer["latestExecution"] = _reference(latest, latest.stages[stage.name])
        if attempts := latest.retries.get(stage.name):
            answer["retryStageMetadata"] = {
                "autoStageRetryAttempt": attempts["automatic"],
                "manualStageRetryAttempt": attempts["manual"],
                "latestRetryTrigger": attempts["latest"],
            }
    return answer


def _reference(execution: Execution, status: str) -> Json:
    stopping = execution.status == "Stopping" and status == "InProgress"
    shown = "Stopping" if stopping else "Cancelled" if status == SUPERSEDED else status
    return {"pipelineExecutionId": execution.id, "status": shown, "type": execution.kind}


def _transition(transition: Transition) -> Json:
    answer: Json = {"enabled": transition.enabled}
    if transition.changed_at:
        answer |= {"lastChangedBy": transition.changed_by, "lastChangedAt": transition.changed_at}
    if not transition.enabled:
        answer["disabledReason"] = transition.reason
    return answer


def _action_state(action: str, run: ActionRun | None) -> Json:
    answer: Json = {"actionName": action}
    if run is None:
        return answer
    latest: Json = {"actionExecutionId": run.id, "status": run.status, "lastStatusChange": run.updated}
    for key, value in (
        ("summary", run.summary),
        ("token", run.token),
        ("lastUpdatedBy", run.updated_by),
        ("externalExecutionId", run.external_id),
        ("externalExecutionUrl", run.external_url),
    ):
        if value:
            latest[key] = value
    if run.error_code:
        latest["errorDetails"] = {"code": run.error_code, "message": run.error_message}
    answer["latestExecution"] = latest
    if run.external_url:
        answer["entityUrl"] = run.external_url
    if run.revision is not None:
        answer["currentRevision"] = {
            "revisionId": run.revision["id"],
            "revisionChangeId": run.revision["id"],
            "created": run.updated,
        }
    return answer


def _action_details(pipeline: Pipeline, execution: Execution, run: ActionRun) -> Json:
    declaration = pipeline.executor.declarations[execution.version]
    action = declaration.stages[declaration.position(run.stage)].action(run.action)
    given: Json = {
        "actionTypeId": {
            "category": action.category,
            "owner": action.owner,
            "provider": action.provider,
            "version": action.version,
        },
        "configuration": action.configuration,
        "resolvedConfiguration": run.configuration,
        "region": action.region or pipeline.region,
        "inputArtifacts": _artifacts(run.inputs),
    }
    for key, value in (("roleArn", action.role_arn), ("namespace", action.namespace)):
        if value:
            given[key] = value
    result: Json = {
        key: value
        for key, value in (
            ("externalExecutionId", run.external_id),
            ("externalExecutionSummary", run.summary),
            ("externalExecutionUrl", run.external_url),
        )
        if value
    }
    if run.error_code:
        result["errorDetails"] = {"code": run.error_code, "message": run.error_message}
    return {
        "pipelineExecutionId": execution.id,
        "actionExecutionId": run.id,
        "pipelineVersion": run.version,
        "stageName": run.stage,
        "actionName": run.action,
        "startTime": run.started,
        "lastUpdateTime": run.updated,
        "updatedBy": run.updated_by,
        "status": run.status,
        "input": given,
        "output": {
            "outputArtifacts": _artifacts(run.outputs),
            "executionResult": result,
            "outputVariables": run.variables,
        },
    }


def _artifacts(places: Mapping[str, Json]) -> list[Json]:
    return [
        {"name": name, "s3location": {"bucket": place["bucket"], "key": place["key"]}} for name, place in places.items()
    ]
