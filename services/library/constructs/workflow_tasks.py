"""Tasks that workflows share: invoking a function, retrying it, and sending failures to a dead-letter queue."""

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
"""The function was not run at all: its reserved concurrency was in use."""
TRANSIENT_ERRORS = frozenset(
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
"""Errors after which the same task may succeed: no capacity, no response in time, or a function that died.

`Busy` is the class in services/library/runtime/aws_errors.py.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""
LONGEST_DELAY_SECONDS = 31_622_399
"""https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html, "MaxDelaySeconds"."""
ALL_ERRORS = frozenset({"States.ALL"})
SEND_ATTEMPTS = 8
"""Attempts to send what failed to the dead-letter queue; without the message only an alarm would tell of it."""


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Exponential backoff with full jitter, so that executions that failed together do not retry together."""

    interval_seconds: int
    max_delay_seconds: int

    def __post_init__(self) -> None:
        if self.interval_seconds < 1:
            raise ValueError(
                f"Backoff: interval_seconds={self.interval_seconds} is not allowed; give 1 or more: Step Functions"
                " waits for a second at least."
            )
        if not self.interval_seconds < self.max_delay_seconds <= LONGEST_DELAY_SECONDS:
            raise ValueError(
                f"Backoff: max_delay_seconds={self.max_delay_seconds} is not allowed; give more than interval_seconds"
                f" ({self.interval_seconds}) and at most {LONGEST_DELAY_SECONDS}, which is what Step Functions takes."
            )

    def add_retry(self, task: sfn.TaskStateBase, errors: Collection[str], *, max_attempts: int) -> None:
        """Retry a task after these errors. Step Functions counts the attempts of each retrier by itself."""
        task.add_retry(
            errors=sorted(errors),
            interval=cdk.Duration.seconds(self.interval_seconds),
            backoff_rate=2,
            max_attempts=max_attempts,
            max_delay=cdk.Duration.seconds(self.max_delay_seconds),
            jitter_strategy=sfn.JitterType.FULL,
        )


def invoke_task(scope: Construct, id_: str, function: Function, given: Mapping[str, Any]) -> tasks.LambdaInvoke:
    """Return a task that invokes a function with a payload, and passes the state's input on unchanged."""
    return tasks.LambdaInvoke(
        scope,
        id_,
        lambda_function=function.target,
        payload=sfn.TaskInput.from_object(dict(given)),
        payload_response_only=True,
        retry_on_service_exceptions=False,
        result_path=sfn.JsonPath.DISCARD,
    )


def send_to_dead_letter_queue(scope: Construct, dead_letters: DeadLetterQueue, backoff: Backoff) -> sfn.IChainable:
    """Return states that send the state's input to the dead-letter queue and fail the execution with its `error`."""
    # Imported by its ARN: with the key the task would grant itself more than it needs, with wildcards.
    queue = sqs.Queue.from_queue_arn(scope, "DeadLetters", dead_letters.queue.queue_arn)
    send = tasks.SqsSendMessage(
        scope,
        "KeepForOperator",
        queue=queue,
        message_body=sfn.TaskInput.from_json_path_at("$"),
        result_path=sfn.JsonPath.DISCARD,
    )
    backoff.add_retry(send, ALL_ERRORS, max_attempts=SEND_ATTEMPTS)
    return send.next(sfn.Fail(scope, "Failed", error_path="$.error", cause="Kept in the dead-letter queue."))
