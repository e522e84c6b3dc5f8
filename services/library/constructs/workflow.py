"""A Step Functions workflow with logs, tracing, alarms and a timeout."""

from enum import Enum

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from services.library.constructs.log_group import LogGroup
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.role import Role
from services.library.contract import defaults, deployment
from services.library.contract.durations import whole
from services.library.contract.environment import Environment

LONGEST_EXPRESS_SECONDS = 300
"""https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html"""
LONGEST_STANDARD_SECONDS = 365 * 24 * 3600


class WorkflowKind(Enum):
    """The type of a workflow, which decides how often an execution runs."""

    STANDARD = "STANDARD"
    """Exactly once under its name, for up to a year; its history is available for 90 days."""
    EXPRESS = "EXPRESS"
    """At least once, for up to five minutes; cheaper by the million, and its only history is its log."""


class Workflow(Construct):
    """A state machine whose executions end within a timeout."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        definition: sfn.IChainable,
        timeout: cdk.Duration,
        alarms_to: NotificationTopic,
        kind: WorkflowKind = WorkflowKind.STANDARD,
    ) -> None:
        super().__init__(scope, id_)
        self.kind = kind
        self.timeout = timeout
        _refuse(kind, whole(timeout, "seconds", f"{self.node.path}: timeout"))
        tier = defaults.for_environment(environment)
        self.state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            state_machine_name=deployment.physical_name(self, environment),
            definition_body=sfn.DefinitionBody.from_chainable(definition),
            state_machine_type=sfn.StateMachineType[kind.value],
            timeout=timeout,
            role=Role(self, "Role", service="states.amazonaws.com"),
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=LogGroup(self, "Logs", environment=environment),
                level=sfn.LogLevel.ALL if tier.logs_execution_data else sfn.LogLevel.ERROR,
                include_execution_data=tier.logs_execution_data,
            ),
        )
        self.failed, self.throttled, self.timed_out = (
            alarms_to.add_alarm(self, name, metric=metric.with_(statistic="Sum"))
            for name, metric in (
                ("Failed", self.state_machine.metric_failed()),
                ("Throttled", self.state_machine.metric_throttled()),
                ("TimedOut", self.state_machine.metric_timed_out()),
            )
        )


def _refuse(kind: WorkflowKind, seconds: int) -> None:
    longest = LONGEST_EXPRESS_SECONDS if kind is WorkflowKind.EXPRESS else LONGEST_STANDARD_SECONDS
    if not 1 <= seconds <= longest:
        raise ValueError(
            f"Workflow: timeout={seconds} s is not allowed; give 1 to {longest} s for WorkflowKind.{kind.name}:"
            " Step Functions ends every execution then, whatever it is doing."
        )
