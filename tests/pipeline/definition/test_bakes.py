"""A stage that bakes: its last action, what it is watched by, and what it may read."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import assertions

from pipeline.catalogue.model import Catalogue, Wave
from pipeline.definition import service_stage
from services.library.contract.environment import Tier
from services.library.contract.release import Bake, Release, ReleaseAlarms
from services.library.contract.steps import Command
from tests.testbed import tiny

WATCHED = tiny.Tiny(
    release=Release(alarms=ReleaseAlarms(), bake=Bake(minutes=60, requests=5)),
    after=(Command(name="Look", commands=("true",)),),
)
PRODUCTION: dict[str, Any] = {"tier": Tier.PRODUCTION, "region": "us-east-1"}


@pytest.fixture
def template(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> assertions.Template:
    catalogue: Catalogue = request.param
    # The tiny service has nothing that counts requests.
    monkeypatch.setattr(service_stage, "watch_release", lambda *_, **__: None)
    _, stack = tiny.app(tmp_path, catalogue=catalogue)
    return assertions.Template.from_stack(stack)


def stages_of(template: assertions.Template) -> dict[str, list[dict[str, Any]]]:
    (found,) = template.find_resources("AWS::CodePipeline::Pipeline").values()
    return {stage["Name"]: stage["Actions"] for stage in found["Properties"]["Stages"]}


def rules_of(template: assertions.Template, label: str) -> dict[str, Any]:
    named = {"Properties": {"Name": f"/penstock/release/penstock/{label}"}}
    (found,) = template.find_resources("AWS::SSM::Parameter", named).values()
    read: dict[str, Any] = json.loads(found["Properties"]["Value"])
    return read


@pytest.mark.parametrize("template", [(tiny.stage("prod", WATCHED, **PRODUCTION),)], indirect=True)
def test_a_bake_is_the_last_action_and_watches_what_the_release_says(template: assertions.Template) -> None:
    actions = stages_of(template)["prod"]
    last = max(actions, key=lambda each: each["RunOrder"])
    assert last["Name"] == "Bake-prod"
    assert all(each["RunOrder"] < last["RunOrder"] for each in actions if each is not last)
    variables = {each["name"]: each["value"] for each in json.loads(last["Configuration"]["EnvironmentVariables"])}
    assert variables == {"RULES": "/penstock/release/penstock/prod", "STAGE": "prod"}
    rules = rules_of(template, "prod")
    assert rules["bake"] == {"minutes": 60, "requests": 5}
    (place,) = rules["alarms"]
    assert (place["release"], place["blockers"], place["region"]) == (["prod-tiny-release"], [], "us-east-1")
    (role,) = (
        statement["Resource"]
        for each in template.find_resources("AWS::IAM::Policy").values()
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "sts:AssumeRole" and "ReleaseRole" in str(each["Properties"]["Roles"])
    )
    assert "-lookup-role-" in str(role)


@pytest.mark.parametrize(
    "template",
    [
        (
            Wave(
                name="both",
                stages=(
                    tiny.stage("one", WATCHED, **PRODUCTION),
                    tiny.stage("two", replace(WATCHED, release=None), **PRODUCTION),
                ),
            ),
        )
    ],
    indirect=True,
)
def test_a_wave_bakes_once_after_all_of_its_stages(template: assertions.Template) -> None:
    actions = stages_of(template)["both"]
    assert [each["Name"] for each in actions if each["Name"].startswith("Bake")] == ["Bake-both"]
    assert [each["release"] for each in rules_of(template, "both")["alarms"]] == [["one-tiny-release"]]
