"""What alarms do: they publish to topics that let CloudWatch in, as does the key of an encrypted one.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
"""

import logging

from ministack.services import cloudwatch

from pipeline.local.cloud.emulator import Emulator, Json, replace
from pipeline.local.cloud.iam.permissions import Permissions

logger = logging.getLogger("penstock.cloudwatch")

PRINCIPAL = "cloudwatch.amazonaws.com"
ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
"""Of an alarm, by the state that it comes into."""


class AlarmActions:
    """Takes an alarm's actions; get it by `emulator.part(AlarmActions)`."""

    def __init__(self, emulator: Emulator) -> None:
        self._calls = emulator.part(Permissions).call_as_service(PRINCIPAL)
        self._dispatch = replace(cloudwatch, "_dispatch_alarm_actions", self.dispatch)

    def dispatch(self, alarm: Json, before: str, after: str, reason: str) -> None:
        """Publish a change of state to the topics that it may be published to."""
        member = ACTIONS.get(after)
        if member and alarm.get("ActionsEnabled", True):
            alarm = {**alarm, member: [each for each in alarm.get(member) or () if self._may_publish(alarm, each)]}
        self._dispatch(alarm, before, after, reason)

    def _may_publish(self, alarm: Json, action: str) -> bool:
        """Tell whether a topic lets this alarm in. What is no topic is not acted on."""
        if ":sns:" not in action:
            return False
        source = str(alarm["AlarmArn"])
        account = source.split(":")[4]
        keys = {"aws:sourcearn": source, "aws:sourceaccount": account, "aws:sourceowner": account}
        refusal = self._calls.refusal("sns:Publish", action, keys=keys)
        if refusal:
            logger.warning("The alarm %s was not published: %s", alarm["AlarmName"], refusal)
        return refusal is None
