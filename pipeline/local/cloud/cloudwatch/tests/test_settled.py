"""Which alarms need not be looked at again."""

from typing import Any

import pytest

from pipeline.local.cloud.cloudwatch.evaluation import Series
from pipeline.local.cloud.cloudwatch.settled import SettledAlarms

KEY = ("111111111111", "eu-west-1", "too many")
NOW = 1_000.0


def alarm(**settings: Any) -> dict[str, Any]:
    return {
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "Statistic": "Maximum",
        "StateValue": "OK",
    } | settings


def series(*values: float, late_seconds: float = 0.0, each_seconds: float = 1.0) -> Series:
    """The values that were measured until now, the latest last."""
    points = [
        {"Timestamp": NOW - each_seconds * (len(values) - 1 - number), "Value": value}
        for number, value in enumerate(values)
    ]
    return Series(points=points, late_seconds=late_seconds)


def looks(*measured: Series, **settings: Any) -> list[bool]:
    """Whether an alarm is settled, look by look."""
    settled = SettledAlarms()
    return [settled.has(KEY, alarm(**settings), [each], NOW) for each in measured]


@pytest.mark.parametrize("calm", [series(), series(*[0.0] * 70)], ids=["no value", "one value of a queue"])
def test_an_alarm_is_settled_once_it_was_looked_at_with_the_same_values(calm: Series) -> None:
    assert looks(calm, calm, calm) == [False, True, True]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(series(*[0.0] * 69, 1.0), id="another value now"),
        pytest.param(series(*[0.0] * 15, 1.0, *[0.0] * 54), id="another value within the period"),
        pytest.param(series(*[1.0] * 70), id="another value all the time"),
        pytest.param(series(*[0.0] * 30), id="measured for less than the period"),
    ],
)
def test_an_alarm_is_evaluated_when_its_metric_changes(other: Series) -> None:
    calm = series(*[0.0] * 70)
    assert looks(calm, calm, other, calm) == [False, True, False, False]


@pytest.mark.parametrize(
    ("measured", "settings"),
    [
        pytest.param(series(*[1.0] * 70), {"Statistic": "Sum"}, id="a sum grows with each value"),
        pytest.param(series(*[1.0] * 70, late_seconds=900.0), {}, id="earlier values may come later"),
        pytest.param(series(*[1.0] * 70), {"Statistic": None, "Metrics": [{}]}, id="an expression of values"),
    ],
)
def test_an_alarm_is_evaluated_each_time_where_equal_values_prove_nothing(
    measured: Series, settings: dict[str, Any]
) -> None:
    assert looks(measured, measured, **settings) == [False, False]


@pytest.mark.parametrize("settings", [{"Threshold": 2.0}, {"StateValue": "ALARM"}, {"TreatMissingData": "breaching"}])
def test_an_alarm_is_evaluated_when_it_was_changed(settings: dict[str, Any]) -> None:
    settled = SettledAlarms()
    assert not settled.has(KEY, alarm(), [series()], NOW)
    assert not settled.has(KEY, alarm(**settings), [series()], NOW)
    assert settled.has(KEY, alarm(**settings), [series()], NOW)


def test_an_alarm_of_several_short_periods_looks_back_over_all_of_them() -> None:
    settings = {"EvaluationPeriods": 3, "DatapointsToAlarm": 3}
    brief, long = series(*[0.0] * 12), series(*[0.0] * 17)
    assert looks(brief, brief, **settings) == [False, False]
    assert looks(long, long, **settings) == [False, True]
