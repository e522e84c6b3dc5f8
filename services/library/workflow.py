"""A Step Functions workflow with what every one of ours has: logs, tracing, alarms."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from services.library import defaults
from services.library.environment import Environment
from services.library.notification_topic import NotificationTopic


class Workflow(Construct):
    """A Standard workflow: each execution runs exactly once under its name, for at most the given time."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        definition: sfn.IChainable,
        timeout: cdk.Duration,
        alarms_to: NotificationTopic,
    ) -> None:
        super().__init__(scope, id_)
        tier = defaults.for_environment(environment)
        self.state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_chainable(definition),
            state_machine_type=sfn.StateMachineType.STANDARD,
            timeout=timeout,
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=logs.LogGroup(
                    self, "Logs", retention=tier.log_retention, removal_policy=tier.removal_policy
                ),
                level=sfn.LogLevel.ALL if tier.logs_execution_data else sfn.LogLevel.ERROR,
                include_execution_data=tier.logs_execution_data,
            ),
        )
        for name, metric in (
            ("Failed", self.state_machine.metric_failed()),
            ("Throttled", self.state_machine.metric_throttled()),
            ("TimedOut", self.state_machine.metric_timed_out()),
        ):
            alarms_to.hear(
                cloudwatch.Alarm(
                    self,
                    name,
                    metric=metric.with_(period=cdk.Duration.minutes(1), statistic="Sum"),
                    threshold=1,
                    evaluation_periods=1,
                    comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                    treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
                )
            )
