"""Who may be a principal: its form, and whether it exists.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

import re
from collections.abc import Callable

from pipeline.local.cloud.policies.grammar import Document, principals

Exists = Callable[[str], bool]
"""Tells whether a role or a user exists, by its ARN; of an account that nobody uses here, nothing is known."""

_ACCOUNT = r"\d{12}"
_AWS = re.compile(
    rf"\*|{_ACCOUNT}|A[A-Z]{{3}}[A-Z0-9]{{12,}}|arn:aws[a-z-]*:(?:"
    rf"iam::(?:{_ACCOUNT}:(?:root|(?:user|role)/[\w+=,.@/-]+)|cloudfront:user/[\w ]+)|"
    rf"sts::{_ACCOUNT}:(?:assumed-role|federated-user)/[\w+=,.@/:-]+)"
)
"""Everybody, an account, a unique id, or an ARN without wildcards."""
ENTITY = re.compile(rf"arn:aws[a-z-]*:iam::{_ACCOUNT}:(?:user|role)/.+")
_SERVICE = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:amazonaws\.com(?:\.cn)?|aws\.internal)")
_FEDERATED = re.compile(
    rf"arn:aws[a-z-]*:iam::{_ACCOUNT}:(?:saml|oidc)-provider/.+|[a-z0-9.-]+\.[a-z]+(?:/.*)?", re.IGNORECASE
)
_FORMS = {"AWS": _AWS, "Service": _SERVICE, "Federated": _FEDERATED, "CanonicalUser": re.compile(r"[0-9a-f]{64}")}


def invalid_principal(policy: Document, exists: Exists) -> tuple[str, str] | None:
    """Return the first principal, with its kind, that AWS does not know; None if it knows them all.

    "The service transforms the role's ARN to its unique ID when you save the policy", which needs the role:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles
    """
    for kind, principal in principals(policy):
        form = _FORMS.get(kind)
        if kind == "*" and principal == "*":
            continue
        if form is None or not form.fullmatch(principal):
            return kind, principal
        if kind == "AWS" and ENTITY.fullmatch(principal) and not exists(principal):
            return kind, principal
    return None
