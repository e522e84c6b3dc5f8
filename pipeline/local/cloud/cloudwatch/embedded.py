"""Metrics that functions write into their logs. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple


class Metric(NamedTuple):
    """One value of one metric."""

    namespace: str
    name: str
    value: float
    unit: str
    dimensions: dict[str, str]


def embedded(log: str) -> Iterator[Metric]:
    """Return every metric in a log; what is not in the format is a line like any other."""
    for line in log.splitlines():
        if '"_aws"' not in line or not line.startswith("{"):
            continue
        try:
            yield from _of(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError):
            continue


def _of(document: dict[str, Any]) -> Iterator[Metric]:
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for names in directive.get("Dimensions") or [[]]:
            dimensions = {name: str(document[name]) for name in names}
            for metric in directive.get("Metrics") or []:
                found = document[metric["Name"]]
                for value in found if isinstance(found, list) else [found]:
                    unit = str(metric.get("Unit") or "None")
                    yield Metric(str(directive["Namespace"]), metric["Name"], float(value), unit, dimensions)
