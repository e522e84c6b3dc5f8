"""A worker hears of failed messages alone, and no setting lets two of them work on one message."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template

from services.library.constructs.function import FunctionSettings
from services.library.constructs.queue import QueueSettings
from services.library.constructs.queue_worker import QueueWorker, QueueWorkerSettings
from services.library.constructs.tests.conftest import StackScope
from tests.testbed.runtime_code import HANDLER


def function(**settings: Any) -> FunctionSettings:
    return FunctionSettings(handler=HANDLER, description="Works", **settings)


@pytest.fixture(scope="module")
def template(production: StackScope) -> Template:
    QueueWorker(
        production.stack,
        "Worker",
        environment=production.environment,
        encryption_key=production.key,
        alarms_to=production.alarms,
        settings=QueueWorkerSettings(function=function(timeout=cdk.Duration.seconds(30)), max_concurrency=7),
    )
    return production.template()


def test_only_the_failed_messages_of_a_batch_are_tried_again(template: Template) -> None:
    template.has_resource_properties(
        "AWS::Lambda::EventSourceMapping",
        {
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "BatchSize": 10,
            "ScalingConfig": {"MaximumConcurrency": 7},
            "EventSourceArn": {"Fn::GetAtt": [Match.string_like_regexp("^WorkerQueue[0-9A-F]{8}$"), "Arn"]},
        },
    )


def test_the_queue_hides_a_message_for_six_times_the_functions_timeout(template: Template) -> None:
    template.has_resource_properties("AWS::SQS::Queue", {"VisibilityTimeout": 180, "RedrivePolicy": Match.any_value()})


def test_the_worker_may_take_messages_and_read_them(template: Template) -> None:
    template.has_resource_properties(
        "AWS::IAM::ManagedPolicy",
        {
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": Match.array_with(
                    [
                        Match.object_like(
                            {"Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]}
                        ),
                        Match.object_like(
                            {
                                "Action": "kms:Decrypt",
                                "Resource": {"Fn::GetAtt": [Match.string_like_regexp("^Key"), "Arn"]},
                            }
                        ),
                    ]
                ),
            }
        },
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {
                "function": function(timeout=cdk.Duration.seconds(11)),
                "queue": QueueSettings(visibility_timeout=cdk.Duration.seconds(65)),
            },
            r"queue\.visibility_timeout=65 s is not allowed; give at least 66 s, 6 times",
        ),
        ({"function": function(), "batch_size": 11}, r"batch_size=11 is not allowed; give 1 to 10"),
        ({"function": function(), "max_concurrency": 1}, r"max_concurrency=1 is not allowed; give 2 to 1000"),
        (
            {"function": function(reserved_concurrency=5), "max_concurrency": 6},
            r"max_concurrency=6 with reserved_concurrency=5 is not allowed; give",
        ),
    ],
)
def test_queue_worker_refuses_settings_that_repeat_or_lose_work(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        QueueWorkerSettings(**settings)


def test_exactly_six_times_the_timeout_is_enough() -> None:
    queue = QueueSettings(visibility_timeout=cdk.Duration.seconds(66))
    QueueWorkerSettings(function=function(timeout=cdk.Duration.seconds(11)), queue=queue)


@pytest.mark.parametrize(
    ("timeout", "queue", "most"),
    [
        (100, {"receives": 10, "oldest_message": cdk.Duration.hours(1)}, 1_140),
        (100, {"receives": 10, "oldest_message": cdk.Duration.minutes(20)}, 1_140),
        (900, {"oldest_message": cdk.Duration.minutes(45)}, 2_700),
        (10, {"visibility_timeout": cdk.Duration.minutes(1), "receives": 46}, 60),
    ],
)
def test_queue_worker_refuses_to_be_silent_for_longer_than_an_hour(
    timeout: int, queue: dict[str, Any], most: int
) -> None:
    hidden = {"visibility_timeout": cdk.Duration.seconds(6 * timeout)}
    given, seconds = QueueSettings(**(hidden | queue)), cdk.Duration.seconds(timeout)
    if most == 2_700:  # the limit itself
        QueueWorkerSettings(function=function(timeout=seconds), queue=given)
        given = QueueSettings(**(hidden | queue | {"oldest_message": cdk.Duration.seconds(2_701)}))
    with pytest.raises(
        ValueError, match=rf"is not allowed; give an oldest_message of at most {most} s, or less of the"
    ):
        QueueWorkerSettings(function=function(timeout=seconds), queue=given)


def test_a_message_that_fails_at_every_try_raises_an_alarm_within_an_hour_whatever_the_timeout() -> None:
    for timeout in range(1, 901):
        queue = QueueSettings(visibility_timeout=cdk.Duration.seconds(6 * timeout))
        QueueWorkerSettings(function=function(timeout=cdk.Duration.seconds(timeout)), queue=queue)
