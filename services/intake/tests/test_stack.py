"""intake's stack: what is stored keeps its logical id, and settings and tiers arrive where they matter."""

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from services.intake.service import Intake, Variant
from services.library.contract.environment import Environment, Tier

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
    return template(Tier.SANDBOX, Intake(rate_limit=7, burst_limit=9, claim_check=True))


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


def test_staging_has_the_web_firewall_of_production_and_a_sandbox_has_none(
    production: assertions.Template, sandbox: assertions.Template
) -> None:
    staging = template(Tier.PRE_PRODUCTION, Intake())
    production.resource_count_is("AWS::WAFv2::WebACLAssociation", 1)
    for type_ in ("AWS::WAFv2::WebACL", "AWS::WAFv2::WebACLAssociation", "AWS::WAFv2::LoggingConfiguration"):
        assert staging.find_resources(type_) == production.find_resources(type_)
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
        "AWS::Logs::LogGroup",
        {
            "LogGroupName": {
                "Fn::Join": [
                    "",
                    [assertions.Match.string_like_regexp("^aws-waf-logs-.*-$"), assertions.Match.any_value()],
                ]
            }
        },
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


def states(template: assertions.Template) -> dict[str, Any]:
    """The workflow's states by their names; what the template fills in reads as `?`."""
    (machine,) = template.find_resources("AWS::StepFunctions::StateMachine").values()
    parts = machine["Properties"]["DefinitionString"]["Fn::Join"][1]
    found: dict[str, Any] = json.loads("".join(part if isinstance(part, str) else "?" for part in parts))["States"]
    return found


def test_tasks_retry_named_errors_and_then_send_to_the_dead_letter_queue(
    production: assertions.Template,
) -> None:
    made = states(production)
    for name in ("RecordSubmission", "HandOver"):
        (retry,) = made[name]["Retry"]
        assert "States.ALL" not in retry["ErrorEquals"]
        passing = {"Busy", "Lambda.TooManyRequestsException", "Runtime.ExitError", "States.Timeout"}
        assert passing <= set(retry["ErrorEquals"]), "a function that died has its effect under the same id"
        assert (retry["JitterStrategy"], retry["BackoffRate"], retry["MaxDelaySeconds"]) == ("FULL", 2, 30)
        assert made[name]["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "Tell"}]
    assert made["Tell"]["Next"] == "KeepForOperator"
    assert made["Tell"]["Parameters"].keys() == {"id.$", "execution.$", "error.$"}
    assert made["KeepForOperator"]["Retry"][0]["MaxAttempts"] == 8
    assert made["KeepForOperator"]["Next"] == "Failed"


def test_a_message_holds_a_payload_only_where_nothing_else_does() -> None:
    told = states(template(Tier.SANDBOX, Intake(variant=Variant.EXPRESS)))["Tell"]["Parameters"]
    assert told["payload.$"] == "$$.Execution.Input"


def test_dead_letters_are_encrypted_and_raise_an_alarm(production: assertions.Template) -> None:
    production.has_resource_properties(
        "AWS::SQS::Queue",
        {"KmsMasterKeyId": {"Fn::GetAtt": ["Key9BCD29C7", "Arn"]}, "MessageRetentionPeriod": 14 * 24 * 3600},
    )
    production.has_resource_properties(
        "AWS::CloudWatch::Alarm", {"MetricName": "ApproximateNumberOfMessagesVisible", "Threshold": 1}
    )


def test_it_may_put_records_on_the_stream_and_use_its_key_for_nothing_else(production: assertions.Template) -> None:
    (policy,) = [
        found["Properties"]["PolicyDocument"]["Statement"]
        for name, found in production.find_resources("AWS::IAM::ManagedPolicy").items()
        if name.startswith("HandOverRole")
    ]
    about_the_stream = [statement for statement in policy if "kinesis" in str(statement)]
    assert [statement["Action"] for statement in about_the_stream[:1]] == ["kinesis:PutRecord"]
    assert about_the_stream[1]["Action"] == "kms:GenerateDataKey"
    assert about_the_stream[1]["Condition"] == {"StringEquals": {"kms:ViaService": "kinesis.eu-west-1.amazonaws.com"}}


def test_claims_are_handed_out_where_a_stage_asks_for_them(
    production: assertions.Template, sandbox: assertions.Template
) -> None:
    production.resource_count_is("AWS::ApiGateway::Method", 1)
    sandbox.resource_count_is("AWS::ApiGateway::Method", 2)
    sandbox.has_resource_properties("AWS::ApiGateway::Resource", {"PathPart": "claims"})


@pytest.mark.parametrize(
    ("variant", "kind", "action", "seconds"),
    [
        (Variant.STANDARD, "STANDARD", "StartExecution", 900),
        (Variant.EXPRESS, "EXPRESS", "StartExecution", 300),
        (Variant.SYNCHRONOUS, "EXPRESS", "StartSyncExecution", 28),
    ],
)
def test_a_variant_has_its_kind_of_workflow_and_api(variant: Variant, kind: str, action: str, seconds: int) -> None:
    made = template(Tier.SANDBOX, Intake(variant=variant))
    made.has_resource_properties("AWS::StepFunctions::StateMachine", {"StateMachineType": kind})
    made.has_resource_properties(
        "AWS::IAM::ManagedPolicy",
        {
            "PolicyDocument": assertions.Match.object_like(
                {"Statement": [assertions.Match.object_like({"Action": f"states:{action}"})]}
            )
        },
    )
    (machine,) = made.find_resources("AWS::StepFunctions::StateMachine").values()
    assert f'"TimeoutSeconds":{seconds}' in str(machine["Properties"]["DefinitionString"])


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
