"""The one alarm that a release of a service is watched by: over the rates of failure of all that its stack has."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypedDict

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from services.library.constructs.function import Function
from services.library.constructs.notification_topic import NotificationTopic
from services.library.contract.release import ReleaseAlarms

MINUTES, BAD_MINUTES = 3, 2
"""Two bad minutes of three: one alone is often a partner's, and a bake need not wait for a third."""
REQUESTS = "requests"
"""The id of an alarm's metric of requests; the bake counts by it (pipeline/builds/release_bake.py)."""


class MetricOptions(TypedDict):
    """How a metric is added up."""

    period: cdk.Duration
    statistic: str


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Something that counts its requests and its failures."""

    scope: Construct
    requests: cloudwatch.Metric
    failures: tuple[cloudwatch.Metric, ...]
    is_failure_a_request: bool = True
    """Whether `requests` counts what failed as well, in the minute in which it did."""


class ReleaseAlarm(Construct):
    """A composite alarm over the rate of failures of each function, API and workflow of a stack."""

    def __init__(self, scope: Construct, id_: str, *, name: str, settings: ReleaseAlarms) -> None:
        """`name`: fixed, since the pipeline reads it by its name.

        Raises ValueError for a stack in which nothing counts requests, or whose alarms have no topic.
        """
        super().__init__(scope, id_)
        stack = cdk.Stack.of(self)
        topic = _topic(stack)
        if (lacks := lacking(stack)) or topic is None:
            raise ValueError(
                f"{stack.node.id}: release.alarms is not allowed for a stack without {lacks}; give it one, or give"
                " alarms=OFF in this service's release."
            )
        alarms = [self._rate(each, settings.error_percent) for each in _measured(stack)]
        for alarm in alarms:
            topic.notify_on(alarm)
        self.alarm = cloudwatch.CompositeAlarm(
            self,
            "Alarm",
            composite_alarm_name=name,
            alarm_description=f"Watches releases: {MINUTES} minutes in which something fails too often",
            alarm_rule=cloudwatch.AlarmRule.any_of(
                *(cloudwatch.AlarmRule.from_alarm(each, cloudwatch.AlarmState.ALARM) for each in alarms)
            ),
        )

    def _rate(self, measured: Measured, percent: int) -> cloudwatch.Alarm:
        failures = {f"failures{number}": metric for number, metric in enumerate(measured.failures)}
        total = " + ".join(f"FILL({each}, 0)" for each in failures)
        of = REQUESTS if measured.is_failure_a_request else f"({total} + FILL({REQUESTS}, 0))"
        stack = cdk.Stack.of(self)
        here = measured.scope.node.path.removeprefix(f"{stack.node.path}/")
        return cloudwatch.Alarm(
            self,
            here.replace("/", ""),
            alarm_description=f"{self.node.id}: what it means and what to do is in docs/runbooks/{stack.node.id}.md",
            metric=cloudwatch.MathExpression(
                expression=f"100 * ({total}) / {of}",
                using_metrics={REQUESTS: measured.requests, **failures},
                label="Failures in a hundred requests",
                period=cdk.Duration.minutes(1),
            ),
            threshold=percent,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=MINUTES,
            datapoints_to_alarm=BAD_MINUTES,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )


def watch_release(stack: cdk.Stack, settings: ReleaseAlarms, *, name: str) -> None:
    """Add the alarm to a finished stack."""
    ReleaseAlarm(stack, "Release", name=name, settings=settings)


def lacking(stack: cdk.Stack) -> str | None:
    """Return what a stack would need to be watched; None if it has all of it."""
    if not any(_measured(stack)):
        return "a function, an API or a workflow"
    return None if _topic(stack) else "a NotificationTopic"


def _topic(stack: cdk.Stack) -> NotificationTopic | None:
    return next((each for each in stack.node.find_all() if isinstance(each, NotificationTopic)), None)


def _measured(stack: cdk.Stack) -> Iterator[Measured]:
    """Yield what counts requests in a stack; what is in nested stacks is theirs."""
    for each in stack.node.find_all():
        if isinstance(each, Construct) and cdk.Stack.of(each) is stack:
            yield from _measured_of(each)


def _measured_of(found: Construct) -> Iterator[Measured]:
    each_minute: MetricOptions = {"period": cdk.Duration.minutes(1), "statistic": "Sum"}
    if isinstance(found, Function):
        function = found.function
        requests, failed = function.metric_invocations(**each_minute), function.metric_errors(**each_minute)
        yield Measured(scope=found, requests=requests, failures=(failed,))
    elif isinstance(found, apigateway.RestApi):
        requests, failed = found.metric_count(**each_minute), found.metric_server_error(**each_minute)
        yield Measured(scope=found, requests=requests, failures=(failed,))
    elif isinstance(found, sfn.StateMachine):
        yield Measured(
            scope=found,
            # Of those that ended: what fails in a minute began in another one, in which perhaps nothing else did.
            requests=found.metric_succeeded(**each_minute),
            failures=(found.metric_failed(**each_minute), found.metric_timed_out(**each_minute)),
            is_failure_a_request=False,
        )
