"""Attached managed policies as statements: AWS's well-known ones by what they allow, others as what only they allow."""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.review.access.statements import AttachedStatement, PolicySource, allow, read_policy
from services.library.cloudformation.patterns import Pattern
from services.library.cloudformation.statements import Matcher

ADMINISTRATOR = "AdministratorAccess"
CLUSTER_ADMINISTRATOR = "AmazonEKSClusterAdminPolicy"
"""https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html"""
KNOWN = {
    "PowerUserAccess": {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
    "IAMFullAccess": {"Effect": "Allow", "Action": "iam:*", "Resource": "*"},
}
"""https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html"""


def statements(arn: str, source: PolicySource) -> list[AttachedStatement]:
    """Return what a policy that is attached by its ARN allows."""
    name = arn.rpartition("/")[2]
    if ":aws:policy/" in arn and name == ADMINISTRATOR:
        return [allow(source)]
    if ":aws:policy/" in arn and name in KNOWN:
        return list(read_policy({"Statement": [KNOWN[name]]}, source=source))
    return [allow(source, Matcher((_only(arn),)))]


def is_everything(arn: str) -> bool:
    """Return whether a policy of AWS's allows everything, or the means to it."""
    return arn.endswith((f":aws:policy/{ADMINISTRATOR}", ":aws:policy/IAMFullAccess"))


def is_wide(arn: str) -> bool:
    """Return whether a policy of AWS's allows all of a service, or of a cluster."""
    return arn.endswith(("FullAccess", "PowerUserAccess", CLUSTER_ADMINISTRATOR))


def is_graded(text: str) -> bool:
    """Return whether a text names a policy of AWS's of which it is known how much it allows."""
    return (":aws:policy/" in text or ":cluster-access-policy/" in text) and (is_everything(text) or is_wide(text))


def apart(found: Sequence[AttachedStatement]) -> list[AttachedStatement]:
    """Keep a statement with NotAction from covering what is known only as an attached policy's."""
    unknown = tuple(
        pattern for each in found for pattern in each.actions.patterns if len(pattern) == 1 and pattern[0][:1] == "<"
    )
    return [
        replace(each, actions=replace(each.actions, patterns=(*each.actions.patterns, *unknown)))
        if each.actions.is_negated and unknown
        else each
        for each in found
    ]


def _only(arn: str) -> Pattern:
    return (f"<{arn}>",)
