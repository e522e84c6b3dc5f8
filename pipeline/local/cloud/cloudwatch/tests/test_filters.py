"""Log lines become values of metrics, as the filters of their group say."""

import json
from typing import Any

import pytest

from pipeline.local.cloud.cloudwatch.filters import counted


def values(value: str, *lines: dict[str, Any]) -> list[float]:
    filter_ = {
        "filterPattern": '{ $.message = "counted" }',
        "metricTransformations": [{"metricNamespace": "n", "metricName": "m", "metricValue": value}],
    }
    return [each.value for each in counted("\n".join(map(json.dumps, lines)), [filter_])]


def test_a_filter_has_a_number_for_each_line_that_it_matches() -> None:
    assert values("1", {"message": "counted"}, {"message": "other"}, {"message": "counted"}) == [1.0, 1.0]


@pytest.mark.parametrize(
    ("member", "expected"),
    [(3, [3.0]), (0, [0.0]), (2.5, [2.5]), ("7", [7.0]), ("many", []), (None, []), ([1], [])],
)
def test_a_filter_has_the_number_that_a_member_of_the_line_is(member: object, expected: list[float]) -> None:
    """Documented: "You can publish numerical values found in the logs as metric values"
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax-for-Metric-Filters.html).
    """
    assert values("$.waiting", {"message": "counted", "waiting": member}) == expected
    assert values("$.in.waiting", {"message": "counted", "in": {"waiting": member}}) == expected
    assert values("$.waiting", {"message": "counted"}) == []
