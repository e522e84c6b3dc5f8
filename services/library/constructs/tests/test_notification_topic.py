"""An alarm reaches the topic, and nothing else of AWS does."""

from typing import cast

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk.assertions import Match, Template

from services.library.constructs.dead_letter_queue import DeadLetterQueue
from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.tests.conftest import StackScope
from services.library.contract.environment import Environment, Tier
from services.library.contract.service import ServiceStack


@pytest.fixture(scope="module")
def template(production: StackScope) -> Template:
    metric = cloudwatch.Metric(namespace="Some", metric_name="Rejected", statistic="Sum")
    production.alarms.add_alarm(production.stack, "Rejected", metric=metric, threshold=3, minutes=5)
    return production.template()


def test_alarms_of_this_account_may_publish_and_encrypt(template: Template) -> None:
    template.has_resource_properties(
        "AWS::SNS::TopicPolicy",
        {
            "PolicyDocument": Match.object_like(
                {
                    "Statement": Match.array_with(
                        [
                            Match.object_like(
                                {
                                    "Action": "sns:Publish",
                                    "Effect": "Allow",
                                    "Principal": {"Service": "cloudwatch.amazonaws.com"},
                                    "Condition": {"ArnLike": {"aws:SourceArn": Match.any_value()}},
                                }
                            )
                        ]
                    )
                }
            )
        },
    )
    template.has_resource_properties(
        "AWS::KMS::Key",
        {
            "Description": "Alarm notifications",
            "KeyPolicy": Match.object_like(
                {
                    "Statement": Match.array_with(
                        [
                            Match.object_like(
                                {
                                    "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                                    "Principal": {"Service": "cloudwatch.amazonaws.com"},
                                }
                            )
                        ]
                    )
                }
            ),
        },
    )


def test_add_alarm_notifies_of_alarm_and_ok(template: Template) -> None:
    topic = [{"Ref": Match.string_like_regexp("^Alarms")}]
    template.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "MetricName": "Rejected",
            "Threshold": 3,
            "Period": 60,
            "EvaluationPeriods": 5,
            "TreatMissingData": "notBreaching",
            "AlarmActions": topic,
            "OKActions": topic,
        },
    )


def test_an_override_replaces_an_alarm_in_place() -> None:
    """Found by a typed attribute; the deployed alarm is changed, not made anew."""
    environment = Environment(name="prod", tier=Tier.PRODUCTION, account="111111111111", region="eu-west-1")
    stack = ServiceStack(cdk.App(), "Some", environment=environment, description="An alarm")
    alarms = NotificationTopic(stack, "Alarms", environment=environment)
    key = Key(stack, "Key", environment=environment, description="Data")
    dead = DeadLetterQueue(stack, "Dead", encryption_key=key, alarms_to=alarms)
    id_ = stack.get_logical_id(cast("cdk.CfnElement", dead.depth.node.default_child))
    alarms.replace(dead.depth, threshold=5, minutes=10)
    metric = cloudwatch.Metric(namespace="Some", metric_name="Other", statistic="Sum")
    heard = alarms.add_alarm(stack, "Replaced", metric=metric)
    alarms.replace(heard, metric=metric.with_(statistic="Maximum"), threshold=7)
    expression = cloudwatch.Alarm(
        stack,
        "Expression",
        metric=cloudwatch.MathExpression(expression="a+1", using_metrics={"a": metric}),
        threshold=1,
        evaluation_periods=1,
    )
    with pytest.raises(ValueError, match="give the metric to watch"):
        alarms.replace(expression)
    made = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm")
    assert len(made) == 3
    topic = [stack.resolve(alarms.topic.topic_arn)]
    assert (
        made[id_]["Properties"]
        | {
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "Threshold": 5,
            "EvaluationPeriods": 10,
            "AlarmActions": topic,
            "OKActions": topic,
        }
        == made[id_]["Properties"]
    )
    (other,) = (each["Properties"] for each in made.values() if each["Properties"].get("MetricName") == "Other")
    assert (other["Statistic"], other["Threshold"]) == ("Maximum", 7)
