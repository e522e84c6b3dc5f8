"""What a template is once everything is decided that can be decided without an account."""

from typing import Any

import pytest

from services.library.cloudformation.resolved_template import ResolvedTemplate, resolve
from services.library.cloudformation.template import Template
from services.library.cloudformation.undecided import combinations, decide, undecided_conditions


def resolved(properties: dict[str, Any], **sections: Any) -> ResolvedTemplate:
    body = {"Resources": {"A": {"Type": "AWS::SNS::Topic", "Properties": properties}}, **sections}
    return resolve(Template(body, stack_path="prod/one"), name="one", account="111111111111", region="eu-west-1")


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("prod/one/Topic/Resource", "Topic/Resource"),
        ("prod/other/Topic/Resource", "A"),
        (None, "A"),
    ],
)
def test_resolve_believes_no_path_outside_the_resources_stack(written: str | None, path: str) -> None:
    metadata = {"aws:cdk:path": written} if written else {}
    body = {"Resources": {"A": {"Type": "AWS::SNS::Topic", "Metadata": metadata}}}
    assert resolve(Template(body, stack_path="prod/one")).resources["A"].path == path


def test_resolve_writes_join_and_sub_alike() -> None:
    sub, join = {"Fn::Sub": "a-${Other.Arn}-b"}, {"Fn::Join": ["-", ["a", {"Fn::GetAtt": "Other.Arn"}, "b"]]}
    found = resolved({"Sub": sub, "Join": join}).resources["A"].properties
    assert found["Sub"] == found["Join"] == {"Fn::Join": ["", ["a-", {"Fn::GetAtt": ["Other", "Arn"]}, "-b"]]}


def test_resolve_decides_by_defaults_and_keeps_what_is_read_from_ssm() -> None:
    parameters = {
        "Mode": {"Type": "String", "Default": "on", "NoEcho": True},
        "Read": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/a"},
        "Open": {"Type": "String"},
    }
    conditions = {
        "On": {"Fn::Equals": [{"Ref": "Mode"}, "on"]},
        "Maybe": {"Fn::Equals": [{"Ref": "Open"}, "x"]},
    }
    properties = {"On": {"Fn::If": ["On", {"Ref": "Read"}, "no"]}, "Maybe": {"Fn::If": ["Maybe", 1, 2]}}
    found = resolved(properties, Parameters=parameters, Conditions=conditions)
    (asked,) = undecided_conditions(found.resources["A"].properties)
    assert found.resources["A"].properties["On"] == "{{resolve:ssm:/a}}"
    assert [decide(found.resources["A"].properties["Maybe"], way) for way in combinations([asked])] == [1, 2]
    assert found.secrets == {"on"}


def test_resolve_leaves_out_what_will_not_exist() -> None:
    never = {"Fn::Not": [{"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]}]}
    body = {"Conditions": {"Never": never}, "Resources": {"A": {"Type": "AWS::SNS::Topic", "Condition": "Never"}}}
    assert resolve(Template(body), region="eu-west-1").resources == {}
    assert resolve(Template(body)).resources["A"].condition
