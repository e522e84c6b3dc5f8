"""Looks at every alarm, twice a second while they are few, and tells its topics when its state changes."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from pipeline.local.cloud.cloudwatch import patches
from pipeline.local.cloud.cloudwatch.evaluation import UNKNOWN, Series, Span, Verdict, evaluated
from pipeline.local.cloud.cloudwatch.expressions import Expression, UnknownExpressionError
from pipeline.local.cloud.cloudwatch.queues import NAMESPACE as QUEUES
from pipeline.local.cloud.cloudwatch.queues import Gauges
from pipeline.local.cloud.cloudwatch.settled import SettledAlarms
from pipeline.local.cloud.emulator import Emulator, Json

logger = logging.getLogger("penstock.cloudwatch")

EACH_SECONDS = 0.5
MOST_OF_THE_LOOP = 0.05
"""What looking may take of the event loop, which answers no request meanwhile: hundreds are looked at less often."""
OUT_OF_ORDER_SECONDS = 900.0
"""How much later than others an earlier value may have been put."""


class Alarms:
    """The metric alarms of all accounts; on the event loop, so that no snapshot has half of a change."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.gauges = Gauges(emulator)
        self._settled = SettledAlarms()
        patches.stop_evaluation()

    def begin(self) -> None:
        """Start to look; on the event loop."""
        self.loop = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        while True:
            now, begun = time.time(), time.thread_time()
            for account, region, alarm in patches.alarms_everywhere():
                with self.emulator.within(account, region):
                    try:
                        self._evaluate((account, region, str(alarm["AlarmName"])), alarm, now)
                    except Exception:
                        # Whatever one alarm is, the others must be looked at.
                        logger.exception("The alarm %s could not be evaluated", alarm.get("AlarmName"))
            took = time.thread_time() - begun
            await asyncio.sleep(max(EACH_SECONDS, took / MOST_OF_THE_LOOP))

    def _evaluate(self, key: tuple[str, str, str], alarm: Json, now: float) -> None:
        try:
            of = self._of_expression if alarm.get("Metrics") else self._of_metric
            found = of(key, alarm, now)
        except UnknownExpressionError as error:
            found = Verdict(state=UNKNOWN, reason=f"The local cloud does not know the expression {error}.")
        if found is not None and found.state != alarm["StateValue"]:
            self._change(alarm, found)

    def _of_metric(self, key: tuple[str, str, str], alarm: Json, now: float) -> Verdict | None:
        series = self._series(alarm, now)
        if self._settled.has(key, alarm, [series], now):
            return None
        return evaluated(alarm, lambda span: self._statistic(series, alarm, span), now)

    def _of_expression(self, key: tuple[str, str, str], alarm: Json, now: float) -> Verdict | None:
        expression = Expression(alarm["Metrics"])
        series = {name: self._series(stat["Metric"], now) for name, stat in expression.stats.items()}
        timed = {**alarm, "Period": expression.period}
        if self._settled.has(key, timed, [*series.values()], now):
            return None

        def measure(span: Span) -> float | None:
            return expression.value(
                {name: self._statistic(series[name], stat, span) for name, stat in expression.stats.items()}
            )

        return evaluated(timed, measure, now)

    def _series(self, metric: Mapping[str, Any], now: float) -> Series:
        if metric.get("Namespace") == QUEUES:
            measured = self.gauges.points(metric, now)
            if measured is not None:
                return Series(points=measured, late_seconds=0.0)
        named = {part["Name"]: part["Value"] for part in metric.get("Dimensions") or []}
        points = patches.points(str(metric.get("Namespace")), str(metric.get("MetricName")), named)
        return Series(points=points, late_seconds=OUT_OF_ORDER_SECONDS)

    def _statistic(self, series: Series, about: Mapping[str, Any], span: Span) -> float | None:
        name = about.get("ExtendedStatistic") or about.get("Statistic") or about.get("Stat") or "Average"
        return patches.statistic(name, series.within(span))

    def _change(self, alarm: Json, found: Verdict) -> None:
        before = alarm["StateValue"]
        alarm |= {
            "StateValue": found.state,
            "StateReason": found.reason,
            "StateUpdatedTimestamp": int(time.time()),
        }
        patches.note_change(alarm, before)
