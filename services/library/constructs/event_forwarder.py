"""A rule that hands events on to a bus of another account."""

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from services.library.constructs.event_rule import PRINCIPAL, EventRule
from services.library.constructs.event_subscriber import EventSubscription
from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.role import Role


class EventForwarder(EventRule):
    """Delivers matching events to another account's bus, which must let this account in; the rest as a subscriber."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        bus: events.IEventBus,
        subscription: EventSubscription,
        to_bus_arn: str,
        encryption_key: Key,
        alarms_to: NotificationTopic,
    ) -> None:
        super().__init__(scope, id_, delivery=subscription, encryption_key=encryption_key, alarms_to=alarms_to)
        target = targets.EventBus(
            events.EventBus.from_event_bus_arn(self, "To", to_bus_arn),
            dead_letter_queue=self.undelivered.queue,
            role=Role(self, "Caller", service=PRINCIPAL),
        )
        self.deliver(target, bus=bus, pattern=subscription.pattern)
