"""Every pipeline of this cloud: keeps them, lets their engines work, and carries out what follows."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator

from pipeline.local.cloud.codepipeline.action_runner import ActionRunner
from pipeline.local.cloud.codepipeline.checks import checked
from pipeline.local.cloud.codepipeline.declaration import Json
from pipeline.local.cloud.codepipeline.events import Bus, state_change
from pipeline.local.cloud.codepipeline.executions import ActionOutcome, Execution
from pipeline.local.cloud.codepipeline.executor import Abandon, Begin, Changed, Effect, Executor
from pipeline.local.cloud.codepipeline.records import Pipeline, Records
from pipeline.local.cloud.emulator import AwsError, Emulator

INTERRUPTED = ActionOutcome(
    succeeded=False,
    error_code="InternalError",
    error_message="The local cloud was stopped while this action ran. Retry the stage to go on from here.",
)
VERSIONS_KEPT = 30


class Pipelines:
    """Get it by `emulator.part(Pipelines)`. Its methods may be called on any thread."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._records = Records(emulator)
        self._bus = emulator.part(Bus)
        self._action_runner = ActionRunner(emulator, self.finish, self._report)
        self._changed = threading.Condition(threading.RLock())
        self._found: dict[tuple[str, str, str], Pipeline] = {}

    # Pipelines

    def get(self, account: str, region: str, name: str) -> Pipeline:
        """Return the pipeline of this name."""
        with self._changed:
            if (account, region, name) not in self._found:
                raise AwsError(
                    "PipelineNotFoundException",
                    f"Account '{account}' does not have a pipeline with name '{name}' in {region}",
                )
            return self._found[account, region, name]

    def all(self) -> Iterator[Pipeline]:
        """Return every pipeline, in every account and region."""
        with self._changed:
            return iter(list(self._found.values()))

    def create(
        self, account: str, region: str, definition: Json, *, tags: list[Json], restarts_on_update: bool
    ) -> Pipeline:
        """Make a pipeline, which runs at once, as it does on AWS."""
        name = definition["name"]
        definition = {**definition, "version": 1}
        declaration = checked(definition, region)
        with self._changed:
            if (account, region, name) in self._found:
                raise AwsError("PipelineNameInUseException", f"A pipeline with the name '{name}' exists already")
            now = time.time()
            pipeline = Pipeline(
                name=name,
                account=account,
                region=region,
                executor=_executor(declarations={1: declaration}, version=1, executions=[], transitions={}),
                definitions={1: definition},
                restarts_on_update=restarts_on_update,
                tags=tags,
                created=now,
                updated=now,
            )
            self._found[account, region, name] = pipeline
            self._records.save(pipeline)
        return pipeline

    def update(self, pipeline: Pipeline, definition: Json, *, restarts_on_update: bool | None = None) -> bool:
        """Another definition for a pipeline; whether it differs from the current one."""
        with self._changed:
            version = pipeline.executor.version
            definition = {**definition, "version": version + 1}
            declaration = checked(definition, pipeline.region)
            if restarts_on_update is not None:
                pipeline.restarts_on_update = restarts_on_update
            differs = {**definition, "version": version} != pipeline.definition
            if differs:
                pipeline.definitions[version + 1] = definition
                pipeline.updated = time.time()
                effects = pipeline.executor.redefine(declaration, version + 1)
                self._forget_old_versions(pipeline)
                self._carry_out(pipeline, effects)
            self._records.save(pipeline)
        return differs

    def delete(self, pipeline: Pipeline) -> None:
        """Remove it with its history; what still runs ends unheard."""
        with self._changed:
            self._found.pop((pipeline.account, pipeline.region, pipeline.name), None)
            for execution in pipeline.executor.executions:
                for run in execution.runs:
                    self._action_runner.abandon(run.id)
            self._records.forget(pipeline)

    # Executions

    def start(
        self,
        pipeline: Pipeline,
        *,
        trigger_type: str,
        trigger_detail: str = "",
        token: str = "",
        variables: dict[str, str] | None = None,
        overrides: dict[str, Json] | None = None,
    ) -> Execution:
        """Begin an execution; the same token is the same execution."""
        with self._changed:
            executor = pipeline.executor
            for known in executor.executions:
                if token and known.token == token:
                    return known
            now = time.time()
            defaults = {name: value for name, value in executor.declaration.variables.items() if value is not None}
            execution = Execution(
                id=str(uuid.uuid4()),
                order=executor.next_order(),
                version=executor.version,
                mode=executor.declaration.mode,
                started=now,
                updated=now,
                trigger_type=trigger_type,
                trigger_detail=trigger_detail,
                token=token,
                variables=defaults | (variables or {}),
                overrides=overrides or {},
            )
            self._carry_out(pipeline, executor.start(execution))
            return execution

    def let_approvals_expire(self, request: Json) -> Json:
        """`POST /_penstock/codepipeline/expire`: end the approvals that wait in an execution as their timeout would."""
        execution = str(request.get("execution", ""))
        self._action_runner.let_approvals_expire(execution)
        return {"execution": execution}

    def change(self, pipeline: Pipeline, change: Callable[[Executor], list[Effect]]) -> None:
        """Let something happen to a pipeline, e.g. `lambda executor: executor.stop(...)`."""
        with self._changed:
            self._carry_out(pipeline, change(pipeline.executor))
            self._records.save(pipeline)

    def read(self, read: Callable[[], Json]) -> Json:
        """Read while nothing changes."""
        with self._changed:
            return read()

    def finish(self, pipeline: Pipeline, execution_id: str, run_id: str, outcome: ActionOutcome) -> None:
        """An action has ended."""
        with self._changed:
            if self._found.get((pipeline.account, pipeline.region, pipeline.name)) is not pipeline:
                return
            self._carry_out(pipeline, pipeline.executor.finish(execution_id, run_id, outcome))
        self.has_ended(run_id)

    def has_ended(self, run_id: str) -> None:
        """Clear up after an action. Not while anything is locked: whoever is told may wait for other threads."""
        self._action_runner.abandon(run_id)
        for tell in self._emulator.after_action:
            tell()

    def recover(self) -> None:
        """After the saved state is loaded: fail what was interrupted, and go on with everything else."""
        with self._changed:
            for pipeline in self._records.load(_executor):
                self._found[pipeline.account, pipeline.region, pipeline.name] = pipeline
                self._carry_out(pipeline, pipeline.executor.interrupt(INTERRUPTED))
                for execution in pipeline.executor.executions:
                    self._action_runner.watch_approvals(pipeline, execution)

    def _carry_out(self, pipeline: Pipeline, effects: list[Effect]) -> None:
        touched = {execution.id: execution for execution in pipeline.executor.executions if execution.live}
        for effect in effects:
            if isinstance(effect, Begin):
                self._action_runner.begin(pipeline, effect)
            if isinstance(effect, Abandon):
                self._action_runner.abandon(effect.run_id)
            if isinstance(effect, Changed):
                touched[effect.execution.id] = effect.execution
                self._bus.put(
                    state_change(effect, name=pipeline.name, account=pipeline.account, region=pipeline.region)
                )
        for execution in touched.values():
            self._records.save_execution(pipeline, execution)
        self._changed.notify_all()

    def _report(self, pipeline: Pipeline, execution_id: str, run_id: str, told: tuple[str, str, str]) -> None:
        with self._changed:
            execution = pipeline.execution(execution_id)
            run = execution.run(run_id)
            run.external_id, run.external_url = told[0] or run.external_id, told[1] or run.external_url
            run.summary = told[2] or run.summary
            run.updated = execution.updated = time.time()
            self._records.save_execution(pipeline, execution)

    @staticmethod
    def _forget_old_versions(pipeline: Pipeline) -> None:
        needed = {execution.version for execution in pipeline.executor.executions if execution.live}
        for version in sorted(pipeline.definitions)[:-VERSIONS_KEPT]:
            if version not in needed:
                del pipeline.definitions[version], pipeline.executor.declarations[version]


def _executor(**parts: object) -> Executor:
    return Executor(now=time.time, new_id=lambda: str(uuid.uuid4()), **parts)  # type: ignore[arg-type]  # as Records gives
