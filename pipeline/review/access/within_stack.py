"""Whether a grant stays within its own stack: from one of its resources, or an AWS service, to one of its resources."""

import re
from collections.abc import Iterable

from pipeline.review.access.statements import AttachedStatement, PolicySource
from pipeline.review.model import AccessKind
from services.library.cloudformation.patterns import EVERYTHING, Pattern
from services.library.cloudformation.resolved_template import ResolvedTemplate

HARMLESS_ANYWHERE = frozenset({"cloudwatch:putmetricdata", "xray:puttelemetryrecords", "xray:puttracesegments"})
"""Actions that name no resource and add to the account's own telemetry, in lower case."""
SERVICE = "Service:"
_TOKEN = re.compile(r"<([A-Za-z0-9]+)(\.[A-Za-z0-9.]+)?>")


def stays_within(
    statement: AttachedStatement, reached: Iterable[tuple[Pattern, Pattern]], template: ResolvedTemplate
) -> bool:
    """Return whether what a statement grants, by the action and resource patterns that it reaches, stays within."""
    source = statement.source
    if source.managed or statement.actions.is_negated or statement.resources.is_negated:
        return False
    if source.kind is AccessKind.IDENTITY:
        return all(_is_own(resource, template) or _is_harmless(action) for action, resource in reached)
    if source.kind in (AccessKind.RESOURCE, AccessKind.TRUST, AccessKind.KEY):
        principals = statement.principals
        return not principals.is_negated and all(_is_insider(each, source, template) for each in principals.patterns)
    return False


def _is_own(resource: Pattern, template: ResolvedTemplate) -> bool:
    """Whether it names a resource of the stack before anything that may stand for several."""
    for symbol in resource:
        if symbol in ("*", "?"):
            return False
        if (found := _TOKEN.fullmatch(symbol)) and found[1] in template.resources:
            return True
    return False


def _is_harmless(action: Pattern) -> bool:
    return "".join(action) in HARMLESS_ANYWHERE


def _is_insider(principal: Pattern, source: PolicySource, template: ResolvedTemplate) -> bool:
    """An AWS service, a role of the stack, or the account's own root in a key's policy, which hands it over to IAM."""
    text = "".join(principal)
    if principal == EVERYTHING:
        return False
    if text.startswith(SERVICE):
        return text.endswith(".amazonaws.com")
    if source.kind is AccessKind.KEY and text == f"AWS:{template.account or '<AWS::AccountId>'}/*":
        return True
    return _is_own(principal, template)
