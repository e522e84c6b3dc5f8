"""Moves the traffic of an alias from one version of a state machine to another, and back when an alarm fires.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-stepfunctions-statemachinealias-deploymentpreference.html
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.local.cloud.clock import CloudClock
from pipeline.local.cloud.cloudwatch.patches import alarm_state
from pipeline.local.cloud.codedeploy.configurations import Step, canary, linear, steps
from pipeline.local.cloud.codedeploy.deployments import MINUTE_SECONDS, wait
from pipeline.local.cloud.emulator import AwsError, Emulator
from pipeline.local.cloud.stepfunctions.routing import WHOLE, route
from pipeline.local.cloud.stepfunctions.versions import Versions

logger = logging.getLogger("penstock.stepfunctions")

Preference = Mapping[str, Any]


class StoppedError(Exception):
    """An alarm of a deployment went off, or somebody cancelled it."""


class Shifts:
    """The gradual deployments of this cloud; get it by `emulator.part(Shifts)`."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._clock = emulator.part(CloudClock)
        self._versions = emulator.part(Versions)
        self._under_way = emulator.store("stepfunctions-shifts")

    def shift(
        self, alias: str, old: str, new: str, preference: Preference, *, is_cancelled: Callable[[], bool]
    ) -> None:
        """Carry out a deployment; blocks for as long as that takes.

        Raises:
            StoppedError: An alarm went off, or it was cancelled; everything goes to the old version again.
        """
        alarms = [str(each) for each in preference.get("Alarms") or ()]

        def look() -> None:
            if is_cancelled():
                raise StoppedError("The update of the stack was cancelled")
            # "Amazon CloudWatch considers nonexistent alarms to have an OK state."
            if firing := [name for name in alarms if alarm_state(name) == "ALARM"]:
                raise StoppedError(f"Alarms in the state ALARM: {', '.join(firing)}")

        self._under_way[alias] = old
        try:
            look()
            for step in _steps(preference):
                self._versions.route(alias, [route(new, step.percentage), route(old, WHOLE - step.percentage)])
                wait(self._clock.real_seconds(step.minutes * MINUTE_SECONDS), look)
            self._versions.route(alias, [route(new)])
            look()
        except StoppedError:
            self._versions.route(alias, [route(old)])
            raise
        finally:
            self._under_way.pop(alias, None)

    def end_interrupted(self) -> None:
        """End what was under way when the cloud ended: the stack was brought back, and so is the alias."""
        for account, region, alias, old in self._emulator.entries("stepfunctions-shifts"):
            with self._emulator.within(account, region):
                self._under_way.pop(alias, None)
                try:
                    self._versions.route(alias, [route(old)])
                except AwsError as error:
                    logger.warning("The alias %s stays as it is: %s", alias, error)
            logger.warning("A deployment of %s was under way when the cloud ended, and is stopped now", alias)


def _steps(preference: Preference) -> Iterator[Step]:
    """Yield what comes before all of the traffic is shifted: as CodeDeploy does for functions, by its words."""
    percentage, minutes = int(preference.get("Percentage") or 0), int(preference.get("Interval") or 0)
    match preference["Type"]:
        case "CANARY":
            yield from steps(canary(percentage, minutes))
        case "LINEAR":
            yield from steps(linear(percentage, minutes))
