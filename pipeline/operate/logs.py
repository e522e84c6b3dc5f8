"""What an action printed: the log of its build, or the events of its stack that failed."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipeline.operate.errors import OperateError, suggested
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import FAILED, IN_PROGRESS, NOT_STARTED, Action, Run
from pipeline.operate.target import account_of

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_codebuild import CodeBuildClient
    from mypy_boto3_logs import CloudWatchLogsClient

BUILD, STACK = "CodeBuild", "CloudFormation"
NARRATION = "[Container] "
"""How CodeBuild marks what it says itself, between the lines that a build's commands print."""


def choose(run: Run, wanted: str | None) -> Action:
    """Choose an action by its name, by stage/name, or by none: the one that failed, runs, or printed last."""
    if wanted is None:
        begun = [action for action in run.actions if action.started is not None]
        for status in (FAILED, IN_PROGRESS):
            for action in begun:
                if action.status == status:
                    return action
        builds = [action for action in begun if action.provider == BUILD]
        if not builds:
            raise OperateError("Nothing has been built in this run yet, so there is no log.")
        return builds[-1]
    found = [action for action in run.actions if wanted in (action.name, action.full_name)]
    if not found:
        known = ", ".join(action.full_name for action in run.actions)
        services = {action.name.partition(".")[0] for action in run.actions if action.provider == STACK}
        if wanted in services:
            raise OperateError(f"{wanted} is a service: with --stage you see what it logs there. Actions: {known}.")
        names = {*services, *(each for action in run.actions for each in (action.name, action.full_name))}
        raise OperateError(f"This run has no action {wanted}; it has {known}.{suggested(wanted, names)}")
    if len(found) > 1:
        raise OperateError(
            f"Several stages have an action {wanted}: say which, one of {', '.join(each.full_name for each in found)}."
        )
    return found[0]


def lines(pipeline: Pipeline, action: Action, *, last: int | None = None) -> list[str]:
    """Return what the action printed so far, or only the last lines of it."""
    if action.status == NOT_STARTED:
        raise OperateError(f"{action.full_name} has not started in this run.")
    if action.provider == BUILD and action.external_id:
        found = _Build(pipeline, action).new_lines()
    elif action.provider == STACK:
        found = stack_failures(pipeline, action)
    else:
        found = []
    found = found or [line for line in (action.summary, *action.error.splitlines()) if line]
    return found if last is None else found[-last:]


def last_words(pipeline: Pipeline, action: Action, *, count: int) -> list[str]:
    """Return the last lines that a failed action's own commands printed, without CodeBuild's account of its phases."""
    found = lines(pipeline, action)
    own = [line for line in found if not line.startswith(NARRATION)]
    return (own or found)[-count:]


def followed(
    pipeline: Pipeline, run: Run, action: Action, *, pause: Callable[[float], None] = time.sleep
) -> Iterator[str]:
    """Yield what the action prints, as it does, until it ends."""
    build: _Build | None = None
    while True:
        if build is None and action.provider == BUILD and action.external_id:
            build = _Build(pipeline, action)
        if build is not None:
            yield from build.new_lines()
        if action.status not in (IN_PROGRESS, NOT_STARTED):
            break
        pause(pipeline.target.poll_seconds)
        run = pipeline.read(run.execution)
        if action.status == NOT_STARTED and not run.is_live:
            break
        action = choose(run, action.full_name)
    if build is not None:
        yield from build.new_lines()
    elif action.status != NOT_STARTED:
        yield from lines(pipeline, action)


class _Build:
    """The log of one build, read on from where the last reading stopped."""

    def __init__(self, pipeline: Pipeline, action: Action) -> None:
        self._codebuild: CodeBuildClient = pipeline.target.client("codebuild", region=action.region)
        self._logs: CloudWatchLogsClient = pipeline.target.client("logs", region=action.region)
        self._id = action.external_id
        self._token = ""

    def new_lines(self) -> list[str]:
        builds = self._codebuild.batch_get_builds(ids=[self._id])["builds"]
        where = builds[0].get("logs", {}) if builds else {}
        group, stream = where.get("groupName"), where.get("streamName")
        if group is None or stream is None:
            return []  # not begun
        found: list[str] = []
        while True:
            arguments: dict[str, Any] = {"nextToken": self._token} if self._token else {}
            try:
                answer = self._logs.get_log_events(
                    logGroupName=group, logStreamName=stream, startFromHead=True, **arguments
                )
            except self._logs.exceptions.ResourceNotFoundException:
                return found  # nothing was printed yet
            found += [event.get("message", "").rstrip("\n") for event in answer["events"]]
            # AWS: the same token as the one passed in means that the end of the stream is reached.
            if answer["nextForwardToken"] == self._token:
                return found
            self._token = answer["nextForwardToken"]


def place_of_stack(action: Action, default_account: str) -> tuple[str, str, str]:
    """Return account, region and name of the stack that an action deploys."""
    role = action.role or action.configuration.get("RoleArn", "")
    return account_of(role) or default_account, action.region, action.configuration.get("StackName", "")


def stack_failures(pipeline: Pipeline, action: Action) -> list[str]:
    """Return why a stack's last operation failed, first cause first; none if it did not."""
    account, region, stack = place_of_stack(action, pipeline.target.account)
    client: CloudFormationClient = pipeline.target.client("cloudformation", account=account, region=region)
    try:
        return failures_of(client, stack, since=action.started)
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return []
        raise OperateError(f"Stack {stack} in {account} {region}: {error.response['Error']['Message']}") from error


def failures_of(client: "CloudFormationClient", stack: str, *, since: datetime | None) -> list[str]:
    """Return the failed events of a stack since a moment, first cause first."""
    found: list[str] = []
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack):
        for event in page["StackEvents"]:
            if since is not None and event["Timestamp"] < since:
                return found[::-1]
            if event.get("ResourceStatus", "").endswith("_FAILED"):
                found.append(
                    f"{event['Timestamp']:%H:%M:%S} {event.get('LogicalResourceId', '')}"
                    f" ({event.get('ResourceType', '')}) {event.get('ResourceStatus', '')}:"
                    f" {event.get('ResourceStatusReason', '')}"
                )
    return found[::-1]
