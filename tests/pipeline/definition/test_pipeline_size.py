"""How large a pipeline becomes: its actions counted beforehand, its bytes for each service, its template's spaces."""

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import assertions

from pipeline.catalogue.model import Catalogue, Removal, Shipped, Wave
from pipeline.definition import pipeline_size
from services.library.cloudformation.template import Template
from services.library.contract.environment import Tier
from services.library.contract.release import OFF, Release
from services.library.contract.steps import Approval, Command
from services.library.guardrails.finding import DeploymentLocation
from services.library.guardrails.rules import quotas, sizes
from services.library.guardrails.rules.quotas import LONGEST_VALUE, PIPELINE_QUOTAS, TEMPLATE_LIMITS
from stages import accounts
from tests.conftest import Assembly
from tests.testbed import reachable, tiny

PIPELINE = "AWS::CodePipeline::Pipeline"
DEV = tiny.stage("dev")
PROD = tiny.stage(
    "prod",
    tiny.Tiny(
        before=(Approval(name="Ask", note="May it?"),),
        after=(Command(name="Run", commands=("true",)),),
        release=Release(alarms=OFF),  # what is there to watch is known once its stack is built
    ),
    tier=Tier.PRODUCTION,
)
OLD = Shipped(stage="dev", service="old", stack="dev-old", account=accounts.DEV, region=accounts.SECOND_REGION)
REMOVAL = Removal(shipped=OLD, why="It is of no use any more", owner="@example/old")
EMPTY = replace(PROD, services=())


def removal(stage: str) -> Removal:
    return replace(REMOVAL, shipped=replace(OLD, stage=stage, stack=f"{stage}-old"))


def synthesised(folder: Path, catalogue: Catalogue, removals: tuple[Removal, ...] = ()) -> Assembly:
    app, _ = tiny.app(folder, catalogue=catalogue, removals=removals)
    app.synth()
    return Assembly(folder=folder)


def stages(assembly: Assembly) -> list[dict[str, Any]]:
    (pipeline,) = assembly.resources("Pipeline", PIPELINE).values()
    found: list[dict[str, Any]] = pipeline["Properties"]["Stages"]
    return found


@pytest.mark.parametrize(
    ("catalogue", "removals"),
    [
        pytest.param((DEV,), (), id="one stage"),
        pytest.param((DEV, PROD), (), id="steps, an approval and the protection of production"),
        pytest.param((Wave(name="all", stages=(DEV, PROD)),), (), id="a wave"),
        pytest.param((DEV,), (REMOVAL,), id="a removal"),
        pytest.param((DEV, EMPTY), (removal("prod"), removal("gone")), id="removals that nothing else asks about"),
        pytest.param((Wave(name="all", stages=(DEV, EMPTY)),), (removal("prod"),), id="such a removal in a wave"),
    ],
)
def test_actions_of_a_pipeline_are_known_from_its_catalogue(
    catalogue: Catalogue, removals: tuple[Removal, ...], tmp_path: Path
) -> None:
    found = stages(synthesised(tmp_path, catalogue, removals))
    assert pipeline_size.actions(catalogue, removals) == sum(len(stage["Actions"]) for stage in found)


def test_a_person_agrees_before_the_last_stack_of_production_or_of_a_stage_that_is_gone_is_removed(
    tmp_path: Path,
) -> None:
    catalogue = (replace(DEV, services=()), EMPTY)
    removals = tuple(map(removal, ("dev", "prod", "gone")))
    found = {stage["Name"]: stage["Actions"] for stage in stages(synthesised(tmp_path, catalogue, removals))}
    assert [action["Name"] for action in found["dev"]] == ["Remove-dev-old"]
    assert "prod" not in found
    asked, *then = sorted(found["removals"], key=lambda action: action["RunOrder"])
    assert (asked["Name"], asked["ActionTypeId"]["Category"]) == ("Approve-removals", "Approval")
    assert asked["Configuration"] == {"CustomData": "Removes prod-old, gone-old"}
    assert sorted(each["Name"] for each in then) == ["Remove-gone-old", "Remove-prod-old"]
    assert {each["RunOrder"] - asked["RunOrder"] for each in then} == {1}


def test_the_gate_of_a_wave_asks_once_for_what_one_of_its_stages_removes(tmp_path: Path) -> None:
    unwatched = tiny.Tiny(release=Release(alarms=OFF))
    other = tiny.stage("other", unwatched, tier=Tier.PRODUCTION, region=accounts.FIRST_REGION)
    catalogue = (DEV, Wave(name="both", stages=(EMPTY, other)))
    found = stages(synthesised(tmp_path, catalogue, (removal("prod"),)))
    asked = [
        (stage["Name"], action["Name"])
        for stage in found
        for action in stage["Actions"]
        if action["ActionTypeId"]["Category"] == "Approval"
    ]
    assert asked == [("both-gate", "Approve-both")]
    assert pipeline_size.actions(catalogue, (removal("prod"),)) == sum(len(stage["Actions"]) for stage in found)


def test_four_hundred_deployments_with_a_probe_each_fit_one_pipeline(tmp_path: Path) -> None:
    """What one more service takes, times a hundred in four stages: two small pipelines instead of a very large one."""
    few, more = (
        synthesised(tmp_path / str(count), (reachable.stage("development", reachable.services(count)),))
        for count in (20, 30)
    )
    grown = [len((each.folder / "Pipeline.template.json").read_bytes()) for each in (few, more)]
    added = sum(len(stage["Actions"]) for stage in stages(more)) - sum(len(stage["Actions"]) for stage in stages(few))
    assert added == 20
    assert (grown[1] - grown[0]) / 10 * 400 < TEMPLATE_LIMITS["bytes"], "with indentation, even"
    assert added / 10 * 400 < PIPELINE_QUOTAS["actions"]
    assert len(more.template("Pipeline")["Resources"]) == len(few.template("Pipeline")["Resources"])


def test_every_stack_of_production_is_protected_by_an_action_that_has_room_for_its_name(tmp_path: Path) -> None:
    names = [f"{'a-service-with-a-long-name' * 2}{number:02}" for number in range(23)]
    services = tuple(type(f"S{at}", (tiny.Tiny,), {"name": name})() for at, name in enumerate(names))
    production = tiny.stage("production", *services, tier=Tier.PRODUCTION)
    catalogue = (replace(production, release=Release(alarms=OFF, bake=OFF)),)
    found = stages(synthesised(tmp_path, catalogue))
    actions = [action for stage in found for action in stage["Actions"]]
    assert pipeline_size.actions(catalogue, ()) == len(actions)
    written = [each["Configuration"].get("EnvironmentVariables", "") for each in actions]
    assert max(map(len, written)) <= LONGEST_VALUE
    protected = {
        each["Name"]: variable["value"].split()
        for each, variables in zip(actions, written, strict=True)
        for variable in json.loads(variables or "[]")
        if variable["name"] == "STACKS"
    }
    assert list(protected) == ["Protect", "Protect-2", "Protect-3"]
    assert sorted(itertools.chain(*protected.values())) == sorted(f"production-{name}" for name in names)


def test_no_policy_of_a_pipeline_of_many_steps_with_long_names_is_longer_than_aws_takes(tmp_path: Path) -> None:
    """Nor an action's configuration: all of it as long as names and ARNs may make it."""
    steps = (*(Command(name=f"Look{number}", commands=("true",)) for number in range(4)), Approval(name="Ask", note=""))
    names = [f"{number:02}".rjust(80, "a") for number in range(18)]
    services = tuple(type(f"S{name}", (tiny.Tiny,), {"name": name})(after=steps) for name in names)
    made = synthesised(tmp_path, (tiny.stage("development", *services),))
    template = Template(made.template("Pipeline"), "Pipeline")
    anywhere = DeploymentLocation(keeps_data=True)
    found = [*sizes.check(template, anywhere), *quotas.check(template, anywhere)]
    assert [(each.rule, each.path, each.text) for each in found] == []


def test_a_large_pipelines_template_is_written_without_indentation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert synthesised(tmp_path / "small", (DEV,)).folder.joinpath("Pipeline.template.json").read_text()[:3] == "{\n "
    monkeypatch.setattr(pipeline_size, "INDENTED_ACTIONS", 4)
    large = synthesised(tmp_path / "large", (DEV,)).folder.joinpath("Pipeline.template.json").read_text()
    assert "\n" not in large
    (manifest,) = (tmp_path / "large").glob("assembly-*/*.template.json")
    assert "\n" in manifest.read_text(), "a service's template stays as people read it"


def test_synth_says_what_is_left_when_few_actions_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert pipeline_size.warning(899) == ""
    assert pipeline_size.warning(900) == (
        "The pipeline has 900 of the 1,000 actions that CodePipeline allows. What to do: docs/scale.md."
    )
    monkeypatch.setattr(pipeline_size, "PIPELINE_QUOTAS", {"actions": 6})
    _, stack = tiny.app(tmp_path, catalogue=(DEV,))
    said = assertions.Annotations.from_stack(stack).find_warning("*", assertions.Match.any_value())
    assert "The pipeline has 6 of the 6 actions" in str([each.entry.data for each in said])
