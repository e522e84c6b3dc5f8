"""enrichment's workflow: enrich; if that fails, compensate, and keep for an operator what could not be done.

An event that is no change has nothing to enrich and nothing to undo: it is kept for an operator at once.
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
    EVERYTHING,
    PASSING,
    THROTTLED,
    Pauses,
    calling,
    kept_for_operator,
)

PAUSES = Pauses(first_seconds=2, longest_seconds=60)
TIMES_THROTTLED = 10
"""To wait for the function while others use it, for up to six minutes: longer than most crowds last."""
TIMES_LEFT_ALONE = 2
TIMES_COMPENSATED = 10
FIRST_PAUSE_SECONDS = 3
"""With four retries 45 s, so that no change is given up while the partner is left alone for the first time."""
NOT_A_CHANGE = "NotAChange"


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
        left_alone: cdk.Duration,
    ) -> None:
        """`left_alone`: for how long the function does not ask a partner that failed over and over."""
        super().__init__(scope, id_)
        keep = kept_for_operator(self, dead_letters, PAUSES)
        no_change = self._told("TellNotAChange", {"error": NOT_A_CHANGE}).next(keep)
        compensating = self._compensating(compensate, keep)
        enriching = self._task("Enrich", enrich)
        # Each is counted by itself: who was not served or not asked has lost no try.
        PAUSES.retry(enriching, {THROTTLED}, times=TIMES_THROTTLED)
        _wait(enriching, "PartnerLeftAlone", left_alone.plus(cdk.Duration.seconds(1)), times=TIMES_LEFT_ALONE)
        if retries:
            _wait(enriching, "PartnerUnavailable", cdk.Duration.seconds(FIRST_PAUSE_SECONDS), times=retries)
            PAUSES.retry(enriching, PASSING - {THROTTLED}, times=retries)
        enriching.add_catch(no_change, errors=[NOT_A_CHANGE], result_path="$.failure")
        enriching.add_catch(compensating, errors=["States.ALL"], result_path="$.failure")
        enriching.next(sfn.Succeed(self, "Enriched"))
        self.definition = sfn.Choice(self, "IsAChange").when(_names("id", "patient"), enriching).otherwise(no_change)

    def _compensating(self, compensate: Function, keep: sfn.IChainable) -> tasks.LambdaInvoke:
        """Whatever went wrong, undoing it is tried until it is done: it has its effect once."""
        compensating = self._task("Compensate", compensate)
        PAUSES.retry(compensating, {THROTTLED}, times=TIMES_THROTTLED)
        PAUSES.retry(compensating, EVERYTHING, times=TIMES_COMPENSATED)
        compensating.add_catch(
            self._told_of("TellNotCompensated", compensated=False).next(keep),
            errors=["States.ALL"],
            result_path="$.compensation",
        )
        compensating.next(self._told_of("TellCompensated", compensated=True)).next(keep)
        return compensating

    def _task(self, id_: str, function: Function) -> tasks.LambdaInvoke:
        given = {
            "execution": sfn.JsonPath.string_at("$$.Execution.Name"),
            "change": sfn.JsonPath.object_at("$$.Execution.Input.detail"),
        }
        return calling(self, id_, function, given)

    def _told_of(self, id_: str, *, compensated: bool) -> sfn.Pass:
        return self._told(
            id_,
            {
                "change": sfn.JsonPath.string_at("$$.Execution.Input.detail.id"),
                "error": sfn.JsonPath.string_at("$.failure.Error"),
                "compensated": compensated,
            },
        )

    def _told(self, id_: str, what: Mapping[str, Any]) -> sfn.Pass:
        """What an operator is told. Who it is about is in the execution's input, and stays there."""
        return sfn.Pass(self, id_, parameters={"execution": sfn.JsonPath.string_at("$$.Execution.Id"), **what})


def _wait(task: sfn.TaskStateBase, error: str, first: cdk.Duration, *, times: int) -> None:
    """Not by chance, which may be none at all: how long a partner may be down is a promise. Who comes back at the same
    time waits for the function, by chance."""
    longest = cdk.Duration.seconds(PAUSES.longest_seconds)
    task.add_retry(errors=[error], interval=first, backoff_rate=2, max_attempts=times, max_delay=longest)


def _names(*fields: str) -> sfn.Condition:
    """Whether the event's detail has these as texts. A path that leads nowhere would end the execution unheard of."""
    paths = [f"$.detail.{field}" for field in fields]
    return sfn.Condition.and_(
        *(check(path) for path in paths for check in (sfn.Condition.is_present, sfn.Condition.is_string))
    )
