"""Before self-mutation the build that a commit gives the pipeline is run once, if it differs from the deployed."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.builds import new_definition

SPEC = '{"version": "0.2"}'
ENVIRONMENT = {"Image": "aws/codebuild/standard:7.0", "ComputeType": "BUILD_GENERAL1_MEDIUM", "Type": "LINUX_CONTAINER"}
VARIABLES = [{"Name": "A", "Value": "1"}, {"Name": "STORE", "Value": {"Ref": "Bucket"}}]


class CodeBuild:
    """A build of the deployed definition, and what it starts."""

    def __init__(self, *, status: str = "SUCCEEDED") -> None:
        self.status = status
        self.started: list[dict[str, Any]] = []

    def batch_get_builds(self, *, ids: list[str]) -> dict[str, Any]:
        if ids == ["proof:1"]:
            phases = [{"phaseType": "INSTALL", "phaseStatus": "SUCCEEDED"}]
            if self.status == "FAILED":
                contexts = [{"message": "Error while executing command: make nope. Reason: exit status 2"}]
                phases.append({"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": contexts})  # type: ignore[dict-item]  # as the API mixes them
            build = {"buildComplete": True, "buildStatus": self.status, "phases": phases, "logs": {"deepLink": "log"}}
            return {"builds": [build]}
        variables = [{"name": "A", "value": "1"}, {"name": "STORE", "value": "bucket"}]
        environment = {
            "image": ENVIRONMENT["Image"],
            "computeType": ENVIRONMENT["ComputeType"],
            "type": ENVIRONMENT["Type"],
            "environmentVariables": [*variables, {"name": "_PROJECT_CONFIG_HASH", "value": "x"}],
        }
        return {"builds": [{"projectName": "synth", "source": {"buildspec": SPEC}, "environment": environment}]}

    def start_build(self, **asked: Any) -> dict[str, Any]:
        self.started.append(asked)
        return {"build": {"id": "proof:1"}}


def prove(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, spec: str = SPEC, status: str = "SUCCEEDED", **environment: Any
) -> CodeBuild:
    """Run it in a build of an assembly whose pipeline builds with this."""
    stages = [{"Actions": [{}]}, {"Actions": [{"Configuration": {"ProjectName": {"Ref": "Synth"}}}]}]
    properties = {
        "Source": {"BuildSpec": spec},
        "Environment": {**ENVIRONMENT, "EnvironmentVariables": VARIABLES, **environment},
    }
    resources = {
        "P": {"Type": "AWS::CodePipeline::Pipeline", "Properties": {"Stages": stages}},
        "Synth": {"Type": "AWS::CodeBuild::Project", "Properties": properties},
    }
    (folder / "Pipeline.template.json").write_text(json.dumps({"Resources": resources}))
    made = CodeBuild(status=status)
    monkeypatch.setattr(new_definition.boto3, "client", lambda _service: made)
    monkeypatch.setenv("CODEBUILD_BUILD_ID", "synth:0")
    monkeypatch.setenv("CODEBUILD_SOURCE_VERSION", "arn:aws:s3:::store/penstock/Source/abc")
    new_definition.main(["--assembly", str(folder)])
    return made


def test_the_deployed_definition_is_not_run_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert prove(tmp_path, monkeypatch).started == []


@pytest.mark.parametrize(
    ("changed", "override", "value"),
    [
        ({"spec": "{}"}, "buildspecOverride", "{}"),
        ({"Image": "aws/codebuild/standard:8.0"}, "imageOverride", "aws/codebuild/standard:8.0"),
        ({"ComputeType": "BUILD_GENERAL1_SMALL"}, "computeTypeOverride", "BUILD_GENERAL1_SMALL"),
        (
            {"EnvironmentVariables": [{"Name": "A", "Value": "2"}, VARIABLES[1]]},
            "environmentVariablesOverride",
            [{"name": name, "value": value, "type": "PLAINTEXT"} for name, value in (("A", "2"), ("STORE", "bucket"))],
        ),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else "",
)
def test_what_differs_is_run_on_the_commits_source(
    changed: dict[str, Any], override: str, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (asked,) = prove(tmp_path, monkeypatch, **changed).started
    *variables, proving = asked["environmentVariablesOverride"]
    assert proving == {"name": "PENSTOCK_PROVING", "value": "yes", "type": "PLAINTEXT"}
    assert (variables if override == "environmentVariablesOverride" else asked[override]) == value
    assert (asked["projectName"], asked["sourceTypeOverride"]) == ("synth", "S3")
    assert asked["sourceLocationOverride"] == "store/penstock/Source/abc"
    assert asked["artifactsOverride"] == {"type": "NO_ARTIFACTS"}


def test_a_definition_that_fails_stops_the_run_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="Stopped before self-mutation") as stopped:
        prove(tmp_path, monkeypatch, spec="{}", status="FAILED")
    said = str(stopped.value)
    assert "(buildspec) does not work on this commit, and once deployed no push could mend it" in said
    assert "BUILD: Error while executing command: make nope." in said


def test_the_build_that_proves_proves_nothing_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_PROVING", "yes")
    assert prove(tmp_path, monkeypatch, spec="{}").started == []
