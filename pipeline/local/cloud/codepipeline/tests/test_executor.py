"""The state machine alone: any order of pushes, ends, stops, retries and updates keeps AWS's rules."""

from typing import Any

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pipeline.local.cloud.codepipeline.declaration import Declaration, parse
from pipeline.local.cloud.codepipeline.executions import (
    CANCELLED,
    FAILED,
    IN_PROGRESS,
    STOPPED,
    SUCCEEDED,
    SUPERSEDED,
    execution_from_json,
)
from pipeline.local.cloud.codepipeline.executor import Changed, RefusedError, Transition
from tests.testbed.executor_bench import BAD, GOOD, Bench


def action(name: str, order: int = 1, category: str = "Build") -> dict[str, Any]:
    kind = {"category": category, "owner": "AWS", "provider": "Any", "version": "1"}
    return {"name": name, "actionTypeId": kind, "runOrder": order}


def declaration(mode: str = "SUPERSEDED", **on_failure: str) -> Declaration:
    """Source, then A and B side by side before C, then an approval."""
    failing = {"onFailure": on_failure} if on_failure else {}
    return parse(
        {
            "name": "p",
            "roleArn": "r",
            "executionMode": mode,
            "artifactStore": {"type": "S3", "location": "b"},
            "stages": [
                {"name": "Source", "actions": [action("Fetch")]},
                {"name": "Build", "actions": [action("A"), action("B"), action("C", 2)], **failing},
                {"name": "Gate", "actions": [action("Ask", category="Approval")]},
            ],
        }
    )


def test_actions_of_one_order_run_together_and_the_next_order_after_them() -> None:
    bench = Bench.of(declaration())
    bench.start()
    bench.end("Fetch")
    assert bench.names() == {"A", "B"}
    bench.end("A")
    assert bench.names() == {"B"}
    bench.end("B")
    assert bench.names() == {"C"}


def test_what_runs_beside_a_failed_action_finishes_before_the_stage_fails() -> None:
    bench = Bench.of(declaration())
    execution = bench.start()
    bench.end("Fetch")
    bench.end("A", BAD)
    assert execution.status == IN_PROGRESS
    bench.end("B")
    assert execution.status == FAILED
    assert bench.names() == set()


def test_a_retry_of_failed_actions_keeps_those_that_succeeded() -> None:
    bench = Bench.of(declaration())
    execution = bench.start()
    bench.end("Fetch")
    bench.end("A", BAD)
    bench.end("B")
    bench.take(bench.executor.retry("Build", execution.id, "FAILED_ACTIONS"))
    assert bench.names() == {"A"}
    bench.end("A")
    bench.end("C", BAD)
    bench.take(bench.executor.retry("Build", execution.id, "ALL_ACTIONS"))
    assert bench.names() == {"A", "B"}


def test_a_stage_that_a_newer_execution_has_entered_cannot_be_retried() -> None:
    bench = Bench.of(declaration())
    first = bench.start()
    bench.end("Fetch")
    bench.end("A", BAD)
    bench.end("B")
    bench.start()
    bench.end("Fetch")
    with pytest.raises(RefusedError) as refused:
        bench.executor.retry("Build", first.id, "FAILED_ACTIONS")
    assert refused.value.code == "NotLatestPipelineExecutionException"


def test_a_stage_of_another_structure_cannot_be_retried() -> None:
    bench = Bench.of(declaration())
    execution = bench.start()
    bench.end("Fetch", BAD)
    bench.take(bench.executor.redefine(declaration(), 2))
    with pytest.raises(RefusedError) as refused:
        bench.executor.retry("Source", execution.id, "FAILED_ACTIONS")
    assert refused.value.code == "StageNotRetryableException"


def test_an_update_lets_running_actions_finish_and_starts_nothing_more() -> None:
    bench = Bench.of(declaration())
    old = bench.start()
    bench.end("Fetch")
    bench.take(bench.executor.redefine(declaration(), 2))
    assert old.status == IN_PROGRESS
    new = bench.start()
    bench.end("Fetch", execution=new)
    assert new.waiting, "the old execution is still in the stage"
    bench.end("A", execution=old)
    bench.end("B", execution=old)
    assert old.status == CANCELLED
    assert bench.names() == {"A", "B"}


def test_an_update_ends_an_approval_that_waits() -> None:
    bench = Bench.of(declaration())
    execution = bench.start()
    for name in ("Fetch", "A", "B", "C"):
        bench.end(name)
    bench.take(bench.executor.redefine(declaration(), 2))
    assert (execution.status, bench.running) == (CANCELLED, {})


def test_a_closed_transition_holds_the_newest_execution_only() -> None:
    bench = Bench.of(declaration())
    bench.take(bench.executor.set_transition("Build", Transition(enabled=False)))
    first = bench.start()
    bench.end("Fetch")
    second = bench.start()
    bench.end("Fetch")
    assert (first.status, second.status) == (SUPERSEDED, IN_PROGRESS)
    bench.take(bench.executor.set_transition("Build", Transition()))
    assert {begin.execution.id for begin in bench.running.values()} == {second.id}


def test_an_interruption_fails_what_ran_keeps_approvals_and_leaves_automatic_retries_alone() -> None:
    bench = Bench.of(declaration(result="RETRY"))
    asked = bench.start()
    for name in ("Fetch", "A", "B", "C"):
        bench.end(name)
    built = bench.start()
    bench.end("Fetch")
    bench.end("A")
    saved = [execution_from_json(execution.to_json()) for execution in bench.executor.executions]
    again = Bench.of(declaration(result="RETRY"))
    again.executor.executions = saved
    again.take(again.executor.interrupt(BAD))
    status = {execution.id: execution.status for execution in saved}
    assert status == {asked.id: IN_PROGRESS, built.id: FAILED}
    again.take(again.executor.retry("Build", built.id, "FAILED_ACTIONS"))
    assert again.names() == {"B"}


def test_a_failing_stage_starts_a_rollback_to_the_last_execution_that_succeeded_in_it() -> None:
    bench = Bench.of(declaration(result="ROLLBACK"))
    good = bench.start()
    for name in ("Fetch", "A", "B", "C", "Ask"):
        bench.end(name)
    bench.start()
    bench.end("Fetch")
    bench.end("A", BAD)
    bench.end("B")
    rollback = bench.executor.executions[-1]
    assert (rollback.kind, rollback.rollback_target) == ("ROLLBACK", good.id)
    assert bench.names() == {"A", "B"}
    for name in ("A", "B", "C"):
        bench.end(name)
    assert rollback.status == SUCCEEDED


def test_a_parallel_pipeline_has_no_rollback() -> None:
    bench = Bench.of(declaration("PARALLEL"))
    execution = bench.start()
    with pytest.raises(RefusedError, match="PARALLEL"):
        bench.executor.roll_back("Build", execution.id, "ManualRollback")


class Rules(RuleBasedStateMachine):
    """Does anything to a pipeline in any order."""

    @initialize(mode=st.sampled_from(["SUPERSEDED", "QUEUED", "PARALLEL"]), retries=st.booleans())
    def make(self, mode: str, retries: bool) -> None:
        self.mode = mode
        self.bench = Bench.of(declaration(mode, **({"result": "RETRY"} if retries else {})))

    @rule()
    def push(self) -> None:
        self.bench.start()

    @precondition(lambda self: self.bench.running)
    @rule(data=st.data(), good=st.sampled_from([True, True, True, False]))
    def end(self, data: st.DataObject, good: bool) -> None:
        begin = data.draw(st.sampled_from(list(self.bench.running.values())))
        del self.bench.running[begin.run.id]
        self.bench.take(self.bench.executor.finish(begin.execution.id, begin.run.id, GOOD if good else BAD))

    @precondition(lambda self: self.bench.executor.executions)
    @rule(data=st.data(), abandon=st.booleans())
    def stop(self, data: st.DataObject, abandon: bool) -> None:
        execution = data.draw(st.sampled_from(self.bench.executor.executions))
        try:
            self.bench.take(self.bench.executor.stop(execution.id, abandon=abandon, reason=""))
        except RefusedError:
            assert not execution.live or not abandon

    @precondition(lambda self: self.bench.executor.executions)
    @rule(data=st.data(), mode=st.sampled_from(["FAILED_ACTIONS", "ALL_ACTIONS"]))
    def retry(self, data: st.DataObject, mode: Any) -> None:
        execution = data.draw(st.sampled_from(self.bench.executor.executions))
        stage = data.draw(st.sampled_from(["Source", "Build", "Gate"]))
        try:
            self.bench.take(self.bench.executor.retry(stage, execution.id, mode))
        except RefusedError:
            event("a retry was refused")
        else:
            assert execution.live

    @rule(stage=st.sampled_from(["Build", "Gate"]), enabled=st.booleans())
    def transition(self, stage: str, enabled: bool) -> None:
        self.bench.take(self.bench.executor.set_transition(stage, Transition(enabled=enabled)))

    @rule()
    def update(self) -> None:
        self.bench.take(self.bench.executor.redefine(declaration(self.mode), self.bench.executor.version + 1))

    @invariant()
    def what_the_engine_calls_running_runs(self) -> None:
        told = {run.id for e in self.bench.executor.executions for run in e.runs if run.status == IN_PROGRESS}
        assert told == set(self.bench.running)

    @invariant()
    def a_stage_holds_one_execution_unless_parallel(self) -> None:
        if self.mode == "PARALLEL":
            return
        places = [e.position for e in self.bench.executor.executions if e.live and not e.waiting]
        assert len(places) == len(set(places))

    @invariant()
    def at_most_one_execution_waits_for_a_stage_if_superseded(self) -> None:
        if self.mode == "SUPERSEDED":
            waiting = [e.position for e in self.bench.executor.executions if e.live and e.waiting]
            assert len(waiting) == len(set(waiting))

    @invariant()
    def executions_that_ended_do_nothing(self) -> None:
        for begin in self.bench.running.values():
            assert begin.execution.live

    @invariant()
    def whatever_can_move_has_moved(self) -> None:
        for execution in self.bench.executor.executions:
            if execution.live and not execution.waiting:
                assert any(run.status == IN_PROGRESS for run in execution.runs)

    @invariant()
    def what_is_remembered_survives_being_saved(self) -> None:
        for execution in self.bench.executor.executions:
            assert execution_from_json(execution.to_json()) == execution
            assert execution.status in (IN_PROGRESS, "Stopping", SUCCEEDED, FAILED, STOPPED, SUPERSEDED, CANCELLED)


TestRules = Rules.TestCase
TestRules.settings = settings(max_examples=60, stateful_step_count=40)


def test_an_approval_that_an_update_of_the_pipeline_ends_is_told_as_cancelled() -> None:
    """The action's event: "CANCELED: The action was canceled because the pipeline structure was updated".

    https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
    """
    bench = Bench.of(declaration())
    execution = bench.start()
    for name in ("Fetch", "A", "B", "C"):
        bench.end(name)
    effects = bench.executor.redefine(declaration("QUEUED"), 2)
    told = [(each.level, each.state) for each in effects if isinstance(each, Changed)]
    assert told == [("Action", "CANCELED"), ("Stage", "CANCELED"), ("Pipeline", "CANCELED")]
    assert execution.status == CANCELLED
    stopped = Bench.of(declaration())
    execution = stopped.start()
    for name in ("Fetch", "A", "B", "C"):
        stopped.end(name)
    effects = stopped.executor.stop(execution.id, abandon=True, reason="")
    assert ("Action", "ABANDONED") in [(each.level, each.state) for each in effects if isinstance(each, Changed)]
