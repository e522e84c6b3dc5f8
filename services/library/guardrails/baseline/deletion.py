"""What stands between data and its deletion."""

from services.library.cloudformation.intrinsics import entries, values_at
from services.library.cloudformation.template import Resource
from services.library.guardrails.baseline.guard import DELETION, Guard, Guards, Level, amount, switch
from services.library.guardrails.rules.retained import SNAPSHOT, STATEFUL

ON: Level = (1, "on")
POLICIES = ("DeletionPolicy", "UpdateReplacePolicy")
PROTECTED = (
    # Guarded where data is kept.
    ("AWS::DynamoDB::Table", "DeletionProtectionEnabled", ("true",)),
    ("AWS::Cognito::UserPool", "DeletionProtection", ("active",)),
    ("AWS::DocDB::DBCluster", "DeletionProtection", ("true",)),
    ("AWS::Neptune::DBCluster", "DeletionProtection", ("true",)),
    ("AWS::RDS::DBCluster", "DeletionProtection", ("true",)),
    ("AWS::RDS::GlobalCluster", "DeletionProtection", ("true",)),
)
LONGEST_WINDOW = 30
"""KMS's own default, in days."""


def collect(guards: Guards) -> None:
    """The guards of one template."""
    place = guards.place
    for resource in guards.template.resources():
        for policy in POLICIES:
            _policy(guards, resource, policy)
    for type_, path, words in PROTECTED:
        for resource in guards.template.resources(type_):
            guards.read(DELETION, resource, path, switch(*words), floor=ON if place.keeps_data else None)
    for type_ in ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"):
        for table in guards.template.resources(type_):
            _restorable(guards, table)
    for key in guards.template.resources("AWS::KMS::Key"):
        floor = (
            None if place.tier is None else (float(place.tier.key_pending_days), f"{place.tier.key_pending_days} days")
        )
        guards.read(DELETION, key, "PendingWindowInDays", amount(LONGEST_WINDOW), floor=floor)
    if guards.template.termination_protection is not None:
        _stack(guards, on=guards.template.termination_protection)


def _policy(guards: Guards, resource: Resource, policy: str) -> None:
    """No floor: that production keeps its data is a rule of its own, rules/retained.py."""
    given = resource.body.get(policy)
    kept = ["Retain", "RetainExceptOnCreate", *(["Snapshot"] if resource.type in SNAPSHOT else [])]
    level: Level = (1, str(given)) if given in kept else (0, given if isinstance(given, str) else "left-out")
    # A condition may leave the whole resource out.
    conditional = "Condition" in resource.body and resource.type in STATEFUL
    guards.add(
        DELETION,
        resource,
        policy,
        [(0, "conditional") if conditional else level],
        locations=(policy,),
        lost_with_resource=resource.type in STATEFUL,
    )


def _restorable(guards: Guards, table: Resource) -> None:
    template, name = guards.template, "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled"
    holders: list[object] = [table.properties]
    if table.type == "AWS::DynamoDB::GlobalTable":
        holders = entries(table.properties.get("Replicas"), template)
    levels = [
        switch()(value) for holder in holders if isinstance(holder, dict) for value in values_at(holder, name, template)
    ]
    guards.add(DELETION, table, name, levels or [(0, "off")], floor=ON)


def _stack(guards: Guards, *, on: bool) -> None:
    """Of the stack itself, which stands in no template."""
    template = guards.template
    stack = Resource(logical_id="", type="AWS::CloudFormation::Stack", path=template.stack_path, body={})
    guards.found.append(
        Guard(
            rule=DELETION,
            resource=stack,
            template=template,
            name="TerminationProtection",
            level=float(on),
            given="on" if on else "off",
            locations=(),
            floor=1.0 if guards.place.keeps_data and guards.place.tier is not None else None,
            floor_said="on",
        )
    )
