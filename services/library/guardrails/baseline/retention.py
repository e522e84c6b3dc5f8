"""How long logs, records, messages, objects and copies are kept."""

import math
from collections.abc import Mapping

from services.library.guardrails.baseline.guard import RETENTION, Guards, Level, amount, off, said, switch
from services.library.guardrails.template import Resource
from services.library.guardrails.values import at, entries, listed, mentioned

PITR_DAYS = 35
"""DynamoDB's own default: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PointInTimeRecoverySpecification.html"""
STREAM_HOURS, QUEUE_SECONDS = 24, 345_600
"""What Kinesis and SQS take where a template says nothing."""
BACKED_UP: Level = (1, "on")


def collect(guards: Guards) -> None:
    """The guards of one template. A stream's floor is a rule of its own: rules/streams.py."""
    template, tier = guards.template, guards.place.tier
    for group in template.resources("AWS::Logs::LogGroup"):
        floor = None if tier is None else (float(tier.log_retention_days), f"{tier.log_retention_days} days")
        guards.read(RETENTION, group, "RetentionInDays", amount(math.inf, no_end=(0,)), floor=floor)
    for stream in template.resources("AWS::Kinesis::Stream"):
        week = (168.0, "168 hours")
        guards.read(RETENTION, stream, "RetentionPeriodHours", amount(STREAM_HOURS), floor=week, everywhere=False)
    for queue in template.resources("AWS::SQS::Queue"):
        guards.read(RETENTION, queue, "MessageRetentionPeriod", amount(QUEUE_SECONDS))
    for archive in template.resources("AWS::Events::Archive"):
        guards.read(RETENTION, archive, "RetentionDays", amount(math.inf, no_end=(0,)))
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


def _bucket(guards: Guards, bucket: Resource) -> None:
    template = guards.template
    for name in ("ExpirationInDays", "NoncurrentVersionExpiration.NoncurrentDays"):
        soonest: list[Level] = [(math.inf, said(math.inf))]
        for rule in listed(bucket.properties, "LifecycleConfiguration.Rules", template):
            if isinstance(rule, Mapping) and "Disabled" not in at(rule, "Status", template):
                soonest += [amount(math.inf)(each) for each in at(rule, name, template)]
                if name == "ExpirationInDays" and "ExpirationDate" in rule:
                    soonest.append((0, "a-date"))
        place = ("Properties.LifecycleConfiguration",)
        guards.add(RETENTION, bucket, name.rpartition(".")[2], soonest, locations=place)
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
    levels = [amount(PITR_DAYS)(each) for holder in holders for each in at(holder, name, template)]
    guards.add(RETENTION, table, name, levels or [(0, "none")], floor=(PITR_DAYS, f"{PITR_DAYS} days"))


def _plan(guards: Guards, plan: Resource) -> None:
    """Each rule of a plan by its name; one that is gone makes no copies."""
    template = guards.template
    for index, rule in enumerate(listed(plan.properties, "BackupPlan.BackupPlanRule", template)):
        if isinstance(rule, Mapping):
            levels = map(amount(math.inf), at(rule, "Lifecycle.DeleteAfterDays", template))
            place = (f"Properties.BackupPlan.BackupPlanRule.{index}",)
            guards.add(RETENTION, plan, f"{rule.get('RuleName')}.DeleteAfterDays", levels, locations=place)


def _selected(guards: Guards) -> None:
    """Whatever a plan of this template backs up; a table must be, where data is kept."""
    template = guards.template
    selected = {
        logical_id
        for selection in template.resources("AWS::Backup::BackupSelection")
        if "Condition" not in selection.body and template.named_by(selection.properties.get("BackupPlanId"))
        for logical_id in mentioned(listed(selection.properties, "BackupSelection.Resources", template))
    }
    for resource in template.resources():
        table = resource.type in ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable") and guards.place.keeps_data
        if resource.logical_id in selected or table:
            level: Level = BACKED_UP if resource.logical_id in selected else (0, "none")
            floor = BACKED_UP if table else None
            guards.add(RETENTION, resource, "Backup", [level], floor=floor, locations=("Properties",), everywhere=False)
