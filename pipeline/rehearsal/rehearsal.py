"""One release of a stage in a local cloud: what happened, what stopped it, what went back, what was left."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from pipeline.local.lifecycle import LocalCloud
from pipeline.operate import approvals, run_control
from pipeline.operate.follow import changes, follow
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.rollback import template_of
from pipeline.operate.run import FAILED, SUCCEEDED, WAITING, Action, Run, Stage
from pipeline.operate.target import account_of
from pipeline.rehearsal.assembly_files import zip_of
from pipeline.rehearsal.single_stage import ASSEMBLY, SourceArtifact, StackTemplate, bucket_in

WHY = "A rehearsal"
Show = Callable[[Stage | Action], None]


class Answer(StrEnum):
    """What the rehearsal says to the stage's approval."""

    APPROVE = "approve"
    REJECT = "reject"


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

    @property
    def went_through(self) -> bool:
        """Whether nothing stopped it."""
        return self.run.status == SUCCEEDED

    @property
    def stopped_by(self) -> tuple[Action, ...]:
        """The actions that failed."""
        return tuple(action for action in self.run.actions if action.status == FAILED)

    def to_json(self) -> dict[str, Any]:
        """Return what `penstock rehearse --json` prints."""
        return {
            "went_through": self.went_through,
            "status": self.run.status,
            "stopped_by": [{"action": each.full_name, "why": each.error or each.summary} for each in self.stopped_by],
            "rolled_back": self.rollback and {"execution": self.rollback.execution, "status": self.rollback.status},
            "left": {stack: left.value for stack, left in self.left.items()},
            "run": self.run.to_json(),
        }


@dataclass(kw_only=True)
class Rehearsal:
    """A stage's pipeline in a local cloud of its own. Releases are rehearsed one after the other."""

    cloud: LocalCloud
    pipeline: Pipeline
    assembly: Path
    stacks: Sequence[StackTemplate]
    sources: Sequence[SourceArtifact]
    _released: Mapping[str, str] | None = field(default=None, init=False)
    """What was other in the last release that went through; None: there was none."""

    def prepare_source(self, code: Callable[[str], bytes], replaced: Mapping[str, str]) -> None:
        """Make the bucket that the pipeline follows. `code`: returns a folder of the commit as a zip."""
        place = self.pipeline.target
        s3, bucket = self._bucket()
        # The oldest region is the one that is not named.
        home = {} if place.region == "us-east-1" else {"LocationConstraint": place.region}
        s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": home} if home else {}))
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for each in self.sources:
            if each.folder != ASSEMBLY:
                s3.put_object(Bucket=bucket, Key=each.key, Body=code(each.folder))
        self._push(replaced)

    def first_release(self, answer: Answer, show: Show, replaced: Mapping[str, str]) -> Outcome:
        """Follow the release that the pipeline's creation has begun."""
        return self._outcome(self.pipeline.latest(), answer, show, replaced)

    def release(self, answer: Answer, show: Show, replaced: Mapping[str, str]) -> Outcome:
        """Release the assembly. `replaced`: templates that are others in this release, by file."""
        self._push(replaced)
        return self._outcome(run_control.start(self.pipeline), answer, show, replaced)

    def _outcome(self, execution: str, answer: Answer, show: Show, replaced: Mapping[str, str]) -> Outcome:
        run = self._follow(execution, answer, show)
        rollback = self._rollback_of(run, show)
        outcome = Outcome(run=run, rollback=rollback, left=self._left(run, replaced))
        if outcome.went_through:
            self._released = replaced
        return outcome

    def _push(self, replaced: Mapping[str, str]) -> None:
        s3, bucket = self._bucket()
        key = next(each.key for each in self.sources if each.folder == ASSEMBLY)
        s3.put_object(Bucket=bucket, Key=key, Body=zip_of(self.assembly, replaced))

    def _bucket(self) -> tuple[Any, str]:
        place = self.pipeline.target
        return self.cloud.client("s3", place.account, place.region), bucket_in(place.account)

    def _follow(self, execution: str, answer: Answer, show: Show) -> Run:
        before: Run | None = None
        run: Run | None = None
        while run is None or run.status == WAITING:
            if run is not None:
                waiting = approvals.find(self.pipeline, execution=run.execution)
                approvals.answer(self.pipeline, waiting, approved=answer is Answer.APPROVE, why=WHY)
            for run in follow(self.pipeline, execution):
                for change in changes(before, run):
                    show(change)
                before = run
            assert run is not None  # noqa: S101 - a run that cannot be read raises
        return run

    def _rollback_of(self, run: Run, show: Show) -> Run | None:
        """Follow the run that CodePipeline has started to roll the stage back, if it has."""
        started = [
            each["pipelineExecutionId"]
            for each in self.pipeline.executions(5)
            if each.get("executionType") == "ROLLBACK" and each["pipelineExecutionId"] != run.execution
        ]
        return self._follow(started[0], Answer.APPROVE, show) if started else None

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
