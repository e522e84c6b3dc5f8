"""A rule that delivers another service's events to a queue, a workflow or a function."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from aws_cdk import aws_events as events
from constructs import Construct

from services.library.constructs.event_publisher import EVENT_SOURCE
from services.library.constructs.event_rule import DeliverySettings, EventRule, Target
from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.contract.constraints import Items, Matches

EventSource = Annotated[str, EVENT_SOURCE]
DetailType = Annotated[
    str, Matches(r"[^*\s]([^*]{0,126}[^*\s])?", "1-128 characters, with no * and no space at an end")
]


@dataclass(frozen=True, kw_only=True)
class EventSubscription(DeliverySettings):
    """The events to deliver, and how often EventBridge retries a delivery."""

    source: EventSource
    """The publishing service, e.g. `ingest`."""
    detail_types: Annotated[tuple[DetailType, ...], Items(1, 50)]
    """Types of events, e.g. `PatientChanged`."""
    detail: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Field of the event -> the values of which it must have one."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, values in self.detail.items():
            if isinstance(values, str) or not values:
                raise ValueError(
                    f"EventSubscription: detail={{{name!r}: {values!r}}} is not allowed; give a list of the values of"
                    " which the field must have one: an empty one would match no event at all."
                )

    @property
    def pattern(self) -> events.EventPattern:
        """Return what EventBridge compares each event with."""
        return events.EventPattern(
            source=[self.source],
            detail_type=list(self.detail_types),
            detail={name: list(values) for name, values in self.detail.items()} or None,
        )


class EventSubscriber(EventRule):
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
        target: Target,
        encryption_key: Key,
        alarms_to: NotificationTopic,
    ) -> None:
        super().__init__(scope, id_, delivery=subscription, encryption_key=encryption_key, alarms_to=alarms_to)
        self.deliver(self.target(target), bus=bus, pattern=subscription.pattern)
