"""An event is delivered, or kept where somebody is told of it; and it can be published again."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Match, Template

from services.library.constructs.event_publisher import EventPublisher
from services.library.constructs.event_subscriber import EventSubscriber, EventSubscription
from services.library.constructs.function import Function, FunctionSettings
from services.library.constructs.queue import Queue
from services.library.constructs.role import Role
from services.library.constructs.tests.conftest import StackScope
from services.library.constructs.workflow import Workflow
from tests.testbed.runtime_code import HANDLER

EVENTS = "events.amazonaws.com"
CHANGED = EventSubscription(
    source="ingest", detail_types=("PatientChanged",), detail={"kind": ["created", "updated"]}, attempts=20
)


@pytest.fixture(scope="module")
def template(production: StackScope) -> Template:
    stack, environment, key, alarms = production.stack, production.environment, production.key, production.alarms
    publisher = EventPublisher(stack, "Changes", environment=environment, encryption_key=key, alarms_to=alarms)
    publisher.grant_publish(Role(stack, "Publisher", service="lambda.amazonaws.com"))
    targets: dict[str, Queue | Workflow | Function] = {
        "Queue": Queue(stack, "Work", encryption_key=key, alarms_to=alarms),
        "Workflow": Workflow(
            stack,
            "Steps",
            environment=environment,
            definition=sfn.Succeed(stack, "Done"),
            timeout=cdk.Duration.minutes(1),
            alarms_to=alarms,
        ),
        "Function": Function(
            stack,
            "Handle",
            environment=environment,
            settings=FunctionSettings(handler=HANDLER, description="Hears"),
            alarms_to=alarms,
        ),
    }
    for name, target in targets.items():
        EventSubscriber(
            stack,
            f"To{name}",
            bus=publisher.bus,
            subscription=CHANGED,
            target=target,
            encryption_key=key,
            alarms_to=alarms,
        )
    return production.template()


def test_events_can_be_replayed_for_a_month_and_are_encrypted_all_the_way(template: Template) -> None:
    key = {"Fn::GetAtt": [Match.string_like_regexp("^Key"), "Arn"]}
    template.has_resource_properties("AWS::Events::Archive", {"RetentionDays": 30, "KmsKeyIdentifier": key})
    template.has_resource_properties(
        "AWS::Events::EventBus",
        {
            "KmsKeyIdentifier": key,
            "DeadLetterConfig": {"Arn": {"Fn::GetAtt": [Match.string_like_regexp("Undelivered"), "Arn"]}},
        },
    )


def test_the_dead_letter_queue_of_a_bus_takes_events_from_it_without_its_key(template: Template) -> None:
    """The queue is for events that the bus's key, disabled or missing, no longer encrypts or decrypts:
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-dlq.html
    """
    (bus,) = template.find_resources("AWS::Events::EventBus").values()
    queue = bus["Properties"]["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]
    key = template.find_resources("AWS::SQS::Queue")[queue]["Properties"]["KmsMasterKeyId"]["Fn::GetAtt"][0]
    assert key.startswith("OperationsKey")
    assert key != bus["Properties"]["KmsKeyIdentifier"]["Fn::GetAtt"][0]
    in_use = {"Action": Match.array_with(["kms:Decrypt", "kms:GenerateDataKey"]), "Principal": {"Service": EVENTS}}
    template.has_resource_properties(
        "AWS::KMS::Key",
        {
            "Description": "Logs and undelivered events",
            "KeyPolicy": {"Statement": Match.array_with([Match.object_like(in_use)])},
        },
    )
    template.has_resource_properties(
        "AWS::SQS::QueuePolicy",
        {
            "Queues": [{"Ref": queue}],
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        {
                            "Action": "sqs:SendMessage",
                            "Condition": {
                                "ArnEquals": {
                                    "aws:SourceArn": {"Fn::GetAtt": [Match.string_like_regexp("^ChangesBus"), "Arn"]}
                                }
                            },
                            "Effect": "Allow",
                            "Principal": {"Service": EVENTS},
                            "Resource": {"Fn::GetAtt": [queue, "Arn"]},
                        }
                    ]
                )
            },
        },
    )


def test_rules_match_their_pattern_alone_and_have_a_dead_letter_queue(template: Template) -> None:
    template.resource_count_is("AWS::Events::Rule", 3)
    template.all_resources_properties(
        "AWS::Events::Rule",
        {
            "EventPattern": {
                "source": ["ingest"],
                "detail-type": ["PatientChanged"],
                "detail": {"kind": ["created", "updated"]},
            },
            "Targets": [
                Match.object_like(
                    {
                        "RetryPolicy": {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 20},
                        "DeadLetterConfig": {"Arn": {"Fn::GetAtt": [Match.string_like_regexp("Undelivered"), "Arn"]}},
                    }
                )
            ],
        },
    )


@pytest.mark.parametrize("target", ["WorkQueue", "StepsStateMachine", "HandleFunction"])
def test_each_kind_of_target_gets_the_events(template: Template, target: str) -> None:
    found = [
        str(rule["Properties"]["Targets"][0]["Arn"]) for rule in template.find_resources("AWS::Events::Rule").values()
    ]
    assert [arn for arn in found if target in arn]


def test_failed_deliveries_and_dead_letters_raise_an_alarm(template: Template) -> None:
    for metric in ("FailedInvocations", "InvocationsFailedToBeSentToDlq"):
        # The name alone, which is the end of the ARN `.../rule/<bus>/<name>`; a rule's Ref has the bus before it.
        arn = {"Fn::GetAtt": [Match.string_like_regexp("Rule"), "Arn"]}
        name = {"Fn::Select": [2, {"Fn::Split": ["/", arn]}]}
        bus = {"Ref": Match.string_like_regexp("^ChangesBus")}
        dimensions = [{"Name": "EventBusName", "Value": bus}, {"Name": "RuleName", "Value": name}]
        template.resource_properties_count_is(
            "AWS::CloudWatch::Alarm", {"MetricName": metric, "Dimensions": dimensions}, 3
        )
    # A queue for each rule, for the bus, for the work queue and for the function.
    template.resource_properties_count_is(
        "AWS::CloudWatch::Alarm", {"MetricName": "ApproximateNumberOfMessagesVisible"}, 6
    )
    template.all_resources_properties(
        "AWS::CloudWatch::Alarm", {"AlarmActions": [{"Ref": Match.string_like_regexp("^Alarms")}]}
    )


def test_eventbridge_may_use_the_key(template: Template) -> None:
    template.has_resource_properties(
        "AWS::KMS::Key",
        {
            "KeyPolicy": Match.object_like(
                {
                    "Statement": Match.array_with(
                        [
                            Match.object_like(
                                {
                                    "Action": Match.array_with(["kms:Decrypt", "kms:GenerateDataKey"]),
                                    "Principal": {"Service": "events.amazonaws.com"},
                                }
                            )
                        ]
                    )
                }
            )
        },
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"source": ""}, r"source='' is not allowed; give the publishing service"),
        ({"source": "aws.ec2"}, r"source='aws\.ec2' is not allowed"),
        ({"detail_types": ()}, r"detail_types=\(\) is not allowed; give 1 to 50 of them"),
        ({"detail": {"kind": []}}, r"detail={'kind': \[\]} is not allowed"),
        ({"detail": {"kind": "created"}}, r"detail={'kind': 'created'} is not allowed; give a list"),
        ({"attempts": 0}, r"attempts=0 is not allowed; give 1 to 185"),
        ({"event_age": cdk.Duration.minutes(5)}, r"event_age=300 s is not allowed; give 1 to 24 hours"),
    ],
)
def test_subscription_refuses_open_patterns_and_too_few_retries(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        EventSubscription(**{"source": "ingest", "detail_types": ("PatientChanged",), **settings})


@pytest.mark.parametrize("days", [0, 366])
def test_an_archive_without_use_or_end_is_refused(days: int, scratch: StackScope) -> None:
    with pytest.raises(ValueError, match=f"archive={days} days is not allowed; give 1 to 365"):
        EventPublisher(
            scratch.stack,
            f"Wrong{days}",
            environment=scratch.environment,
            encryption_key=scratch.key,
            alarms_to=scratch.alarms,
            archive=cdk.Duration.days(days),
        )
