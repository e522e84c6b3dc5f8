"""A Step Functions workflow with what every one of ours has: logs, tracing, alarms."""

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from services.library import defaults
from services.library.environment import Environment
from services.library.log_group import LogGroup
from services.library.notification_topic import NotificationTopic
from services.library.role import Role


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
            role=Role(self, "Role", service="states.amazonaws.com"),
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=LogGroup(self, "Logs", environment=environment),
                level=sfn.LogLevel.ALL if tier.logs_execution_data else sfn.LogLevel.ERROR,
                include_execution_data=tier.logs_execution_data,
            ),
        )
        for name, metric in (
            ("Failed", self.state_machine.metric_failed()),
            ("Throttled", self.state_machine.metric_throttled()),
            ("TimedOut", self.state_machine.metric_timed_out()),
        ):
            alarms_to.hear_of(self, name, metric=metric.with_(statistic="Sum"))
