"""What starts pipelines by itself: pushes to repositories, events that EventBridge delivers, and new objects in S3."""

import contextvars
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.local.cloud.codecommit import git
from pipeline.local.cloud.codecommit.repositories import Repositories
from pipeline.local.cloud.codeconnections.remotes import Remotes
from pipeline.local.cloud.codepipeline.actions.s3 import REVISION_SUMMARY
from pipeline.local.cloud.codepipeline.declaration import Action
from pipeline.local.cloud.codepipeline.events import Bus, Event, publish
from pipeline.local.cloud.codepipeline.executions import Execution
from pipeline.local.cloud.codepipeline.globs import passes
from pipeline.local.cloud.codepipeline.pipelines import Pipelines
from pipeline.local.cloud.codepipeline.records import Pipeline
from pipeline.local.cloud.codepipeline.sessions import SESSION
from pipeline.local.cloud.emulator import AwsError, Emulator, Json, RuleDelivery
from pipeline.local.cloud.iam.permissions import Permissions

logger = logging.getLogger("penstock.codepipeline")

BUCKET = "s3://"
POLLS_BUCKET, POLLS_OBJECT = "s3:GetBucketVersioning", "s3:GetObject"
POLLS_REPOSITORY = ("codecommit:GetBranch", "codecommit:GetCommit")
"""What CodePipeline needs to see something new, in the role of the source action.

https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html
"""
ZIPPED_BRANCH = "main"
"""A bucket knows no branches."""
_started: contextvars.ContextVar[list[Json] | None] = contextvars.ContextVar("started", default=None)
"""Collects what a push starts by way of the event bus, for its answer."""


@dataclass(frozen=True, kw_only=True)
class Push:
    """New commits on a branch."""

    repository: str
    branch: str
    before: str
    after: str
    path: Path
    account: str = ""
    region: str = ""


class Triggers:
    """Get it by `emulator.part(Triggers)`."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._permissions = emulator.part(Permissions)
        self._pipelines = emulator.part(Pipelines)

    # A push

    def pushed(self, request: Json) -> Json:
        """`POST /_penstock/push`: start what follows the branch, at exactly the pushed commit.

        The request has `repository` (owner/name behind a connection, a CodeCommit name, or `s3://bucket/key` where a
        zip of each commit is put), `branch`, `before`, `after` and `path` (of the bare repository), and for CodeCommit
        `account` and `region` where several have one of that name. The answer has `executions`: pipeline, id, account
        and region of each execution started.
        """
        push = Push(
            repository=_text(request, "repository"),
            branch=_text(request, "branch"),
            before=_text(request, "before"),
            after=_text(request, "after"),
            path=Path(_text(request, "path")).resolve(),
            account=str(request.get("account", "")),
            region=str(request.get("region", "")),
        )
        try:
            git.commit(push.path, push.after)
        except git.GitError as error:
            raise AwsError("ValidationException", f"{push.path} has no commit {push.after}: {error}") from error
        token = _started.set([])
        try:
            if push.repository.startswith(BUCKET):
                self._pushed_to_bucket(push)
            elif "/" in push.repository:
                self._pushed_to_connection(push)
            else:
                self._pushed_to_code_commit(push)
            return {"executions": _started.get()}
        finally:
            _started.reset(token)

    def _pushed_to_connection(self, push: Push) -> None:
        self._emulator.part(Remotes).set_path(push.repository, push.path)
        for pipeline, action in self._sources("CodeStarSourceConnection"):
            if action.configuration["FullRepositoryId"] == push.repository and _triggered(pipeline, action, push):
                self._start(
                    pipeline,
                    "WebhookV2",
                    action.configuration["ConnectionArn"],
                    {action.name: {"type": "COMMIT_ID", "value": push.after}},
                )

    def _pushed_to_code_commit(self, push: Push) -> None:
        repositories = self._emulator.part(Repositories)
        places = [
            (account, region)
            for account, region in repositories.owners(push.repository)
            if push.account in ("", account) and push.region in ("", region)
        ]
        if len(places) != 1:
            found = ", ".join(f"{account} in {region}" for account, region in places) or "none"
            raise AwsError(
                "RepositoryDoesNotExistException",
                f"CodeCommit must have exactly one repository {push.repository}; there is {found}",
            )
        account, region = places[0]
        with self._emulator.within(account, region):
            repositories.move(push.repository, push.path)
            record = repositories.get(push.repository)
        publish(self._emulator, _repository_state_change(push, record, account, region))
        for pipeline, action in self._sources("CodeCommit"):
            wanted = (action.configuration["RepositoryName"], action.configuration["BranchName"])
            if (
                wanted == (push.repository, push.branch)
                and action.configuration.get("PollForSourceChanges", "true") == "true"
                and (_account_of(pipeline, action), action.region or pipeline.region) == (account, region)
                and self._may_poll(pipeline, action, dict.fromkeys(POLLS_REPOSITORY, str(record["Arn"])))
            ):
                self._start(
                    pipeline, "PollForSourceChanges", "", {action.name: {"type": "COMMIT_ID", "value": push.after}}
                )

    def _pushed_to_bucket(self, push: Push) -> None:
        """What somebody has to do whose repository no connection reaches: zip each commit of main, and upload it."""
        bucket, _, key = push.repository.removeprefix(BUCKET).partition("/")
        following = [
            pipeline
            for pipeline, action in self._sources("S3")
            if (action.configuration["S3Bucket"], action.configuration["S3ObjectKey"]) == (bucket, key)
        ]
        if push.branch != ZIPPED_BRANCH or not following:
            return
        message = git.commit(push.path, push.after).message.partition("\n")[0]
        summary = f"{push.after} {message}".encode("ascii", "replace").decode()  # as S3 has it in metadata
        known = {execution.id for pipeline in following for execution in pipeline.executor.executions}
        s3: Any = self._emulator.client("s3", account=following[0].account, region=following[0].region)
        s3.put_object(
            Bucket=bucket, Key=key, Body=git.archive(push.path, push.after), Metadata={REVISION_SUMMARY: summary}
        )
        self._emulator.part(Bus).drain()
        for pipeline in following:
            for execution in pipeline.executor.executions:
                if execution.id not in known:
                    _collect(pipeline, execution)

    # An event

    def delivered(self, delivery: RuleDelivery) -> None:
        """Start a pipeline that a rule targets, with the event's own revision: the HEAD "at the moment" of the push."""
        _, _, _, region, account, name = delivery.target.split(":", 5)
        pipeline = self._pipelines.get(account, region, name)
        overrides = {
            action.name: revision
            for action in pipeline.executor.declaration.sources()
            if (revision := _revision_of(delivery.event, action)) is not None
        }
        given = json.loads(delivery.payload) if delivery.payload else {}
        if isinstance(given, dict):
            overrides |= {
                each["actionName"]: {"type": each["revisionType"], "value": each["revisionValue"]}
                for each in given.get("sourceRevisions", [])
            }
        self._start(pipeline, "CloudWatchEvent", delivery.rule.get("Arn", ""), overrides)

    # A new object

    def object_made(self, account: str, region: str, bucket: str, key: str, version: str | None, call: str) -> None:
        """S3 has a new object: tell CloudTrail's rules, and start what polls for it."""
        following = [
            (pipeline, action)
            for pipeline, action in self._sources("S3")
            if (action.configuration["S3Bucket"], action.configuration["S3ObjectKey"]) == (bucket, key)
        ]
        if not following:
            return
        publish(self._emulator, _cloud_trail_event(account, region, bucket, key, version, call))
        for pipeline, action in following:
            polls = action.configuration.get("PollForSourceChanges", "true") == "true"
            needed = {POLLS_BUCKET: f"arn:aws:s3:::{bucket}", POLLS_OBJECT: f"arn:aws:s3:::{bucket}/{key}"}
            if polls and self._may_poll(pipeline, action, needed):
                overrides = {action.name: {"type": "S3_OBJECT_VERSION_ID", "value": version}} if version else {}
                self._start(pipeline, "PollForSourceChanges", "", overrides)

    def _may_poll(self, pipeline: Pipeline, action: Action, needed: Mapping[str, str]) -> bool:
        """Tell whether a pipeline sees what is new: who may not look starts nothing. `needed`: actions on what."""
        role = action.role_arn or pipeline.executor.declaration.role_arn
        calls = self._permissions.call_as_session(role, SESSION)
        refusal = next(filter(None, (calls.refusal(*each) for each in needed.items())), None)
        if refusal:
            logger.warning("%s does not see what is new: %s", pipeline.name, refusal)
        return refusal is None

    def _sources(self, provider: str) -> Iterator[tuple[Pipeline, Action]]:
        for pipeline in self._pipelines.all():
            for action in pipeline.executor.declaration.sources():
                if action.provider == provider:
                    yield pipeline, action

    def _start(self, pipeline: Pipeline, trigger: str, detail: str, overrides: dict[str, Json]) -> Execution:
        execution = self._pipelines.start(pipeline, trigger_type=trigger, trigger_detail=detail, overrides=overrides)
        _collect(pipeline, execution)
        return execution


def _collect(pipeline: Pipeline, execution: Execution) -> None:
    """Name an execution in the answer to the push that started it, if it was one."""
    collected = _started.get()
    if collected is not None:
        collected.append(
            {"pipeline": pipeline.name, "id": execution.id, "account": pipeline.account, "region": pipeline.region}
        )


def _triggered(pipeline: Pipeline, action: Action, push: Push) -> bool:
    """Tell whether a push starts a pipeline by a connection: its triggers decide if it has any, else DetectChanges."""
    declaration = pipeline.executor.declaration
    follows_the_branch = action.configuration["BranchName"] == push.branch
    if action.name not in declaration.triggered_actions:
        return follows_the_branch and action.configuration.get("DetectChanges", "true") == "true"
    for trigger in declaration.triggers:
        if trigger.source_action != action.name:
            continue
        branch_passes = follows_the_branch if trigger.branches is None else passes(trigger.branches, [push.branch])
        if branch_passes and (
            trigger.file_paths is None
            or passes(trigger.file_paths, git.changed_files(push.path, push.before, push.after))
        ):
            return True
    return False


def _account_of(pipeline: Pipeline, action: Action) -> str:
    """Return the account that an action acts in: that of its role."""
    return action.role_arn.split(":")[4] if action.role_arn else pipeline.account


def _revision_of(event: Json, action: Action) -> Json | None:
    """Return the revision of a source that an event is about, if it is about that source."""
    detail = json.loads(event["Detail"])
    wanted = action.configuration
    if event["Source"] == "aws.codecommit" and action.provider == "CodeCommit":
        pushed = (detail.get("repositoryName"), detail.get("referenceName"))
        follows = pushed == (wanted["RepositoryName"], wanted["BranchName"])
        return {"type": "COMMIT_ID", "value": detail["commitId"]} if follows else None
    if event["Source"] == "aws.s3" and action.provider == "S3":
        asked = detail.get("requestParameters", {})
        bucket = detail.get("bucket", {}).get("name") or asked.get("bucketName")
        key = detail.get("object", {}).get("key") or asked.get("key")
        version = detail.get("object", {}).get("version-id") or (detail.get("responseElements") or {}).get(
            "x-amz-version-id"
        )
        if (bucket, key) == (wanted["S3Bucket"], wanted["S3ObjectKey"]) and version:
            return {"type": "S3_OBJECT_VERSION_ID", "value": version}
    return None


def _repository_state_change(push: Push, record: Json, account: str, region: str) -> Event:
    """https://docs.aws.amazon.com/codecommit/latest/userguide/monitoring-events.html"""
    is_new = push.before == git.NOTHING
    detail = {
        "event": "referenceCreated" if is_new else "referenceUpdated",
        "repositoryName": push.repository,
        "repositoryId": record["repositoryId"],
        "referenceType": "branch",
        "referenceName": push.branch,
        "referenceFullName": f"refs/heads/{push.branch}",
        "commitId": push.after,
        "callerUserArn": f"arn:aws:iam::{account}:root",
    }
    if not is_new:
        detail["oldCommitId"] = push.before
    return Event(
        account=account,
        region=region,
        source="aws.codecommit",
        detail_type="CodeCommit Repository State Change",
        detail=detail,
        resources=(record["Arn"],),
    )


def _cloud_trail_event(account: str, region: str, bucket: str, key: str, version: str | None, call: str) -> Event:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/create-cloudtrail-S3-source-console.html"""
    detail: Json = {
        "eventSource": "s3.amazonaws.com",
        "eventName": call,
        "awsRegion": region,
        "requestParameters": {"bucketName": bucket, "key": key},
        "responseElements": {"x-amz-version-id": version} if version else None,
        "resources": [
            {"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{bucket}/{key}"},
            {"type": "AWS::S3::Bucket", "accountId": account, "ARN": f"arn:aws:s3:::{bucket}"},
        ],
    }
    return Event(
        account=account, region=region, source="aws.s3", detail_type="AWS API Call via CloudTrail", detail=detail
    )


def _text(request: Json, key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str) or not value:
        raise AwsError("ValidationException", f"a push needs {key}")
    return value
