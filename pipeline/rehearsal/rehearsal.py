"""One release of a stage in a local cloud: what happened, what stopped it, what went back, what was left."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from pipeline.local.client import ask
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate import approvals, logs
from pipeline.operate.errors import OperateError, suggested
from pipeline.operate.follow import REPLACED, changes, follow
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.rollback import template_of
from pipeline.operate.run import FAILED, SUCCEEDED, WAITING, Action, Run, Stage
from pipeline.operate.target import account_of
from pipeline.rehearsal import assembly_files, pipeline_update
from pipeline.rehearsal.assembly_files import zip_of
from pipeline.rehearsal.script import Answer, Conductor, Script
from pipeline.rehearsal.shifted_aliases import ShiftedAlias
from pipeline.rehearsal.single_stage import ASSEMBLY, SourceArtifact, StackTemplate, actions_of, bucket_in
from pipeline.rehearsal.traffic import Shift, Traffic, TrafficChange
from pipeline.rehearsal.watched_stage import RULES, WatchedStage
from services.library.contract.names import EVERY_STAGE, STAGES_VARIABLE

WHY = "A rehearsal"
FAULTS, EXPIRY = "/_penstock/codepipeline/faults", "/_penstock/codepipeline/expire"
FASTEST = 1_000_000.0
"""How fast the clock goes in releases that are not looked at, by the clock's own limit."""
LINES_SHOWN = 6
LOOKED_AT = 10
"""Executions; a rollback is newer than what it rolls back."""
BAKE_SECONDS = 20.0
"""How long a bake takes here."""
Show = Callable[[Stage | Action | TrafficChange], None]


class Left(StrEnum):
    """What a stack is once everything has ended."""

    RELEASED = "as released"
    BEFORE = "as before the release"
    UNCHANGED = "unchanged by the release"
    ABSENT = "not deployed"
    NEITHER = "neither as released nor as before"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a release."""

    run: Run
    rollback: Run | None
    """The run that CodePipeline rolled the stage back with."""
    left: Mapping[str, Left]
    """Stack -> what it is now."""
    reasons: Mapping[str, Sequence[str]]
    """Action that failed -> the last that it printed, or its error."""
    shifts: Sequence[Shift] = ()
    """How the traffic was shifted."""

    @property
    def went_through(self) -> bool:
        """Whether nothing stopped it."""
        return self.run.status == SUCCEEDED

    def to_json(self) -> dict[str, Any]:
        """Return what `penstock rehearse --json` prints."""
        return {
            "went_through": self.went_through,
            "status": self.run.status,
            "stopped_by": [{"action": name, "why": "\n".join(lines)} for name, lines in self.reasons.items()],
            "rolled_back": self.rollback and {"execution": self.rollback.execution, "status": self.rollback.status},
            "left": {stack: left.value for stack, left in self.left.items()},
            "shifts": [each.to_json() for each in self.shifts],
            "run": self.run.to_json(),
        }


@dataclass(kw_only=True)
class Rehearsal:
    """A stage's pipeline in a local cloud of its own. Releases are rehearsed one after the other."""

    cloud: LocalCloud
    pipeline: Pipeline
    stage: str
    assembly: Path
    stacks: Sequence[StackTemplate]
    sources: Sequence[SourceArtifact]
    _released: Mapping[str, str] | None = field(default=None, init=False)
    """What was other in the last release that went through; None: there was none."""

    def prepare(self, code: Callable[[str], bytes], first: Script) -> None:
        """Make the bucket that the pipeline follows, which begins the first release as soon as it is there.

        `code`: returns a folder of the commit as a zip.

        Raises:
            OperateError: if the first release is to have an action fail that the stage does not have.
        """
        self._let_fail(first.failing)
        place = self.pipeline.target
        s3, bucket = self._bucket()
        # The oldest region is the one that is not named.
        home = {} if place.region == "us-east-1" else {"LocationConstraint": place.region}
        s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": home} if home else {}))
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for each in self.sources:
            if each.folder != ASSEMBLY:
                s3.put_object(Bucket=bucket, Key=each.key, Body=code(each.folder))
        self._push(first.replaced)

    def first_release(self, script: Script, show: Show) -> Outcome:
        """Follow the release that the pipeline's creation has begun."""
        conductor = self._conductor(script, show, aliases=(), bake_rate=FASTEST)
        return self._outcome(self.pipeline.latest(), script, show, conductor)

    def release(self, script: Script, show: Show) -> Outcome:
        """Release the assembly as the script says.

        Raises:
            OperateError: before anything is released, if the script has what the stage knows nothing of.
        """
        watched = self.watched()
        if watched.parameter is None and script.is_about_the_release_rules:
            raise OperateError(
                f"{self.stage} has no gate and no bake: nothing there looks at alarms, requests or dates."
            )
        rate = min(max(watched.bake.total_seconds() / BAKE_SECONDS, 1.0), FASTEST)
        self._let_fail(script.failing)
        aliases = assembly_files.aliases(self.assembly, self.stacks)
        conductor = self._conductor(script, show, aliases=aliases, bake_rate=rate)
        if script.is_updated_before:
            pipeline_update.update(self.pipeline)
        self._push(script.replaced)
        every_stage: Any = [{"name": STAGES_VARIABLE, "value": EVERY_STAGE}]
        started = self.pipeline.client.start_pipeline_execution(name=self.pipeline.name, variables=every_stage)
        return self._outcome(started["pipelineExecutionId"], script, show, conductor)

    def _conductor(self, script: Script, show: Show, *, aliases: Sequence[ShiftedAlias], bake_rate: float) -> Conductor:
        traffic = Traffic(cloud=self.cloud, pipeline=self.pipeline, aliases=aliases)
        conductor = Conductor(script=script, watched=self.watched(), traffic=traffic, show=show, bake_rate=bake_rate)
        conductor.begin()
        return conductor

    def _outcome(self, execution: str, script: Script, show: Show, conductor: Conductor) -> Outcome:
        try:
            run = self._follow(execution, script.answer, show, conductor)
        finally:
            conductor.end_judgement()
        failed = [each for each in run.actions if each.status == FAILED]
        reasons = {each.full_name: logs.last_words(self.pipeline, each, count=LINES_SHOWN) for each in failed}
        rollback = self._rollback_of(run, show, conductor)
        left, shifts = self._left(run, script.replaced), conductor.traffic.shifts
        outcome = Outcome(run=run, rollback=rollback, left=left, reasons=reasons, shifts=shifts)
        if outcome.went_through:
            self._released = script.replaced
        return outcome

    def watched(self) -> WatchedStage:
        """Return what the stage's release is judged by."""
        named = self._parameter()
        return WatchedStage(cloud=self.cloud, pipeline=self.pipeline, stage=self.stage, parameter=named)

    def _parameter(self) -> str | None:
        """Return the parameter with the release's rules; None if nothing judges by any."""
        for declared in self.pipeline.definition():
            for action in declared["actions"]:
                for each in json.loads(action.get("configuration", {}).get("EnvironmentVariables", "[]")):
                    if each["name"] == RULES:
                        return str(each["value"])
        return None

    def _push(self, replaced: Mapping[str, str]) -> None:
        s3, bucket = self._bucket()
        key = next(each.key for each in self.sources if each.folder == ASSEMBLY)
        s3.put_object(Bucket=bucket, Key=key, Body=zip_of(self.assembly, replaced))

    def _bucket(self) -> tuple[Any, str]:
        place = self.pipeline.target
        return self.cloud.client("s3", place.account, place.region), bucket_in(place.account)

    def _follow(self, execution: str, answer: Answer, show: Show, conductor: Conductor) -> Run:
        before: Run | None = None
        run: Run | None = None
        while run is None or run.status == WAITING:
            if run is not None:
                conductor.at_approval()
                self._answer(run, answer)
            for run in follow(self.pipeline, execution):
                conductor.look(run)  # first: what happened to the traffic is why an action has ended
                for change in changes(before, run):
                    show(change)
                before = run
                if run.status in REPLACED:
                    break  # an update of the pipeline cancelled it, and here none follows it
            assert run is not None  # noqa: S101 - a run that cannot be read raises
        return run

    def _answer(self, run: Run, answer: Answer) -> None:
        """Answer the approval that a run waits for, or let its time be over."""
        if answer is Answer.NONE:
            ask(self.cloud.port, EXPIRY, {"execution": run.execution}, of="approvals")
            return
        waiting = approvals.find(self.pipeline, execution=run.execution)
        approvals.answer(self.pipeline, waiting, approved=answer is Answer.APPROVE, why=WHY)

    def _let_fail(self, names: Sequence[str]) -> None:
        """Have these actions fail when their turn comes.

        Raises:
            OperateError: for one that neither the stage nor its gate has.
        """
        declared = actions_of(assembly_files.read_pipeline(self.assembly), self.stage)
        for name in names:
            if name not in declared:
                raise OperateError(
                    f"--fault action={name} names no action of {self.stage}; it has {', '.join(declared)}."
                    f"{suggested(name, declared)}"
                )
        ask(self.cloud.port, FAULTS, {"fails": [declared[each] for each in names]}, of="faults")

    def _rollback_of(self, run: Run, show: Show, conductor: Conductor) -> Run | None:
        """Follow the run that CodePipeline has started since to roll the stage back, if it has."""
        for each in self.pipeline.executions(LOOKED_AT):
            if each["pipelineExecutionId"] == run.execution:
                return None
            if each.get("executionType") == "ROLLBACK":
                conductor.roll_back()
                return self._follow(each["pipelineExecutionId"], Answer.APPROVE, show, conductor)
        return None

    def _left(self, run: Run, replaced: Mapping[str, str]) -> dict[str, Left]:
        actions = {each.configuration.get("StackName"): each for each in run.actions}
        return {each.stack: self._left_of(each, actions[each.stack], replaced) for each in self.stacks}

    def _left_of(self, stack: StackTemplate, action: Action, replaced: Mapping[str, str]) -> Left:
        account = account_of(action.role or "") or self.pipeline.target.account
        client = self.cloud.client("cloudformation", account, action.region)
        try:
            deployed = json.loads(template_of(client, stack.stack))
        except client.exceptions.ClientError:
            return Left.ABSENT
        released = self._template(stack, replaced)
        before = None if self._released is None else self._template(stack, self._released)
        if deployed not in (released, before):
            return Left.NEITHER
        if released == before:
            return Left.UNCHANGED
        return Left.RELEASED if deployed == released else Left.BEFORE

    def _template(self, stack: StackTemplate, replaced: Mapping[str, str]) -> Any:
        return json.loads(replaced.get(stack.file) or (self.assembly / stack.file).read_text(encoding="utf-8"))
