"""Which runs are alive, where many others have ended since."""

from typing import Any

from pipeline.operate import approvals, live_runs
from pipeline.operate.pipeline import MOST_PAGES
from tests.testbed.code_pipeline import CodePipeline, connected, state, waiting

COMMIT = "3f2a9c1d" + "0" * 32


def summary(execution: str, status: str = "Superseded", commit: str = "") -> dict[str, Any]:
    return {"pipelineExecutionId": execution, "status": status, "sourceRevisions": [{"revisionId": commit}]}


class Paged(CodePipeline):
    """A pipeline that lists its executions page by page."""

    def __init__(self, *states: dict[str, Any]) -> None:
        super().__init__(*states)
        self.pages = 0

    def list_pipeline_executions(self, **asked: Any) -> dict[str, Any]:
        self.pages += 1
        begin = int(asked.get("nextToken", 0))
        end = begin + int(asked["maxResults"])
        more = {"nextToken": str(end)} if end < len(self.executions) else {}
        return {"pipelineExecutionSummaries": self.executions[begin:end], **more}


def test_a_run_that_waits_is_known_by_its_commit_however_many_runs_ended_since() -> None:
    aws = Paged(waiting("prod-gate", "Approve-prod", execution="old"))
    since = [summary(f"e{each}") for each in range(3 * live_runs.LOOKED_AT)]
    aws.executions = [*since, summary("old", "InProgress", COMMIT), summary("older")]
    pipeline = connected(aws).pipeline
    assert approvals.find(pipeline, commit=COMMIT[:8]).run.commit == COMMIT
    assert [each.execution for each in live_runs.live_runs(pipeline)] == ["old"]


def test_a_run_that_stands_in_front_of_a_stage_is_looked_for_and_what_is_not_listed_not_for_ever() -> None:
    aws = Paged(state("prod", inboundExecutions=[{"pipelineExecutionId": "old"}]))
    since = [summary(f"e{each}") for each in range(live_runs.LOOKED_AT)]
    aws.executions = [*since, summary("old", "InProgress")]
    pipeline = connected(aws).pipeline
    assert [each.status for each in live_runs.live_runs(pipeline)] == [live_runs.BEHIND]
    aws.pages, aws.executions = 0, since * (MOST_PAGES + 9)
    assert live_runs.live_runs(pipeline) == []
    assert aws.pages == MOST_PAGES


def test_latest_runs_are_one_call_where_nothing_waits() -> None:
    aws = Paged(state("prod"))
    aws.executions = [summary(f"e{each}") for each in range(3 * live_runs.LOOKED_AT)]
    assert live_runs.live_runs(connected(aws).pipeline) == []
    assert aws.pages == 1
