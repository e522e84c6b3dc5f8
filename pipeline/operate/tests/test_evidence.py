"""What ran in a stage before, and what was pushed since, where the history is longer than anybody reads."""

from typing import Any

import pytest

from pipeline.operate import evidence, pushes
from pipeline.operate.errors import OperateError
from tests.testbed.code_pipeline import CodePipeline, connected, state

BEGAN = "2026-11-30T08:00"


def action(execution: str, stage: str, category: str, *, at: int = 0) -> dict[str, Any]:
    return {
        "pipelineExecutionId": execution,
        "stageName": stage,
        "status": "Succeeded",
        "startTime": f"{BEGAN}:{at:02}",
        "input": {"actionTypeId": {"category": category}},
        "output": {"outputVariables": {"CommitId": execution * 20}},
    }


class History(CodePipeline):
    """A pipeline whose history is read page by page, or of one execution."""

    def __init__(self, *details: dict[str, Any], inside: str = "", status: str = "Succeeded") -> None:
        super().__init__(state("prod"))
        self.states[0]["latestExecution"] = {"pipelineExecutionId": inside, "status": status}
        self.stages = [{"name": "prod-gate"}, {"name": "prod"}]
        self.details = list(details)

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        wanted = asked.get("filter", {}).get("pipelineExecutionId")
        found = [each for each in self.details if wanted in (None, each["pipelineExecutionId"])]
        return [{"actionExecutionDetails": found[: asked.get("PaginationConfig", {}).get("MaxItems")]}]

    def get_pipeline_execution(self, **asked: Any) -> dict[str, Any]:
        return {"pipelineExecution": {"artifactRevisions": [{"revisionId": asked["pipelineExecutionId"] * 20}]}}


def of_prod(history: History, besides: str = "") -> tuple[str, str, bool]:
    found = evidence.of_stage(connected(history).pipeline, "prod-gate", besides=besides)
    return found.execution, found.commit, found.is_complete


MANY = [action("e3", "dev", "Deploy")] * evidence.ACTIONS_LOOKED_AT


def test_what_runs_in_a_stage_is_found_behind_any_number_of_actions_elsewhere() -> None:
    assert of_prod(History(*MANY, action("e1", "prod", "Deploy"), inside="e1")) == ("e1", "e1" * 20, True)


def test_what_runs_is_not_known_where_the_history_is_longer_than_it_is_read() -> None:
    behind = (*MANY, action("e1", "prod", "Deploy"))
    assert of_prod(History(*behind, inside="e2", status="Failed")) == ("", "", False)
    assert of_prod(History(*MANY[1:])) == ("", "", True)


def test_a_run_that_deployed_nothing_or_does_not_count_is_not_what_runs() -> None:
    earlier = action("e1", "prod", "Deploy")
    assert of_prod(History(action("e2", "prod", "Test"), earlier, inside="e2")) == ("e1", "e1" * 20, True)
    assert of_prod(History(action("e2", "prod", "Deploy"), earlier, inside="e2"), besides="e2")[0] == "e1"


def test_pushes_are_read_back_to_the_run_that_deployed_last(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = [action(f"e{each}", "Source", "Source", at=each) for each in (4, 3, 2, 1)]
    pipeline = connected(History(*taken)).pipeline
    assert [each.execution for each in pushes.between(pipeline, after="e1", upto="e3")] == ["e3", "e2"]
    monkeypatch.setattr(pushes, "ACTIONS_LOOKED_AT", 3)
    assert [each.execution for each in pushes.between(pipeline, after="e2", upto="e3")] == ["e3"]
    for after in ("e1", ""):
        with pytest.raises(OperateError, match="do not reach back so far"):
            pushes.between(pipeline, after=after, upto="e3")
