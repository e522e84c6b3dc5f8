"""What CloudWatch makes of logs: metrics, by their own format or by filters, and alarms on them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.local.cloud.cloudwatch.embedded import embedded
from pipeline.local.cloud.cloudwatch.evaluation import evaluated

Json = dict[str, Any]
PATTERN = re.compile(r'\{ \$\.(\w+) = "([^"]*)" \}')
"""The one form that the library makes."""


@dataclass
class Derived:
    """Of one log, with the filters and alarms of some templates."""

    log: str
    templates: list[Json]
    values: dict[tuple[str, str], float] = field(default_factory=dict)
    """(namespace, name) -> the largest."""

    def metrics(self) -> Iterator[str]:
        """Each value of each metric, as text: where it is, what it is called, its dimensions."""
        for metric in embedded(self.log):
            yield json.dumps(metric)
        lines = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        for filter_ in self._of_type("AWS::Logs::MetricFilter"):
            found = PATTERN.fullmatch(filter_["FilterPattern"])
            assert found, f"this test does not know the pattern {filter_['FilterPattern']}: teach it"
            for line in lines:
                if line.get(found[1]) == found[2]:
                    yield from self._filtered(filter_["MetricTransformations"], line)

    def _filtered(self, transformations: list[Json], line: Json) -> Iterator[str]:
        for each in transformations:
            value = each["MetricValue"]
            number = float(line[value[2:]] if value.startswith("$.") else value)
            dimensions = {one["Key"]: line.get(one["Value"][2:]) for one in each.get("Dimensions", [])}
            where = (each["MetricNamespace"], each["MetricName"])
            self.values[where] = max(self.values.get(where, 0.0), number)
            yield json.dumps([*where, number, dimensions])

    def alarms(self) -> Iterator[str]:
        """Each alarm with what its notification says, when whatever it watches is bad."""
        for type_ in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
            for alarm in self._of_type(type_):
                yield json.dumps(alarm) + self._reason(alarm)

    def _reason(self, alarm: Mapping[str, Any]) -> str:
        if "Period" not in alarm:
            return ""
        value = self.values.get((alarm["Namespace"], alarm["MetricName"]), 1e6)
        verdict = evaluated(alarm, lambda _: value, 1e9)
        return verdict.reason if verdict else ""

    def _of_type(self, type_: str) -> Iterator[Json]:
        for template in self.templates:
            yield from (each["Properties"] for each in template["Resources"].values() if each["Type"] == type_)
