"""How long logs, records, messages, objects and copies are kept."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from services.library.cloudformation.intrinsics import entries, list_items, possible_documents, values_at
from services.library.cloudformation.policy_text import policy_text
from services.library.cloudformation.template import Resource, Template, number
from services.library.cloudformation.values import is_open, named_resources
from services.library.guardrails.baseline.guard import (
    RETENTION,
    UNKNOWN,
    Guards,
    Level,
    Sides,
    amount,
    digest,
    off,
    said,
    switch,
)
from services.library.guardrails.finding import Finding

PITR_DAYS = 35
"""DynamoDB's own default: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PointInTimeRecoverySpecification.html"""
STREAM_HOURS, QUEUE_SECONDS = 24, 345_600
"""What Kinesis and SQS take where a template says nothing."""
BACKED_UP: Level = (1, "on")
EXPIRING = (
    "ExpirationInDays",
    "ExpirationDate",
    "NoncurrentVersionExpiration.NoncurrentDays",
    "NoncurrentVersionExpirationInDays",
)


NARROWER = {
    "NoncurrentVersionExpiration.NewerNoncurrentVersions": 1,
    "ObjectSizeGreaterThan": 1,
    "ObjectSizeLessThan": -1,
}
"""The amounts by which a rule of a lifecycle leaves some objects alone; 1: the more of it, the more objects."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expiry:
    """When some of a bucket's objects go."""

    name: str
    days: float
    given: str
    prefix: str
    tags: frozenset[str] = frozenset()
    left_alone: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    """Name -> how much is left alone by it, not a number if nobody can tell, and the value as it stands there."""


def collect(guards: Guards) -> None:
    """The guards of one template. A stream's floor is a rule of its own: rules/streams.py."""
    template, tier = guards.template, guards.place.tier
    for group in template.resources("AWS::Logs::LogGroup"):
        floor = None if tier is None else (float(tier.log_retention_days), f"{tier.log_retention_days} days")
        guards.read(RETENTION, group, "RetentionInDays", amount(math.inf, no_end=(0,)), floor=floor)
        # That class keeps them for a day, whatever the retention says.
        guards.read(RETENTION, group, "LogGroupClass", off("delivery"), floor=(1, "STANDARD"))
    for stream in template.resources("AWS::Kinesis::Stream"):
        week = (168.0, "168 hours")
        guards.read(RETENTION, stream, "RetentionPeriodHours", amount(STREAM_HOURS), floor=week, everywhere=False)
    for queue in template.resources("AWS::SQS::Queue"):
        guards.read(RETENTION, queue, "MessageRetentionPeriod", amount(QUEUE_SECONDS))
    for archive in template.resources("AWS::Events::Archive"):
        days = values_at(archive.properties, "RetentionDays", template)
        guards.add(
            RETENTION,
            archive,
            "RetentionDays",
            map(amount(math.inf, no_end=(0,)), days),
            lost_with_resource=True,
        )
    for bucket in template.resources("AWS::S3::Bucket"):
        _bucket(guards, bucket)
    for type_ in ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"):
        for table in template.resources(type_):
            _table(guards, table)
    for plan in template.resources("AWS::Backup::BackupPlan"):
        _plan(guards, plan)
    for vault in template.resources("AWS::Backup::BackupVault"):
        guards.read(RETENTION, vault, "LockConfiguration.MinRetentionDays", amount(0))
    _selected(guards)


def lowered(sides: Sides) -> Iterator[Finding]:
    """Yield what goes earlier than it went, and what is copied more seldom, elsewhere, or no more."""
    for (known, template), (bucket, its) in sides.pairs("AWS::S3::Bucket"):
        yield from _expiring(_expiries(known, template), _expiries(bucket, its), bucket, its)
    for (known, template), (archive, its) in sides.pairs("AWS::Events::Archive"):
        pattern = archive.properties.get("EventPattern")
        known_patterns = possible_documents(known.properties.get("EventPattern"), template)
        if pattern is not None and possible_documents(pattern, its) != known_patterns:
            yield _changed(archive, its, "EventPattern", {"another"}, {digest(pattern)})
    for (known, template), (plan, its) in sides.pairs("AWS::Backup::BackupPlan"):
        then, there = _copied(known, template), _copied(plan, its)
        for name in then.keys() & there.keys():
            if then[name] != there[name]:
                yield _changed(plan, its, name, then[name], there[name])
    for types, path in (
        (("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"), "TimeToLiveSpecification.AttributeName"),
        (("AWS::Backup::BackupSelection",), "BackupPlanId"),
    ):
        for (known, template), (resource, its) in sides.pairs(*types):
            before, now = (
                {_text(each) for each in values_at(one.properties, path, of) if each is not None}
                for one, of in ((known, template), (resource, its))
            )
            if before and not now <= before:
                yield _changed(resource, its, path, before, now)


def _changed(resource: Resource, template: Template, name: str, before: set[str], now: set[str]) -> Finding:
    given = ",".join(sorted(now)) or "none"
    than = ",".join(sorted(before))
    return RETENTION.broken_by(
        resource,
        template,
        what=f"{name} is {given}; the baseline without the override is {than}.",
        detail=f"{name}={given}",
        locations=(f"Properties.{name}",),
    )


def _expiring(
    before: Sequence[Expiry], after: Sequence[Expiry], bucket: Resource, template: Template
) -> Iterator[Finding]:
    for now in after:
        if not any(_includes(known, now) and known.days <= now.days for known in before):
            soonest = min((each.days for each in before if _includes(each, now)), default=math.inf)
            yield RETENTION.broken_by(
                bucket,
                template,
                what=f"{now.name} is {now.given}; the baseline without the override is {said(soonest)}.",
                detail=f"{now.name}={now.given}",
                locations=("Properties.LifecycleConfiguration",),
            )


def _includes(known: Expiry, now: Expiry) -> bool:
    """Whether an expiry is of all the objects that another one is of."""
    return (
        known.name == now.name
        and now.prefix.startswith(known.prefix)
        and known.tags <= now.tags
        and all(
            name in now.left_alone and (now.left_alone[name][0] >= level or now.left_alone[name][1] == given)
            for name, (level, given) in known.left_alone.items()
        )
    )


def _left_alone(rule: Mapping[str, object], template: Template) -> dict[str, tuple[float, str]]:
    found = {}
    for name, sign in NARROWER.items():
        for value in values_at(rule, name, template):
            if value is not None:
                count = number(value)
                found[name] = math.nan if count is None else sign * count, _text(value)
    return found


def _expiries(bucket: Resource, template: Template) -> list[Expiry]:
    """What a bucket's rules let go of, and when; at once where nobody can tell."""
    found = []
    for whole in list_items(bucket.properties, "LifecycleConfiguration.Rules", template):
        for rule in possible_documents(whole, template):
            if not isinstance(rule, Mapping) or is_open(rule):
                found.append(Expiry(name="Rules", days=0, given=UNKNOWN, prefix=""))
            elif rule.get("Status") != "Disabled":
                found += [
                    Expiry(
                        name=name.rpartition(".")[2],
                        days=level,
                        given=given,
                        prefix=_text(rule.get("Prefix")),
                        tags=frozenset(
                            _text(each)
                            for value in values_at(rule, "TagFilters", template)
                            for each in entries(value, template)
                        ),
                        left_alone=_left_alone(rule, template),
                    )
                    for name in EXPIRING
                    for value in values_at(rule, name, template)
                    if value is not None
                    for level, given in [(0.0, "a-date") if name == "ExpirationDate" else amount(math.inf)(value)]
                ]
    return found


def _copied(plan: Resource, template: Template) -> dict[str, set[str]]:
    """Name -> how often, and into which vault, each rule of a plan makes its copies; the hour does not matter."""
    return {
        f"{rule.get('RuleName')}.{name}": {
            re.sub(r"^cron\(\d+ \d+ ", "cron(0 0 ", _text(each)) for each in values_at(rule, name, template)
        }
        for rule in list_items(plan.properties, "BackupPlan.BackupPlanRule", template)
        if isinstance(rule, Mapping)
        for name in ("ScheduleExpression", "TargetBackupVault")
    }


def _bucket(guards: Guards, bucket: Resource) -> None:
    guards.read(RETENTION, bucket, "VersioningConfiguration.Status", switch("enabled"), floor=(1, "on"))
    guards.read(RETENTION, bucket, "ObjectLockEnabled", switch())


def _table(guards: Guards, table: Resource) -> None:
    template = guards.template
    guards.read(RETENTION, table, "TimeToLiveSpecification.Enabled", off())
    holders = [table.properties]
    if table.type == "AWS::DynamoDB::GlobalTable":
        replicas = entries(table.properties.get("Replicas"), template)
        holders = [each for each in replicas if isinstance(each, Mapping)]
    name = "PointInTimeRecoverySpecification.RecoveryPeriodInDays"
    levels = [amount(PITR_DAYS)(each) for holder in holders for each in values_at(holder, name, template)]
    guards.add(RETENTION, table, name, levels or [(0, "none")], floor=(PITR_DAYS, f"{PITR_DAYS} days"))


def _plan(guards: Guards, plan: Resource) -> None:
    """Each rule of a plan by its name; one that is gone makes no copies."""
    template = guards.template
    for index, rule in enumerate(list_items(plan.properties, "BackupPlan.BackupPlanRule", template)):
        if isinstance(rule, Mapping):
            levels = map(amount(math.inf), values_at(rule, "Lifecycle.DeleteAfterDays", template))
            place = (f"Properties.BackupPlan.BackupPlanRule.{index}",)
            guards.add(RETENTION, plan, f"{rule.get('RuleName')}.DeleteAfterDays", levels, locations=place)


def _selected(guards: Guards) -> None:
    """Whatever a plan of this template backs up; a table must be, where data is kept."""
    template = guards.template
    selected = {
        logical_id
        for selection in template.resources("AWS::Backup::BackupSelection")
        if "Condition" not in selection.body
        and _makes_copies(selection, template)
        and not any(values_at(selection.properties, "BackupSelection.Conditions", template))
        and not list_items(selection.properties, "BackupSelection.NotResources", template)
        for logical_id in _certainly(selection, template)
    }
    for resource in template.resources():
        table = resource.type in ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable") and guards.place.keeps_data
        if resource.logical_id in selected or table:
            level: Level = BACKED_UP if resource.logical_id in selected else (0, "none")
            floor = BACKED_UP if table else None
            guards.add(RETENTION, resource, "Backup", [level], floor=floor, locations=("Properties",), everywhere=False)


def _makes_copies(selection: Resource, template: Template) -> bool:
    plan = template.named_by(selection.properties.get("BackupPlanId"))
    return plan is not None and bool(list_items(plan.properties, "BackupPlan.BackupPlanRule", template))


def _certainly(selection: Resource, template: Template) -> set[str]:
    """What a selection names however it comes out."""
    whole = selection.properties.get("BackupSelection")
    return set.intersection(
        *(
            named_resources(each.get("Resources")) if isinstance(each, Mapping) else set()
            for each in possible_documents(whole, template)
        )
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else policy_text(value)
