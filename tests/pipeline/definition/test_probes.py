"""Probes in the pipeline's template: an action each, and one build for all of them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline.definition.probes import COMMAND
from services.library.contract.constraints import validate_fields
from services.library.contract.steps import Probe
from tests.conftest import ROOT, Assembly
from tests.testbed import reachable, tiny

PIPELINE, PROJECT = "AWS::CodePipeline::Pipeline", "AWS::CodeBuild::Project"


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    folder = tmp_path_factory.mktemp("assembly")
    stages = [reachable.stage(name, (tiny.Tiny(), reachable.Reachable())) for name in ("dev", "qa")]
    app, _ = tiny.app(folder, catalogue=tuple(stages))
    app.synth()
    return Assembly(folder=folder)


@pytest.fixture(scope="module")
def probes(assembly: Assembly) -> dict[str, dict[str, Any]]:
    """Stage and name of each probe -> its action."""
    (pipeline,) = assembly.resources("Pipeline", PIPELINE).values()
    return {
        f"{stage['Name']}/{action['Name']}": action
        for stage in pipeline["Properties"]["Stages"]
        for action in stage["Actions"]
        if action["Name"].endswith((".Answers", ".Refuses"))
    }


def variables(action: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in json.loads(action["Configuration"]["EnvironmentVariables"])}


def test_all_probes_of_a_pipeline_share_one_project(assembly: Assembly, probes: dict[str, Any]) -> None:
    assert list(probes) == [f"{stage}/reachable.{name}" for stage in ("dev", "qa") for name in ("Answers", "Refuses")]
    (project,) = {action["Configuration"]["ProjectName"]["Ref"] for action in probes.values()}
    commands = [
        name for name, each in assembly.resources("Pipeline", PROJECT).items() if "probe.py" in json.dumps(each)
    ]
    assert commands == [project]


def test_a_probe_downloads_the_builds_programs_and_not_the_commit(assembly: Assembly, probes: dict[str, Any]) -> None:
    (given,) = {artifact["Name"] for action in probes.values() for artifact in action["InputArtifacts"]}
    (pipeline,) = assembly.resources("Pipeline", PIPELINE).values()
    (synth,) = pipeline["Properties"]["Stages"][1]["Actions"]
    project = assembly.resources("Pipeline", PROJECT)[synth["Configuration"]["ProjectName"]["Ref"]]
    artifacts = json.loads(project["Properties"]["Source"]["BuildSpec"])["artifacts"]
    folder = Path(artifacts["secondary-artifacts"][given]["base-directory"])
    program = next(word for word in COMMAND.split() if word.endswith(".py"))
    assert (ROOT / folder / program).is_file()
    assert folder == Path("pipeline/builds")


def test_a_probes_action_names_its_url_and_what_is_not_the_default(probes: dict[str, Any]) -> None:
    answers, refuses = (variables(probes[f"qa/reachable.{name}"]) for name in ("Answers", "Refuses"))
    assert answers["PROBE_URL"].startswith("#{Pipelineqareachable")
    assert answers["PROBE_URL"].endswith(".Url}")
    assert refuses == {
        **answers,
        "PROBE_METHOD": "POST",
        "PROBE_PATH": "/open",
        "PROBE_EXPECT_STATUS": "403",
    }
    assert variables(probes["dev/reachable.Answers"]) != answers, "each stage has its own URL"


def test_the_project_has_the_defaults_of_a_probe(assembly: Assembly, probes: dict[str, Any]) -> None:
    name = probes["dev/reachable.Answers"]["Configuration"]["ProjectName"]["Ref"]
    environment = assembly.resources("Pipeline", PROJECT)[name]["Properties"]["Environment"]
    assert {each["Name"]: each["Value"] for each in environment["EnvironmentVariables"]} == {
        "PROBE_METHOD": "GET",
        "PROBE_PATH": "/",
        "PROBE_EXPECT_STATUS": "200",
        "PROBE_ATTEMPTS": "5",
    }


def test_probes_of_one_service_run_one_after_another_behind_its_deployment(probes: dict[str, Any]) -> None:
    orders = [probes[f"dev/reachable.{name}"]["RunOrder"] for name in ("Answers", "Refuses")]
    assert 1 < orders[0] < orders[1]


def test_the_role_that_starts_probes_can_do_nothing_else(assembly: Assembly, probes: dict[str, Any]) -> None:
    (role,) = {action["RoleArn"]["Fn::GetAtt"][0] for action in probes.values()}
    (project,) = {action["Configuration"]["ProjectName"]["Ref"] for action in probes.values()}
    statements = [
        statement
        for policy in assembly.resources("Pipeline", "AWS::IAM::Policy").values()
        if {"Ref": role} in policy["Properties"]["Roles"]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
    assert statements == [
        {
            "Action": ["codebuild:BatchGetBuilds", "codebuild:StartBuild", "codebuild:StopBuild"],
            "Effect": "Allow",
            "Resource": {"Fn::GetAtt": [project, "Arn"]},
        }
    ]


def test_a_probes_path_never_becomes_a_command(tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o700)
    given = {"METHOD": "GET", "PATH": "/$(id);`id`\"'*", "EXPECT_STATUS": "200", "ATTEMPTS": "1", "URL": "https://x"}
    done = subprocess.run(
        ["/bin/sh", "-c", COMMAND],
        env={"PATH": str(tmp_path), **{f"PROBE_{name}": value for name, value in given.items()}},
        capture_output=True,
        text=True,
        check=True,
    )
    assert given["PATH"] in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("", True), ("/", True), ("/a?b=c&d={e}", True), ("/#{variables.secret}", False), ("/a b", False), ("a", False)],
)
def test_a_probes_path_holds_nothing_that_codepipeline_would_replace(path: str, *, allowed: bool) -> None:
    assert [each.field for each in validate_fields(Probe(name="Up", output="Url", path=path))] == (
        [] if allowed else ["path"]
    )


@pytest.mark.parametrize(("length", "allowed"), [(300, True), (301, False)])
def test_a_probes_path_leaves_room_for_the_rest_of_the_actions_variables(length: int, *, allowed: bool) -> None:
    probe = Probe(name="Up", output="Url", path="/".ljust(length, "x"))
    assert ([*validate_fields(probe)] == []) is allowed
