"""intake's workflow: record, hand over; what cannot be done goes to the dead-letter queue."""

from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from services.library.constructs.dead_letter_queue import DeadLetterQueue
from services.library.constructs.function import Function
from services.library.constructs.workflow_tasks import TRANSIENT_ERRORS, Backoff, invoke_task, send_to_dead_letter_queue

BACKOFF = Backoff(interval_seconds=1, max_delay_seconds=30)


class Steps(Construct):
    """The states in their order. A task may run more than once, with the same id each time."""

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
        """Build the states. `has_history`: whether an execution's input can be read once it has failed."""
        super().__init__(scope, id_)
        self.dead_letters = dead_letters
        report = self._report(has_history=has_history)
        first = self._task("RecordSubmission", record, attempts)
        second = self._task("HandOver", hand_over, attempts)
        for task in (first, second):
            task.add_catch(report, errors=["States.ALL"])
        done = sfn.Pass(self, "Accepted", parameters={"id": sfn.JsonPath.string_at("$$.Execution.Name")})
        self.definition = first.next(second).next(done)

    def _task(self, id_: str, function: Function, attempts: int) -> tasks.LambdaInvoke:
        given = {
            "id": sfn.JsonPath.string_at("$$.Execution.Name"),
            "payload": sfn.JsonPath.object_at("$$.Execution.Input"),
        }
        task = invoke_task(self, id_, function, given)
        BACKOFF.add_retry(task, TRANSIENT_ERRORS, max_attempts=attempts)
        return task

    def _report(self, *, has_history: bool) -> sfn.IChainable:
        """Return the states that report a failure; the input is in it only if it would be nowhere else. No cause."""
        payload = {} if has_history else {"payload": sfn.JsonPath.object_at("$$.Execution.Input")}
        message = sfn.Pass(
            self,
            "Tell",
            parameters={
                "id": sfn.JsonPath.string_at("$$.Execution.Name"),
                "execution": sfn.JsonPath.string_at("$$.Execution.Id"),
                "error": sfn.JsonPath.string_at("$.Error"),
                **payload,
            },
        )
        return message.next(send_to_dead_letter_queue(self, self.dead_letters, BACKOFF))
