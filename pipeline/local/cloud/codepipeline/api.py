"""CodePipeline's API: what changes pipelines and their executions. `reading.py` has what only looks."""

from collections.abc import Callable, Mapping
from typing import cast

from pipeline.local.cloud.codepipeline import reading
from pipeline.local.cloud.codepipeline.declaration import InvalidDeclarationError, RetryMode
from pipeline.local.cloud.codepipeline.events import Bus, api_call
from pipeline.local.cloud.codepipeline.executions import IN_PROGRESS, ActionOutcome, ActionRun, Execution
from pipeline.local.cloud.codepipeline.executor import Effect, Executor, RefusedError, Transition
from pipeline.local.cloud.codepipeline.jobs import Jobs
from pipeline.local.cloud.codepipeline.pipelines import Pipelines
from pipeline.local.cloud.codepipeline.records import Pipeline
from pipeline.local.cloud.codepipeline.shape import from_api
from pipeline.local.cloud.emulator import AwsError, Call, Emulator, Json, Operation
from pipeline.local.cloud.iam.patches import Refusal, caller, signature


def operations(emulator: Emulator) -> Mapping[str, Operation]:
    """Return every operation, by name."""
    api = _Api(emulator)
    answers: Mapping[str, Operation] = {
        "CreatePipeline": api.create_pipeline,
        "UpdatePipeline": api.update_pipeline,
        "DeletePipeline": api.delete_pipeline,
        "StartPipelineExecution": api.start_pipeline_execution,
        "StopPipelineExecution": api.stop_pipeline_execution,
        "RetryStageExecution": api.retry_stage_execution,
        "RollbackStage": api.rollback_stage,
        "PutApprovalResult": api.put_approval_result,
        "DisableStageTransition": api.disable_stage_transition,
        "EnableStageTransition": api.enable_stage_transition,
        "OverrideStageCondition": api.override_stage_condition,
        "PutJobSuccessResult": api.put_job_success_result,
        "PutJobFailureResult": api.put_job_failure_result,
        "TagResource": api.tag_resource,
        "UntagResource": api.untag_resource,
        **reading.operations(emulator.part(Pipelines)),
    }
    return {name: _translated(answer) for name, answer in answers.items()}


def _translated(answer: Operation) -> Operation:
    """Return the operation, with refusals as the errors that AWS answers."""

    def translated(call: Call) -> Json:
        try:
            return answer(call)
        except (InvalidDeclarationError, RefusedError) as error:
            raise AwsError(error.code, error.message) from error
        except KeyError as error:
            raise AwsError("ValidationException", f"{call.operation} lacks {error}") from error

    return translated


class _Api:
    def __init__(self, emulator: Emulator) -> None:
        self._pipelines = emulator.part(Pipelines)
        self._jobs = emulator.part(Jobs)
        self._bus = emulator.part(Bus)

    def _pipeline(self, call: Call, key: str = "pipelineName") -> Pipeline:
        return self._pipelines.get(call.account, call.region, call.parameters[key])

    def create_pipeline(self, call: Call) -> Json:
        definition = from_api(call.parameters["pipeline"])
        tags = call.parameters.get("tags", [])
        pipeline = self._pipelines.create(call.account, call.region, definition, tags=tags, restarts_on_update=False)
        self._pipelines.start(pipeline, trigger_type="CreatePipeline")
        return {"pipeline": pipeline.definition, "tags": tags}

    def update_pipeline(self, call: Call) -> Json:
        definition = from_api(call.parameters["pipeline"])
        pipeline = self._pipelines.get(call.account, call.region, definition["name"])
        self._pipelines.update(pipeline, definition)
        return {"pipeline": pipeline.definition}

    def delete_pipeline(self, call: Call) -> Json:
        try:
            pipeline = self._pipeline(call, "name")
        except AwsError:
            return {}
        self._pipelines.delete(pipeline)
        return {}

    def start_pipeline_execution(self, call: Call) -> Json:
        pipeline = self._pipeline(call, "name")
        declaration = pipeline.executor.declaration
        variables = {each["name"]: each["value"] for each in call.parameters.get("variables", [])}
        if unknown := variables.keys() - declaration.variables.keys():
            raise AwsError("ValidationException", f"The pipeline declares no variable {', '.join(sorted(unknown))}")
        required = {name for name, default in declaration.variables.items() if default is None}
        if missing := required - variables.keys():
            raise AwsError("ValidationException", f"Variables without a value: {', '.join(sorted(missing))}")
        overrides = {
            each["actionName"]: {"type": each["revisionType"], "value": each["revisionValue"]}
            for each in call.parameters.get("sourceRevisions", [])
        }
        if unknown := overrides.keys() - {action.name for action in declaration.sources()}:
            raise AwsError("ValidationException", f"There is no source action {', '.join(sorted(unknown))}")
        execution = self._pipelines.start(
            pipeline,
            trigger_type="StartPipelineExecution",
            trigger_detail=f"arn:aws:iam::{call.account}:root",
            token=call.parameters.get("clientRequestToken", ""),
            variables=variables,
            overrides=overrides,
        )
        return {"pipelineExecutionId": execution.id}

    def stop_pipeline_execution(self, call: Call) -> Json:
        execution_id = call.parameters["pipelineExecutionId"]
        abandon = call.parameters.get("abandon", False)
        reason = call.parameters.get("reason", "")
        self._pipelines.change(
            self._pipeline(call), lambda executor: executor.stop(execution_id, abandon=abandon, reason=reason)
        )
        return {"pipelineExecutionId": execution_id}

    def retry_stage_execution(self, call: Call) -> Json:
        stage, execution_id = call.parameters["stageName"], call.parameters["pipelineExecutionId"]
        mode = cast("RetryMode", call.parameters["retryMode"])
        if mode not in ("FAILED_ACTIONS", "ALL_ACTIONS"):
            raise AwsError("ValidationException", f"retryMode is {mode}; it can be FAILED_ACTIONS or ALL_ACTIONS")
        pipeline = self._pipeline(call)
        _check_stage(pipeline, stage)
        self._pipelines.change(pipeline, lambda executor: executor.retry(stage, execution_id, mode))
        return {"pipelineExecutionId": execution_id}

    def rollback_stage(self, call: Call) -> Json:
        stage, target = call.parameters["stageName"], call.parameters["targetPipelineExecutionId"]
        pipeline = self._pipeline(call)
        _check_stage(pipeline, stage)
        made: list[str] = []

        def roll_back(executor: Executor) -> list[Effect]:
            execution = executor.roll_back(stage, target, "ManualRollback", f"arn:aws:iam::{call.account}:root")
            made.append(execution.id)
            return executor.start(execution)

        self._pipelines.change(pipeline, roll_back)
        return {"pipelineExecutionId": made[0]}

    def put_approval_result(self, call: Call) -> Json:
        pipeline = self._pipeline(call)
        stage, action = call.parameters["stageName"], call.parameters["actionName"]
        result, token = call.parameters["result"], call.parameters["token"]
        _check_stage(pipeline, stage)
        approved = result["status"] == "Approved"
        outcome = ActionOutcome(
            succeeded=approved,
            summary=result["summary"],
            error_code="" if approved else "ApprovalRejected",
            error_message="" if approved else f"The approval was rejected: {result['summary']}",
        )
        answered: list[ActionRun] = []

        def answer(executor: Executor) -> list[Effect]:
            execution, run = _waiting_approval(executor, stage, action, token)
            run.updated_by = _who(call)
            answered.append(run)
            return executor.finish(execution.id, run.id, outcome)

        self._pipelines.change(pipeline, answer)
        self._pipelines.has_ended(answered[0].id)
        return {"approvedAt": answered[0].updated}

    def disable_stage_transition(self, call: Call) -> Json:
        return self._transition(call, enabled=False, reason=call.parameters["reason"])

    def enable_stage_transition(self, call: Call) -> Json:
        return self._transition(call, enabled=True, reason="")

    def _transition(self, call: Call, *, enabled: bool, reason: str) -> Json:
        if call.parameters["transitionType"] != "Inbound":
            raise AwsError("ValidationException", "Only Inbound transitions can be disabled")
        pipeline = self._pipeline(call)
        stage = call.parameters["stageName"]
        _check_stage(pipeline, stage)
        transition = Transition(enabled=enabled, reason=reason, changed_by=f"arn:aws:iam::{call.account}:root")
        self._pipelines.change(pipeline, _set_transition(stage, transition))
        self._bus.put(api_call(call.operation, call.parameters, account=call.account, region=call.region))
        return {}

    @staticmethod
    def override_stage_condition(_call: Call) -> Json:
        raise AwsError("ConditionNotOverridableException", "A condition whose result is SKIP cannot be overridden")

    def put_job_success_result(self, call: Call) -> Json:
        self._jobs.succeeded(call.parameters)
        return {}

    def put_job_failure_result(self, call: Call) -> Json:
        self._jobs.failed(call.parameters)
        return {}

    def tag_resource(self, call: Call) -> Json:
        pipeline = self._tagged(call)
        added = {tag["key"]: tag["value"] for tag in call.parameters["tags"]}
        kept = {tag["key"]: tag["value"] for tag in pipeline.tags} | added
        pipeline.tags = [{"key": key, "value": value} for key, value in kept.items()]
        return {}

    def untag_resource(self, call: Call) -> Json:
        pipeline = self._tagged(call)
        pipeline.tags = [tag for tag in pipeline.tags if tag["key"] not in call.parameters["tagKeys"]]
        return {}

    def _tagged(self, call: Call) -> Pipeline:
        return self._pipelines.get(call.account, call.region, call.parameters["resourceArn"].rpartition(":")[2])


def _who(call: Call) -> str:
    """Return the ARN of whoever signed the request, which was decided to be allowed already."""
    signed = signature(call.headers)
    token = call.headers.get("x-amz-security-token", "")
    found = signed if isinstance(signed, Refusal) else caller(signed.access_key, token)
    return f"arn:aws:iam::{call.account}:root" if isinstance(found, Refusal) else found.arn


def _waiting_approval(executor: Executor, stage: str, action: str, token: str) -> tuple[Execution, ActionRun]:
    """Find the approval that a token is for. It works once: an approval that is answered has no token any more."""
    waiting = [
        (execution, run)
        for execution in executor.executions
        for run in execution.runs
        if (run.stage, run.action) == (stage, action) and run.token and run.status == IN_PROGRESS
    ]
    if not waiting:
        raise AwsError("ApprovalAlreadyCompletedException", f"No approval of {action} in stage {stage} waits")
    for execution, run in waiting:
        if run.token == token:
            return execution, run
    raise AwsError("InvalidApprovalTokenException", "The token is not that of the approval that waits")


def _set_transition(stage: str, transition: Transition) -> Callable[[Executor], list[Effect]]:
    def set_it(executor: Executor) -> list[Effect]:
        transition.changed_at = executor.now()
        return executor.set_transition(stage, transition)

    return set_it


def _check_stage(pipeline: Pipeline, stage: str) -> None:
    if stage not in {each.name for each in pipeline.executor.declaration.stages}:
        raise AwsError("StageNotFoundException", f"Pipeline {pipeline.name} has no stage {stage}")
