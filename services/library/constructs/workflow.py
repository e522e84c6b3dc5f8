"""A Step Functions workflow with logs, tracing, alarms and a timeout."""

from enum import Enum

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from services.library.constructs.live_alias import NAME
from services.library.constructs.log_group import LogGroup
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.role import Role
from services.library.constructs.workflow_alias import WorkflowAlias
from services.library.contract import defaults, deployment
from services.library.contract.durations import whole
from services.library.contract.environment import Environment
from services.library.contract.names import VENDED_LOGS

LONGEST_EXPRESS_SECONDS = 300
"""https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html"""
LONGEST_STANDARD_SECONDS = 365 * 24 * 3600
LONGEST_UNIQUE = 200
"""Characters, so that a name has fewer than the 512 of a log group."""


class WorkflowKind(Enum):
    """The type of a workflow, which decides how often an execution runs."""

    STANDARD = "STANDARD"
    """Exactly once under its name, for up to a year; its history is available for 90 days."""
    EXPRESS = "EXPRESS"
    """At least once, for up to five minutes; cheaper by the million, and its only history is its log."""


class Workflow(Construct):
    """A state machine whose executions end within a timeout."""

    state_machine: sfn.StateMachine
    target: sfn.IStateMachine
    """What callers start: the alias `live` where traffic is shifted, and the state machine itself elsewhere."""

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
        vended_logs: bool = False,
    ) -> None:
        """`vended_logs`: whether its log group is named so that an account may have any number of such workflows.

        One that is deployed gets another log group by it, and a review says what becomes of the old one.
        """
        super().__init__(scope, id_)
        self.kind = kind
        self.timeout = timeout
        _refuse(kind, whole(timeout, "seconds", f"{self.node.path}: timeout"))
        tier = defaults.for_environment(environment)
        log_group = self._vended_name(environment) if vended_logs else None
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
                destination=LogGroup(self, "Logs", environment=environment, name=log_group),
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

        self.target = self.state_machine
        if environment.traffic is not None:
            live = WorkflowAlias(
                self, "Live", machine=self.state_machine, traffic=environment.traffic, alarms_to=alarms_to
            )
            self.target = sfn.StateMachine.from_state_machine_arn(self, "Target", live.arn)

    def _vended_name(self, environment: Environment) -> str | None:
        """Return a name that takes nothing of an account's resource policy of logs; None for a branch's workflow."""
        if environment.prefix:
            return None
        suffix = deployment.creation_suffix() if environment.keeps_data else ""
        return f"{VENDED_LOGS}states/{cdk.Names.unique_resource_name(self, max_length=LONGEST_UNIQUE)}{suffix}"

    def grant_start(self, grantee: iam.IGrantable) -> None:
        """Let somebody start executions of the target."""
        self._grant(grantee, "states:StartExecution")

    def grant_start_sync(self, grantee: iam.IGrantable) -> None:
        """Let somebody run executions of the target, and wait for their end."""
        self._grant(grantee, "states:StartSyncExecution")

    def _grant(self, grantee: iam.IGrantable, action: str) -> None:
        """Grant a start on the state machine: IAM is not asked about the alias, which is a condition.

        https://docs.aws.amazon.com/step-functions/latest/dg/auth-version-alias.html
        """
        arn, principal = self.state_machine.state_machine_arn, grantee.grant_principal
        if self.target is self.state_machine:
            principal.add_to_principal_policy(iam.PolicyStatement(actions=[action], resources=[arn]))
            return
        of_alias = iam.PolicyStatement(
            actions=[action],
            resources=[arn],
            conditions={"ForAnyValue:StringEquals": {"states:StateMachineQualifier": [NAME]}},
        )
        if isinstance(principal, Role):
            principal.add_for_alias(of_alias)
        else:
            principal.add_to_principal_policy(of_alias)


def _refuse(kind: WorkflowKind, seconds: int) -> None:
    longest = LONGEST_EXPRESS_SECONDS if kind is WorkflowKind.EXPRESS else LONGEST_STANDARD_SECONDS
    if not 1 <= seconds <= longest:
        raise ValueError(
            f"Workflow: timeout={seconds} s is not allowed; give 1 to {longest} s for WorkflowKind.{kind.name}:"
            " Step Functions ends every execution then, whatever it is doing."
        )
