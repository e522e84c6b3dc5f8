"""The hooks of a stage entry: each holds for its entry alone, and the page that explains them tells the truth."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import assertions
from aws_cdk import aws_ssm as ssm

from services.intake.service import Intake
from services.library.contract.acknowledgement import Acknowledgement
from services.library.contract.environment import Environment, Tier
from services.library.contract.release import Release
from services.library.contract.steps import Approval, Command, Probe
from tests.testbed import tiny

PAGE = (tiny.ROOT / "docs/override.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def speak_louder(stack: tiny.TinyStack, environment: Environment) -> None:
    """Until everybody hears."""
    value = stack.node.find_child("Value")
    assert isinstance(value, ssm.StringParameter)
    value.node.default_child.add_property_override("Value", "louder")  # type: ignore[union-attr]  # every L2 has one


def actions(pipeline: assertions.Template, stage: str) -> set[str]:
    (found,) = pipeline.find_resources("AWS::CodePipeline::Pipeline").values()
    return {
        action["Name"] for each in found["Properties"]["Stages"] if each["Name"] == stage for action in each["Actions"]
    }


def test_each_hook_holds_for_its_stage_entry_alone(tmp_path: Path) -> None:
    accepted = Acknowledgement(
        rule="AwsSolutions-S1",
        path="Bucket",
        reason="Only what this stage's partner sends is in it",
        owner="@example/tiny",
        expires=date(2027, 1, 1),
    )
    entry = tiny.Tiny(
        override=speak_louder,
        before=(Approval(name="Agree", note="Ask them"),),
        after=(Command(name="Look", commands=("true",)),),
        release=Release(roll_back_on_failure=True),
        stage_acknowledgements=(accepted,),
    )
    _, pipeline = tiny.app(tmp_path, catalogue=(tiny.stage("one", entry), tiny.stage("two")))
    made = assertions.Template.from_stack(pipeline)
    one, two = actions(made, "one"), actions(made, "two")
    assert {name for name in one if "Agree" in name or "Look" in name} == one - two
    assert len(one - two) == 2
    (found,) = made.find_resources("AWS::CodePipeline::Pipeline").values()
    failing = {each["Name"]: each.get("OnFailure") for each in found["Properties"]["Stages"]}
    assert failing["one"] == {"Result": "ROLLBACK"}
    assert failing["two"] is None
    checked = {each.environment.name: each for each in pipeline.checked_stacks if each.environment}
    assert (checked["one"].stage_acknowledgements, checked["two"].stage_acknowledgements) == ((accepted,), ())
    values = {
        stage: next(iter(template.find_resources("AWS::SSM::Parameter").values()))["Properties"]["Value"]
        for stage, template in ((name, assertions.Template.from_stack(each.stack)) for name, each in checked.items())
    }
    assert values == {"one": "louder", "two": "first"}


def test_the_pages_override_does_what_the_page_says() -> None:
    names: dict[str, Any] = {"Intake": Intake, "Approval": Approval, "Probe": Probe, "Release": Release}
    exec(BLOCKS[0], names)  # noqa: S102 - the page's own example
    entry = eval(BLOCKS[1], names)  # noqa: S307 - as above
    assert (entry.release, len(entry.before), len(entry.after)) == (Release(roll_back_on_failure=True), 1, 1)
    environment = Environment(name="prod", tier=Tier.PRODUCTION, account="111111111111", region="eu-west-1")
    made, plain = (
        assertions.Template.from_stack(
            service.deploy(cdk.Stage(cdk.App(), "prod", env=environment.to_cdk()), environment)
        )
        for service in (entry, replace(entry, override=None))
    )
    made.has_resource_properties("AWS::ApiGateway::RestApi", {"Name": "intake-prod-v1"})
    slow = {"Threshold": 8_000, "EvaluationPeriods": 10}
    made.has_resource_properties("AWS::CloudWatch::Alarm", slow)
    before, after = (set(each.find_resources("AWS::CloudWatch::Alarm")) for each in (plain, made))
    assert before < after
    assert {name.startswith("Backlog") for name in after - before} == {True}
