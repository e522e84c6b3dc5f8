"""What the deployed platform costs a month while nobody uses it: the table of docs/cost.md, from a synth's templates.

make synth && .venv/bin/python -m tests.testbed.idle_cost cdk.out
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = Mapping[str, Any]
HOURS = 730
"""Of a month, as AWS's calculator counts."""
DAY = 24
TOOLS = "tools"
STREAM = "AWS::Kinesis::Stream"


@dataclass(frozen=True, kw_only=True)
class BilledItem:
    """Something that AWS bills for by the month or hour, used or not."""

    name: str
    type: str
    monthly: float
    """US dollars in us-east-1."""
    units: Callable[[Json], int] = lambda _: 1
    """How many of them one resource is, by its properties."""


def shards(stream: Json) -> int:
    """Return the number of a stream's shards; 0 on demand, where AWS bills for the stream."""
    return int(stream.get("ShardCount", 0))


def metrics(alarm: Json) -> int:
    """Return how many metrics an alarm looks at, which AWS bills for one by one."""
    return sum("MetricStat" in each for each in alarm.get("Metrics", ())) or 1


ITEMS = (
    BilledItem(name="HealthLake datastore", type="AWS::HealthLake::FHIRDatastore", monthly=0.27 * HOURS),
    BilledItem(name="Kinesis stream on demand", type=STREAM, monthly=0.04 * HOURS, units=lambda its: not shards(its)),
    BilledItem(name="Kinesis shard", type=STREAM, monthly=0.015 * HOURS, units=shards),
    BilledItem(
        name="Kinesis shard that keeps records for up to 7 days",
        type=STREAM,
        monthly=0.02 * HOURS,
        units=lambda its: shards(its) * (its.get("RetentionPeriodHours", DAY) > DAY),
    ),
    BilledItem(name="KMS key", type="AWS::KMS::Key", monthly=1),
    BilledItem(name="WAF web ACL", type="AWS::WAFv2::WebACL", monthly=5),
    BilledItem(
        name="WAF rule or managed group", type="AWS::WAFv2::WebACL", monthly=1, units=lambda its: len(its["Rules"])
    ),
    BilledItem(name="metric of a CloudWatch alarm", type="AWS::CloudWatch::Alarm", monthly=0.1, units=metrics),
    BilledItem(name="composite alarm", type="AWS::CloudWatch::CompositeAlarm", monthly=0.5),
    BilledItem(name="metric of a log filter", type="AWS::Logs::MetricFilter", monthly=0.3),
    BilledItem(
        name="advanced parameter",
        type="AWS::SSM::Parameter",
        monthly=0.05,
        units=lambda its: its.get("Tier") == "Advanced",
    ),
)


def resources(assembly: Path) -> dict[str, list[Json]]:
    """Return what each stage's templates have, and those of the tools account."""
    found: dict[str, list[Json]] = {}
    for file in sorted(assembly.rglob("*.template.json")):
        stage = file.parent.name.rpartition("-")[2] if file.parent != assembly else TOOLS
        found.setdefault(stage, []).extend(json.loads(file.read_text())["Resources"].values())
    return found


def counts(assembly: Path) -> dict[str, dict[str, int]]:
    """Return how many of each item each stage has, of those that it has any of."""
    return {
        stage: {
            item.name: sum(item.units(each.get("Properties", {})) for each in its if each["Type"] == item.type)
            for item in ITEMS
        }
        for stage, its in resources(assembly).items()
    }


def concurrency(assembly: Path) -> dict[str, int]:
    """Return the sum of the concurrency that each stage's functions set aside."""
    return {
        stage: sum(
            each["Properties"].get("ReservedConcurrentExecutions", 0)
            for each in its
            if each["Type"] == "AWS::Lambda::Function"
        )
        for stage, its in resources(assembly).items()
    }


def table(assembly: Path, stages: list[str]) -> Iterator[str]:
    """Yield the rows of the page's table, with these stages for its columns."""
    found = counts(assembly)
    yield f"| a month | price | {' | '.join(stages)} |"
    yield f"|---|---|{'---|' * len(stages)}"
    for item in ITEMS:
        cells = " | ".join(str(found[stage][item.name]) for stage in stages)
        yield f"| {item.name} | ${item.monthly:.2f} | {cells} |"
    sums = [sum(item.monthly * found[stage][item.name] for item in ITEMS) for stage in stages]
    yield f"| **sum** | **${sum(sums):.0f}** | {' | '.join(f'${each:.0f}' for each in sums)} |"


if __name__ == "__main__":
    sys.stdout.write("\n".join(table(Path(sys.argv[1]), sys.argv[2:])) + "\n")
