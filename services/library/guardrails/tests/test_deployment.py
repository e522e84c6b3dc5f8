"""What CloudFormation would be denied, by a policy of the test's own."""

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from services.library.cloudformation.template import Template
from services.library.guardrails.deployment import distil
from services.library.guardrails.deployment.execution_policy import ExecutionPolicy, PolicyStatement
from services.library.guardrails.deployment.handler_calls import (
    SERVICE_LINKED_ROLES,
    WITHOUT_SCHEMA,
    arns_of,
    calls_of,
)
from services.library.guardrails.deployment.unused_calls import UNUSED_CALLS, UnusedCall
from services.library.guardrails.finding import DeploymentLocation, Finding
from services.library.guardrails.rules.deployment import REFUSED, UNKNOWN, check

FUNCTION_CALLS = ("lambda:*", "s3:*", "kms:*", "iam:PassRole")
KEPT = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


def allow(*actions: str, sid: str = "Services", **more: Any) -> PolicyStatement:
    return PolicyStatement(**{"sid": sid, "allows": True, "actions": actions, "resources": ("*",), **more})


def deny(*actions: str, **more: Any) -> PolicyStatement:
    return allow(*actions, sid="Guard", allows=False, **more)


def found(type_: str, *statements: PolicyStatement, properties: Any = None, **attributes: str) -> list[Finding]:
    policy = ExecutionPolicy(file="accounts.yaml", usual_sid="Services", statements=statements)
    body = {"Type": type_, "Properties": properties or {}, **attributes}
    place = DeploymentLocation(keeps_data=False, execution=policy)
    return list(check(Template({"Resources": {"It": body}}, "dev/work", "t.json"), place))


def refused(type_: str, *statements: PolicyStatement, properties: Any = None, **attributes: str) -> str:
    """What the one finding says; empty without one."""
    findings = found(type_, *statements, properties=properties, **attributes)
    assert [each.rule for each in findings] == [REFUSED.id] * len(findings)
    return findings[0].text.removeprefix(REFUSED.text).strip() if findings else ""


def test_handler_calls_equal_the_locked_sources() -> None:
    written = distil.OUTPUT.read_text(encoding="utf-8")
    day = json.loads(written)["day"]
    again = "run python -m services.library.guardrails.deployment.distil, and commit what it writes"
    assert written == distil.document(day), again


def test_a_service_that_the_account_does_not_allow_is_refused_with_the_statement_that_lacks_it() -> None:
    text = refused("AWS::Scheduler::Schedule", allow("iam:PassRole"))
    assert text == (
        "It may not create, read, update or delete AWS::Scheduler::Schedule: accounts.yaml, Sid Services, lacks"
        " scheduler:CreateSchedule, scheduler:DeleteSchedule, scheduler:GetSchedule, scheduler:UpdateSchedule."
    )


def test_a_finding_is_at_the_construct_and_nobody_may_accept_it() -> None:
    (finding,) = found("AWS::Scheduler::Schedule", allow("iam:PassRole"))
    assert (finding.path, finding.template, finding.logical_id) == ("dev/work/It", "t.json", "It")
    assert REFUSED.accepted_by == "nobody"


def test_a_type_whose_calls_are_all_allowed_passes() -> None:
    assert refused("AWS::Scheduler::Schedule", allow("scheduler:*", "IAM:passrole")) == ""


def test_a_single_missing_call_is_named_with_the_handler_that_makes_it() -> None:
    statement = allow("scheduler:CreateSchedule", "scheduler:GetSchedule", "scheduler:Update*", "iam:PassRole")
    text = refused("AWS::Scheduler::Schedule", statement)
    assert text.startswith("It may not delete AWS::Scheduler::Schedule")
    assert text.endswith("lacks scheduler:DeleteSchedule.")


@pytest.mark.parametrize("type_", ["AWS::New::Thing", "Example::Team::Thing", ""])
def test_a_type_that_nobody_knows_is_said(type_: str) -> None:
    assert [each.rule for each in found(type_, allow("*"))] == [f"{UNKNOWN.id}[{type_}]" if type_ else UNKNOWN.id]


def test_a_template_that_is_only_looked_at_is_not_held_to_an_account() -> None:
    template = Template({"Resources": {"It": {"Type": "AWS::New::Thing"}}})
    assert list(check(template, DeploymentLocation(keeps_data=True))) == []


@pytest.mark.parametrize("type_", ["Custom::Thing", "AWS::CloudFormation::CustomResource"])
def test_a_custom_resource_calls_its_function_or_topic(type_: str) -> None:
    assert refused(type_, allow("lambda:InvokeFunction", "sns:Publish")) == ""
    assert refused(type_, allow("lambda:CreateFunction")).endswith("lacks lambda:InvokeFunction, sns:Publish.")


def test_a_denial_everywhere_wins_and_says_its_statement() -> None:
    text = refused("AWS::Scheduler::Schedule", allow("*"), deny("scheduler:Delete*"))
    assert (
        text == "It may not delete AWS::Scheduler::Schedule: accounts.yaml, Sid Guard, denies scheduler:DeleteSchedule."
    )
    assert refused("AWS::Scheduler::Schedule", allow("*"), deny("scheduler:GetSchedule", excepts_actions=True))


def test_a_denial_of_some_resources_or_requests_alone_refuses_nothing() -> None:
    some = deny("*", resources=("arn:aws:scheduler:*:*:schedule/cdk-*",))
    assert refused("AWS::Scheduler::Schedule", allow("*"), some) == ""
    assert refused("AWS::Scheduler::Schedule", allow("*"), deny("*", has_condition=True)) == ""


def test_what_is_kept_needs_no_deletion() -> None:
    guarded = (allow("*"), deny("scheduler:DeleteSchedule"))
    assert refused("AWS::Scheduler::Schedule", *guarded, **KEPT) == ""
    assert refused("AWS::Scheduler::Schedule", *guarded, DeletionPolicy="Retain")
    on_create = {**KEPT, "DeletionPolicy": "RetainExceptOnCreate"}
    assert refused("AWS::Scheduler::Schedule", *guarded, **on_create)


def test_an_allow_counts_only_for_resources_that_iam_asks_about() -> None:
    elsewhere = allow("scheduler:*", "iam:PassRole", resources=("arn:*:scheduler:*:*:schedule-group/*",))
    assert "scheduler:CreateSchedule" in refused("AWS::Scheduler::Schedule", elsewhere)
    somewhere = allow("scheduler:*", resources=("arn:*:scheduler:*:*:schedule/branch-*",))
    assert refused("AWS::Scheduler::Schedule", somewhere, allow("iam:PassRole")) == ""


def test_an_action_without_resources_needs_an_allow_on_everything() -> None:
    assert arns_of("lambda:CreateEventSourceMapping") == ("*",)
    named = allow("lambda:*", resources=("arn:*:lambda:*:*:function:*", "arn:*:lambda:*:*:event-source-mapping:*"))
    rest = allow("kms:*", "secretsmanager:*", "iam:*", "sts:*", "ec2:*")
    assert "lambda:CreateEventSourceMapping" in refused("AWS::Lambda::EventSourceMapping", named, rest)
    assert "lambda:CreateEventSourceMapping" not in refused("AWS::Lambda::EventSourceMapping", allow("lambda:*"), rest)


def test_a_service_linked_role_needs_the_service_that_the_type_is_known_for() -> None:
    calls = allow("backup:*", "iam:PassRole", "iam:GetRole")

    def role_of(*services: str) -> PolicyStatement:
        return allow("iam:CreateServiceLinkedRole", sid="Roles", has_condition=True, service_names=services)

    assert refused("AWS::Backup::BackupSelection", calls, role_of("backup.amazonaws.com")) == ""
    text = refused("AWS::Backup::BackupSelection", calls, role_of("other.amazonaws.com"))
    assert text.endswith("Sid Roles, lacks iam:CreateServiceLinkedRole for backup.amazonaws.com.")


def test_a_service_linked_role_of_an_unknown_service_is_refused() -> None:
    role = allow("iam:CreateServiceLinkedRole", sid="Roles", service_names=("backup.amazonaws.com",))
    text = refused("AWS::Cognito::UserPool", allow("cognito-idp:*", "kms:*", "iam:PassRole"), role)
    assert "Sid Roles, lacks iam:CreateServiceLinkedRole for services that SERVICE_LINKED_ROLES" in text
    assert refused("AWS::Cognito::UserPool", allow("cognito-idp:*", "kms:*", "iam:*")) == ""


def test_a_function_calls_ec2_if_it_is_in_a_vpc() -> None:
    assert refused("AWS::Lambda::Function", allow(*FUNCTION_CALLS)) == ""
    text = refused("AWS::Lambda::Function", allow(*FUNCTION_CALLS), properties={"VpcConfig": {"Ref": "Any"}})
    assert "ec2:DescribeNetworkInterfaces, ec2:DescribeSecurityGroups, ec2:DescribeSubnets, ec2:DescribeVpcs" in text


def test_a_role_without_a_boundary_would_have_one_taken_away() -> None:
    role = allow("iam:*Role", "iam:*RolePolicy", "iam:List*", "iam:UpdateRole*", "iam:UpdateAssumeRolePolicy")
    boundary = allow("iam:PutRolePermissionsBoundary")
    assert refused("AWS::IAM::Role", role, boundary, properties={"PermissionsBoundary": "arn"}) == ""
    assert "iam:DeleteRolePermissionsBoundary" in refused("AWS::IAM::Role", role, boundary)


ASSOCIATION = allow("wafv2:*", "apigateway:*")


@pytest.mark.parametrize(
    ("arn", "is_refused"),
    [
        ("arn:aws:apigateway:eu-west-1::/restapis/a/stages/b", False),
        ({"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":apigateway:eu-west-1::/restapis/a"]]}, False),
        ("arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/a", True),
        ({"Ref": "Balancer"}, True),
    ],
)
def test_a_firewall_calls_the_service_that_it_is_in_front_of(arn: Any, *, is_refused: bool) -> None:
    properties = {"ResourceArn": arn}
    assert bool(refused("AWS::WAFv2::WebACLAssociation", ASSOCIATION, properties=properties)) == is_refused


ON_DEMAND, LOGS, API = {"StreamMode": "ON_DEMAND"}, "arn:aws:logs:eu-west-1:1:log-group:a", "arn:aws:apigateway:a::/b"
EXAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "AWS::Backup::BackupVault": ({}, {"LockConfiguration": {"MinRetentionDays": 35}}),
    "AWS::CodeDeploy::DeploymentGroup": ({"OnPremisesTagSet": {}}, {"ApplicationName": "app"}),
    "AWS::DynamoDB::Table": ({"KinesisStreamSpecification": {}}, {}),
    "AWS::Events::EventBus": ({"Policy": {}}, {}),
    "AWS::IAM::ManagedPolicy": ({"Groups": [], "Users": []}, {"Roles": []}),
    "AWS::IAM::Policy": ({"Groups": [], "Users": []}, {"Roles": []}),
    "AWS::IAM::Role": ({}, {"PermissionsBoundary": "arn"}),
    "AWS::KMS::Key": ({"Enabled": False}, {}),
    "AWS::Kinesis::Stream": (
        {"DesiredShardLevelMetrics": ["ALL"], "ShardCount": 1},
        {"RetentionPeriodHours": 168, "StreamModeDetails": ON_DEMAND},
    ),
    "AWS::Lambda::Function": (
        {"CapacityProviderConfig": {}, "CodeSigningConfigArn": "arn", "FileSystemConfigs": [], "VpcConfig": {}},
        {"Code": {}},
    ),
    "AWS::Logs::LogGroup": (
        {"FieldIndexPolicies": [], "LogGroupClass": "DELIVERY", "ResourcePolicyDocument": {}},
        {"RetentionInDays": 1},
    ),
    "AWS::S3::Bucket": ({"MetadataTableConfiguration": {}}, {}),
    "AWS::SNS::Topic": ({"Subscription": []}, {}),
    "AWS::WAFv2::LoggingConfiguration": ({}, {"LogDestinationConfigs": [LOGS]}),
    "AWS::WAFv2::WebACL": ({"MonetizationConfig": {}}, {}),
    "AWS::WAFv2::WebACLAssociation": ({}, {"ResourceArn": API}),
}
"""Properties that ask for each unused call of a type, and such that ask for none."""


@pytest.mark.parametrize("each", UNUSED_CALLS, ids=lambda each: f"{each.type} {each.actions[0]}")
def test_an_unused_call_is_made_after_all_where_properties_ask_for_it(each: UnusedCall) -> None:
    asking, silent = EXAMPLES[each.type]
    assert each.is_used(asking)
    assert not each.is_used(silent)


@pytest.mark.parametrize("each", UNUSED_CALLS, ids=lambda each: f"{each.type} {each.actions[0]}")
def test_an_unused_call_is_one_that_its_type_lists(each: UnusedCall) -> None:
    listed = calls_of(each.type) or {}
    for pattern in each.actions:
        assert any(fnmatchcase(action, pattern) for action in listed), pattern


def test_what_is_read_by_hand_is_what_the_registry_lacks() -> None:
    document = json.loads(distil.OUTPUT.read_text(encoding="utf-8"))
    assert set(WITHOUT_SCHEMA) & set(document["types"]) == set()
    for type_ in SERVICE_LINKED_ROLES:
        assert "iam:CreateServiceLinkedRole" in (calls_of(type_) or {})
