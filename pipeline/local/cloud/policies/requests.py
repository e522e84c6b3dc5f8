"""Requests that hand in policies, or attach them."""

from collections.abc import Callable

from pipeline.local.cloud.policies import checks, patches
from pipeline.local.cloud.policies.patches import policy_exists, principal_exists

Read = Callable[[str], str]


def check_requests() -> None:
    """Check what each service's API is given."""
    for action, check in IAM_REQUESTS.items():
        patches.check_iam_request(action, check)
    patches.check_bucket_policies(lambda bucket, policy: checks.check_bucket(bucket, policy, principal_exists))
    patches.check_queue_policies(lambda policy: checks.check_queue(policy, principal_exists))
    patches.check_topic_policies(lambda policy: checks.check_topic(policy, principal_exists))
    patches.check_function_notifications()
    patches.check_key_policies(lambda policy: checks.check_key(policy, principal_exists))


def _inline(read: Read) -> None:
    checks.check_identity(read("PolicyDocument"))


def _managed(read: Read) -> None:
    checks.check_identity(read("PolicyDocument"), managed=True)


def _attached(read: Read) -> None:
    checks.check_attached(read("PolicyArn"), policy_exists)


IAM_REQUESTS: dict[str, Callable[[Read], None]] = {
    "AttachGroupPolicy": _attached,
    "AttachRolePolicy": _attached,
    "AttachUserPolicy": _attached,
    "CreatePolicy": _managed,
    "CreatePolicyVersion": _managed,
    "CreateRole": lambda read: checks.check_trust(read("AssumeRolePolicyDocument"), principal_exists),
    "PutGroupPolicy": _inline,
    "PutRolePolicy": _inline,
    "PutUserPolicy": _inline,
    "UpdateAssumeRolePolicy": lambda read: checks.check_trust(read("PolicyDocument"), principal_exists),
}
