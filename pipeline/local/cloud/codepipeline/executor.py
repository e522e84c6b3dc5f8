"""How executions move through one pipeline: order, locks, superseding, retries, stops. No clock, thread or AWS here.

https://docs.aws.amazon.com/codepipeline/latest/userguide/concepts-how-it-works.html
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from pipeline.local.cloud.codepipeline.declaration import Action, Declaration, RetryMode, Stage
from pipeline.local.cloud.codepipeline.executions import (
    ABANDONED,
    CANCELLED,
    FAILED,
    IN_PROGRESS,
    SKIPPED,
    STOPPED,
    STOPPING,
    SUCCEEDED,
    SUPERSEDED,
    ActionOutcome,
    ActionRun,
    Execution,
)
from pipeline.local.cloud.codepipeline.variables import UnresolvedError, resolve

Level = Literal["Pipeline", "Stage", "Action"]


class RefusedError(Exception):
    """Something that cannot be done to an execution as it is; `code` is the API's name for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Begin:
    """An action to start working on."""

    execution: Execution
    stage: Stage
    action: Action
    run: ActionRun


@dataclass(frozen=True, kw_only=True)
class Abandon:
    """A running action that nobody waits for any more."""

    run_id: str


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A change of state, for the event bus."""

    level: Level
    state: str
    execution: Execution
    stage: str = ""
    action: Action | None = None
    run: ActionRun | None = None


Effect = Begin | Abandon | Changed


@dataclass(kw_only=True)
class Transition:
    """Whether executions may enter a stage."""

    enabled: bool = True
    reason: str = ""
    changed_by: str = ""
    changed_at: float = 0


@dataclass(kw_only=True)
class Executor:
    """One pipeline at work. Each method changes its state and says what follows from that; callers hold a lock."""

    declarations: dict[int, Declaration]
    """By version; executions go on with the one that they started with."""
    version: int
    executions: list[Execution]
    """In the order in which they started."""
    transitions: dict[str, Transition]
    now: Callable[[], float]
    new_id: Callable[[], str]
    _effects: list[Effect] = field(default_factory=list)

    @property
    def declaration(self) -> Declaration:
        """The current version."""
        return self.declarations[self.version]

    def execution(self, execution_id: str) -> Execution:
        """Return the execution of this id."""
        for execution in self.executions:
            if execution.id == execution_id:
                return execution
        raise RefusedError("PipelineExecutionNotFoundException", f"There is no execution {execution_id}")

    # What can happen to a pipeline.

    def start(self, execution: Execution) -> list[Effect]:
        """Let a new execution wait at its stage."""
        self.executions.append(execution)
        self._pipeline(execution, "STARTED")
        return self._advance()

    def finish(self, execution_id: str, run_id: str, outcome: ActionOutcome) -> list[Effect]:
        """Note that an action has ended. One that was abandoned meanwhile changes nothing any more."""
        execution = self.execution(execution_id)
        run = execution.run(run_id)
        if run.status != IN_PROGRESS:
            return []
        run.status = SUCCEEDED if outcome.succeeded else FAILED
        run.variables = outcome.variables
        run.error_code, run.error_message = outcome.error_code, outcome.error_message
        run.summary = outcome.summary or run.summary
        run.revision = outcome.revision
        run.token = ""
        run.updated = execution.updated = self.now()
        action = self._stage_of(execution, run.stage).action(run.action)
        if outcome.succeeded:
            execution.artifacts |= run.outputs
            if action.namespace:
                execution.namespaces[action.namespace] = outcome.variables
        self._action(execution, run, "SUCCEEDED" if outcome.succeeded else "FAILED")
        return self._advance()

    def redefine(self, declaration: Declaration, version: int) -> list[Effect]:
        """Change the declaration: what is under way ends once its running actions have."""
        self.declarations[version] = declaration
        self.version = version
        for execution in self.executions:
            if execution.live:
                execution.cancelled = True
                self._end_approvals(execution)
        return self._advance()

    def stop(self, execution_id: str, *, abandon: bool, reason: str) -> list[Effect]:
        """Let nothing more start; abandoned actions are not even waited for."""
        execution = self.execution(execution_id)
        if not execution.live:
            raise RefusedError("PipelineExecutionNotStoppableException", f"The execution is {execution.status}")
        if execution.status == STOPPING and not abandon:
            raise RefusedError("DuplicatedStopRequestException", "The execution is stopping already")
        execution.status = STOPPING
        execution.stop = "abandon" if abandon else "wait"
        execution.stop_reason = reason
        execution.updated = self.now()
        self._pipeline(execution, "STOPPING")
        if abandon:
            for run in self._running(execution):
                self._abandon(execution, run)
        return self._advance()

    def retry(self, stage_name: str, execution_id: str, mode: RetryMode) -> list[Effect]:
        """Go on from a failed stage, with the actions that failed or with all of them."""
        execution = self.execution(execution_id)
        self._check_retry(stage_name, execution)
        self._resume(stage_name, execution, mode, automatic=False)
        return self._advance()

    def _resume(self, stage_name: str, execution: Execution, mode: RetryMode, *, automatic: bool) -> None:
        keep = SUCCEEDED if mode == "FAILED_ACTIONS" else None
        execution.current = {name: run.id for name, run in execution.current_runs().items() if run.status == keep}
        execution.status, execution.status_summary = IN_PROGRESS, ""
        execution.stop = execution.stop_reason = ""
        execution.stages[stage_name] = IN_PROGRESS
        attempts = execution.retries.setdefault(stage_name, {"automatic": 0, "manual": 0})
        attempts["automatic" if automatic else "manual"] += 1
        attempts["latest"] = "AutomatedStageRetry" if automatic else "ManualStageRetry"
        execution.updated = self.now()
        self._pipeline(execution, "RESUMED")
        self._stage_changed(execution, stage_name, "RESUMED")

    def roll_back(self, stage_name: str, target_id: str, trigger: str, detail: str = "") -> Execution:
        """Make an execution that runs one stage again with what an earlier execution brought there.

        Pass it to `start`. AWS: "You can only roll back to a previous execution if the previous execution was started
        in the current pipeline structure version."
        """
        target = self.execution(target_id)
        if self.declaration.mode == "PARALLEL":
            raise RefusedError("UnableToRollbackStageException", "Stage rollback is not available in PARALLEL mode")
        if self.declaration.position(stage_name) == 0:
            raise RefusedError("UnableToRollbackStageException", "The source stage cannot be rolled back")
        if target.version != self.version:
            raise RefusedError(
                "PipelineExecutionOutdatedException",
                f"Execution {target_id} ran version {target.version} of the pipeline, which is at {self.version}",
            )
        if target.kind == "ROLLBACK" or target.stages.get(stage_name) != SUCCEEDED:
            raise RefusedError(
                "UnableToRollbackStageException", f"Execution {target_id} did not succeed in stage {stage_name}"
            )
        now = self.now()
        return Execution(
            id=self.new_id(),
            order=self.next_order(),
            version=self.version,
            mode=self.declaration.mode,
            started=now,
            updated=now,
            trigger_type=trigger,
            trigger_detail=detail,
            kind="ROLLBACK",
            rollback_target=target_id,
            variables=dict(target.variables),
            overrides=dict(target.overrides),
            position=self.declaration.position(stage_name),
            artifacts=dict(target.artifacts),
            namespaces={name: dict(values) for name, values in target.namespaces.items()},
        )

    def set_transition(self, stage_name: str, transition: Transition) -> list[Effect]:
        """Open or close the way into a stage."""
        self.transitions[stage_name] = transition
        return self._advance()

    def interrupt(self, outcome: ActionOutcome) -> list[Effect]:
        """After a restart: actions that were running are lost, approvals still wait, and everything else goes on."""
        for execution in self.executions:
            for run in self._running(execution):
                if self._stage_of(execution, run.stage).action(run.action).waits_for_a_person:
                    continue
                run.status = FAILED
                run.error_code, run.error_message = outcome.error_code, outcome.error_message
                run.summary = outcome.summary
                run.updated = execution.updated = self.now()
                self._action(execution, run, "FAILED")
        return self._advance(handle_failures=False)

    def next_order(self) -> int:
        """Return the order of the next execution."""
        return max((execution.order for execution in self.executions), default=0) + 1

    # How executions move.

    def _advance(self, *, handle_failures: bool = True) -> list[Effect]:
        moved = True
        while moved:
            moved = False
            for execution in list(self.executions):
                if execution.live and not execution.waiting:
                    moved |= self._progress(execution, handle_failures=handle_failures)
            moved |= self._admit()
        effects, self._effects = self._effects, []
        return effects

    def _progress(self, execution: Execution, *, handle_failures: bool) -> bool:
        """Move an execution on within its stage, or out of it; whether anything moved."""
        stage = self._declaration_of(execution).stages[execution.position]
        runs = execution.current_runs()
        if any(run.status == IN_PROGRESS for run in runs.values()):
            return not (execution.cancelled or execution.stop) and self._begin_next(execution, stage, runs)
        if execution.cancelled or execution.stop:
            status = STOPPED if execution.stop else CANCELLED
            execution.stages[stage.name] = status
            self._stage_changed(execution, stage.name, "STOPPED" if execution.stop else "CANCELED")
            self._end(execution, status)
            return True
        if any(run.status != SUCCEEDED for run in runs.values()):
            self._fail_stage(execution, stage, handle_failures=handle_failures)
            return True
        if self._begin_next(execution, stage, runs):
            return True
        execution.stages[stage.name] = SUCCEEDED
        self._stage_changed(execution, stage.name, "SUCCEEDED")
        execution.current = {}
        self._leave(execution)
        return True

    def _begin_next(self, execution: Execution, stage: Stage, runs: dict[str, ActionRun]) -> bool:
        """Start the actions of the lowest run order that is not done; those of one order run side by side."""
        for order in sorted({action.run_order for action in stage.actions}):
            group = [action for action in stage.actions if action.run_order == order]
            fresh = [action for action in group if action.name not in runs]
            if fresh and not any(run.status == FAILED for run in runs.values()):
                for action in fresh:
                    self._begin(execution, stage, action)
                return True
            if any(action.name not in runs or runs[action.name].status != SUCCEEDED for action in group):
                return False
        return False

    def _begin(self, execution: Execution, stage: Stage, action: Action) -> None:
        now = self.now()
        run = ActionRun(
            id=self.new_id(),
            stage=stage.name,
            action=action.name,
            started=now,
            updated=now,
            version=execution.version,
            token=self.new_id() if action.waits_for_a_person else "",
            inputs={name: execution.artifacts[name] for name in action.inputs},
        )
        execution.runs.append(run)
        execution.current[action.name] = run.id
        execution.updated = now
        self._action(execution, run, "STARTED")
        self._effects.append(Begin(execution=execution, stage=stage, action=action, run=run))

    def _fail_stage(self, execution: Execution, stage: Stage, *, handle_failures: bool) -> None:
        execution.stages[stage.name] = FAILED
        self._stage_changed(execution, stage.name, "FAILED")
        self._end(execution, FAILED)
        if not handle_failures or execution.kind == "ROLLBACK":
            return
        if stage.on_failure == "RETRY" and not execution.retries.get(stage.name, {}).get("automatic"):
            self._resume(stage.name, execution, stage.retry_mode, automatic=True)
        elif stage.on_failure == "ROLLBACK" and execution.version == self.version:
            for target in reversed(self.executions):
                if (target.kind, target.version) == ("STANDARD", self.version) and (
                    target.stages.get(stage.name) == SUCCEEDED
                ):
                    rollback = self.roll_back(stage.name, target.id, "AutomatedRollback", execution.id)
                    self.executions.append(rollback)
                    self._pipeline(rollback, "STARTED")
                    return

    def _admit(self) -> bool:
        """Let executions that wait enter their stages, as the mode allows; whether anything moved."""
        moved = False
        for execution in [e for e in self.executions if e.live and e.waiting]:
            if execution.stop or execution.cancelled:
                self._end(execution, STOPPED if execution.stop else CANCELLED)
                moved = True
        for declaration in self._declarations_waited_for():
            for stage in declaration.stages:
                moved |= self._admit_to(stage, declaration)
        return moved

    def _declarations_waited_for(self) -> Iterable[Declaration]:
        versions = sorted({e.version for e in self.executions if e.live and e.waiting})
        return [self.declarations[version] for version in versions]

    def _admit_to(self, stage: Stage, declaration: Declaration) -> bool:
        waiting = [
            e
            for e in self.executions
            if e.live
            and e.waiting
            and self._declaration_of(e) is declaration
            and declaration.stages[e.position].name == stage.name
        ]
        moved = False
        if declaration.mode == "SUPERSEDED":
            standard = [e for e in waiting if e.kind == "STANDARD"]
            for older in standard[:-1]:
                older.status_summary = f"Superseded by {standard[-1].id}"
                self._end(older, SUPERSEDED)
                waiting.remove(older)
                moved = True
        if not self.transitions.get(stage.name, Transition()).enabled:
            return moved
        for execution in waiting:
            if declaration.mode != "PARALLEL" and self._occupied(stage.name):
                break
            self._enter(execution, stage)
            moved = True
        return moved

    def _occupied(self, stage_name: str) -> bool:
        return any(
            e.live and not e.waiting and self._declaration_of(e).stages[e.position].name == stage_name
            for e in self.executions
        )

    def _enter(self, execution: Execution, stage: Stage) -> None:
        execution.waiting = False
        execution.current = {}
        execution.entered[stage.name] = 1 + max(
            (number for e in self.executions for number in e.entered.values()), default=0
        )
        execution.updated = self.now()
        if self._is_skipped(execution, stage):
            execution.stages[stage.name] = SKIPPED
            self._stage_changed(execution, stage.name, "SKIPPED")
            self._leave(execution)
            return
        execution.stages[stage.name] = IN_PROGRESS
        self._stage_changed(execution, stage.name, "STARTED")

    @staticmethod
    def _is_skipped(execution: Execution, stage: Stage) -> bool:
        """AWS: all rules of a condition must succeed for it to be met; if it is not, its result engages."""
        try:
            worth = resolve({str(number): each.variable for number, each in enumerate(stage.enters_if)}, execution)
        except UnresolvedError:
            return True
        return not all(each.holds(worth[str(number)]) for number, each in enumerate(stage.enters_if))

    def _leave(self, execution: Execution) -> None:
        """Go on to the next stage, or end."""
        if execution.kind == "ROLLBACK" or execution.position + 1 == len(self._declaration_of(execution).stages):
            self._end(execution, SUCCEEDED)
        else:
            execution.position += 1
            execution.waiting = True

    def _check_retry(self, stage_name: str, execution: Execution) -> None:
        """AWS: "The pipeline structure or stage state might have changed while actions awaited retry"."""
        if execution.version != self.version:
            raise RefusedError(
                "StageNotRetryableException",
                f"Unable to retry. The pipeline structure has changed since execution {execution.id} started",
            )
        if execution.stages.get(stage_name) not in (FAILED, STOPPED) or execution.live:
            raise RefusedError(
                "StageNotRetryableException",
                f"Unable to retry. Stage {stage_name} contains no failed actions of execution {execution.id}",
            )
        newest = max(self.executions, key=lambda e: e.entered.get(stage_name, 0))
        if newest is not execution and self.declaration.mode != "PARALLEL":
            raise RefusedError(
                "NotLatestPipelineExecutionException",
                f"Execution {newest.id} has entered stage {stage_name} since; only it can be retried",
            )

    def _end(self, execution: Execution, status: str) -> None:
        execution.status = status
        execution.updated = self.now()
        states = {STOPPED: "STOPPED", CANCELLED: "CANCELED", FAILED: "FAILED"}
        self._pipeline(execution, states.get(status, status.upper()))

    def _end_approvals(self, execution: Execution) -> None:
        """AWS's event of an action: "CANCELED: The action was canceled because the pipeline structure was updated"."""
        for run in self._running(execution):
            if self._stage_of(execution, run.stage).action(run.action).waits_for_a_person:
                self._abandon(execution, run, event="CANCELED")

    def _abandon(self, execution: Execution, run: ActionRun, *, event: str = "ABANDONED") -> None:
        run.status = ABANDONED
        run.token = ""
        run.updated = self.now()
        self._action(execution, run, event)
        self._effects.append(Abandon(run_id=run.id))

    @staticmethod
    def _running(execution: Execution) -> list[ActionRun]:
        return [run for run in execution.runs if run.status == IN_PROGRESS]

    def _declaration_of(self, execution: Execution) -> Declaration:
        return self.declarations[execution.version]

    def _stage_of(self, execution: Execution, stage_name: str) -> Stage:
        declaration = self._declaration_of(execution)
        return declaration.stages[declaration.position(stage_name)]

    def _pipeline(self, execution: Execution, state: str) -> None:
        self._effects.append(Changed(level="Pipeline", state=state, execution=execution))

    def _stage_changed(self, execution: Execution, stage: str, state: str) -> None:
        self._effects.append(Changed(level="Stage", state=state, execution=execution, stage=stage))

    def _action(self, execution: Execution, run: ActionRun, state: str) -> None:
        action = self._stage_of(execution, run.stage).action(run.action)
        self._effects.append(
            Changed(level="Action", state=state, execution=execution, stage=run.stage, action=action, run=run)
        )
