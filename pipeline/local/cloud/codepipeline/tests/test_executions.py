"""What is kept of an execution: all of it, as it was when it was written, and each ended action once."""

import copy
import dataclasses
import json

import pytest

from pipeline.local.cloud.codepipeline.executions import (
    ABANDONED,
    SUCCEEDED,
    ActionRun,
    Execution,
    execution_from_json,
)


def run(number: int, **more: object) -> ActionRun:
    known = {"id": f"run{number}", "stage": "dev", "action": f"Deploy{number}", "version": 1}
    return ActionRun(**{**known, "started": float(number), "updated": float(number), **more})  # type: ignore[arg-type]  # as given


def execution(*runs: ActionRun) -> Execution:
    return Execution(
        id="one",
        order=1,
        version=1,
        mode="SUPERSEDED",
        started=1,
        updated=2,
        trigger_type="Push",
        retries={"dev": {"automatic": 1, "manual": 0, "latest": "AutomatedStageRetry"}},
        artifacts={"Source": {"bucket": "store", "key": "source.zip"}},
        namespaces={"devone": {"Url": "https://one"}},
        runs=list(runs),
    )


def test_an_execution_is_read_back_as_it_was_written() -> None:
    made = execution(run(1, status=SUCCEEDED), run(2, configuration={"StackName": "dev-one"}))
    assert execution_from_json(json.loads(json.dumps(made.to_json()))) == made
    assert made.to_json() == {key: value for key, value in dataclasses.asdict(made).items() if key != "_written"}, (
        "and every field is written"
    )


def test_what_was_written_stays_as_it_was_when_the_execution_goes_on() -> None:
    made = execution(run(1, status=SUCCEEDED), run(2))
    written = made.to_json()
    before = copy.deepcopy(written)
    made.runs[1].status = SUCCEEDED
    made.runs[1].configuration["StackName"] = "dev-two"
    made.retries["dev"]["manual"] += 1
    made.namespaces["devtwo"] = {"Url": "https://two"}
    made.artifacts["Output"] = {"bucket": "store", "key": "output.zip"}
    made.runs.append(run(3))
    assert written == before


def test_an_ended_run_that_is_told_something_more_is_written_anew() -> None:
    made = execution(run(1, status=ABANDONED))
    made.to_json()
    made.runs[0].summary, made.runs[0].updated = "It had gone on until here", 9.0
    assert made.to_json()["runs"][0]["summary"] == "It had gone on until here"


def test_each_ended_run_is_written_once_however_often_the_execution_is(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    asdict = dataclasses.asdict

    def counted(value: ActionRun) -> dict[str, object]:
        written.append(value.id)
        return asdict(value)

    monkeypatch.setattr(dataclasses, "asdict", counted)
    made = execution()
    for number in range(10):
        made.runs.append(run(number, status=SUCCEEDED))
        made.to_json()
    assert written == [f"run{number}" for number in range(10)]


def test_the_latest_run_of_an_id_is_found_among_many() -> None:
    made = execution(*(run(number) for number in range(10)))
    assert made.run("run3").action == "Deploy3"
    with pytest.raises(KeyError):
        made.run("run10")
