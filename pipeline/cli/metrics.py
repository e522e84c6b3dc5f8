"""`penstock metrics`: how changes get to each stage, by DORA's five metrics."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.connection import Aws, Json, Profile, connect
from pipeline.cli.process import output_of
from pipeline.operate import delivery_metrics, history, outputs
from pipeline.operate.delivery_metrics import CommitTimes, DeliveryMetrics, Durations, Ratio
from pipeline.operate.errors import OperateError, suggested
from pipeline.operate.history import History
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.past_events import PastEvent, events_of
from pipeline.operate.pipeline import Pipeline

DAYS = re.compile(r"(\d{1,4})d")
COLUMNS = ("", "lead time", "of it approval", "deployed", "a week", "failed", "recovery", "rework")
UNKNOWN = "-"


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command()(metrics)


def metrics(
    ctx: typer.Context,
    *,
    stage: Annotated[str | None, typer.Option(help="Only this stage, or wave.")] = None,
    service: Annotated[str | None, typer.Option(help="Only this service.")] = None,
    since: Annotated[
        str, typer.Option(help="The first day, such as 2026-11-01, or how many days back.", metavar="DATE|DAYSd")
    ] = "30d",
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
) -> None:
    """Print DORA's five metrics of each service in each stage, and rollbacks, hotfixes and holds with their reasons.

    From CodePipeline's history, git, and what `penstock rollback`, `hotfix` and `hold` record. Times are medians. What
    cannot be known is said, and never a zero. docs/metrics.md has the definitions.
    """
    now = datetime.now(UTC)
    wanted = parse_since(since, now)
    pipeline = connect(ctx, profile=profile, aws=aws).pipeline
    services = _services(pipeline, stage, service)
    found = history.read(pipeline, services, since=wanted, now=now)
    times = commit_times_of(ctx.ensure_object(Path))
    report = Report(
        pipeline=pipeline.name,
        history=found,
        metrics=[delivery_metrics.measure(found, each, times) for each in services],
        events=events_of(found, services),
        unknown=list(_unknown(found, wanted)),
    )
    for line in (json.dumps(report.to_json(), indent=2),) if as_json else report.lines():
        typer.echo(line)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the command prints."""

    pipeline: str
    history: History
    metrics: Sequence[DeliveryMetrics]
    events: Sequence[PastEvent]
    unknown: Sequence[str]
    """Of the whole period."""

    def to_json(self) -> dict[str, object]:
        """Return it for machines."""
        return {
            "pipeline": self.pipeline,
            "since": self.history.since.isoformat(timespec="seconds"),
            "until": self.history.until.isoformat(timespec="seconds"),
            "metrics": [each.to_json() for each in self.metrics],
            "events": [each.to_json() for each in self.events],
            "unknown": list(self.unknown),
        }

    def lines(self) -> Iterator[str]:
        """Yield it for people."""
        yield f"{self.pipeline}, {_day(self.history.since)} to {_day(self.history.until)}. Times are medians."
        rows = [COLUMNS, *(_row(each) for each in self.metrics)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
        for row in rows:
            yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for event in self.events:
            yield _event(event)
        for sentence in self._unknown():
            yield typer.style(f"Not known: {sentence}", fg="yellow")

    def _unknown(self) -> Iterator[str]:
        yield from self.unknown
        where: dict[str, list[str]] = defaultdict(list)
        for each in self.metrics:
            for sentence in each.unknown:
                where[sentence].append(_name(each))
        for sentence, names in where.items():
            yield f"{sentence} ({', '.join(names)})"


def parse_since(given: str, now: datetime) -> datetime:
    """Return the beginning of a period: midnight of a day (UTC), or so many days ago."""
    if days := DAYS.fullmatch(given):
        found = now - timedelta(days=int(days[1]))
    else:
        try:
            found = datetime.strptime(given, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            raise OperateError(
                f"--since {given!r} is not allowed; give a day such as {_day(now)}, or days such as 30d."
            ) from None
    if found >= now:
        raise OperateError(f"--since {given!r} is not over yet; give a day before {_day(now)}, or days such as 30d.")
    return found


def commit_times_of(checkout: Path) -> CommitTimes:
    """Return what tells the committer's dates of commits, as far as a checkout has them."""

    @cache
    def times(before: str, commit: str) -> Mapping[str, datetime] | None:
        log = output_of(checkout, "git", "log", "--format=%H %cI", f"{before}..{commit}", "--")
        if log is None:
            return None
        pairs = (line.split() for line in log.splitlines())
        return {commit: datetime.fromisoformat(at) for commit, at in pairs}

    return times


def _services(pipeline: Pipeline, stage: str | None, service: str | None) -> list[DeployedStack]:
    there = outputs.read(pipeline, stage)
    named = [each for each in there if service in (None, each.service)]
    if there and not named:
        known = list(dict.fromkeys(each.service for each in there))
        where = f"Stage {stage}" if stage else "The pipeline"
        raise OperateError(
            f"{where} has no service {service!r}; it has {', '.join(known)}.{suggested(str(service), known)}"
        )
    return named


def _unknown(found: History, wanted: datetime) -> Iterator[str]:
    if found.since > wanted:
        kept = found.since <= found.until - history.KEPT
        why = "CodePipeline keeps 12 months" if kept else "the pipeline was created then"
        yield f"what was before {_day(found.since)}: {why}"
    if found.until - found.since < delivery_metrics.WEEK:
        yield "deployments a week: the period is shorter than one"


def _row(each: DeliveryMetrics) -> tuple[str, ...]:
    return (
        _name(each),
        _durations(each.lead_time),
        _durations(each.approval),
        str(each.deployments),
        UNKNOWN if each.per_week is None else f"{each.per_week:.1f}",
        _ratio(each.change_fails),
        _recovery(each),
        _ratio(each.rework),
    )


def _name(each: DeliveryMetrics) -> str:
    return f"{each.stage}/{each.service}"


def _durations(found: Durations | None) -> str:
    return UNKNOWN if found is None else f"{_length(found.median)} ({found.count})"


def _recovery(each: DeliveryMetrics) -> str:
    lasting = f"{each.unrecovered} not yet" if each.unrecovered else ""
    return ", ".join(filter(None, (_durations(each.recovery) if each.recovery or not lasting else "", lasting)))


def _ratio(found: Ratio) -> str:
    return UNKNOWN if found.value is None else f"{found.value:.0%} ({found.count}/{found.of})"


def _length(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _event(event: PastEvent) -> str:
    where = f"{','.join(event.stages)}{'/' if event.service else ''}{event.service}"
    commit = f" {event.commit[:12]}" if event.commit else ""
    length = f" ({_length(event.until - event.at)})" if event.until else ""
    return f"{event.at:%Y-%m-%d %H:%M}  {where}  {event.kind}{commit}{length}: {event.why}"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
