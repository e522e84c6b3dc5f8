"""Whom a policy lets in, and what is below the baseline."""

from typing import Any

import pytest

from services.library.cloudformation.template import Template
from services.library.guardrails.baseline.policies import lets_everybody_in
from services.library.guardrails.finding import DeploymentLocation, TierBaseline
from services.library.guardrails.rules.baseline import check

PARTITION = "arn:${AWS::Partition}"
NOTHING = {"Ref": "AWS::NoValue"}
TEMPLATE = Template(
    {
        "Parameters": {
            "Who": {"Type": "String", "Default": "*"},
            "Read": {"Type": "AWS::SSM::Parameter::Value<String>"},
        }
    }
)


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
        ({"Principal": "*", "Condition": {"ArnLike": {"aws:SourceArn": {"Fn::Sub": f"{PARTITION}:s3:::*"}}}}, True),
        ({"Principal": "*", "Condition": {"ArnLike": {"aws:SourceArn": {"Fn::Sub": f"{PARTITION}:s3:::b"}}}}, False),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}}}, True),
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
def test_a_statement_lets_everybody_in_unless_it_says_whose_request_it_must_be(
    statement: dict[str, Any], open_: bool
) -> None:
    assert lets_everybody_in({"Effect": "Allow", "Action": "s3:GetObject", **statement}, TEMPLATE) is open_


def test_baseline_asks_for_no_own_keys_in_the_pipelines_stacks() -> None:
    resources = {"Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 1}}}
    assert list(check(Template({"Resources": resources}), DeploymentLocation(keeps_data=True))) == []


def test_a_key_that_may_be_too_many_things_is_unknown() -> None:
    whole = {"Fn::Join": ["", [{"Fn::If": [f"C{index}", "a", "b"]} for index in range(7)]]}
    keys = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": whole}}}}
    tier = TierBaseline(log_retention_days=1, key_pending_days=7, web_firewall=False)
    assert "KmsMasterKeyId=unknown" in str([*check(Template(keys), DeploymentLocation(keeps_data=True, tier=tier))])
