"""intake's stack: what is stored keeps its logical id, and settings and tiers arrive where they matter."""

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from services.intake.service import Intake
from services.library.environment import Environment, Tier

# A changed logical id is a new, empty resource: CloudFormation deletes the old one, or leaves it behind.
STATEFUL = {
    "AWS::Backup::BackupVault": {"BackupsVault1F11AFCC"},
    "AWS::DynamoDB::Table": {"SubmissionsTable97385532"},
    "AWS::KMS::Key": {"Key9BCD29C7", "AlarmsKey7F5A268D", "OperationsKeyC8E359A5", "BackupsKeyCDE6E041"},
}


def template(tier: Tier, service: Intake) -> assertions.Template:
    environment = Environment(name="here", tier=tier, account="111111111111", region="eu-west-1")
    stack = service.deploy(cdk.Stage(cdk.App(), "here", env=environment.to_cdk()), environment)
    return assertions.Template.from_stack(stack)


@pytest.fixture(scope="module")
def production() -> assertions.Template:
    return template(Tier.PRODUCTION, Intake())


@pytest.fixture(scope="module")
def sandbox() -> assertions.Template:
    return template(Tier.SANDBOX, Intake(rate_limit=7, burst_limit=9))


@pytest.mark.parametrize("type_", STATEFUL)
def test_what_is_stored_keeps_its_logical_id(type_: str, production: assertions.Template) -> None:
    assert set(production.find_resources(type_)) == STATEFUL[type_]


def test_production_keeps_the_table_and_its_key_whatever_happens_to_the_stack(production: assertions.Template) -> None:
    for type_ in STATEFUL:
        production.all_resources(type_, {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"})
    production.has_resource_properties("AWS::DynamoDB::Table", {"DeletionProtectionEnabled": True})


def test_callers_are_throttled_as_the_stage_entry_says(sandbox: assertions.Template) -> None:
    sandbox.has_resource_properties(
        "AWS::ApiGateway::Stage",
        {"MethodSettings": [assertions.Match.object_like({"ThrottlingRateLimit": 7, "ThrottlingBurstLimit": 9})]},
    )


def test_only_production_has_a_web_firewall(production: assertions.Template, sandbox: assertions.Template) -> None:
    production.resource_count_is("AWS::WAFv2::WebACLAssociation", 1)
    sandbox.resource_count_is("AWS::WAFv2::WebACL", 0)


def test_what_the_firewall_refuses_is_logged_without_what_names_a_caller(production: assertions.Template) -> None:
    production.has_resource_properties(
        "AWS::WAFv2::LoggingConfiguration",
        {
            "RedactedFields": assertions.Match.array_with(
                [{"SingleHeader": {"Name": "authorization"}}, {"QueryString": {}}, {"UriPath": {}}]
            )
        },
    )
    production.has_resource_properties(
        "AWS::Logs::LogGroup", {"LogGroupName": assertions.Match.string_like_regexp("^aws-waf-logs-")}
    )


def test_workflow_logs_hold_no_payloads_outside_sandboxes(
    production: assertions.Template, sandbox: assertions.Template
) -> None:
    for made, level, data in ((production, "ERROR", False), (sandbox, "ALL", True)):
        made.has_resource_properties(
            "AWS::StepFunctions::StateMachine",
            {"LoggingConfiguration": assertions.Match.object_like({"Level": level, "IncludeExecutionData": data})},
        )


def test_every_alarm_reaches_the_services_topic(production: assertions.Template) -> None:
    (topic,) = production.find_resources("AWS::SNS::Topic")
    alarms = production.find_resources("AWS::CloudWatch::Alarm")
    assert len(alarms) >= 8
    for name, alarm in alarms.items():
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": topic}], name


def test_the_api_may_start_its_own_workflow_and_nothing_else(production: assertions.Template) -> None:
    (machine,) = production.find_resources("AWS::StepFunctions::StateMachine")
    production.has_resource_properties(
        "AWS::IAM::ManagedPolicy",
        {
            "PolicyDocument": {
                "Statement": [{"Action": "states:StartExecution", "Effect": "Allow", "Resource": {"Ref": machine}}],
                "Version": "2012-10-17",
            }
        },
    )
