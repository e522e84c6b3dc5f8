"""One team's change is its own: no other service's template differs by it, and of the pipeline only what deploys it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import aws_cdk as cdk
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.catalogue.model import Catalogue, Stage
from pipeline.definition.service_stage import ServiceStage
from services.library.contract.environment import Environment, Tier
from services.library.contract.service import Override
from stages import accounts
from tests.testbed import small, tiny

STAGES = {"dev": (Tier.SANDBOX, accounts.DEV), "prod": (Tier.PRODUCTION, accounts.PROD)}


@dataclass(frozen=True, kw_only=True)
class Alpha(tiny.Tiny):
    name: ClassVar[str] = "alpha"

    def build(self, scope: Any, environment: Environment) -> tiny.TinyStack:
        return Named(scope, self.name, environment=environment, value=self.value)


class Beta(Alpha):
    name: ClassVar[str] = "beta"


class Gamma(Alpha):
    name: ClassVar[str] = "gamma"


class Delta(Alpha):
    name: ClassVar[str] = "delta"


class Named(tiny.TinyStack):
    """Its own parameter, so that several stand side by side."""

    def __init__(self, scope: Any, id_: str, *, environment: Environment, value: str) -> None:
        super().__init__(scope, id_, environment=environment, value=value)
        parameter = self.node.find_child("Value").node.default_child
        assert isinstance(parameter, cdk.CfnResource)
        parameter.add_property_override("Name", f"/{id_}/{environment.name}")


def describe(stack: tiny.TinyStack, environment: Environment) -> None:
    """Says what it is for."""
    stack.template_options.description = f"{environment.name} alone"


@dataclass(frozen=True)
class Edit:
    """What one team changes in one stage."""

    stage: str
    service: type[Alpha]
    value: str | None
    """None: the service leaves the stage."""
    override: Override[tiny.TinyStack] | None


EDITS = st.builds(
    Edit,
    stage=st.sampled_from(sorted(STAGES)),
    service=st.sampled_from([Alpha, Beta, Gamma, Delta]),
    value=st.one_of(st.none(), st.text("abcdefgh", min_size=1, max_size=8)),
    override=st.sampled_from([None, describe]),
)


def catalogue(edits: list[Edit]) -> Catalogue:
    entries: dict[str, dict[type[Alpha], Alpha]] = {
        stage: {service: service() for service in (Alpha, Beta, Gamma)} for stage in STAGES
    }
    for edit in edits:
        if edit.value is None:
            entries[edit.stage].pop(edit.service, None)
        else:
            entries[edit.stage][edit.service] = replace(
                entries[edit.stage].get(edit.service, edit.service()), value=edit.value, override=edit.override
            )
    return tuple(
        Stage(
            environment=Environment(name=name, tier=tier, account=account, region=accounts.FIRST_REGION),
            services=tuple(entries[name].values()),
        )
        for name, (tier, account) in STAGES.items()
    )


def synth(made: Catalogue) -> tuple[dict[tuple[str, str], bytes], dict[str, Any]]:
    """(stage, service) -> template; and the pipeline's template."""
    with TemporaryDirectory() as folder:
        app, pipeline = tiny.app(Path(folder), catalogue=made)
        app.synth()
        templates = {
            (built.stage.name, name): Path(folder, built.artifact_id, stack.template_file).read_bytes()
            for built in pipeline.node.children
            if isinstance(built, ServiceStage)
            for name, stack in built.stacks.items()
        }
        return templates, json.loads(Path(folder, "Pipeline.template.json").read_text())


@cache
def before() -> tuple[dict[tuple[str, str], bytes], dict[str, Any]]:
    return synth(catalogue([]))


def check(edits: list[Edit]) -> None:
    touched = {(edit.stage, edit.service.name) for edit in edits}
    templates, pipeline = synth(catalogue(edits))
    old_templates, old_pipeline = before()
    for key in old_templates.keys() - touched:
        assert templates[key] == old_templates[key], key
    assert set(templates) - set(old_templates) <= touched
    assert untouched(pipeline, touched) == untouched(old_pipeline, touched)


def untouched(pipeline: Mapping[str, Any], touched: set[tuple[str, str]]) -> dict[str, Any]:
    """The pipeline's template without the actions that deploy what was touched, and the protection of their stage."""
    made: dict[str, Any] = json.loads(json.dumps(pipeline))
    stages = {stage for stage, _ in touched}
    for resource in made["Resources"].values():
        if resource["Type"] == "AWS::CodePipeline::Pipeline":
            for stage in resource["Properties"]["Stages"]:
                for action in stage["Actions"]:
                    if action["Name"] == "Protect" and stage["Name"] in stages:
                        del action["Configuration"]["EnvironmentVariables"]
                stage["Actions"] = [
                    # The CDK leaves the stack's name out of the action's where a stage has one stack alone.
                    {**action, "Name": stack or action["Name"]}
                    for action in stage["Actions"]
                    if (stack := action.get("Configuration", {}).get("StackName", ""))
                    not in {f"{stage}-{service}" for stage, service in touched}
                ]
    return made


@settings(max_examples=6)
@given(edits=st.lists(EDITS, min_size=1, max_size=4))
def test_a_teams_edits_change_nothing_of_the_others(edits: list[Edit]) -> None:
    check(edits)


@pytest.mark.soak
@settings(max_examples=150)
@given(edits=st.lists(EDITS, min_size=1, max_size=6))
def test_no_teams_edits_change_anything_of_the_others(edits: list[Edit]) -> None:
    check(edits)


@pytest.mark.parametrize(
    ("region", "partition"), [("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn"), ("eu-west-1", "aws")]
)
def test_a_stage_in_another_partition_names_no_arn_of_this_one(region: str, partition: str, tmp_path: Path) -> None:
    elsewhere = replace(small.PROD, environment=replace(small.PROD.environment, region=region))
    app = cdk.App(outdir=str(tmp_path))
    built = ServiceStage(app, elsewhere)
    app.synth()
    for stack in built.stacks.values():
        text = (tmp_path / built.artifact_id / stack.template_file).read_text()
        others = {"arn:aws:", "arn:aws-cn:", "arn:aws-us-gov:"} - {f"arn:{partition}:"}
        assert [other for other in others if other in text] == [], (stack.stack_name, partition)
