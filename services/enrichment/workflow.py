"""enrichment's workflow: enrich; if that fails, compensate, and report the change in the dead-letter queue.

An event that is no change has nothing to enrich and nothing to undo: it is reported at once.
"""

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from services.library.constructs.dead_letter_queue import DeadLetterQueue
from services.library.constructs.function import Function
from services.library.constructs.workflow_tasks import (
    ALL_ERRORS,
    THROTTLED,
    TRANSIENT_ERRORS,
    Backoff,
    invoke_task,
    send_to_dead_letter_queue,
)

BACKOFF = Backoff(interval_seconds=2, max_delay_seconds=60)
THROTTLED_ATTEMPTS = 10
"""Retries for up to six minutes while other executions use the function: longer than most bursts last."""
CIRCUIT_OPEN_ATTEMPTS = 2
COMPENSATION_ATTEMPTS = 10
UNAVAILABLE_INTERVAL_SECONDS = 3
"""With four retries 45 s, so that no change fails while the circuit is open for the first time."""
NOT_A_CHANGE = "NotAChange"
CIRCUIT_OPEN_ERROR = "PartnerLeftAlone"
"""The class in runtime/partner.py: what is deployed retries by this name."""


class Steps(Construct):
    """The states in their order. A task may run more than once, for the same execution each time."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        enrich: Function,
        compensate: Function,
        dead_letters: DeadLetterQueue,
        retries: int,
        circuit_open: cdk.Duration,
    ) -> None:
        """Build the states. `circuit_open`: how long the function does not call a partner that kept failing."""
        super().__init__(scope, id_)
        send = send_to_dead_letter_queue(self, dead_letters, BACKOFF)
        no_change = self._report("TellNotAChange", {"error": NOT_A_CHANGE}).next(send)
        compensating = self._compensating(compensate, send)
        enriching = self._task("Enrich", enrich)
        # Each retrier counts by itself: throttling and an open circuit use up none of the other retries.
        BACKOFF.add_retry(enriching, {THROTTLED}, max_attempts=THROTTLED_ATTEMPTS)
        _add_fixed_retry(
            enriching,
            CIRCUIT_OPEN_ERROR,
            circuit_open.plus(cdk.Duration.seconds(1)),
            max_attempts=CIRCUIT_OPEN_ATTEMPTS,
        )
        if retries:
            _add_fixed_retry(
                enriching,
                "PartnerUnavailable",
                cdk.Duration.seconds(UNAVAILABLE_INTERVAL_SECONDS),
                max_attempts=retries,
            )
            BACKOFF.add_retry(enriching, TRANSIENT_ERRORS - {THROTTLED}, max_attempts=retries)
        enriching.add_catch(no_change, errors=[NOT_A_CHANGE], result_path="$.failure")
        enriching.add_catch(compensating, errors=["States.ALL"], result_path="$.failure")
        enriching.next(sfn.Succeed(self, "Enriched"))
        self.definition = sfn.Choice(self, "IsAChange").when(_names("id", "patient"), enriching).otherwise(no_change)

    def _compensating(self, compensate: Function, send: sfn.IChainable) -> tasks.LambdaInvoke:
        """Return the task that undoes the change, retried after every error, and reports whether it could."""
        compensating = self._task("Compensate", compensate)
        BACKOFF.add_retry(compensating, {THROTTLED}, max_attempts=THROTTLED_ATTEMPTS)
        BACKOFF.add_retry(compensating, ALL_ERRORS, max_attempts=COMPENSATION_ATTEMPTS)
        compensating.add_catch(
            self._report_on_change("TellNotCompensated", compensated=False).next(send),
            errors=["States.ALL"],
            result_path="$.compensation",
        )
        compensating.next(self._report_on_change("TellCompensated", compensated=True)).next(send)
        return compensating

    def _task(self, id_: str, function: Function) -> tasks.LambdaInvoke:
        given = {
            "execution": sfn.JsonPath.string_at("$$.Execution.Name"),
            "change": sfn.JsonPath.object_at("$$.Execution.Input.detail"),
        }
        return invoke_task(self, id_, function, given)

    def _report_on_change(self, id_: str, *, compensated: bool) -> sfn.Pass:
        return self._report(
            id_,
            {
                "change": sfn.JsonPath.string_at("$$.Execution.Input.detail.id"),
                "error": sfn.JsonPath.string_at("$.failure.Error"),
                "compensated": compensated,
            },
        )

    def _report(self, id_: str, what: Mapping[str, Any]) -> sfn.Pass:
        """Return the state that makes an operator's message, without the patient, who is in the execution's input."""
        return sfn.Pass(self, id_, parameters={"execution": sfn.JsonPath.string_at("$$.Execution.Id"), **what})


def _add_fixed_retry(task: sfn.TaskStateBase, error: str, first: cdk.Duration, *, max_attempts: int) -> None:
    """Retry after exact intervals: with jitter a wait may be 0, and the partner may be down for a promised time.

    Executions that come back together then wait for the function, with jitter.
    """
    longest = cdk.Duration.seconds(BACKOFF.max_delay_seconds)
    task.add_retry(errors=[error], interval=first, backoff_rate=2, max_attempts=max_attempts, max_delay=longest)


def _names(*fields: str) -> sfn.Condition:
    """Return the condition that the event has these texts: a missing path would end the execution unreported."""
    paths = [f"$.detail.{field}" for field in fields]
    return sfn.Condition.and_(
        *(check(path) for path in paths for check in (sfn.Condition.is_present, sfn.Condition.is_string))
    )
