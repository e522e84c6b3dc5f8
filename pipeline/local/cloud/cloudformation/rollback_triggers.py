"""Which alarms roll back an operation on a stack, and for how long they are looked at after its last resource.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackConfiguration.html
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.local.cloud.emulator import AwsError, Json

OPTION = "RollbackConfiguration"
TRIGGERS = f"{OPTION}.RollbackTriggers"
MINUTES = f"{OPTION}.MonitoringTimeInMinutes"
MEMBER = re.compile(re.escape(TRIGGERS) + r"\.member\.(?P<number>\d+)\.(?P<field>\w+)")
IMPORTING = (("ChangeSetType", "IMPORT"), ("ImportExistingResources", "TRUE"))
MOST = 5
LONGEST_MINUTES = 180
TYPES = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
ALARM = "ALARM"
CANCELLED = "User Initiated"


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """An alarm that rolls back."""

    arn: str
    type_name: str

    @property
    def alarm_name(self) -> str:
        """The alarm's name, of the account and region of its stack."""
        return self.arn.split(":alarm:", 1)[1]


@dataclass(frozen=True, kw_only=True)
class RollbackConfiguration:
    """What is looked at, and for how long afterwards."""

    triggers: tuple[Trigger, ...] = ()
    minutes: int = 0

    def __bool__(self) -> bool:
        return bool(self.triggers or self.minutes)

    def as_record(self) -> Json:
        """Return it as the API has it."""
        listed = [{"Arn": each.arn, "Type": each.type_name} for each in self.triggers]
        return {"RollbackTriggers": listed, "MonitoringTimeInMinutes": self.minutes}


def from_record(record: Json) -> RollbackConfiguration:
    """Read what `as_record` wrote; nothing of an empty record."""
    listed = record.get("RollbackTriggers") or ()
    return RollbackConfiguration(
        triggers=tuple(Trigger(arn=each["Arn"], type_name=each["Type"]) for each in listed),
        minutes=int(record.get("MonitoringTimeInMinutes") or 0),
    )


def requested(values: Mapping[str, str], saved: RollbackConfiguration, place: str) -> RollbackConfiguration:
    """Return what holds after a request: what it says, else what was saved for the stack.

    Args:
        values: The request's parameters by their names, as in `RollbackConfiguration.RollbackTriggers.member.1.Arn`.
        saved: What the stack has. "By default, CloudFormation saves the rollback triggers specified for a stack and
            applies them to any subsequent update operations for the stack, unless you specify otherwise."
        place: The region and the account of the stack, as in `us-east-1:111111111111`.

    Raises:
        AwsError: It is not allowed.
    """
    listed = _listed(values)
    is_said = TRIGGERS in values or bool(listed)  # "To remove all currently specified triggers, specify an empty list"
    if is_said and saved.minutes and MINUTES not in values:
        message = (
            f"The local cloud takes {TRIGGERS} of a stack that has a {MINUTES} only with one: AWS does not document"
            " whether the old one holds"
        )
        raise AwsError("ValidationError", message)
    if len(listed) > MOST:
        raise AwsError("ValidationError", f"{TRIGGERS} has {len(listed)} triggers; give {MOST} at most")
    found = RollbackConfiguration(
        triggers=tuple(_trigger(each, place) for each in listed) if is_said else saved.triggers,
        minutes=_minutes(values[MINUTES]) if MINUTES in values else saved.minutes,
    )
    if found and any(values.get(name, "").upper() == value for name, value in IMPORTING):
        message = (
            f"The local cloud takes no {OPTION} with resources to import: AWS does not document what is looked at then"
        )
        raise AwsError("ValidationError", message)
    return found


def _listed(values: Mapping[str, str]) -> list[Mapping[str, str]]:
    """Return the members of the request's list, in its order."""
    found: dict[int, dict[str, str]] = {}
    for name, value in values.items():
        if member := MEMBER.fullmatch(name):
            found.setdefault(int(member["number"]), {})[member["field"]] = value
    return [found[number] for number in sorted(found)]


def _trigger(given: Mapping[str, str], place: str) -> Trigger:
    trigger = Trigger(arn=given.get("Arn", ""), type_name=given.get("Type", ""))
    if trigger.type_name not in TYPES:
        raise AwsError("ValidationError", f"{TRIGGERS} has the type {trigger.type_name!r}; give {' or '.join(TYPES)}")
    if not trigger.arn.startswith(f"arn:aws:cloudwatch:{place}:alarm:"):
        message = f"{trigger.arn!r} in {TRIGGERS} is no alarm of the stack's account and region"
        raise AwsError("ValidationError", message)
    return trigger


def _minutes(given: str) -> int:
    if not given.isdecimal() or int(given) > LONGEST_MINUTES:
        raise AwsError("ValidationError", f"{MINUTES} is {given!r}; give 0 to {LONGEST_MINUTES}")
    return int(given)


class Watch:
    """Looks at the triggers of one operation, until it is rolled back or over."""

    def __init__(
        self,
        configuration: RollbackConfiguration,
        *,
        state: Callable[[str], str | None],
        alarms: Callable[[str], int],
        is_cancelled: Callable[[], bool],
    ) -> None:
        """Begin to look.

        Args:
            configuration: What to look at.
            state: Tells an alarm's state by its name; None, if there is none of that name.
            alarms: Counts how often an alarm went to ALARM, by its name.
            is_cancelled: Tells whether somebody has cancelled the operation.
        """
        self.configuration = configuration
        self._state = state
        self._alarms = alarms
        self._is_cancelled = is_cancelled
        self._before = {each.arn: alarms(each.alarm_name) for each in configuration.triggers}
        self._fired_already = {each.arn for each in configuration.triggers if state(each.alarm_name) == ALARM}
        self.resources: int | None = None
        """How many resources the operation has, once they are known."""
        self.begun = 0
        """How many of them were begun."""
        self.is_over = False
        self.ended_by = ""

    @property
    def is_at_last(self) -> bool:
        """Whether the resource that was begun last is the operation's last."""
        return self.begun == self.resources

    def look(self) -> str:
        """Return why the operation must be rolled back; nothing, if it need not."""
        if not self.is_over and not self.ended_by:
            self.ended_by = next((found for each in self.configuration.triggers if (found := self._of(each))), "")
        return "" if self.is_over else self.ended_by

    def look_for_cancellation(self) -> str:
        """Look, after the last resource: before it, whoever makes the resources does."""
        if not self.look() and self._is_cancelled():
            self.ended_by = CANCELLED
        return self.look()

    def _of(self, trigger: Trigger) -> str:
        if self._state(trigger.alarm_name) is None:
            return f"The rollback trigger {trigger.arn} does not exist"
        if self._alarms(trigger.alarm_name) > self._before[trigger.arn]:
            return f"The rollback trigger {trigger.arn} went to the state ALARM"
        if trigger.arn in self._fired_already:
            return (
                f"The local cloud begins nothing while a rollback trigger is in the state ALARM, as {trigger.arn} is:"
                " AWS does not document whether that is rolled back"
            )
        return ""
