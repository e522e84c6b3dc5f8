"""Statements of policies with what holds them, which a review names."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.review.model import AccessKind, Json
from services.library.cloudformation.statements import ANYTHING, Matcher, Statement, read_document


@dataclass(frozen=True, slots=True)
class PolicySource:
    """The resource whose policy it is."""

    kind: AccessKind
    logical_id: str
    managed: str = ""
    """The ARN of an attached policy, whose text is not ours to read."""


@dataclass(frozen=True, slots=True)
class AttachedStatement(Statement):
    """One statement of one resource's policy."""

    source: PolicySource


def allow(source: PolicySource, actions: Matcher = ANYTHING) -> AttachedStatement:
    """Make the statement that allows actions, or all there is, to whoever has it and everywhere."""
    return AttachedStatement(True, ANYTHING, actions, ANYTHING, frozenset(), source)


def read_policy(document: Json, *, source: PolicySource, account: str = "") -> Iterator[AttachedStatement]:
    """Yield the statements of a policy document of a resource.

    Raises:
        UnreadablePolicyError: if what it allows is known only at deployment.
    """
    for each in read_document(document, account=account):
        yield AttachedStatement(each.allows, each.principals, each.actions, each.resources, each.tests, source)
