import json
from typing import Any

import pytest

from services.library.cloudformation.template import Template
from services.library.guardrails.finding import DeploymentLocation
from services.library.guardrails.rules.wildcard_actions import check

ACCOUNT = "111111111111"
ROOT = {"AWS": {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, f":iam::{ACCOUNT}:root"]]}}
OTHER_ROOT = {"AWS": {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::222222222222:root"]]}}


def rules(kind: str, **properties: Any) -> list[str]:
    template = Template({"Resources": {"Thing": {"Type": kind, "Properties": properties}}})
    return [finding.rule for finding in check(template, DeploymentLocation(keeps_data=True, account=ACCOUNT))]


def allowing(**statement: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Resource": "*", **statement}]}


@pytest.mark.parametrize(
    ("action", "rule"),
    [
        ("s3:*", "Penstock-WildcardAction[s3:*]"),
        (["s3:GetObject", "kms:**"], "Penstock-WildcardAction[kms:**]"),
        ("*", "Penstock-AdministratorAction[*]"),
        ("*:*", "Penstock-AdministratorAction[*:*]"),
        ("s?:GetObject", "Penstock-AdministratorAction[s?:GetObject]"),
        ({"Ref": "Actions"}, "Penstock-AdministratorAction[unknown]"),
        ([{"Fn::Sub": "${Service}:*"}], "Penstock-AdministratorAction[unknown]"),
    ],
)
def test_wildcard_action_is_found(action: Any, rule: str) -> None:
    assert rules("AWS::IAM::Policy", PolicyDocument=allowing(Action=action)) == [rule]


@pytest.mark.parametrize("action", ["s3:GetObject*", ["s3:List*", "kms:ReEncrypt*"], "dynamodb:*Item", []])
def test_action_prefix_passes(action: Any) -> None:
    assert rules("AWS::IAM::Policy", PolicyDocument=allowing(Action=action)) == []


def test_not_action_is_found() -> None:
    document = allowing(NotAction=["iam:PassRole", "iam:CreateUser"])
    assert rules("AWS::IAM::ManagedPolicy", PolicyDocument=document) == [
        "Penstock-AdministratorAction[NotAction iam:CreateUser, iam:PassRole]"
    ]


def test_denied_wildcard_passes() -> None:
    document = {"Statement": [{"Effect": "Deny", "Action": "s3:*", "Principal": "*"}]}
    assert rules("AWS::S3::BucketPolicy", PolicyDocument=document) == []


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::IAM::Role", {"Policies": [{"PolicyName": "p", "PolicyDocument": allowing(Action="sqs:*")}]}),
        ("AWS::SQS::QueuePolicy", {"PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "sqs:*"}}}),
        ("AWS::Logs::ResourcePolicy", {"PolicyDocument": json.dumps(allowing(Action="sqs:*"))}),
        ("AWS::IAM::Policy", {"PolicyDocument": {"Fn::If": ["P", allowing(Action="sqs:*"), {"Statement": []}]}}),
        (
            "AWS::Logs::ResourcePolicy",
            {
                "PolicyDocument": {
                    "Fn::Join": [
                        "",
                        ['{"Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"', {"Ref": "Q"}, '"}}'],
                    ]
                }
            },
        ),
    ],
)
def test_wildcard_action_is_found_wherever_a_statement_stands(kind: str, properties: dict[str, Any]) -> None:
    assert rules(kind, **properties) == ["Penstock-WildcardAction[sqs:*]"]


def test_unreadable_policy_in_a_text_is_found() -> None:
    text = '{"Statement": [{"Effect": "Allow", ${Rest}'
    assert rules("AWS::Logs::ResourcePolicy", PolicyDocument=text) == ["Penstock-AdministratorAction[unknown]"]


@pytest.mark.parametrize(
    "principal",
    [
        ROOT,
        {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        {"AWS": {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::", {"Ref": "AWS::AccountId"}, ":root"]]}},
    ],
)
def test_default_key_policy_passes(principal: Any) -> None:
    assert rules("AWS::KMS::Key", KeyPolicy=allowing(Action="kms:*", Principal=principal)) == []


@pytest.mark.parametrize(
    "principal", [OTHER_ROOT, "*", {"AWS": "*"}, {**ROOT, "Service": "logs.amazonaws.com"}, {"AWS": [ROOT["AWS"], "*"]}]
)
def test_key_policy_for_more_than_its_own_account_is_found(principal: Any) -> None:
    assert rules("AWS::KMS::Key", KeyPolicy=allowing(Action="kms:*", Principal=principal)) == [
        "Penstock-WildcardAction[kms:*]"
    ]


def test_statement_of_the_default_key_policy_is_found_on_other_resources() -> None:
    assert rules("AWS::IAM::Policy", PolicyDocument=allowing(Action="kms:*", Principal=ROOT)) == [
        "Penstock-WildcardAction[kms:*]"
    ]
