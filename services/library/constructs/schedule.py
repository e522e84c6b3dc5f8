"""A rule that starts a queue's worker, a workflow or a function at times of its own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_events as events
from constructs import Construct

from services.library.constructs.event_rule import DeliverySettings, EventRule, Target
from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic

RATE = re.compile(r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)")
CRON = re.compile(
    r"cron\(([0-9A-Z*,/-]+) ([0-9*,/-]+) ([0-9*,/?LW-]+) ([0-9A-Z*,/-]+) ([0-9A-Z*,/?L#-]+) ([0-9*,/-]+)\)"
)
"""Minute, hour, day of the month, month, day of the week, year."""


@dataclass(frozen=True, kw_only=True)
class ScheduleSettings(DeliverySettings):
    """When, and with what."""

    expression: str
    """`rate(5 minutes)`, or `cron(0 3 * * ? *)` in UTC.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
    """
    event: Mapping[str, Any] | None = None
    """What the target is given each time, in place of EventBridge's own event."""

    def __post_init__(self) -> None:
        super().__post_init__()
        found = CRON.fullmatch(self.expression)
        # "You can't use * in both the Day-of-month and Day-of-week fields": one of the two must be a question mark.
        if not RATE.fullmatch(self.expression) and not (found and (found[3] == "?") != (found[5] == "?")):
            raise ValueError(
                f"ScheduleSettings: expression={self.expression!r} is not allowed; give rate(1 hour), rate(5 minutes)"
                " or cron(minute hour day-of-month month day-of-week year) with a ? for one of the two days."
            )


class Schedule(EventRule):
    """Starts its target at least once each time; what could not be started is in a dead-letter queue with an alarm."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: ScheduleSettings,
        target: Target,
        encryption_key: Key,
        alarms_to: NotificationTopic,
    ) -> None:
        super().__init__(scope, id_, delivery=settings, encryption_key=encryption_key, alarms_to=alarms_to)
        event = None if settings.event is None else events.RuleTargetInput.from_object(dict(settings.event))
        self.deliver(self.target(target, event=event), schedule=events.Schedule.expression(settings.expression))
