"""Before self-mutation the build that a commit gives the pipeline is run once, if it differs from the deployed."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.builds import new_definition, new_self_mutation
from pipeline.builds import prove as prove_synth

SPEC = '{"version": "0.2"}'
ENVIRONMENT = {"Image": "aws/codebuild/standard:7.0", "ComputeType": "BUILD_GENERAL1_MEDIUM", "Type": "LINUX_CONTAINER"}
VARIABLES = [{"Name": "A", "Value": "1"}, {"Name": "STORE", "Value": {"Ref": "Bucket"}}]


class CodeBuild:
    """A build of the deployed definition, and what it starts."""

    def __init__(self, *, status: str = "SUCCEEDED", variables: tuple[dict[str, str], ...] = ()) -> None:
        self.status = status
        self.variables = variables
        self.started: list[dict[str, Any]] = []

    def batch_get_builds(self, *, ids: list[str]) -> dict[str, Any]:
        if ids == ["proof:1"]:
            phases = [{"phaseType": "INSTALL", "phaseStatus": "SUCCEEDED"}]
            if self.status == "FAILED":
                contexts = [{"message": "Error while executing command: make nope. Reason: exit status 2"}]
                phases.append({"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": contexts})  # type: ignore[dict-item]  # as the API mixes them
            build = {"buildComplete": True, "buildStatus": self.status, "phases": phases, "logs": {"deepLink": "log"}}
            return {"builds": [build]}
        variables = [{"name": "A", "value": "1"}, {"name": "STORE", "value": "bucket"}, *self.variables]
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
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    spec: str = SPEC,
    status: str = "SUCCEEDED",
    given: tuple[dict[str, str], ...] = (),
    **environment: Any,
) -> CodeBuild:
    """Run it in a build of an assembly whose pipeline builds with this. `given`: what the build has besides."""
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
    made = CodeBuild(status=status, variables=given)
    monkeypatch.setattr("boto3.client", lambda _service: made)
    monkeypatch.setenv("CODEBUILD_BUILD_ID", "synth:0")
    monkeypatch.setenv("CODEBUILD_SOURCE_VERSION", "arn:aws:s3:::store/penstock/Source/abc")
    new_definition.check(folder)
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


INDEX = {"Name": "INDEX", "Type": "SECRETS_MANAGER", "Value": "builds/registries:index"}


def test_the_proof_reads_secrets_where_its_build_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {name.lower(): value for name, value in INDEX.items()}
    variables = [*VARIABLES, INDEX]
    (asked,) = prove(tmp_path, monkeypatch, spec="{}", given=(given,), EnvironmentVariables=variables).started
    assert given in asked["environmentVariablesOverride"]


def test_a_secret_that_only_the_update_grants_is_said_and_not_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prove(tmp_path, monkeypatch, EnvironmentVariables=[*VARIABLES, INDEX]).started == []
    assert "INDEX of the new build is read from elsewhere" in capsys.readouterr().out


def test_a_variable_that_is_taken_away_is_missing_in_the_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (asked,) = prove(tmp_path, monkeypatch, spec=SPEC, EnvironmentVariables=[VARIABLES[0]]).started
    commands = json.loads(asked["buildspecOverride"])["phases"]["install"]["commands"]
    assert commands == ["unset STORE"]
    built = {"pre_build": {"commands": ["make it"]}, "build": {}}
    changed = json.loads(new_definition.unset_first(json.dumps({"phases": built}), ["A", "STORE"]))
    assert changed["phases"]["pre_build"]["commands"] == ["unset A STORE", "make it"]


def test_a_definition_that_fails_stops_the_run_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="Stopped before self-mutation") as stopped:
        prove(tmp_path, monkeypatch, spec="{}", status="FAILED")
    said = str(stopped.value)
    assert "(buildspec) does not work on this commit, and once deployed no push could mend it" in said
    assert "BUILD: Error while executing command: make nope." in said


def test_a_definition_that_cannot_be_tried_is_not_deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: CodeBuild, **_asked: Any) -> None:
        raise ClientError({"Error": {"Code": "X", "Message": "Cannot have more than 1 builds in queue"}}, "StartBuild")

    monkeypatch.setattr(CodeBuild, "start_build", refuse)
    with pytest.raises(SystemExit, match=r"was not tried\. .*Cannot have more than 1 builds in queue"):
        prove(tmp_path, monkeypatch, spec="{}")


MUTATION = json.dumps(
    {
        "version": "0.2",
        "phases": {"install": {"commands": ["npm ci"]}, "build": {"commands": ["cdk -a . deploy Pipeline"]}},
    }
)


def mutating(spec: str, **environment: Any) -> dict[str, Any]:
    """A synth of a pipeline that updates itself so."""
    stages = [{"Actions": [{}]}, {}, {"Actions": [{"Configuration": {"ProjectName": {"Ref": "Mutation"}}}]}]
    project = {"Source": {"BuildSpec": spec}, "Environment": {**ENVIRONMENT, **environment}}
    return {
        "Resources": {
            "P": {"Type": "AWS::CodePipeline::Pipeline", "Properties": {"Stages": stages}},
            "Mutation": {"Type": "AWS::CodeBuild::Project", "Properties": project},
        }
    }


def prove_mutation(
    folder: Path, monkeypatch: pytest.MonkeyPatch, before: dict[str, Any] | None, after: dict[str, Any], status: str
) -> tuple[CodeBuild, list[str]]:
    """Run it after a run of that synth; what was started, and the files of what that works on."""
    (folder / "asset.1").mkdir()
    for name in ("Pipeline.template.json", "asset.1/code.py"):
        (folder / name).write_text(json.dumps(after))
    made, files = CodeBuild(status=status), []

    class Store:
        def put_object(self, **asked: Any) -> None:
            files.extend(zipfile.ZipFile(io.BytesIO(asked["Body"])).namelist())

    monkeypatch.setattr("boto3.client", lambda service: {"s3": Store(), "codebuild": made}[service])
    monkeypatch.setenv("CODEBUILD_BUILD_ID", "synth:0")
    new_self_mutation.check(folder, "store", before and {"Pipeline.template.json": before})
    return made, files


@pytest.mark.parametrize("before", [None, mutating(MUTATION)], ids=["first run", "unchanged"])
def test_self_mutation_that_is_as_it_was_is_not_tried(
    before: dict[str, Any] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, files = prove_mutation(tmp_path, monkeypatch, before, mutating(MUTATION), "SUCCEEDED")
    assert (made.started, files) == ([], [])


def test_self_mutation_that_differs_is_tried_without_deploying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    after = mutating(MUTATION, Image="aws/codebuild/standard:8.0")
    made, files = prove_mutation(tmp_path, monkeypatch, mutating("{}"), after, "SUCCEEDED")
    (asked,) = made.started
    phases = json.loads(asked["buildspecOverride"])["phases"]
    assert {name: phase["commands"] for name, phase in phases.items()} == {
        "install": ["npm ci"],
        "build": ["cdk -a . ls"],
    }
    assert (asked["imageOverride"], asked["projectName"]) == ("aws/codebuild/standard:8.0", "synth")
    assert (asked["sourceLocationOverride"], files) == ("store/synths/proof.zip", ["Pipeline.template.json"])


def test_self_mutation_that_fails_stops_the_run_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        SystemExit, match=r"the self-mutation that this commit gives the pipeline \(buildspec\) does not"
    ):
        prove_mutation(tmp_path, monkeypatch, mutating("{}"), mutating(MUTATION), "FAILED")


def test_the_build_that_proves_proves_nothing_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_PROVING", "yes")
    monkeypatch.setattr("sys.argv", ["prove", "--store", "artifacts"])
    prove_synth.main()  # without an assembly, and without AWS
