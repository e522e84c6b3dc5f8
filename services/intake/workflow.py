"""intake's workflow: record, hand over; what cannot be done is kept for an operator."""

from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from services.library.constructs.dead_letter_queue import DeadLetterQueue
from services.library.constructs.function import Function
from services.library.constructs.workflow_tasks import PASSING, Pauses, calling, kept_for_operator

PAUSES = Pauses(first_seconds=1, longest_seconds=30)


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
        given = {
            "id": sfn.JsonPath.string_at("$$.Execution.Name"),
            "payload": sfn.JsonPath.object_at("$$.Execution.Input"),
        }
        task = calling(self, id_, function, given)
        PAUSES.retry(task, PASSING, times=attempts)
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
        return told.next(kept_for_operator(self, self.dead_letters, PAUSES))
