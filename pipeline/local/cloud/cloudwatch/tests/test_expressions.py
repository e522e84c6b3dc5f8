"""Metric math, embedded metrics and metric filters, as far as alarms need them."""

import json
from typing import Any

import pytest

from pipeline.local.cloud.cloudwatch.embedded import Metric, embedded
from pipeline.local.cloud.cloudwatch.expressions import Expression, UnknownExpressionError, result
from pipeline.local.cloud.cloudwatch.filters import counted


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


FILTER: dict[str, Any] = {
    "filterPattern": '{ $.message = "record quarantined" }',
    "metricTransformations": [{"metricNamespace": "ingest", "metricName": "Quarantined", "metricValue": "1"}],
}


def test_a_metric_filter_counts_the_lines_whose_member_is_the_text() -> None:
    lines = ['{"message": "record quarantined", "shard": "0"}', '{"message": "other"}', "record quarantined", "{"]
    found = list(counted("\n".join(lines * 2), [FILTER]))
    assert found == [Metric("ingest", "Quarantined", 1.0, "None", {})] * 2


@pytest.mark.parametrize("pattern", ["", "quarantined", '{ $.message = "record *" }', "{ $.times > 3 }"])
def test_a_pattern_of_another_kind_counts_nothing(pattern: str) -> None:
    line = '{"message": "record quarantined", "times": 4}'
    assert list(counted(line, [FILTER | {"filterPattern": pattern}])) == []
