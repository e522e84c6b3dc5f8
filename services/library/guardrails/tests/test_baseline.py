"""What a template may turn out to say, and whom a policy lets in."""

from typing import Any

import pytest

from services.library.cloudformation.intrinsics import MOST, TOO_MANY, at, entries, mentioned, possible, worlds
from services.library.cloudformation.template import Template
from services.library.guardrails.baseline.policies import lets_everybody_in
from services.library.guardrails.finding import Place, TierBaseline
from services.library.guardrails.rules.baseline import check

TABLE = {"Fn::GetAtt": ["Table", "Arn"]}
NOTHING = {"Ref": "AWS::NoValue"}
TEMPLATE = Template(
    {
        "Parameters": {
            "Who": {"Type": "String", "Default": "*"},
            "Read": {"Type": "AWS::SSM::Parameter::Value<String>"},
        },
        "Resources": {"Said": {"Type": "AWS::SSM::Parameter", "Properties": {"Value": "said"}}},
        "Mappings": {"Of": {"a": {"b": "mapped"}}},
    }
)


@pytest.mark.parametrize(
    ("value", "comes"),
    [
        ({"Fn::If": ["C", 1, {"Fn::If": ["D", {"Ref": "AWS::NoValue"}, 2]}]}, [1, None, 2]),
        ({"Ref": "Who"}, ["*"]),
        ({"Ref": "Read"}, [{"Fn::Parameter": "Read"}]),
        ({"Fn::Join": ["", ["a", {"Fn::If": ["C", "b", "c"]}]]}, ["ab", "ac"]),
        ({"Fn::Join": ["", ["a", {"Ref": "Table"}]]}, [{"Fn::Join": ["", ["a", {"Ref": "Table"}]]}]),
        ({"Fn::Sub": "plain"}, ["plain"]),
        ({"Fn::Sub": "of ${Who}"}, ["of *"]),
        ({"Fn::Sub": ["${a}-${Table.Arn}", {"a": "b"}]}, [{"Fn::Join": ["", ["b", "-", TABLE]]}]),
        ({"Fn::Sub": "${Table.Arn}"}, [TABLE]),
        ({"Fn::GetAtt": ["Said", "Value"]}, ["said"]),
        ({"Fn::Select": [1, ["a", "b"]]}, ["b"]),
        ({"Fn::FindInMap": ["Of", "a", "b"]}, ["mapped"]),
        (None, [None]),
    ],
)
def test_possible_values_lists_every_value_that_cloudformation_may_make(value: Any, comes: list[object]) -> None:
    assert possible(value, TEMPLATE) == comes


def test_too_many_possible_values_prove_nothing() -> None:
    many = [{"Fn::If": [f"C{index}", index, -index]} for index in range(40)]
    whole = {"Fn::Join": ["", [{"Fn::If": [f"C{index}", "a", "b"]} for index in range(7)]]}
    assert possible(whole, TEMPLATE)[MOST:] == worlds(whole, TEMPLATE)[MOST:] == [TOO_MANY]
    assert worlds({"a": many}, TEMPLATE)[-1] == TOO_MANY
    assert at({"a": whole}, "a", TEMPLATE)[-1] == TOO_MANY
    assert len(entries(many, TEMPLATE)) == 80
    keys = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": whole}}}}
    tier = TierBaseline(log_retention_days=1, key_pending_days=7, web_firewall=False)
    assert "KmsMasterKeyId=unknown" in str([*check(Template(keys), Place(keeps_data=True, tier=tier))])


def test_possible_documents_lists_every_combination_of_parts() -> None:
    value = {"a": {"Fn::If": ["C", ["b", NOTHING], NOTHING]}, "d": "e"}
    assert worlds(value, TEMPLATE) == [{"a": ["b"], "d": "e"}, {"d": "e"}]


def test_references_finds_every_logical_id_however_it_is_named() -> None:
    value = {
        "a": [{"Ref": "One"}, {"Fn::GetAtt": ["Two", "Arn"]}, {"Fn::GetAtt": "Three.Arn"}, {"Fn::Sub": "x${Four.Arn}"}]
    }
    assert list(mentioned(value)) == ["One", "Two", "Three", "Four"]


@pytest.mark.parametrize(
    ("statement", "open_"),
    [
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": ["arn:aws:iam::111111111111:root", "*"]}}, True),
        ({"Principal": {"AWS": {"Ref": "Who"}}}, True),
        ({"NotPrincipal": {"AWS": "arn:aws:iam::111111111111:root"}}, True),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:SourceAccount": "*"}}}, True),
        ({"Principal": "*", "Condition": {"StringEqualsIfExists": {"aws:SourceAccount": "111111111111"}}}, True),
        ({"Principal": "*", "Condition": {"ForAllValues:StringEquals": {"aws:PrincipalArn": "a"}}}, True),
        ({"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
        ({"Principal": "*", "Condition": {"Fn::If": ["C", {"StringEquals": {"aws:PrincipalOrgID": "o"}}, {}]}}, True),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o"}}}, False),
        ({"Principal": "*", "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}}}, False),
        ({"Principal": "*", "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:*"}}}, True),
        ({"Principal": "*", "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/a"}}}, True),
        ({"Principal": "*", "Condition": {"ArnLike": {"aws:SourceArn": ["arn:aws:s3:::b", "*"]}}}, True),
        ({"Principal": "*", "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::b*"}}}, True),
        ({"Principal": "*", "Condition": {"ArnLikeIfExists": {"aws:SourceArn": "arn:aws:s3:::b"}}}, True),
        ({"Principal": "*", "Condition": {"StringLike": {"aws:PrincipalOrgID": "o-*"}}}, True),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:SourceAccount": "?11111111111"}}}, True),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": ["o", {"Ref": "Who"}]}}}, True),
        (
            {"Principal": "*", "Condition": {"StringEquals": {"aws:SourceAccount": {"Fn::If": ["C", "1", NOTHING]}}}},
            True,
        ),
        ({"Principal": {"AWS": {"Ref": "Read"}}}, True),
        ({"Principal": {"AWS": "{{resolve:ssm:/who}}"}}, True),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "Read"}}}}, True),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:SourceAccount": "{{resolve:ssm:/who}}"}}}, True),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}}, False),
        ({"Effect": {"Fn::If": ["C", "Allow", "Deny"]}, "Principal": "*"}, True),
        ({"Principal": "*", "Condition": {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "*/r/"}}}, True),
        ({"Principal": "*", "Condition": {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-1/r/*"}}}, False),
        ({"Principal": "*", "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111111111111:role/*"}}}, False),
        ({"Principal": "*", "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]}}}}, False),
        ({"Principal": {"Service": "s3.amazonaws.com"}}, False),
        ({"Principal": {"AWS": "111111111111"}}, False),
        ({"Effect": "Deny", "Principal": "*"}, False),
    ],
)
def test_statement_without_a_narrowing_condition_is_open_to_everybody(statement: dict[str, Any], open_: bool) -> None:
    assert lets_everybody_in({"Effect": "Allow", "Action": "s3:GetObject", **statement}, TEMPLATE) is open_


def test_baseline_asks_no_key_of_the_pipelines_own_stacks() -> None:
    resources = {"Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 1}}}
    assert list(check(Template({"Resources": resources}), Place(keeps_data=True))) == []
