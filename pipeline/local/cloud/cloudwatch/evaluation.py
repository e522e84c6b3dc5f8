"""When an alarm changes its state. Pure: the metrics' values come in, a state and its reason come out.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html

What is approximated, because nobody waits for minutes on one machine:

- An alarm is looked at twice a second, and its latest period ends now; on AWS periods begin with the clock's minute. So
  an alarm of one period fires within seconds of a failure, and is over one period after the last one.
- An alarm that needs several periods to breach gets short ones: five periods of a minute fire after five periods of
  `SHORT_SECONDS`. What trickles in over minutes is not added up then.
- Periods without data count as the alarm says, and are not waited for: AWS looks a little further back for data.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHORT_SECONDS = 5.0
OK, ALARM, UNKNOWN = "OK", "ALARM", "INSUFFICIENT_DATA"
Span = tuple[float, float]
Measure = Callable[[Span], float | None]
"""The metric's statistic over a span of time; None without data."""

COMPARISONS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "GreaterThanOrEqualToThreshold": ("greater than or equal to", operator.ge),
    "GreaterThanThreshold": ("greater than", operator.gt),
    "LessThanOrEqualToThreshold": ("less than or equal to", operator.le),
    "LessThanThreshold": ("less than", operator.lt),
}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The state that an alarm should have."""

    state: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Series:
    """What was measured of a metric."""

    points: Sequence[dict[str, Any]]
    late_seconds: float
    """How far back from its place in time a point may stand."""

    @property
    def is_in_order(self) -> bool:
        """Tell whether each point stands after the earlier ones."""
        return not self.late_seconds

    def within(self, span: Span) -> list[dict[str, Any]]:
        """Return the points of a span, looking no further back than that takes."""
        begin, end = span
        found = []
        for point in reversed(self.points):
            at = point["Timestamp"]
            if at < begin - self.late_seconds:
                break
            if begin < at <= end:
                found.append(point)
        return found

    def steady(self, since: float) -> float | None:
        """Return the one value that a metric has had since then, of points that stand in their order; None: several."""
        value: float | None = None
        for point in reversed(self.points):
            if value is not None and point["Value"] != value:
                return None
            value = point["Value"]
            if point["Timestamp"] <= since:
                return value
        return None


def evaluated(alarm: Mapping[str, Any], measure: Measure, now: float) -> Verdict | None:
    """Return what the alarm says now; None when it stays as it is."""
    if alarm.get("ComparisonOperator") not in COMPARISONS or alarm.get("Threshold") is None:
        return None
    periods = int(alarm.get("EvaluationPeriods") or 1)
    needed = int(alarm.get("DatapointsToAlarm") or periods)
    values = [measure(span) for span in spans(float(alarm["Period"]), periods, needed, now)]
    missing = alarm.get("TreatMissingData") or "missing"
    if missing in {"missing", "ignore"} and all(value is None for value in values):
        if missing == "ignore":
            return None
        return Verdict(state=UNKNOWN, reason=f"Insufficient Data: {periods} datapoints were unknown.")
    words, breaches = COMPARISONS[alarm["ComparisonOperator"]]
    threshold = float(alarm["Threshold"])
    breaching = [missing == "breaching" if value is None else breaches(value, threshold) for value in values]
    state = ALARM if sum(breaching) >= needed else OK
    shown = ", ".join("no data" if value is None else repr(value) for value in values)
    count, how = sum(breaching), "was" if sum(breaching) == 1 else "were"
    reason = (
        f"Threshold Crossed: {count} out of the last {periods} datapoints [{shown}] {how} {words} the threshold"
        f" ({threshold}) ({needed} needed to alarm)."
    )
    return Verdict(state=state, reason=reason)


def begin(alarm: Mapping[str, Any], now: float) -> float:
    """Return from when on an alarm looks at what was measured."""
    periods = int(alarm.get("EvaluationPeriods") or 1)
    needed = int(alarm.get("DatapointsToAlarm") or periods)
    return spans(float(alarm["Period"]), periods, needed, now)[-1][0]


def spans(period: float, periods: int, needed: int, now: float) -> Sequence[Span]:
    """Return the periods that count, the latest first."""
    length = period if needed == 1 else min(period, SHORT_SECONDS)
    return [(now - length * (number + 1), now - length * number) for number in range(periods)]
