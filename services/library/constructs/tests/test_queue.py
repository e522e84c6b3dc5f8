"""What every queue has, and what a queue refuses."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template

from services.library.constructs.queue import Queue, QueueSettings
from services.library.constructs.role import Role
from services.library.constructs.tests.conftest import StackScope


@pytest.fixture(scope="module")
def template(production: StackScope) -> Template:
    queue = Queue(production.stack, "Work", encryption_key=production.key, alarms_to=production.alarms)
    queue.grant_send(Role(production.stack, "Sender", service="lambda.amazonaws.com"))
    return production.template()


def test_dead_letters_are_retained_for_longer_than_messages(template: Template) -> None:
    template.has_resource_properties(
        "AWS::SQS::Queue",
        {
            "VisibilityTimeout": 60,
            "MessageRetentionPeriod": 4 * 86_400,
            "RedrivePolicy": {
                "maxReceiveCount": 5,
                "deadLetterTargetArn": {"Fn::GetAtt": [Match.string_like_regexp("DeadLetters"), "Arn"]},
            },
        },
    )
    template.has_resource_properties("AWS::SQS::Queue", {"MessageRetentionPeriod": 14 * 86_400})


def test_production_retains_both_queues_with_what_is_in_them(template: Template) -> None:
    template.all_resources("AWS::SQS::Queue", {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"})


def test_both_queues_are_encrypted_with_the_services_key_and_reached_over_tls_alone(template: Template) -> None:
    template.resource_count_is("AWS::SQS::Queue", 2)
    template.all_resources_properties(
        "AWS::SQS::Queue", {"KmsMasterKeyId": {"Fn::GetAtt": [Match.string_like_regexp("^Key"), "Arn"]}}
    )
    template.resource_properties_count_is(
        "AWS::SQS::QueuePolicy",
        {
            "PolicyDocument": Match.object_like(
                {
                    "Statement": Match.array_with(
                        [Match.object_like({"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}})]
                    )
                }
            )
        },
        2,
    )


@pytest.mark.parametrize(
    ("metric", "threshold"), [("ApproximateAgeOfOldestMessage", 900), ("ApproximateNumberOfMessagesVisible", 1)]
)
def test_an_old_message_and_the_first_dead_letter_raise_an_alarm(
    template: Template, metric: str, threshold: int
) -> None:
    template.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "MetricName": metric,
            "Threshold": threshold,
            "Statistic": "Maximum",
            "AlarmActions": [{"Ref": Match.string_like_regexp("^Alarms")}],
        },
    )


def test_a_sender_may_send_and_use_the_key_for_that_alone(template: Template) -> None:
    template.has_resource_properties(
        "AWS::IAM::ManagedPolicy",
        {
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    Match.object_like({"Action": "sqs:SendMessage", "Effect": "Allow"}),
                    Match.object_like(
                        {
                            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                            "Condition": {"StringEquals": {"kms:ViaService": "sqs.eu-west-1.amazonaws.com"}},
                        }
                    ),
                ],
            }
        },
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"visibility_timeout": cdk.Duration.seconds(0)}, r"visibility_timeout=0 s is not allowed; give 1 s to 12 h"),
        ({"receives": 1}, r"receives=1 is not allowed; give 5 to 1000: .*throttled"),
        ({"retention": cdk.Duration.days(14)}, r"retention=1209600 s is not allowed; .*less than 14 days"),
        ({"retention": cdk.Duration.seconds(60)}, r"retention=60 s is not allowed; give more than visibility_timeout"),
        ({"oldest_message": cdk.Duration.days(5)}, r"oldest_message=432000 s is not allowed"),
    ],
)
def test_a_setting_that_loses_messages_is_refused_and_says_why(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        QueueSettings(**settings)


def test_a_longer_wait_is_a_setting() -> None:
    assert QueueSettings(retention=cdk.Duration.days(13)).retention.to_days() == 13


def test_what_is_granted_to_a_role_is_no_inline_policy(template: Template) -> None:
    template.resource_count_is("AWS::IAM::Policy", 0)
