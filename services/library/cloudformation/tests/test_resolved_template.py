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


def alike(old: Any, new: Any, **sections: Any) -> tuple[ResolvedTemplate, ResolvedTemplate]:
    """Two templates with one resource of these properties, the second resolved like the first."""
    bodies = [
        {"Resources": {"A": {"Type": "AWS::SNS::Topic", "Properties": {"P": each}}, "B": {"Type": "AWS::SQS::Queue"}}}
        for each in (old, new)
    ]
    before = resolve(Template({**bodies[0], **sections}))
    return before, resolve(Template({**bodies[1], **sections}), like=before)


@pytest.mark.parametrize(
    ("old", "new", "is_shared"),
    [
        ({"a": [1, "x"]}, {"a": [1, "x"]}, True),
        ({"Ref": "Given"}, {"Ref": "Given"}, True),
        (1, True, False),
        (1, 1.0, False),
        ("1", 1, False),
        ({"a": 1}, {"a": 2}, False),
        ({"Fn::ImportValue": "x"}, {"Fn::ImportValue": "x"}, False),
    ],
)
def test_resolve_shares_what_is_written_alike(old: Any, new: Any, is_shared: bool) -> None:
    before, after = alike(old, new, Parameters={"Given": {"Type": "String", "Default": "a"}})
    assert (before.resources["A"] is after.resources["A"]) is is_shared
    assert before.resources["B"] is after.resources["B"]
    assert before.imports == after.imports


@pytest.mark.parametrize("section", ["Parameters", "Mappings", "Conditions"])
def test_resolve_shares_nothing_with_a_template_that_decides_otherwise(section: str) -> None:
    body = {"Resources": {"A": {"Type": "AWS::SNS::Topic", "Properties": {"P": {"Ref": "Given"}}}}}
    decided = {"Parameters": {"Given": {"Type": "String", "Default": "a"}}, "Mappings": {}, "Conditions": {}}
    other: dict[str, Any] = {
        "Parameters": {"Given": {"Type": "String", "Default": "b"}},
        "Mappings": {"M": {"a": {"b": "c"}}},
        "Conditions": {"C": {"Fn::Equals": ["a", "b"]}},
    }
    before = resolve(Template({**body, **decided}))
    after = resolve(Template({**body, **decided, section: other[section]}), like=before)
    assert before.resources["A"] is not after.resources["A"]


def test_resolve_knows_sam_without_its_macro() -> None:
    found = resolve(Template({"Resources": {"A": {"Type": "AWS::Serverless::Function"}}}))
    assert found.transforms == ("AWS SAM",)
