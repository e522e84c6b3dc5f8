"""A stage that bakes: its last action, what it is watched by, and what it may read."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import assertions

from pipeline.catalogue.model import Catalogue, Wave
from pipeline.catalogue.problem import MistakeError
from pipeline.definition import service_stage
from services.library.contract.environment import Environment, Tier
from services.library.contract.release import OFF, Bake, Release, ReleaseAlarms
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
    assert "stacks" not in place
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
                    tiny.stage("two", replace(WATCHED, release=Release(alarms=OFF)), **PRODUCTION),
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


def test_production_bakes_by_default_where_something_can_be_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other: tiny.Tiny = type("Other", (tiny.Tiny,), {"name": "other"})()
    monkeypatch.setattr(service_stage, "watch_release", lambda *_, **__: None)
    monkeypatch.setattr(service_stage, "lacking", lambda stack: None if stack.node.id == "other" else "a function")
    _, stack = tiny.app(tmp_path, catalogue=(tiny.stage("prod", tiny.Tiny(), other, **PRODUCTION),))
    template = assertions.Template.from_stack(stack)
    assert "Bake-prod" in {each["Name"] for each in stages_of(template)["prod"]}
    rules = rules_of(template, "prod")
    assert rules["bake"] == {"minutes": 60, "requests": 0}
    assert [each["release"] for each in rules["alarms"]] == [["prod-other-release"]]
    assert not any("requests" in each for each in rules["alarms"])


class Adopted(tiny.Tiny):
    """A service whose stack was there before the platform."""

    def stack_name(self, environment: Environment) -> str:
        return f"legacy-{environment.name}"


@pytest.mark.parametrize(
    "template", [(tiny.stage("prod", Adopted(release=WATCHED.release), **PRODUCTION),)], indirect=True
)
def test_bake_knows_what_an_adopted_stack_is_called(template: assertions.Template) -> None:
    (place,) = rules_of(template, "prod")["alarms"]
    assert (place["release"], place["stacks"]) == (["prod-tiny-release"], {"prod-tiny-release": "legacy-prod"})


def test_requests_are_asked_of_who_is_watched_by_somebodys_wish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other: tiny.Tiny = type("Other", (tiny.Tiny,), {"name": "other"})()
    monkeypatch.setattr(service_stage, "watch_release", lambda *_, **__: None)
    monkeypatch.setattr(service_stage, "lacking", lambda _: None)
    _, stack = tiny.app(tmp_path, catalogue=(tiny.stage("prod", WATCHED, other, **PRODUCTION),))
    rules = rules_of(assertions.Template.from_stack(stack), "prod")
    assert rules["bake"] == {"minutes": 60, "requests": 5}
    assert [each["requests"] for each in rules["alarms"]] == [{"prod-other-release": 0}]


def test_production_without_anything_to_watch_is_deployed_without_a_bake(tmp_path: Path) -> None:
    _, stack = tiny.app(tmp_path, catalogue=(tiny.stage("prod", **PRODUCTION),))
    template = assertions.Template.from_stack(stack)
    assert "Bake-prod" not in {each["Name"] for each in stages_of(template)["prod"]}
    assert "bake" not in rules_of(template, "prod")
    assert rules_of(template, "prod")["alarms"] == []


def test_bake_that_somebody_wishes_is_refused_where_nothing_can_be_watched(tmp_path: Path) -> None:
    wished = tiny.Tiny(release=Release(bake=Bake(minutes=5)))
    with pytest.raises(MistakeError, match=r"tiny: release.bake is not allowed in prod, where no service's stack"):
        tiny.app(tmp_path, catalogue=(tiny.stage("prod", wished, **PRODUCTION),))
