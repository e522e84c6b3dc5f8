"""Which roles may be handed to a service, and to which."""

from typing import Any

import pytest

from services.library.cloudformation.template import Template
from services.library.guardrails.deployment.execution_policy import ExecutionPolicy, PolicyStatement
from services.library.guardrails.finding import DeploymentLocation, Finding
from services.library.guardrails.rules.passed_roles import check

OTHER = "arn:aws:iam::111111111111:role/admin"
OWN = {"Fn::GetAtt": ["Own", "Arn"]}
JOINED = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::111111111111:role/admin"]]}


def template(type_: str, properties: dict[str, Any], *, trusts: object = "lambda.amazonaws.com") -> Template:
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": trusts}}]}
    resources = {
        "It": {"Type": type_, "Properties": properties},
        "Own": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}},
        "Bucket": {"Type": "AWS::S3::Bucket"},
    }
    return Template({"Parameters": {"Given": {"Type": "String"}}, "Resources": resources}, "dev/some")


def found(checked: Template, *passed_to: str) -> list[Finding]:
    passing = PolicyStatement(
        sid="Passing", allows=True, actions=("iam:PassRole",), resources=("*",), has_condition=True, passed_to=passed_to
    )
    execution = ExecutionPolicy(file="accounts.yaml", usual_sid="Usual", statements=(passing,))
    return [*check(checked, DeploymentLocation(keeps_data=False, execution=execution if passed_to else None))]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (OTHER, OTHER),
        (JOINED, OTHER),
        ({"Ref": "Given"}, None),
        ({"Fn::ImportValue": "role"}, None),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "<Bucket.Arn>"),
        ({"Fn::If": ["Some", OWN, OTHER]}, OTHER),
        ("{{resolve:ssm:/role}}", None),
    ],
)
def test_a_role_that_the_template_does_not_make_is_found(value: Any, written: str | None) -> None:
    (finding,) = found(template("AWS::Lambda::Function", {"Role": value}))
    assert finding.base_rule == "Penstock-PassedRole"
    assert finding.path == "dev/some/It"
    assert finding.locations == ("Properties.Role",)
    if written is not None:
        assert finding.rule == f"Penstock-PassedRole[{written}]"
        assert f"{written} is no role of this template." in finding.text


@pytest.mark.parametrize(
    ("type_", "properties"),
    [
        ("AWS::ApiGateway::Account", {"CloudWatchRoleArn": OTHER}),
        ("AWS::ApiGateway::Method", {"Integration": {"Credentials": OTHER}}),
        ("AWS::Backup::BackupSelection", {"BackupSelection": {"IamRoleArn": OTHER}}),
        ("AWS::CodeBuild::Project", {"ServiceRole": OTHER}),
        ("AWS::CodePipeline::Pipeline", {"RoleArn": OTHER}),
        ("AWS::Events::Rule", {"Targets": [{"Arn": "arn"}, {"Arn": "arn", "RoleArn": OTHER}]}),
        ("AWS::KinesisFirehose::DeliveryStream", {"S3DestinationConfiguration": {"RoleARN": OTHER}}),
        ("AWS::StepFunctions::StateMachine", {"RoleArn": OTHER}),
    ],
)
def test_every_name_that_a_role_is_passed_by_is_looked_at(type_: str, properties: dict[str, Any]) -> None:
    assert len(found(template(type_, properties))) == 1


@pytest.mark.parametrize(
    ("type_", "properties"),
    [
        ("AWS::Lambda::Function", {"Role": OWN}),
        ("AWS::Lambda::Function", {"Role": {"Fn::Sub": "${Own.Arn}"}}),
        ("AWS::Lambda::Function", {"Role": OWN, "Environment": {"Variables": {"PartnerRoleArn": OTHER}}}),
        # Its actions' roles are assumed by its own one.
        ("AWS::CodePipeline::Pipeline", {"RoleArn": OWN, "Stages": [{"Actions": [{"RoleArn": OTHER}]}]}),
        ("AWS::IAM::Policy", {"PolicyDocument": {"Statement": [{"Resource": OTHER}]}, "Roles": [{"Ref": "Own"}]}),
    ],
)
def test_a_role_of_the_template_and_one_that_nobody_is_passed_are_no_finding(
    type_: str, properties: dict[str, Any]
) -> None:
    assert found(template(type_, properties)) == []


@pytest.mark.parametrize("trusts", ["scheduler.amazonaws.com", ["scheduler.amazonaws.com", "pipes.amazonaws.com"]])
def test_a_service_that_the_account_passes_no_role_to_is_found(trusts: object) -> None:
    checked = template("AWS::Scheduler::Schedule", {"Target": {"RoleArn": OWN}}, trusts=trusts)
    (finding,) = found(checked, "lambda.amazonaws.com")
    assert "accounts.yaml, Sid Passing, lacks iam:PassRole to " in finding.text
    assert "scheduler.amazonaws.com" in finding.text


@pytest.mark.parametrize("trusts", ["states.amazonaws.com", "states.eu-west-1.amazonaws.com"])
def test_a_service_is_known_by_its_older_regional_name_too(trusts: str) -> None:
    checked = template("AWS::StepFunctions::StateMachine", {"RoleArn": OWN}, trusts=trusts)
    assert found(checked, "lambda.amazonaws.com", "states.amazonaws.com") == []
