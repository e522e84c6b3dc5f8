"""A run is stopped before self-mutation where each synth of its commit gives another pipeline."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.builds import cancelled_runs, same_synth

COMMIT = "c0ffee" * 6
FIRST, SECOND = "Release of 2026-11-30 03:00:00", "Release of 2026-11-30 03:07:41"


class Store:
    """An object store of one bucket."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - S3's names
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": f"no {Key} in {Bucket}"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: ARG002, N803 - as above
        self.objects[Key] = Body


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store()
    monkeypatch.setattr("boto3.client", lambda _service: made)
    monkeypatch.setenv("CODEBUILD_RESOLVED_SOURCE_VERSION", COMMIT)
    return made


def synth(folder: Path, note: str, **more: Any) -> Path:
    """Write an assembly."""
    stages = [{"Name": "Source"}, {"Name": "dev", "Actions": [{"Configuration": {"CustomData": note}}]}]
    kind = "AWS::CodePipeline::Pipeline"
    pipeline = {
        "Type": kind,
        "Metadata": {"aws:cdk:path": "Pipeline/Pipeline/Resource"},
        "Properties": {"Stages": stages},
    }
    template = {"Resources": {"P1": pipeline, **more}}
    (folder / "assembly-Pipeline-dev").mkdir(exist_ok=True)
    (folder / "assembly-Pipeline-dev/dev.template.json").write_text(json.dumps({"Description": note}))
    (folder / "Pipeline.template.json").write_text(json.dumps(template))
    return folder


def test_a_second_synth_of_a_commit_that_differs_stops_with_resource_and_property(store: Store, tmp_path: Path) -> None:
    same_synth.check(synth(tmp_path, FIRST), "artifacts")
    with pytest.raises(SystemExit) as stopped:
        same_synth.check(synth(tmp_path, SECOND, Topic={"Type": "AWS::SNS::Topic"}), "artifacts")
    said = str(stopped.value)
    assert said.startswith("Stopped before self-mutation: each synth of c0ffeec0ffee gives another pipeline")
    where = "Pipeline: Pipeline/Pipeline/Resource Properties.Stages.1.Actions.0.Configuration.CustomData"
    assert f"  {where}: {FIRST} -> {SECOND}\n" in said
    assert '  Pipeline: Topic: nothing -> {"Type": "AWS::SNS::Topic"}\n' in said
    assert f"s3://artifacts/synths/{COMMIT}.json" in said
    assert len(store.objects) == 1


def test_the_same_synth_goes_on_and_another_commit_has_one_of_its_own(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        same_synth.check(synth(tmp_path, FIRST), "artifacts")
    monkeypatch.setenv("CODEBUILD_RESOLVED_SOURCE_VERSION", "d" * 40)
    same_synth.check(synth(tmp_path, SECOND), "artifacts")
    assert sorted(store.objects) == [f"synths/{COMMIT}.json", f"synths/{'d' * 40}.json"]


def test_long_values_are_shown_from_where_they_differ() -> None:
    before, after = ({"P.template.json": {"Outputs": {"O": "x" * 500 + end}}} for end in ("1", "2"))
    (line,) = same_synth.differences(before, after)
    assert line == f"  P.template.json: Outputs.O: ...{'x' * 80}1 -> ...{'x' * 80}2".replace(".template.json", "")


def test_an_update_says_which_runs_it_cancels_and_no_update_says_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = {
        "stageName": "prod-gate",
        "latestExecution": {"status": "InProgress", "pipelineExecutionId": "e1"},
        "actionStates": [{"latestExecution": {"token": "t"}}],
        "inboundExecutions": [{"pipelineExecutionId": "e2"}],
    }
    dev = {**gate, "stageName": "dev", "latestExecution": {"status": "Succeeded"}, "inboundExecutions": []}
    own = {**gate, "stageName": "Build"}
    asked: list[str] = []

    class Pipeline:
        def get_pipeline_state(self, *, name: str) -> dict[str, Any]:
            asked.append(name)
            return {"stageStates": [own, dev, gate]}

    monkeypatch.setattr("boto3.client", lambda name: store if name == "s3" else Pipeline())
    monkeypatch.setenv("CODEBUILD_INITIATOR", "codepipeline/penstock")
    for note in (FIRST, FIRST, SECOND):
        cancelled_runs.tell(synth(tmp_path, note), "artifacts")
    # What is beside the pipeline, such as when a stage is frozen, cancels nothing.
    cancelled_runs.tell(synth(tmp_path, SECOND, Rules={"Type": "AWS::SSM::Parameter"}), "artifacts")
    said = (
        "This commit updates the pipeline, which cancels:\n"
        "  execution e1, which waits for approval of prod-gate\n"
        "  execution e2, which stands in front of prod-gate\n"
    )
    assert (capsys.readouterr().out, asked) == (said * 2, ["penstock"] * 2)
