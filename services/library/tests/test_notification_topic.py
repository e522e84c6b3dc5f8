"""An alarm reaches the topic, and nothing else of AWS does."""

import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk.assertions import Match, Template

from services.library.tests.conftest import Place


@pytest.fixture(scope="module")
def template(production: Place) -> Template:
    metric = cloudwatch.Metric(namespace="Some", metric_name="Rejected", statistic="Sum")
    production.alarms.hear_of(production.stack, "Rejected", metric=metric, at_least=3, minutes=5)
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
                                    "Action": Match.array_with(["kms:Decrypt", "kms:GenerateDataKey"]),
                                    "Principal": {"Service": "cloudwatch.amazonaws.com"},
                                }
                            )
                        ]
                    )
                }
            ),
        },
    )


def test_an_alarm_tells_when_it_fires_and_when_it_is_over(template: Template) -> None:
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
