"""What the tasks of our workflows share: how they call functions, after what they try again, and who keeps the rest."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from services.library.constructs.dead_letter_queue import DeadLetterQueue
from services.library.constructs.function import Function

THROTTLED = "Lambda.TooManyRequestsException"
"""The function was not run at all: all of what is set aside for it was in use."""
PASSING = frozenset(
    {
        "Busy",
        "Lambda.AWSLambdaException",
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.SdkClientException",
        "Lambda.ServiceException",
        THROTTLED,
        "Runtime.ExitError",
        "Sandbox.Timedout",
        "States.Timeout",
    }
)
"""Errors after which the same task may do better: no capacity behind, no answer in time, or a function that died.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""
EVERYTHING = frozenset({"States.ALL"})
TIMES_KEPT = 8
"""To put what failed into the dead-letter queue; without it nobody would know of it but the alarm."""


@dataclass(frozen=True, kw_only=True)
class Pauses:
    """Between a task's tries: longer each time, and by chance, so that what failed together comes back apart."""

    first_seconds: int
    longest_seconds: int

    def retry(self, task: sfn.TaskStateBase, errors: Collection[str], *, times: int) -> None:
        """Try again after these errors; they are counted by themselves, whatever else the task is tried again for."""
        task.add_retry(
            errors=sorted(errors),
            interval=cdk.Duration.seconds(self.first_seconds),
            backoff_rate=2,
            max_attempts=times,
            max_delay=cdk.Duration.seconds(self.longest_seconds),
            jitter_strategy=sfn.JitterType.FULL,
        )


def calling(scope: Construct, id_: str, function: Function, given: Mapping[str, Any]) -> tasks.LambdaInvoke:
    """A task that calls a function with what is given, and leaves the state's input as it is."""
    return tasks.LambdaInvoke(
        scope,
        id_,
        lambda_function=function.function,
        payload=sfn.TaskInput.from_object(dict(given)),
        payload_response_only=True,
        retry_on_service_exceptions=False,
        result_path=sfn.JsonPath.DISCARD,
    )


def kept_for_operator(scope: Construct, dead_letters: DeadLetterQueue, pauses: Pauses) -> sfn.IChainable:
    """Puts the state's input, which has an `error`, into the dead-letter queue, and fails the execution with it."""
    # Named by its address alone: with the key the task would grant itself more than it needs, by wildcards.
    queue = sqs.Queue.from_queue_arn(scope, "DeadLetters", dead_letters.queue.queue_arn)
    keep = tasks.SqsSendMessage(
        scope,
        "KeepForOperator",
        queue=queue,
        message_body=sfn.TaskInput.from_json_path_at("$"),
        result_path=sfn.JsonPath.DISCARD,
    )
    pauses.retry(keep, EVERYTHING, times=TIMES_KEPT)
    return keep.next(sfn.Fail(scope, "Failed", error_path="$.error", cause="Kept in the dead-letter queue."))
