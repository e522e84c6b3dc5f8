"""When an alarm changes its state.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.local.cloud.cloudwatch.evaluation import SHORT_SECONDS, Series, Span, evaluated


def alarm(**settings: Any) -> dict[str, Any]:
    return {
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        **settings,
    }


def state(settings: dict[str, Any], *values: float | None) -> str | None:
    """Of an alarm whose periods had these values, the latest first."""
    rest = iter(values)
    found = evaluated(settings, lambda _: next(rest), now=1_000.0)
    return found.state if found is not None else None


@pytest.mark.parametrize(
    ("comparison", "below", "at", "above"),
    [
        ("GreaterThanOrEqualToThreshold", "OK", "ALARM", "ALARM"),
        ("GreaterThanThreshold", "OK", "OK", "ALARM"),
        ("LessThanOrEqualToThreshold", "ALARM", "ALARM", "OK"),
        ("LessThanThreshold", "ALARM", "OK", "OK"),
    ],
)
def test_a_value_is_compared_with_the_threshold(comparison: str, below: str, at: str, above: str) -> None:
    made = alarm(ComparisonOperator=comparison)
    assert (state(made, 0.5), state(made, 1.0), state(made, 1.5)) == (below, at, above)


@pytest.mark.parametrize(
    ("treatment", "expected"),
    [("missing", "INSUFFICIENT_DATA"), ("notBreaching", "OK"), ("breaching", "ALARM"), ("ignore", None)],
)
def test_missing_data_count_as_the_alarm_says(treatment: str, expected: str | None) -> None:
    """Documented: missing data points are with notBreaching "treated as "good" and within the threshold", with
    breaching "bad"; with ignore "the current alarm state is maintained"; with missing, "if all data points in the alarm
    evaluation range are missing, the alarm transitions to INSUFFICIENT_DATA".
    """
    assert state(alarm(TreatMissingData=treatment), None) == expected


def test_so_many_of_so_many_periods_must_breach() -> None:
    """Documented: "Datapoints to Alarm is the number of data points within the Evaluation Periods that must be
    breaching to cause the alarm to go to the ALARM state".
    """
    made = alarm(EvaluationPeriods=3, DatapointsToAlarm=2)
    assert state(made, 0.0, 5.0, 0.0) == "OK"
    assert state(made, 5.0, 0.0, 5.0) == "ALARM"
    assert state(alarm(EvaluationPeriods=3), 5.0, 5.0, 0.0) == "OK"


def test_one_period_is_as_long_as_the_alarm_says_and_several_are_short() -> None:
    asked: list[Span] = []
    for settings in (alarm(Period=300), alarm(Period=300, EvaluationPeriods=2)):
        evaluated(settings, asked.append, now=1_000.0)  # it returns None: no data
    assert asked == [
        (700.0, 1_000.0),
        (1_000.0 - SHORT_SECONDS, 1_000.0),
        (1_000.0 - 2 * SHORT_SECONDS, 1_000.0 - SHORT_SECONDS),
    ]


def test_the_reason_says_what_was_measured() -> None:
    found = evaluated(alarm(), lambda _: 4.0, now=1_000.0)
    assert found is not None
    assert found.reason == (
        "Threshold Crossed: 1 out of the last 1 datapoints [4.0] was greater than or equal to the threshold (1.0)"
        " (1 needed to alarm)."
    )


class Points(list[dict[str, Any]]):
    """Counts how many of them are looked at."""

    looked_at = 0

    def __reversed__(self) -> Iterator[dict[str, Any]]:
        for point in super().__reversed__():
            self.looked_at += 1
            yield point


def test_series_in_order_is_looked_at_no_further_than_the_span_reaches() -> None:
    points = Points({"Timestamp": float(second), "Value": 0.0} for second in range(1000))
    found = Series(points=points, late_seconds=0.0).within((989.0, 999.0))
    assert [point["Timestamp"] for point in found] == [float(second) for second in range(999, 989, -1)]
    assert points.looked_at == 12


def test_series_out_of_order_has_what_came_late() -> None:
    late = [{"Timestamp": 30.0, "Value": 1.0}, {"Timestamp": 10.0, "Value": 1.0}]
    assert Series(points=late, late_seconds=900.0).within((20.0, 40.0)) == late[:1]
