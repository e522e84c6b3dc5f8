"""What ends an alarm over a rate in a rehearsal: it looks back at what has failed, and must not fire for that again."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.local.cloud.cloudwatch.evaluation import ALARM, OK, evaluated
from pipeline.rehearsal.script import MANY
from pipeline.rehearsal.watched_stage import outweigh_failures

NAME = "rate"
ALARM_OVER_A_RATE: dict[str, Any] = {
    "Threshold": 5,
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 3,
    "DatapointsToAlarm": 2,
    "Period": 60,
    "TreatMissingData": "notBreaching",
}


class Metrics:
    """Keeps what is put of two metrics, and the state of an alarm over their rate."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.points: list[tuple[str, float, float]] = []

    def put_metric_data(self, *, MetricData: list[dict[str, Any]], **_: Any) -> None:  # noqa: N803 - CloudWatch's name
        self.points += [(each["MetricName"], each["Timestamp"].timestamp(), each["Value"]) for each in MetricData]

    def describe_alarms(self, **_: Any) -> dict[str, Any]:
        metrics: list[dict[str, Any]] = [
            {"Id": name, "MetricStat": {"Metric": {"Namespace": "AWS/Lambda", "MetricName": name, "Dimensions": []}}}
            for name in ("Invocations", "Errors")
        ]
        return {"MetricAlarms": [{"AlarmName": NAME, "StateValue": self.state, "Metrics": metrics}]}

    def set_alarm_state(self, *, StateValue: str, **_: Any) -> None:  # noqa: N803 - as above
        self.state = StateValue

    def rate(self, span: tuple[float, float]) -> float | None:
        def total(name: str) -> float:
            return sum(value for metric, at, value in self.points if metric == name and span[0] < at <= span[1])

        return 100 * total("Errors") / total("Invocations") if total("Invocations") else None

    def judged(self, now: float) -> str | None:
        verdict = evaluated(ALARM_OVER_A_RATE, self.rate, now)
        return verdict.state if verdict else None


@pytest.mark.parametrize("later", [0.0, 3.0, 9.0, 16.0])
def test_alarm_that_is_recovered_does_not_fire_for_what_failed_before(later: float) -> None:
    metrics = Metrics(ALARM)
    now = datetime.now(UTC).timestamp()
    for half_seconds in range(60):
        at = now - half_seconds / 2
        metrics.points += [("Invocations", at, MANY), ("Errors", at, MANY)]
    assert metrics.judged(now) == ALARM
    outweigh_failures(metrics, [NAME])
    assert (metrics.state, metrics.judged(now + later)) == (OK, OK)


def test_recovery_gives_no_requests_to_an_alarm_that_does_not_fire() -> None:
    metrics = Metrics(OK)
    outweigh_failures(metrics, [NAME])
    outweigh_failures(metrics, [])
    assert metrics.points == []
