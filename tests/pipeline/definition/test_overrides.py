"""The hooks of a stage entry: each holds for its entry alone."""

from datetime import date
from pathlib import Path

from aws_cdk import assertions
from aws_cdk import aws_ssm as ssm

from pipeline.definition.service_stage import ServiceStage, checked_stacks
from services.library.contract.acknowledgement import Acknowledgement
from services.library.contract.environment import Environment
from services.library.contract.release import Release
from services.library.contract.steps import Approval, Command
from tests.testbed import tiny


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
        release=Release(roll_back=True),
        stage_acknowledgements=(accepted,),
    )
    _, pipeline = tiny.app(tmp_path, catalogue=(tiny.stage("zero"), tiny.stage("one", entry), tiny.stage("two")))
    made = assertions.Template.from_stack(pipeline)
    one, two = actions(made, "one"), actions(made, "two")
    assert {name for name in one if "Agree" in name or "Look" in name} == one - two
    assert len(one - two) == 2
    (found,) = made.find_resources("AWS::CodePipeline::Pipeline").values()
    failing = {each["Name"]: each.get("OnFailure") for each in found["Properties"]["Stages"]}
    assert failing["one"] == {"Result": "ROLLBACK"}
    assert failing["two"] is None
    made_stages = {each.stage_name: each for each in pipeline.node.children if isinstance(each, ServiceStage)}
    templates = {name: assertions.Template.from_stack(each.stacks["tiny"]) for name, each in made_stages.items()}
    values = {
        stage: next(iter(template.find_resources("AWS::SSM::Parameter").values()))["Properties"]["Value"]
        for stage, template in templates.items()
    }
    assert values == {"zero": "first", "one": "louder", "two": "first"}
    given = {name: checked_stacks(each)[0].stage_acknowledgements for name, each in made_stages.items()}
    assert given == {"zero": (), "one": (accepted,), "two": ()}
