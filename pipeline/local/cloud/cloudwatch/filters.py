"""Metrics that are made of log lines, as far as our constructs ask for them: one member of a JSON line is a text. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax-for-Metric-Filters.html
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipeline.local.cloud.cloudwatch.embedded import Metric

PATTERN = re.compile(r'\{ *\$\.(?P<member>[A-Za-z0-9_.]+) *= *"(?P<text>[^"*]*)" *\}')
"""`{ $.message = "record quarantined" }`. What is anything else counts nothing."""


def counted(log: str, filters: Iterable[Mapping[str, Any]]) -> Iterator[Metric]:
    """Make values of a log with the filters of its group, which are as DescribeMetricFilters tells of them."""
    found = [(match, each) for each in filters if (match := PATTERN.fullmatch(str(each.get("filterPattern", ""))))]
    for line in log.splitlines() if found else ():
        document = _object(line)
        for match, each in found:
            if _member(document, match["member"]) == match["text"]:
                yield from _of(each["metricTransformations"], document)


def _object(line: str) -> object:
    try:
        return json.loads(line) if line.startswith("{") else None
    except ValueError:
        return None


def _member(document: object, path: str) -> object:
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _of(transformations: Iterable[Mapping[str, Any]], document: object) -> Iterator[Metric]:
    for each in transformations:
        given = str(each["metricValue"])
        value = _number(_member(document, given.removeprefix("$.")) if given.startswith("$.") else given)
        if value is not None:
            yield Metric(each["metricNamespace"], each["metricName"], value, str(each.get("unit") or "None"), {})


def _number(value: object) -> float | None:
    """Read a number, or a text that is one; what is anything else is no value of a metric."""
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        return None
