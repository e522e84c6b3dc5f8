"""Alarms that need no look, since they would say what they said. Pure.

Most alarms of a cloud of many stacks are about metrics that have no value, or about queues in which nothing changes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.local.cloud.cloudwatch.evaluation import Series, begin

SAYS = (
    *("ComparisonOperator", "Threshold", "EvaluationPeriods", "DatapointsToAlarm", "Period", "TreatMissingData"),
    *("Statistic", "Metrics", "StateValue"),
)
"""What decides over an alarm besides its metrics' values."""
OF_ONE_VALUE = frozenset({"Average", "Maximum", "Minimum"})
"""Statistics that are the value itself where there is but one."""
Key = tuple[str, str, str]


class SettledAlarms:
    """Remembers of each alarm what it was evaluated with last."""

    def __init__(self) -> None:
        self._seen: dict[Key, Sequence[Any]] = {}

    def has(self, key: Key, alarm: Mapping[str, Any], series: Sequence[Series], now: float) -> bool:
        """Tell whether an alarm and its metrics are as they were when it was evaluated last.

        They have no value at all then, or one for as long as it looks back. Any other alarm is taken for evaluated now.
        """
        values: list[float | None] = [None for _ in series]
        if any(each.points for each in series):
            values = [each.steady(begin(alarm, now)) if each.is_in_order else None for each in series]
            if None in values or alarm.get("Statistic") not in OF_ONE_VALUE:
                self._seen.pop(key, None)
                return False
        says = [*(alarm.get(name) for name in SAYS), *values]
        was = self._seen.get(key)
        self._seen[key] = says
        return was == says
