"""A run is stopped before self-mutation where each synth of its commit gives another pipeline."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.builds import same_synth

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
    monkeypatch.setattr(same_synth.boto3, "client", lambda _service: made)
    monkeypatch.setenv("CODEBUILD_RESOLVED_SOURCE_VERSION", COMMIT)
    return made


def synth(folder: Path, note: str, **more: Any) -> list[str]:
    """Write an assembly; the words of a build's call."""
    stages = [{"Name": "Source"}, {"Name": "dev", "Actions": [{"Configuration": {"CustomData": note}}]}]
    pipeline = {"Metadata": {"aws:cdk:path": "Pipeline/Pipeline/Resource"}, "Properties": {"Stages": stages}}
    template = {"Resources": {"P1": pipeline, **more}}
    (folder / "assembly-Pipeline-dev").mkdir(exist_ok=True)
    (folder / "assembly-Pipeline-dev/dev.template.json").write_text(json.dumps({"Description": note}))
    (folder / "Pipeline.template.json").write_text(json.dumps(template))
    return ["--assembly", str(folder), "--store", "artifacts"]


def test_a_second_synth_of_a_commit_that_differs_stops_with_resource_and_property(store: Store, tmp_path: Path) -> None:
    same_synth.main(synth(tmp_path, FIRST))
    with pytest.raises(SystemExit) as stopped:
        same_synth.main(synth(tmp_path, SECOND, Topic={"Type": "AWS::SNS::Topic"}))
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
        same_synth.main(synth(tmp_path, FIRST))
    monkeypatch.setenv("CODEBUILD_RESOLVED_SOURCE_VERSION", "d" * 40)
    same_synth.main(synth(tmp_path, SECOND))
    assert sorted(store.objects) == [f"synths/{COMMIT}.json", f"synths/{'d' * 40}.json"]


def test_long_values_are_shown_from_where_they_differ() -> None:
    before, after = ({"P.template.json": {"Outputs": {"O": "x" * 500 + end}}} for end in ("1", "2"))
    (line,) = same_synth.differences(before, after)
    assert line == f"  P.template.json: Outputs.O: ...{'x' * 80}1 -> ...{'x' * 80}2".replace(".template.json", "")
