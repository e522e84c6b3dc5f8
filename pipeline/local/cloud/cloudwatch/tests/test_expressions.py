"""Metric math and embedded metrics, as far as alarms need them."""

import json

import pytest

from pipeline.local.cloud.cloudwatch.embedded import Metric, embedded
from pipeline.local.cloud.cloudwatch.expressions import Expression, UnknownExpressionError, result


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("errors / invocations * 100", 25.0),
        ("100*(errors/MAX([errors, invocations]))", 25.0),
        ("FILL(nothing, 0) + errors", 2.0),
        ("nothing + errors", None),
        ("errors / (errors - 2)", None),
        ("IF(invocations > 5, errors, 0)", 2.0),
        ("IF(invocations < 5, errors)", None),
        ("SUM([errors, invocations, nothing])", 10.0),
        ("-errors ** 2", -4.0),
    ],
)
def test_an_expression_has_its_value(expression: str, expected: float | None) -> None:
    assert result(expression, {"errors": 2.0, "invocations": 8.0, "nothing": None}) == expected


@pytest.mark.parametrize("expression", ["ANOMALY_DETECTION_BAND(errors, 2)", "errors.real", "unknown", "1 +", "'a'"])
def test_what_is_not_known_is_named(expression: str) -> None:
    with pytest.raises(UnknownExpressionError):
        result(expression, {"errors": 2.0})


def test_expressions_build_on_each_other_and_one_is_compared() -> None:
    stat = {"Metric": {"MetricName": "m", "Namespace": "n"}, "Period": 60, "Stat": "Sum"}
    made = Expression(
        [
            {"Id": "rate", "Expression": "errors / all", "ReturnData": True},
            {"Id": "all", "Expression": "errors + fine", "ReturnData": False},
            {"Id": "errors", "MetricStat": stat, "ReturnData": False},
            {"Id": "fine", "MetricStat": stat | {"Period": 300}, "ReturnData": False},
        ]
    )
    assert made.value({"errors": 1.0, "fine": 3.0}) == 0.25
    assert made.period == 300.0
    with pytest.raises(UnknownExpressionError, match="all"):
        Expression([{"Id": "rate", "Expression": "errors / all"}]).value({"errors": 1.0})


def test_metrics_are_found_in_a_log() -> None:
    document = {
        "_aws": {
            "Timestamp": 1,
            "CloudWatchMetrics": [
                {
                    "Namespace": "ingest",
                    "Dimensions": [["service"], ["service", "stage"]],
                    "Metrics": [{"Name": "Quarantined", "Unit": "Count"}, {"Name": "Lag"}],
                }
            ],
        },
        "service": "ingest",
        "stage": "dev",
        "Quarantined": 2,
        "Lag": [1, 3],
    }
    log = "\n".join(["START", json.dumps(document), '{"_aws": 1}', '{"_aws": {"CloudWatchMetrics": [{}]', "END"])
    found = list(embedded(log))
    assert found[:3] == [
        Metric("ingest", "Quarantined", 2.0, "Count", {"service": "ingest"}),
        Metric("ingest", "Lag", 1.0, "None", {"service": "ingest"}),
        Metric("ingest", "Lag", 3.0, "None", {"service": "ingest"}),
    ]
    assert found[3].dimensions == {"service": "ingest", "stage": "dev"}
    assert len(found) == 6
