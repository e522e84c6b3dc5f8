"""enrichment's workflow: enrich; if that fails, compensate, and keep for an operator what could not be done."""

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
    "PartnerUnavailable",
    "Runtime.ExitError",
    "Sandbox.Timedout",
    "States.Timeout",
)
"""Errors after which the same task may do better: it finds its effect if it had it, and has it if not.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""
LONGEST_PAUSE = cdk.Duration.minutes(1)


class Steps(Construct):
    """The states, in their order. A task may run more than once, for the same execution each time."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        enrich: Function,
        compensate: Function,
        dead_letters: DeadLetterQueue,
        retries: int,
    ) -> None:
        super().__init__(scope, id_)
        # Named by its address alone: with the key the task would grant itself more than it needs, by wildcards.
        self.queue = sqs.Queue.from_queue_arn(self, "DeadLetters", dead_letters.queue.queue_arn)
        enriching = self._task("Enrich", enrich)
        if retries:
            _retry(enriching, PASSING, retries)
        compensating = self._task("Compensate", compensate)
        # Whatever went wrong, undoing it is tried until it is done: it has its effect once.
        _retry(compensating, ("States.ALL",), 10)
        keep = self._keep()
        enriching.add_catch(compensating, errors=["States.ALL"], result_path="$.failure")
        compensating.add_catch(
            self._told("TellNotCompensated", compensated=False).next(keep),
            errors=["States.ALL"],
            result_path="$.compensation",
        )
        compensating.next(self._told("TellCompensated", compensated=True)).next(keep)
        self.definition = enriching.next(sfn.Succeed(self, "Enriched"))

    def _task(self, id_: str, function: Function) -> tasks.LambdaInvoke:
        return tasks.LambdaInvoke(
            self,
            id_,
            lambda_function=function.function,
            payload=sfn.TaskInput.from_object(
                {
                    "execution": sfn.JsonPath.string_at("$$.Execution.Name"),
                    "change": sfn.JsonPath.object_at("$$.Execution.Input.detail"),
                }
            ),
            payload_response_only=True,
            retry_on_service_exceptions=False,
            result_path=sfn.JsonPath.DISCARD,
        )

    def _told(self, id_: str, *, compensated: bool) -> sfn.Pass:
        """What an operator is told. Who it is about is in the execution's input, and stays there."""
        return sfn.Pass(
            self,
            id_,
            parameters={
                "change": sfn.JsonPath.string_at("$$.Execution.Input.detail.id"),
                "execution": sfn.JsonPath.string_at("$$.Execution.Id"),
                "error": sfn.JsonPath.string_at("$.failure.Error"),
                "compensated": compensated,
            },
        )

    def _keep(self) -> sfn.IChainable:
        keep = tasks.SqsSendMessage(
            self,
            "KeepForOperator",
            queue=self.queue,
            message_body=sfn.TaskInput.from_json_path_at("$"),
            result_path=sfn.JsonPath.DISCARD,
        )
        _retry(keep, ("States.ALL",), 8)
        failed = sfn.Fail(self, "Failed", error_path="$.error", cause="Kept in the dead-letter queue.")
        return keep.next(failed)


def _retry(task: sfn.TaskStateBase, errors: Sequence[str], attempts: int) -> None:
    """Wait longer each time, and by chance, so that what failed together does not come back together."""
    task.add_retry(
        errors=list(errors),
        interval=cdk.Duration.seconds(2),
        backoff_rate=2,
        max_attempts=attempts,
        max_delay=LONGEST_PAUSE,
        jitter_strategy=sfn.JitterType.FULL,
    )
