"""Looks at every alarm twice a second, and tells its topics when its state changes."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ministack.core.concurrency import run_reentrant

from pipeline.local.cloud.cloudwatch.evaluation import UNKNOWN, Span, Verdict, evaluated
from pipeline.local.cloud.cloudwatch.expressions import Expression, UnknownExpressionError
from pipeline.local.cloud.cloudwatch.queues import NAMESPACE as QUEUES
from pipeline.local.cloud.cloudwatch.queues import Gauges
from pipeline.local.cloud.emulator import Emulator

logger = logging.getLogger("penstock.cloudwatch")

Json = dict[str, Any]
EACH_SECONDS = 0.5
OUT_OF_ORDER_SECONDS = 900.0
"""How much later than others an earlier value may have been put."""


class Alarms:
    """The metric alarms of all accounts; on the event loop, so that no snapshot has half of a change."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.cloudwatch: Any = emulator.module("cloudwatch")
        self.gauges = Gauges(emulator)
        self.tasks: set[asyncio.Task[None]] = set()
        emulator.replace(self.cloudwatch, "_evaluate_alarm", lambda _alarm: None)

    def begin(self) -> None:
        """Start to look; on the event loop."""
        self.loop = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        while True:
            now = time.time()
            for (account, region, _), alarm in list(self.cloudwatch._alarms.all_items()):  # noqa: SLF001 - no other seam
                with self.emulator.within(account, region):
                    try:
                        self._evaluate(alarm, now)
                    except Exception:
                        # Whatever one alarm is, the others must be looked at.
                        logger.exception("The alarm %s could not be evaluated", alarm.get("AlarmName"))
            await asyncio.sleep(EACH_SECONDS)

    def _evaluate(self, alarm: Json, now: float) -> None:
        try:
            found = self._of_expression(alarm, now) if alarm.get("Metrics") else self._of_metric(alarm, now)
        except UnknownExpressionError as error:
            found = Verdict(state=UNKNOWN, reason=f"The local cloud does not know the expression {error}.")
        if found is not None and found.state != alarm["StateValue"]:
            self._change(alarm, found)

    def _of_metric(self, alarm: Json, now: float) -> Verdict | None:
        points = self._points(alarm, now)
        return evaluated(alarm, lambda span: self._statistic(points, alarm, span), now)

    def _of_expression(self, alarm: Json, now: float) -> Verdict | None:
        expression = Expression(alarm["Metrics"])
        points = {name: self._points(stat["Metric"], now) for name, stat in expression.stats.items()}

        def measure(span: Span) -> float | None:
            return expression.value(
                {name: self._statistic(points[name], stat, span) for name, stat in expression.stats.items()}
            )

        return evaluated({**alarm, "Period": expression.period}, measure, now)

    def _points(self, metric: Mapping[str, Any], now: float) -> Sequence[Json]:
        if metric.get("Namespace") == QUEUES:
            measured = self.gauges.points(metric, now)
            if measured is not None:
                return measured
        named = {part["Name"]: part["Value"] for part in metric.get("Dimensions") or []}
        key = (metric.get("Namespace"), metric.get("MetricName"), self.cloudwatch._dims_key(named))  # noqa: SLF001 - as above
        found: Sequence[Json] = self.cloudwatch._metrics.get(key) or ()  # noqa: SLF001 - as above
        return found

    def _statistic(self, points: Sequence[Json], about: Mapping[str, Any], span: Span) -> float | None:
        begin, end = span
        within = []
        for point in reversed(points):
            if point["Timestamp"] < begin - OUT_OF_ORDER_SECONDS:
                break
            if begin < point["Timestamp"] <= end:
                within.append(point)
        name = about.get("ExtendedStatistic") or about.get("Statistic") or about.get("Stat") or "Average"
        statistics = self.cloudwatch._calc_stats(within)  # noqa: SLF001 - as above
        if not statistics:
            return None
        value: float | None = self.cloudwatch._stat_value(statistics, name, within)  # noqa: SLF001 - as above
        return value

    def _change(self, alarm: Json, found: Verdict) -> None:
        before = alarm["StateValue"]
        alarm |= {
            "StateValue": found.state,
            "StateReason": found.reason,
            "StateUpdatedTimestamp": int(time.time()),
        }
        self.cloudwatch._record_history(alarm["AlarmName"], before, found.state, found.reason)  # noqa: SLF001 - as above
        self.cloudwatch._evaluate_parent_alarms(alarm)  # noqa: SLF001 - as above
        task = asyncio.get_running_loop().create_task(self._tell(dict(alarm), before))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _tell(self, alarm: Json, before: str) -> None:
        """In a thread: a topic calls its functions, which may take their time."""
        arguments = (alarm, before, alarm["StateValue"], alarm["StateReason"])
        await run_reentrant(self.cloudwatch._dispatch_alarm_actions, *arguments, thread_name="penstock-alarm")  # noqa: SLF001 - as above
