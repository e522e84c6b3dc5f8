"""What a release of a stage is judged by in the rehearsal's cloud: rules, alarms, requests; and how to turn them."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.local.lifecycle import LocalCloud
from pipeline.operate.errors import OperateError, suggested
from pipeline.operate.pipeline import Pipeline

RULES = "RULES"
"""The variable of a gate's, or a bake's, action that names the parameter with the release's rules."""
MORE = "more"
"""What names further parameters in the rules, which hold more alarms (pipeline/definition/release_rules.py)."""
REQUESTS = ("Invocations", "Count")
"""Metrics of all requests, of functions and APIs."""
SUCCESSES = "ExecutionsSucceeded"
"""A workflow's metric of those that did not fail: it has none of all that ended."""
FAILURES = ("Errors", "5XXError", "ExecutionsFailed")
CHILD = re.compile(r"ALARM\(\"?(?:arn:[^\"]+:alarm:)?([^\")]+)\"?\)")
"""An alarm that a composite alarm's rule names."""
SEEN_SECONDS = 20
"""As far as an alarm over a rate looks back in the local cloud, and a little further."""
OUTWEIGHING = 1_000_000
"""Requests in a second among which those that have failed are few."""
REASON = "It is rehearsed"
MOMENT = "%Y-%m-%d %H:%M"
"""As a freeze is written in stages/."""


@dataclass(frozen=True, kw_only=True)
class WatchedStage:
    """One stage in its local cloud."""

    cloud: LocalCloud
    pipeline: Pipeline
    stage: str
    parameter: str | None
    """With its rules; None: it has no gate and no bake."""

    @property
    def rules(self) -> dict[str, Any]:
        """What the gate and the bake judge by, as the pipeline's stack has written it."""
        if self.parameter is None:
            return {"alarms": []}
        found: dict[str, Any] = self._read(self.parameter)
        for name in found.pop(MORE, {}):
            found["alarms"] += self._read(name)
        return found

    @property
    def bake(self) -> timedelta:
        """How long the stage bakes; zero if it does not."""
        return timedelta(minutes=(self.rules.get("bake") or {}).get("minutes", 0))

    @property
    def requests(self) -> int:
        """How many requests each service must have had in the bake."""
        wanted: int = (self.rules.get("bake") or {}).get("requests", 1)
        return wanted

    @property
    def alarms(self) -> list[str]:
        """The names of the alarms that the gate and the bake look at."""
        return [name for place in self.rules["alarms"] for name in (*place["release"], *place["blockers"])]

    def require(self, alarm: str) -> None:
        """Refuse an alarm that no release of the stage looks at.

        Raises:
            OperateError: with those that it looks at.
        """
        known = self.alarms
        if alarm not in known:
            raise OperateError(
                f"--fault {alarm}@...: no release of {self.stage} looks at that alarm; it looks at"
                f" {', '.join(known) or 'none'}.{suggested(alarm, known)}"
            )

    def add_blockers(self) -> None:
        """Make the alarms that block releases, which are in no stack of the stage; they do not fire."""
        for place in self.rules["alarms"]:
            for name in place["blockers"]:
                self._cloudwatch(place).put_metric_alarm(
                    AlarmName=name,
                    Namespace="Rehearsal",
                    MetricName=name[:255],
                    Statistic="Sum",
                    Period=60,
                    EvaluationPeriods=1,
                    Threshold=1,
                    ComparisonOperator="GreaterThanThreshold",
                    TreatMissingData="ignore",
                )

    def fire(self, alarm: str) -> None:
        """Let an alarm of the release fire."""
        for place in self.rules["alarms"]:
            if alarm in (*place["release"], *place["blockers"]):
                self._cloudwatch(place).set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason=REASON)

    def recover(self) -> None:
        """Let every alarm end that fires: what ran before answers again."""
        for place in self.rules["alarms"]:
            cloudwatch = self._cloudwatch(place)
            outweigh_failures(cloudwatch, self._watching(cloudwatch, place["release"]))
            for name in (*place["release"], *place["blockers"]):
                cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason=REASON)

    def request(self, count: int, *, percent_failing: float = 0.0) -> None:
        """Let each part of each service have so many requests now."""
        for place in self.rules["alarms"]:
            cloudwatch = self._cloudwatch(place)
            put_requests(cloudwatch, self._watching(cloudwatch, place["release"]), count, percent_failing)

    def freeze(self, *, now: datetime, until: datetime) -> None:
        """Let a freeze begin, as the update of the pipeline by a later commit would. `now`: by the cloud's clock."""
        begins, ends = (f"{each.astimezone(UTC):{MOMENT}}" for each in (now, until))
        rules = self._read(self.parameter)
        rules["freezes"].append({"begins": begins, "ends": ends, "zone": "UTC", "why": REASON, "who": "--freeze"})
        self._ssm.put_parameter(Name=self.parameter, Value=json.dumps(rules), Overwrite=True)

    def _read(self, parameter: str | None) -> Any:
        return json.loads(self._ssm.get_parameter(Name=parameter)["Parameter"]["Value"])

    @property
    def _ssm(self) -> Any:
        place = self.pipeline.target
        return self.cloud.client("ssm", place.account, place.region)

    def _cloudwatch(self, place: Mapping[str, Any]) -> Any:
        return self.cloud.client("cloudwatch", place["account"], place["region"])

    def _watching(self, cloudwatch: Any, alarms: list[str]) -> list[str]:
        """Return the alarms by which release alarms know rates."""
        if not alarms:
            return []
        found = cloudwatch.describe_alarms(AlarmNames=alarms, AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
        return sorted({name for each in found for name in CHILD.findall(each["AlarmRule"])})


def put_requests(
    cloudwatch: Any, alarms: list[str], count: int, percent_failing: float, *, seconds_ago: Iterable[int] = (0,)
) -> None:
    """Let the metrics of alarms over rates count so many requests more, in each of some seconds."""
    failing = count * percent_failing / 100
    values = {**dict.fromkeys(REQUESTS, count), SUCCESSES: count - failing, **dict.fromkeys(FAILURES, failing)}
    times = [datetime.now(UTC) - timedelta(seconds=each) for each in seconds_ago]
    for alarm in cloudwatch.describe_alarms(AlarmNames=alarms)["MetricAlarms"] if alarms else ():
        for metric in (each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each):
            if metric["MetricName"] in values:
                datum = {"MetricName": metric["MetricName"], "Dimensions": metric["Dimensions"]}
                data = [{**datum, "Value": values[metric["MetricName"]], "Timestamp": each} for each in times]
                cloudwatch.put_metric_data(Namespace=metric["Namespace"], MetricData=data)


def outweigh_failures(cloudwatch: Any, alarms: list[str]) -> None:
    """Let those of the alarms over rates end that fire, and not fire again for the failures that they still see."""
    found = cloudwatch.describe_alarms(AlarmNames=alarms)["MetricAlarms"] if alarms else ()
    firing = [each["AlarmName"] for each in found if each["StateValue"] == "ALARM"]
    put_requests(cloudwatch, firing, OUTWEIGHING, 0, seconds_ago=range(SEEN_SECONDS))
    for name in firing:
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason=REASON)
