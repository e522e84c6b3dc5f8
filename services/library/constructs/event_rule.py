"""A rule of EventBridge that loses nothing unseen, and what it may deliver to."""

from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from services.library.constructs.dead_letter_queue import DeadLetterQueue
from services.library.constructs.function import Function
from services.library.constructs.key import TO_SEND, Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.queue import Queue
from services.library.constructs.role import Role
from services.library.constructs.workflow import Workflow
from services.library.contract.constraints import require_valid
from services.library.contract.durations import whole

PRINCIPAL = "events.amazonaws.com"
UNRESOLVED = "@aws-cdk/aws-events:ruleUnresolvedEnvironment"
Target = Queue | Workflow | Function


@dataclass(frozen=True, kw_only=True)
class DeliverySettings:
    """How often EventBridge retries a delivery."""

    attempts: int = 185
    """EventBridge's own default; the time between two grows up to minutes."""
    event_age: cdk.Duration = field(default_factory=lambda: cdk.Duration.hours(24))
    """The age at which an event that could not be delivered goes to the dead-letter queue."""

    def __post_init__(self) -> None:
        who = type(self).__name__
        require_valid(self)
        if not 1 <= self.attempts <= 185:
            raise ValueError(
                f"{who}: attempts={self.attempts} is not allowed; give 1 to 185: EventBridge tries no more"
                " often, and at 0 one throttled delivery is a dead letter."
            )
        if not 3600 <= (age := whole(self.event_age, "seconds", f"{who}: event_age")) <= 86_400:
            raise ValueError(
                f"{who}: event_age={age} s is not allowed; give 1 to 24 hours:"
                " EventBridge keeps none for longer, and a shorter outage must lose nothing."
            )


class EventRule(Construct):
    """A rule with a dead-letter queue of its own, and alarms on what it could not deliver and not even keep."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        delivery: DeliverySettings,
        encryption_key: Key,
        alarms_to: NotificationTopic,
    ) -> None:
        """Make the queue; a subclass makes the rule by `deliver`."""
        super().__init__(scope, id_)
        self.delivery = delivery
        self._alarms_to = alarms_to
        # EventBridge writes to an encrypted queue only if the queue's key lets it.
        encryption_key.grant_to_service(PRINCIPAL, *TO_SEND)
        self.undelivered = DeadLetterQueue(self, "Undelivered", encryption_key=encryption_key, alarms_to=alarms_to)

    def deliver(
        self,
        to: events.IRuleTarget,
        *,
        bus: events.IEventBus | None = None,
        pattern: events.EventPattern | None = None,
        schedule: events.Schedule | None = None,
    ) -> None:
        """Make the rule, of a bus or else of the account's default one, and its alarms."""
        self.rule = events.Rule(self, "Rule", event_bus=bus, event_pattern=pattern, schedule=schedule, targets=[to])
        # On a bus of its own a rule's Ref is `bus|name`, under which there are no metrics:
        # https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1949
        dimensions = (
            {"RuleName": self.rule.rule_name}
            if bus is None
            else {
                "EventBusName": bus.event_bus_name,
                "RuleName": cdk.Fn.select(2, cdk.Fn.split("/", self.rule.rule_arn)),
            }
        )
        self.failed_deliveries, self.lost_events = (
            self._alarms_to.add_alarm(
                self,
                alarm,
                metric=cloudwatch.Metric(
                    namespace="AWS/Events", metric_name=metric_name, dimensions_map=dimensions, statistic="Sum"
                ),
            )
            for alarm, metric_name in (
                ("FailedDeliveries", "FailedInvocations"),
                ("LostEvents", "InvocationsFailedToBeSentToDlq"),
            )
        )

    def target(self, target: Target, *, event: events.RuleTargetInput | None = None) -> events.IRuleTarget:
        """Return a queue, a workflow or a function as a rule's target; `event` is what it gets instead of the event."""
        dead_letters, attempts, age = self.undelivered.queue, self.delivery.attempts, self.delivery.event_age
        if isinstance(target, Queue):
            target.require_standard(self.node.path, "an event has no message group")
            target.encryption_key.grant_to_service(PRINCIPAL, *TO_SEND)
            return targets.SqsQueue(
                target.queue, message=event, dead_letter_queue=dead_letters, retry_attempts=attempts, max_event_age=age
            )
        if isinstance(target, Workflow):
            caller = Role(self, "Caller", service=PRINCIPAL)
            target.grant_start(caller)
            # An alias is known by its ARN, of which the CDK cannot tell that it is this account's.
            cdk.Annotations.of(self).acknowledge_warning(UNRESOLVED, "The workflow is of this stack")
            return targets.SfnStateMachine(
                target.target,
                input=event,
                role=caller.without_policy_updates(),
                dead_letter_queue=dead_letters,
                retry_attempts=attempts,
                max_event_age=age,
            )
        return targets.LambdaFunction(
            target.target, event=event, dead_letter_queue=dead_letters, retry_attempts=attempts, max_event_age=age
        )
