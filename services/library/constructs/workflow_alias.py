"""The alias by which a workflow is started where its traffic is shifted from version to version."""

import math

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from services.library.constructs.live_alias import NAME
from services.library.constructs.notification_topic import NotificationTopic
from services.library.contract.release import AllAtOnce, Canary, Linear, ReleaseAlarms, Traffic

LONGEST_INTERVAL_MINUTES = 2_100
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-stepfunctions-statemachinealias-deploymentpreference.html"""
LONGEST_SHIFT_MINUTES = 2_160
"""After which CloudFormation gives an alias's update up: the registry's schema of the type, `timeoutInMinutes`."""
SETTLED = "settled"
"""The alias that follows `live` a minute later."""
FAILED = ("ExecutionsFailed", "ExecutionsTimedOut")
SUCCEEDED = "ExecutionsSucceeded"


class WorkflowAlias(Construct):
    """The alias `live`: CloudFormation moves it to a new version step by step, and back when executions fail.

    CodeDeploy has no part in it, and no role is needed.
    """

    def __init__(
        self, scope: Construct, id_: str, *, machine: sfn.StateMachine, traffic: Traffic, alarms_to: NotificationTopic
    ) -> None:
        super().__init__(scope, id_)
        _refuse(self.node.path, traffic)
        version = sfn.CfnStateMachineVersion(
            self,
            "Version",
            state_machine_arn=machine.state_machine_arn,
            state_machine_revision_id=machine.state_machine_revision_id,
        )
        self.failures = alarms_to.add_rate_alarm(
            self,
            "Failures",
            # Of those that ended: what fails in a minute began in another one.
            expression=f"100 * ({_sum(FAILED)}) / ({_sum((*FAILED, SUCCEEDED))})",
            metrics={_id(name): _of_alias(machine, name) for name in (*FAILED, SUCCEEDED)},
            percent=ReleaseAlarms().error_percent,
        )
        self.alias = sfn.CfnStateMachineAlias(
            self,
            "Alias",
            name=NAME,
            state_machine_arn=machine.state_machine_arn,
            deployment_preference=_preference(traffic, version.attr_arn, self.failures.alarm_name),
        )
        self._keep_the_old_version_for_a_minute(machine, version)

    @property
    def arn(self) -> str:
        """Return what callers start."""
        return self.alias.attr_arn

    def _keep_the_old_version_for_a_minute(
        self, machine: sfn.StateMachine, version: sfn.CfnStateMachineVersion
    ) -> None:
        """Let the stack's clean-up, which deletes the old version, begin a minute after the shift at the earliest.

        "Executions started immediately after calling UpdateStateMachineAlias may use the previous routing
        configuration", so that what is deleted right after the shift would fail them. Nobody calls this alias.
        https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachineAlias.html
        """
        settled = sfn.CfnStateMachineAlias(
            self,
            "Settled",
            name=SETTLED,
            state_machine_arn=machine.state_machine_arn,
            deployment_preference=sfn.CfnStateMachineAlias.DeploymentPreferenceProperty(
                state_machine_version_arn=version.attr_arn, type="CANARY", percentage=1, interval=1
            ),
        )
        settled.node.add_dependency(self.alias)


def _preference(traffic: Traffic, version: str, alarm: str) -> sfn.CfnStateMachineAlias.DeploymentPreferenceProperty:
    # By its name: "If you ... provide the ARN of an alarm instead of its name, your deployment may not roll back".
    property_ = sfn.CfnStateMachineAlias.DeploymentPreferenceProperty
    match traffic:
        case AllAtOnce():
            return property_(state_machine_version_arn=version, type="ALL_AT_ONCE", alarms=[alarm])
        case Canary(percent=percent, minutes=minutes) | Linear(percent=percent, minutes=minutes):
            return property_(
                state_machine_version_arn=version,
                type=type(traffic).__name__.upper(),
                percentage=percent,
                interval=minutes,
                alarms=[alarm],
            )


def _refuse(path: str, traffic: Traffic) -> None:
    """Refuse what CodeDeploy takes and Step Functions does not."""
    if isinstance(traffic, AllAtOnce):
        return
    steps = math.ceil(100 / traffic.percent) - 1 if isinstance(traffic, Linear) else 1
    if traffic.minutes > LONGEST_INTERVAL_MINUTES or steps * traffic.minutes > LONGEST_SHIFT_MINUTES:
        raise ValueError(
            f"{path}: release.traffic={traffic!r} is not allowed for a service with workflows; give at most"
            f" {LONGEST_INTERVAL_MINUTES:,} minutes a step and {LONGEST_SHIFT_MINUTES:,} in all: Step Functions takes"
            " no longer steps, and CloudFormation gives an alias's update up after that."
        )


def _of_alias(machine: sfn.StateMachine, metric_name: str) -> cloudwatch.Metric:
    """Return a metric of the executions that the alias started.

    Not of the new version alone: that an execution of an alias counts for its version too is not documented.
    https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
    """
    return cloudwatch.Metric(
        namespace="AWS/States",
        metric_name=metric_name,
        statistic="Sum",
        period=cdk.Duration.minutes(1),
        dimensions_map={"StateMachineArn": machine.state_machine_arn, "Alias": NAME},
    )


def _id(metric_name: str) -> str:
    """Return the id of a metric in an expression."""
    return metric_name[:1].lower() + metric_name[1:]


def _sum(metric_names: tuple[str, ...]) -> str:
    return " + ".join(f"FILL({_id(name)}, 0)" for name in metric_names)
