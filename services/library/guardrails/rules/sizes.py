"""What AWS takes no longer: policies, and rules of composite alarms, as CloudFormation will give them."""

from collections.abc import Iterator, Mapping
from typing import Any

from services.library.cloudformation.lengths import longest
from services.library.cloudformation.template import Resource, Template, known
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation, Finding, Rule

POLICY = Rule(
    id="Penstock-PolicySize",
    accepted_by=AcceptedBy.PLATFORM,
    text="AWS refuses a longer policy, in the middle of a deployment.",
    fix="Give the grants to roles of their own, or let them name fewer resources. Of the pipeline's own roles: fewer"
    " Command and Approval steps in stages/, or shorter names of services and steps: docs/scale.md.",
)
ALARM_RULE = Rule(
    id="Penstock-AlarmRule",
    accepted_by=AcceptedBy.PLATFORM,
    text="CloudWatch refuses the alarm, in the middle of a deployment.",
    fix="Split the service into two, each with an alarm of its own, or give alarms=OFF in this service's release, in"
    " stages/.",
)

INLINE_POLICY, MANAGED_POLICY = "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"
INLINE, TRUST, ATTACHED = "inline policies", "trust policy", "managed policies"
ROLE_LIMITS: Mapping[str, int] = {INLINE: 10_240, TRUST: 2_048, ATTACHED: 10}
"""Characters of a role's inline policies together, and of its trust policy; how many managed policies it has.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
DOCUMENTS: Mapping[str, tuple[str, int]] = {
    MANAGED_POLICY: ("PolicyDocument", 6_144),
    "AWS::KMS::Key": ("KeyPolicy", 32 * 1_024),
    "AWS::S3::BucketPolicy": ("PolicyDocument", 20 * 1_024),
}
"""Characters of other policies: the page above,
https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/add-bucket-policy.html"""
ALARM = "AWS::CloudWatch::CompositeAlarm"
MOST_ALARMS, LONGEST_ALARM_RULE = 100, 10_240
"""Alarms that a rule names, and its characters.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html"""
STATES = ("ALARM(", "OK(", "INSUFFICIENT_DATA(")


def check(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """Policies and rules, by the most that they can be."""
    del place  # AWS's limits are the same everywhere
    attached = _attached(template)
    for role in template.resources("AWS::IAM::Role"):
        yield from _of_role(role, template, attached.get(role.logical_id, []))
    for resource in template.resources(*DOCUMENTS):
        name, limit = DOCUMENTS[resource.type]
        yield from _policy(resource, template, name, longest(resource.properties.get(name), template), limit)
    for alarm in template.resources(ALARM):
        yield from _of_alarm(alarm, template)


def _of_role(role: Resource, template: Template, attached: list[Resource]) -> Iterator[Finding]:
    own = role.properties.get("Policies", [])
    inline = [each.get("PolicyDocument") for each in own if isinstance(each, Mapping)] if known(own) else []
    inline += [each.properties.get("PolicyDocument") for each in attached if each.type == INLINE_POLICY]
    managed = role.properties.get("ManagedPolicyArns", [])
    count = (len(managed) if isinstance(managed, list) else 0) + sum(each.type == MANAGED_POLICY for each in attached)
    trust = role.properties.get("AssumeRolePolicyDocument")
    for what, found in (
        (INLINE, sum(longest(each, template) for each in inline)),
        (TRUST, longest(trust, template)),
        (ATTACHED, count),
    ):
        yield from _policy(role, template, what, found, ROLE_LIMITS[what])


def _attached(template: Template) -> dict[str, list[Resource]]:
    """Return the policies that name each role, by the role's logical id."""
    found: dict[str, list[Resource]] = {}
    for policy in template.resources(INLINE_POLICY, MANAGED_POLICY):
        roles = policy.properties.get("Roles", [])
        for role in roles if isinstance(roles, list) else ():
            if isinstance(role, Mapping) and isinstance(role.get("Ref"), str):
                found.setdefault(role["Ref"], []).append(policy)
    return found


def _policy(resource: Resource, template: Template, what: str, found: int, limit: int) -> Iterator[Finding]:
    if found > limit:
        unit = "" if what == ATTACHED else " characters"
        yield POLICY.broken_by(
            resource, template, what=f"{what}: up to {found:,}{unit}; {limit:,} are allowed.", detail=what
        )


def _of_alarm(alarm: Resource, template: Template) -> Iterator[Finding]:
    rule = alarm.properties.get("AlarmRule")
    alarms = sum(text.count(state) for text in _texts(rule) for state in STATES)
    for what, found, limit in (
        ("alarms", alarms, MOST_ALARMS),
        ("characters", longest(rule, template), LONGEST_ALARM_RULE),
    ):
        if found > limit:
            yield ALARM_RULE.broken_by(
                alarm, template, what=f"Its rule has up to {found:,} {what}; {limit:,} are allowed.", detail=what
            )


def _texts(value: Any) -> Iterator[str]:
    """Yield each text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)
