"""A rule that delivers another service's events to a queue, a workflow or a function."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from services.library.constructs.dead_letter_queue import DeadLetterQueue
from services.library.constructs.function import Function
from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.queue import Queue
from services.library.constructs.role import Role
from services.library.constructs.workflow import Workflow


@dataclass(frozen=True, kw_only=True)
class EventSubscription:
    """The events to deliver, and how often EventBridge retries a delivery."""

    source: str
    """The publishing service, e.g. `ingest`."""
    detail_types: tuple[str, ...]
    """Types of events, e.g. `PatientChanged`."""
    detail: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Field of the event -> the values of which it must have one."""
    attempts: int = 185
    """EventBridge's own default; the time between two grows up to minutes."""
    event_age: cdk.Duration = field(default_factory=lambda: cdk.Duration.hours(24))
    """The age at which an event that could not be delivered goes to the dead-letter queue."""

    def __post_init__(self) -> None:
        if not self.source or self.source.startswith("aws.") or not self.detail_types or "" in self.detail_types:
            raise ValueError(
                f"EventSubscription: source={self.source!r}, detail_types={self.detail_types!r} is not allowed; give a"
                " publishing service and at least one type of event: a pattern that matches everything also matches"
                " what the handler was never written for, its own events among them."
            )
        for name, values in self.detail.items():
            if isinstance(values, str) or not values:
                raise ValueError(
                    f"EventSubscription: detail[{name!r}]={values!r} is not allowed; give a list of the values of which"
                    " the field must have one: an empty one would match no event at all."
                )
        if not 1 <= self.attempts <= 185:
            raise ValueError(
                f"EventSubscription: attempts={self.attempts} is not allowed; give 1 to 185: EventBridge tries no more"
                " often, and at 0 one throttled delivery is a dead letter."
            )
        if not 3600 <= self.event_age.to_seconds() <= 86_400:
            raise ValueError(
                f"EventSubscription: event_age={self.event_age.to_seconds():.0f} s is not allowed; give 1 to 24 hours:"
                " EventBridge keeps none for longer, and a shorter outage must lose nothing."
            )


class EventSubscriber(Construct):
    """Delivers matching events at least once; undeliverable ones go to a dead-letter queue with an alarm.

    A queue of a `QueueWorker` is the target that takes any load; a workflow is for work in several steps; a function
    is called directly, and its own failures go to the stack's dead-letter queue.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        bus: events.IEventBus,
        subscription: EventSubscription,
        target: Queue | Workflow | Function,
        encryption_key: Key,
        alarms_to: NotificationTopic,
    ) -> None:
        super().__init__(scope, id_)
        # EventBridge writes to an encrypted queue only if the queue's key lets it.
        encryption_key.grant_to_service("events.amazonaws.com")
        self.undelivered = DeadLetterQueue(self, "Undelivered", encryption_key=encryption_key, alarms_to=alarms_to)
        self.rule = events.Rule(
            self,
            "Rule",
            event_bus=bus,
            event_pattern=events.EventPattern(
                source=[subscription.source],
                detail_type=list(subscription.detail_types),
                detail={name: list(values) for name, values in subscription.detail.items()} or None,
            ),
            targets=[self._target(target, subscription)],
        )
        # On a bus of its own a rule's Ref is `bus|name`, under which there are no metrics:
        # https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1949
        name = cdk.Fn.select(2, cdk.Fn.split("/", self.rule.rule_arn))
        self.failed_deliveries, self.lost_events = (
            alarms_to.add_alarm(
                self,
                alarm,
                metric=cloudwatch.Metric(
                    namespace="AWS/Events",
                    metric_name=metric_name,
                    dimensions_map={"EventBusName": bus.event_bus_name, "RuleName": name},
                    statistic="Sum",
                ),
            )
            for alarm, metric_name in (
                ("FailedDeliveries", "FailedInvocations"),
                ("LostEvents", "InvocationsFailedToBeSentToDlq"),
            )
        )

    def _target(self, target: Queue | Workflow | Function, subscription: EventSubscription) -> events.IRuleTarget:
        dead_letters, attempts, age = self.undelivered.queue, subscription.attempts, subscription.event_age
        if isinstance(target, Queue):
            target.encryption_key.grant_to_service("events.amazonaws.com")
            return targets.SqsQueue(
                target.queue, dead_letter_queue=dead_letters, retry_attempts=attempts, max_event_age=age
            )
        if isinstance(target, Workflow):
            return targets.SfnStateMachine(
                target.state_machine,
                role=Role(self, "Caller", service="events.amazonaws.com"),
                dead_letter_queue=dead_letters,
                retry_attempts=attempts,
                max_event_age=age,
            )
        return targets.LambdaFunction(
            target.function, dead_letter_queue=dead_letters, retry_attempts=attempts, max_event_age=age
        )
