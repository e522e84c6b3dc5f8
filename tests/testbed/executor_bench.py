"""The executor of the local CodePipeline without a cloud: its actions end when a test says so."""

from dataclasses import dataclass, field

from pipeline.local.cloud.codepipeline.declaration import Declaration
from pipeline.local.cloud.codepipeline.executions import ActionOutcome, Execution
from pipeline.local.cloud.codepipeline.executor import Abandon, Begin, Effect, Executor

GOOD, BAD = ActionOutcome(succeeded=True), ActionOutcome(succeeded=False, error_code="JobFailed", error_message="no")


@dataclass
class Bench:
    """An executor with a clock and ids that count, and what it has asked for."""

    executor: Executor
    running: dict[str, Begin] = field(default_factory=dict)

    @classmethod
    def of(cls, first: Declaration) -> "Bench":
        ticks = iter(range(1_000_000))
        ids = iter(range(1_000_000))
        executor = Executor(
            declarations={1: first},
            version=1,
            executions=[],
            transitions={},
            now=lambda: float(next(ticks)),
            new_id=lambda: f"id{next(ids)}",
        )
        return cls(executor)

    def take(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Begin):
                self.running[effect.run.id] = effect
            if isinstance(effect, Abandon):
                del self.running[effect.run_id]

    def start(self, **variables: str) -> Execution:
        """Another execution, with values of the pipeline's variables."""
        executor = self.executor
        execution = Execution(
            id=executor.new_id(),
            order=executor.next_order(),
            version=executor.version,
            mode=executor.declaration.mode,
            started=0,
            updated=0,
            trigger_type="StartPipelineExecution",
            variables=variables,
        )
        self.take(executor.start(execution))
        return execution

    def names(self) -> set[str]:
        return {begin.action.name for begin in self.running.values()}

    def end(self, name: str, outcome: ActionOutcome = GOOD, execution: Execution | None = None) -> None:
        begin = next(
            each for each in self.running.values() if each.action.name == name and execution in (None, each.execution)
        )
        del self.running[begin.run.id]
        self.take(self.executor.finish(begin.execution.id, begin.run.id, outcome))
