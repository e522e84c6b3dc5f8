"""The topic of a service's alarms."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from services.library.constructs.key import TO_SEND, Key
from services.library.contract.environment import Environment

MOST_MINUTES = 1_440
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html, "EvaluationPeriods"."""


class NotificationTopic(Construct):
    """A topic that alarms publish to and that people or pagers subscribe to."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        # AWS services cannot publish to a topic that is encrypted with the account's default key.
        self.key = Key(self, "Key", environment=environment, description="Alarm notifications")
        self.key.grant_to_service("cloudwatch.amazonaws.com", *TO_SEND)
        self.topic = sns.Topic(self, "Topic", master_key=self.key.key, enforce_ssl=True)
        # A topic with any policy of its own lets no service publish that the policy does not name.
        # https://repost.aws/knowledge-center/cloudwatch-receive-sns-for-alarm-trigger
        alarms = cdk.Stack.of(self).format_arn(
            service="cloudwatch", resource="alarm", resource_name="*", arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME
        )
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                resources=[self.topic.topic_arn],
                conditions={"ArnLike": {"aws:SourceArn": alarms}},
            )
        )

    def notify_on(self, alarm: cloudwatch.Alarm) -> None:
        """Publish when an alarm goes off, and when it is OK again."""
        action = actions.SnsAction(self.topic)
        alarm.add_alarm_action(action)
        alarm.add_ok_action(action)

    def add_alarm(
        self,
        scope: Construct,
        id_: str,
        *,
        metric: cloudwatch.Metric,
        threshold: float = 1,
        minutes: int = 1,
        ignores_missing_data: bool = False,
    ) -> cloudwatch.Alarm:
        """Add an alarm that publishes to this topic once the metric reaches a threshold in each of some minutes.

        `ignores_missing_data`: the alarm stays as it is until the metric has another value, for one that is not
        measured each minute. Its description names the runbook of the service, after which the stack is named.
        """
        if not 1 <= minutes <= MOST_MINUTES:
            raise ValueError(
                f"{scope.node.path}/{id_}: minutes={minutes} is not allowed; give 1 to {MOST_MINUTES}: CloudWatch looks"
                " at one minute at least, and at a day at most."
            )
        if not 0 < threshold < float("inf"):
            raise ValueError(
                f"{scope.node.path}/{id_}: threshold={threshold:g} is not allowed; give more than 0: what is counted is"
                " never less than that, and the alarm would always be on."
            )
        alarm = cloudwatch.Alarm(
            scope,
            id_,
            alarm_description=_description(scope, id_),
            metric=metric.with_(period=cdk.Duration.minutes(1)),
            threshold=threshold,
            evaluation_periods=minutes,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=(
                cloudwatch.TreatMissingData.IGNORE
                if ignores_missing_data
                else cloudwatch.TreatMissingData.NOT_BREACHING
            ),
        )
        self.notify_on(alarm)
        return alarm

    def add_rate_alarm(
        self,
        scope: Construct,
        id_: str,
        *,
        expression: str,
        metrics: Mapping[str, cloudwatch.IMetric],
        percent: int,
    ) -> cloudwatch.Alarm:
        """Add an alarm that publishes once a rate was over a percentage in two of the last three minutes.

        `expression`: the rate in percent, in the ids of `metrics`.
        """
        alarm = cloudwatch.Alarm(
            scope,
            id_,
            alarm_description=_description(scope, id_),
            metric=cloudwatch.MathExpression(
                expression=expression,
                using_metrics=metrics,
                period=cdk.Duration.minutes(1),
            ),
            threshold=percent,
            evaluation_periods=3,
            datapoints_to_alarm=2,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        self.notify_on(alarm)
        return alarm

    def replace(
        self,
        alarm: cloudwatch.Alarm,
        *,
        metric: cloudwatch.Metric | None = None,
        threshold: float = 1,
        minutes: int = 1,
    ) -> cloudwatch.Alarm:
        """Replace an alarm, for overrides; the metric stays unless another is given.

        The logical id stays, so that CloudFormation changes the deployed alarm.
        """
        scope, id_, watched = alarm.node.scope, alarm.node.id, metric or alarm.metric
        if not isinstance(scope, Construct) or not isinstance(watched, cloudwatch.Metric):
            raise ValueError(
                f"{alarm.node.path}: metric=None is not allowed for an alarm on an expression;"
                " give the metric to watch."
            )
        scope.node.try_remove_child(id_)
        return self.add_alarm(scope, id_, metric=watched, threshold=threshold, minutes=minutes)


def _description(scope: Construct, id_: str) -> str:
    stack = cdk.Stack.of(scope).node
    here = f"{scope.node.path}/{id_}".removeprefix(f"{stack.path}/")
    return f"{here}: what it means and what to do is in docs/runbooks/{stack.id}.md"
