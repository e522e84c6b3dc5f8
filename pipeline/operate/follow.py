"""Following a run until it ends or waits for a person, across the restarts that self-mutation causes."""

import time
from collections.abc import Callable, Iterator

from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import IN_PROGRESS, NOT_STARTED, SUCCEEDED, WAITING, Action, Run, Stage

REPLACED = frozenset({"Cancelled", "Superseded"})
RESTS = 4
"""Between two looks, as many times as long as one takes: hundreds of actions are looked at less often."""
LOOKS_FOR_A_SUCCESSOR = 20
"""The new execution of a pipeline that updated itself may appear a moment after the old one ended."""


def follow(
    pipeline: Pipeline,
    execution: str | None = None,
    *,
    stops_for_approval: bool = True,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Run]:
    """Yield the run, again and again, until it ends or waits for a person; then the execution that replaced it."""
    run, took = _look(pipeline, execution)
    while True:
        yield run
        if run.status in REPLACED:
            successor = _successor(pipeline, run, pause)
            if successor is None:
                return
            run, took = _look(pipeline, successor)
            continue
        if not run.is_live or (stops_for_approval and run.status == WAITING):
            return
        pause(max(pipeline.target.poll_seconds, RESTS * took))
        run, took = _look(pipeline, run.execution)


def _look(pipeline: Pipeline, execution: str | None) -> tuple[Run, float]:
    """Return a run as it is now, and how many seconds it took to ask."""
    began = time.monotonic()
    return pipeline.read(execution), time.monotonic() - began


def _successor(pipeline: Pipeline, run: Run, pause: Callable[[float], None]) -> str | None:
    for _ in range(LOOKS_FOR_A_SUCCESSOR):
        newest = pipeline.latest()
        if newest != run.execution:
            return newest
        pause(pipeline.target.poll_seconds)
    return None


def exit_code(run: Run) -> int:
    """Return what `penstock status --wait` answers: 0 succeeded, 3 waits for approval, 1 ended otherwise."""
    if run.status == SUCCEEDED:
        return 0
    return 3 if run.status == WAITING else 1


def changes(before: Run | None, after: Run) -> Iterator[Stage | Action]:
    """Yield each action and each stage whose status has changed; all of them for a run that restarted.

    A stage begins before its actions and ends after them.
    """
    known: dict[str, str] = {}
    if before is not None and before.execution == after.execution:
        known = {action.full_name: action.status for action in before.actions}
        known |= {stage.name: stage.status for stage in before.stages}
    for stage in after.stages:
        changed = stage.status != known.get(stage.name, NOT_STARTED)
        if changed and stage.status == IN_PROGRESS:
            yield stage
        for action in stage.actions:
            if action.status != known.get(action.full_name, NOT_STARTED):
                yield action
        if changed and stage.status != IN_PROGRESS:
            yield stage
