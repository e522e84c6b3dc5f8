"""The one alarm that a release of a service is watched by: over the rates of failure of all that its stack has."""

from collections.abc import Iterator, Sequence
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
KINDS = (Function, apigateway.RestApi, sfn.StateMachine)
"""What counts requests."""
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
        found = _constructs(stack)
        topic = _topic(found)
        if (lacks := _lacking(found)) or topic is None:
            raise ValueError(
                f"{stack.node.id}: release.alarms is not allowed for a stack without {lacks}; give it one, or give"
                " alarms=OFF in this service's release."
            )
        alarms = [self._rate(each, settings.error_percent) for part in found for each in _measured(part)]
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
    return _lacking(_constructs(stack))


def _lacking(found: Sequence[Construct]) -> str | None:
    if not any(isinstance(each, KINDS) for each in found):
        return "a function, an API or a workflow"
    return None if _topic(found) else "a NotificationTopic"


def _topic(found: Sequence[Construct]) -> NotificationTopic | None:
    return next((each for each in found if isinstance(each, NotificationTopic)), None)


def _constructs(stack: cdk.Stack) -> list[Construct]:
    """List what matters here of a stack; what is in nested stacks is theirs."""
    found = [each for each in stack.node.find_all() if isinstance(each, (*KINDS, NotificationTopic))]
    return [each for each in found if cdk.Stack.of(each) is stack]


def _measured(found: Construct) -> Iterator[Measured]:
    """Yield what counts requests in a construct, if it is one of KINDS."""
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
