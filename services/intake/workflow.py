"""intake's workflow: record, hand over; what cannot be done is kept for an operator."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from services.library.dead_letter_queue import DeadLetterQueue
from services.library.function import Function

PASSING = (
    "Busy",
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
    "Lambda.TooManyRequestsException",
    "Sandbox.Timedout",
    "States.Timeout",
)
"""Errors after which the same task may do better: the services behind have no capacity, or nothing answered in time.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""


class Steps(Construct):
    """The states, in their order. A task may run more than once, with the same id each time."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        record: Function,
        hand_over: Function,
        dead_letters: DeadLetterQueue,
        attempts: int,
        has_history: bool,
    ) -> None:
        """`has_history`: whether an execution's input can be read once it has failed."""
        super().__init__(scope, id_)
        self.dead_letters = dead_letters
        kept = self._kept_for_an_operator(has_history=has_history)
        first = self._task("RecordSubmission", record, attempts)
        second = self._task("HandOver", hand_over, attempts)
        for task in (first, second):
            task.add_catch(kept, errors=["States.ALL"])
        done = sfn.Pass(self, "Accepted", parameters={"id": sfn.JsonPath.string_at("$$.Execution.Name")})
        self.definition = first.next(second).next(done)

    def _task(self, id_: str, function: Function, attempts: int) -> tasks.LambdaInvoke:
        task = tasks.LambdaInvoke(
            self,
            id_,
            lambda_function=function.function,
            payload=sfn.TaskInput.from_object(
                {
                    "id": sfn.JsonPath.string_at("$$.Execution.Name"),
                    "payload": sfn.JsonPath.object_at("$$.Execution.Input"),
                }
            ),
            payload_response_only=True,
            retry_on_service_exceptions=False,
            result_path=sfn.JsonPath.DISCARD,
        )
        _retry(task, PASSING, attempts)
        return task

    def _kept_for_an_operator(self, *, has_history: bool) -> sfn.IChainable:
        """What became of the input; and the input itself only if it would be nowhere else. No cause."""
        payload = {} if has_history else {"payload": sfn.JsonPath.object_at("$$.Execution.Input")}
        told = sfn.Pass(
            self,
            "Tell",
            parameters={
                "id": sfn.JsonPath.string_at("$$.Execution.Name"),
                "execution": sfn.JsonPath.string_at("$$.Execution.Id"),
                "error": sfn.JsonPath.string_at("$.Error"),
                **payload,
            },
        )
        # Named by its address alone: with the key the task would grant itself more than it needs, by wildcards.
        queue = sqs.Queue.from_queue_arn(self, "DeadLetters", self.dead_letters.queue.queue_arn)
        keep = tasks.SqsSendMessage(
            self,
            "KeepForOperator",
            queue=queue,
            message_body=sfn.TaskInput.from_json_path_at("$"),
            result_path=sfn.JsonPath.DISCARD,
        )
        _retry(keep, ("States.ALL",), 8)
        failed = sfn.Fail(self, "Failed", error_path="$.error", cause="Kept in the dead-letter queue.")
        return told.next(keep).next(failed)


def _retry(task: sfn.TaskStateBase, errors: Sequence[str], attempts: int) -> None:
    """Wait longer each time, and by chance, so that what failed together does not come back together."""
    task.add_retry(
        errors=list(errors),
        interval=cdk.Duration.seconds(1),
        backoff_rate=2,
        max_attempts=attempts,
        max_delay=cdk.Duration.seconds(30),
        jitter_strategy=sfn.JitterType.FULL,
    )
