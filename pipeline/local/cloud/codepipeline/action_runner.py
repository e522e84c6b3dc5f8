"""Runs actions, each on a thread of its own, and tells the executor how they ended."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from pipeline.local.cloud.codepipeline.actions import approval, awslambda, cloudformation, codebuild, git, s3
from pipeline.local.cloud.codepipeline.executions import IN_PROGRESS, ActionOutcome, Execution
from pipeline.local.cloud.codepipeline.executor import Begin
from pipeline.local.cloud.codepipeline.faults import Faults
from pipeline.local.cloud.codepipeline.records import Pipeline
from pipeline.local.cloud.codepipeline.sessions import Caller, Sessions
from pipeline.local.cloud.codepipeline.variables import UnresolvedError, resolve
from pipeline.local.cloud.codepipeline.work import ActionFailedError, Done, Work, new_place, put_encrypted
from pipeline.local.cloud.emulator import AwsError, Emulator

RUNNERS: Mapping[str, Callable[[Work], Done]] = {
    "Source/S3": s3.run,
    "Source/CodeCommit": git.from_code_commit,
    "Source/CodeStarSourceConnection": git.from_connection,
    "Build/CodeBuild": codebuild.run,
    "Test/CodeBuild": codebuild.run,
    "Deploy/CloudFormation": cloudformation.run,
    "Approval/Manual": approval.ask,
    "Invoke/Lambda": awslambda.run,
}
"""Who does an action, by its category and provider."""
LONGEST_MESSAGE = 4000
"""Some errors quote the whole request, template included."""
DEFAULT_APPROVAL_MINUTES = 7 * 24 * 60
APPROVED = ActionOutcome(succeeded=True, summary="Approved by nobody: this local cloud was started with APPROVE=auto")

Finish = Callable[[Pipeline, str, str, ActionOutcome], None]
Report = Callable[[Pipeline, str, str, tuple[str, str, str]], None]


class ActionRunner:
    """Knows the threads; the executor knows what they mean."""

    def __init__(self, emulator: Emulator, finish: Finish, report: Report) -> None:
        self._emulator = emulator
        self._sessions = Sessions(emulator)
        self._faults = emulator.part(Faults)
        self._finish = finish
        self._report = report
        self._abandoned: dict[str, threading.Event] = {}
        self._timers: dict[str, threading.Timer] = {}
        self._copying = threading.Lock()

    def begin(self, pipeline: Pipeline, begin: Begin) -> None:
        """Start an action; its outcome comes later."""
        abandoned = self._abandoned[begin.run.id] = threading.Event()
        threading.Thread(
            target=self._run,
            args=(pipeline, begin, abandoned),
            daemon=True,
            name=f"codepipeline-{pipeline.name}-{begin.action.name}",
        ).start()

    def abandon(self, run_id: str) -> None:
        """Tell a running action that nobody waits for it any more."""
        if run_id in self._abandoned:
            self._abandoned.pop(run_id).set()
        if run_id in self._timers:
            self._timers.pop(run_id).cancel()

    def watch_approvals(self, pipeline: Pipeline, execution: Execution) -> None:
        """Let the approvals that wait fail when their time is up.

        Those that waited when the cloud ended are answered at once if it now approves by itself.
        """
        declaration = pipeline.executor.declarations[execution.version]
        for run in execution.runs:
            if run.status != IN_PROGRESS or run.id in self._timers:
                continue
            action = declaration.stages[declaration.position(run.stage)].action(run.action)
            if not action.waits_for_a_person:
                continue
            end = run.started + 60 * (action.timeout_minutes or DEFAULT_APPROVAL_MINUTES)
            expired = ActionOutcome(
                succeeded=False, error_code="TimeoutError", error_message="Failed due to manual approval timeout"
            )
            seconds, outcome = max(0.0, end - time.time()), expired
            if self._emulator.approves:
                seconds, outcome = 0.0, APPROVED
            timer = threading.Timer(seconds, self._finish, (pipeline, execution.id, run.id, outcome))
            timer.daemon = True
            self._timers[run.id] = timer
            timer.start()

    def let_approvals_expire(self, execution_id: str) -> None:
        """Let it be so late that the approvals have waited long enough which wait in an execution."""
        for timer in list(self._timers.values()):
            if execution_id in timer.args:
                timer.cancel()
                timer.function(*timer.args)

    def _run(self, pipeline: Pipeline, begin: Begin, abandoned: threading.Event) -> None:
        with self._emulator.within(pipeline.account, pipeline.region):
            outcome = self._outcome(pipeline, begin, abandoned)
        if outcome is None:
            self.watch_approvals(pipeline, begin.execution)
            return
        self._abandoned.pop(begin.run.id, None)
        self._finish(pipeline, begin.execution.id, begin.run.id, outcome)

    def _outcome(self, pipeline: Pipeline, begin: Begin, abandoned: threading.Event) -> ActionOutcome | None:
        """Say how it went; nothing for an approval, which has only begun."""
        try:
            self._faults.check(begin.stage.name, begin.action.name)
            done = RUNNERS[begin.action.kind](self._prepare(pipeline, begin, abandoned))
        except Exception as error:  # noqa: BLE001 - a fault of ours must fail the action, or it would run for ever
            return _failure(error)
        if begin.action.waits_for_a_person:
            return APPROVED if self._emulator.approves else None
        return ActionOutcome(succeeded=True, variables=done.variables, summary=done.summary, revision=done.revision)

    def _prepare(self, pipeline: Pipeline, begin: Begin, abandoned: threading.Event) -> Work:
        action, run, execution = begin.action, begin.run, begin.execution
        declaration = pipeline.executor.declarations[execution.version]
        region = action.region or pipeline.region
        run.configuration = resolve(action.configuration, execution)
        run.inputs = {name: self._in_region(pipeline, execution, place, region) for name, place in run.inputs.items()}
        run.outputs = {name: new_place(declaration, region, name) for name in action.outputs}
        revisions = [r.revision["id"] for r in execution.runs if r.revision is not None]
        return Work(
            emulator=self._emulator,
            sessions=self._sessions,
            declaration=declaration,
            account=pipeline.account,
            pipeline=pipeline.arn,
            home_region=pipeline.region,
            execution_id=execution.id,
            stage=begin.stage.name,
            action=action,
            run_id=run.id,
            token=run.token,
            configuration=run.configuration,
            inputs=run.inputs,
            outputs=run.outputs,
            source_version=revisions[0] if revisions else "",
            override=execution.overrides.get(action.name),
            abandoned=abandoned,
            report=lambda *told: self._report(pipeline, execution.id, run.id, told),
        )

    def _in_region(
        self, pipeline: Pipeline, execution: Execution, place: dict[str, str], region: str
    ) -> dict[str, str]:
        """Return where an artifact is for actions in a region: AWS copies it into that region's store first."""
        if place["region"] == region:
            return place
        declaration = pipeline.executor.declarations[execution.version]
        caller = Caller(pipeline=pipeline.arn, roles=(declaration.role_arn,))
        store = declaration.store(region)
        copy = {"bucket": store.bucket, "key": place["key"], "region": region}
        there = self._sessions.client("s3", caller, region)
        with self._copying:
            if not _is_there(there, copy):
                here = self._sessions.client("s3", caller, place["region"])
                body = here.get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read()
                put_encrypted(there, copy, body, store.encryption_key)
        return copy


def _is_there(s3: Any, place: dict[str, str]) -> bool:
    """Tell whether an earlier action's copy of an artifact is still there; its key is no other artifact's."""
    try:
        s3.head_object(Bucket=place["bucket"], Key=place["key"])
    except ClientError:
        return False
    return True


def _failure(error: Exception) -> ActionOutcome:
    """Return what an action that raised shows as its error."""
    code, message = "InternalError", repr(error)
    if isinstance(error, ActionFailedError):
        code, message = error.code, error.message
    elif isinstance(error, UnresolvedError):
        code, message = "InvalidVariable", str(error)
    elif isinstance(error, ClientError):
        details = error.response["Error"]
        code = "PermissionError" if details["Code"].startswith("AccessDenied") else "JobFailed"
        message = f"{error.operation_name}: {details['Message']} ({details['Code']})"
    elif isinstance(error, AwsError):
        code, message = "JobFailed", str(error)
    return ActionOutcome(succeeded=False, error_code=code, error_message=message[:LONGEST_MESSAGE])
