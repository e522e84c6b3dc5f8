"""enrichment's workflow: enrich; if that fails, compensate, and keep for an operator what could not be done."""

from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from services.library.dead_letter_queue import DeadLetterQueue
from services.library.function import Function
from services.library.workflow_tasks import EVERYTHING, PASSING, Pauses, calling, kept_for_operator

PAUSES = Pauses(first_seconds=2, longest_seconds=60)


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
        enriching = self._task("Enrich", enrich)
        if retries:
            PAUSES.retry(enriching, PASSING | {"PartnerUnavailable"}, times=retries)
        compensating = self._task("Compensate", compensate)
        # Whatever went wrong, undoing it is tried until it is done: it has its effect once.
        PAUSES.retry(compensating, EVERYTHING, times=10)
        keep = kept_for_operator(self, dead_letters, PAUSES)
        enriching.add_catch(compensating, errors=["States.ALL"], result_path="$.failure")
        compensating.add_catch(
            self._told("TellNotCompensated", compensated=False).next(keep),
            errors=["States.ALL"],
            result_path="$.compensation",
        )
        compensating.next(self._told("TellCompensated", compensated=True)).next(keep)
        self.definition = enriching.next(sfn.Succeed(self, "Enriched"))

    def _task(self, id_: str, function: Function) -> tasks.LambdaInvoke:
        given = {
            "execution": sfn.JsonPath.string_at("$$.Execution.Name"),
            "change": sfn.JsonPath.object_at("$$.Execution.Input.detail"),
        }
        return calling(self, id_, function, given)

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
