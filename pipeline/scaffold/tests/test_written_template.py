"""What of a template is read, kept as it is, and refused by its name."""

import json
from typing import Any

import pytest

from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.written_template import WrittenTemplate

QUEUE: dict[str, Any] = {"Type": "AWS::SQS::Queue"}


def of(**body: Any) -> WrittenTemplate:
    return WrittenTemplate("orders.json", json.dumps({"Resources": {"Queue": QUEUE}, **body}))


def test_short_forms_and_dates_are_read_as_cloudformation_reads_them() -> None:
    text = """
AWSTemplateFormatVersion: 2010-09-09
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Condition: IsNeeded
    Properties:
      QueueName: !Sub "${AWS::StackName}-queue"
      DelaySeconds: !If [IsSlow, 5, !Ref AWS::NoValue]
      Tags: [{Key: of, Value: !GetAtt Other.Name.First}]
"""
    body = WrittenTemplate("orders.yaml", text).body
    assert body["AWSTemplateFormatVersion"] == "2010-09-09"
    assert body["Resources"]["Queue"]["Properties"] == {
        "QueueName": {"Fn::Sub": "${AWS::StackName}-queue"},
        "DelaySeconds": {"Fn::If": ["IsSlow", 5, {"Ref": "AWS::NoValue"}]},
        "Tags": [{"Key": "of", "Value": {"Fn::GetAtt": ["Other", "Name.First"]}}],
    }


def test_template_is_adopted_as_it_is_written() -> None:
    text = "# why\nResources: {Queue: {Type: AWS::SQS::Queue}}"
    written = WrittenTemplate("orders.yaml", text)
    assert (written.adopted_text, written.file_name) == (f"{text}\n", "template.yaml")


def test_what_the_cdk_writes_into_each_template_is_left_to_it() -> None:
    written = of(Parameters={"BootstrapVersion": {"Type": "String"}}, Rules={"CheckBootstrapVersion": {}, "Own": {}})
    kept = json.loads(written.adopted_text)
    assert kept == {"Resources": {"Queue": QUEUE}, "Rules": {"Own": {}}}
    assert written.file_name == "template.json"
    assert written.parameters({"BootstrapVersion": "/cdk-bootstrap/hnb659fds/version"}) == {}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"Transform": ["AWS::Serverless-2016-10-31", {"Name": "Team"}]},
            "its Transform (AWS::Serverless-2016-10-31, Team)",
        ),
        ({"Resources": {"Fn::ForEach::Queues": ["Name", [], {}]}}, "Resources has Fn::ForEach"),
        (
            {"Outputs": {"A": {"Value": {"Fn::Transform": {"Name": "AWS::Include"}}}}},
            "Outputs.A.Value has Fn::Transform",
        ),
        ({"Resources": {"Inner": {"Type": "AWS::CloudFormation::Stack"}}}, "Inner is a nested stack"),
        ({"Resources": {"Part": {"Type": "Team::Queue::Part::MODULE"}}}, "Part is a Team::Queue::Part::MODULE"),
        ({"Resources": {"Function": {"Type": "AWS::Serverless::Function"}}}, "Function is a AWS::Serverless::Function"),
        ({"Parameters": {"Password": {"Type": "String", "NoEcho": True}}}, "the parameter Password is NoEcho"),
    ],
)
def test_what_cannot_be_adopted_is_refused_by_its_name(body: dict[str, Any], said: str) -> None:
    with pytest.raises(ScaffoldError) as refused:
        of(**body).check("orders")
    assert f"orders.json: {said}" in str(refused.value)


def test_everything_that_is_refused_is_said_at_once() -> None:
    wrong = of(Transform="Team", Resources={"Inner": {"Type": "AWS::CloudFormation::Stack"}})
    with pytest.raises(ScaffoldError) as refused:
        wrong.check("orders")
    assert len(str(refused.value).splitlines()) == 2
    assert "--stack-name orders --template-stage Processed" in str(refused.value)


@pytest.mark.parametrize("text", ["", "[]", "Resources: [", '{"Resources": 1}', "{}"])
def test_what_is_no_template_is_one_sentence(text: str) -> None:
    with pytest.raises(ScaffoldError, match=r"^orders\.yaml (cannot be read|is no CloudFormation template)"):
        WrittenTemplate("orders.yaml", text).check("orders")


def test_values_of_parameters_are_those_that_differ_from_the_defaults() -> None:
    written = of(Parameters={"Days": {"Type": "Number", "Default": 30}, "Stage": {"Type": "String"}})
    assert written.parameters({"Days": "30", "Stage": "dev"}) == {"Stage": "dev"}
    with pytest.raises(ScaffoldError, match="Stage has no default"):
        written.parameters({})
    with pytest.raises(ScaffoldError, match=r"Dais: orders\.json has no such parameter; it has Days, Stage"):
        written.parameters({"Dais": "3", "Stage": "dev"})


def test_another_stages_template_may_have_other_defaults() -> None:
    own = of(Parameters={"Days": {"Type": "Number", "Default": 30}, "Size": {"Type": "String", "Default": "S"}})
    theirs = of(
        Parameters={"Days": {"Type": "Number", "Default": 7}, "Size": {"Type": "String"}, "Old": {"Default": 1}}
    )
    assert own.differing({"Size": "S"}, of=theirs) == {"Days": "7"}
    assert own.differing({"Size": "L"}, of=own) == {"Size": "L"}
