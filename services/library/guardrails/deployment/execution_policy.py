"""The policy that CloudFormation deploys with in an account, and what it may not do there."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from typing import NamedTuple

from services.library.cloudformation.patterns import classes

SERVICE_LINKED_ROLE, PASS_ROLE = "iam:CreateServiceLinkedRole", "iam:PassRole"
EVERYTHING = "*"
ARN_PARTS = 5
"""Colons before an ARN's last part, which may have more of them."""
BOTH = 0b11


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyStatement:
    """One statement, as far as the calls of a resource type can be judged by it."""

    sid: str
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    """Patterns of ARNs; what only a deployment knows, such as the account, is `*`."""
    excepts_actions: bool = False
    """Whether its actions are those of a NotAction."""
    has_condition: bool = False
    service_names: tuple[str, ...] = ()
    """What a condition on iam:AWSServiceName allows; empty without one."""
    passed_to: tuple[str, ...] = ()
    """What a condition on iam:PassedToService allows; empty without one."""

    def names(self, action: str) -> bool:
        """Return whether it is about this action."""
        return bool(_any_of(self.actions).fullmatch(action)) != self.excepts_actions

    @property
    def is_everywhere(self) -> bool:
        """Return whether it holds on every resource, whatever the request."""
        return EVERYTHING in self.resources and not self.has_condition

    def reaches(self, arns: Sequence[str]) -> bool:
        """Return whether it is about a resource with one of these ARNs. None: IAM's list lacks the action."""
        if EVERYTHING in self.resources or not arns:
            return True
        if EVERYTHING in arns:
            return False  # such an action is decided on `*` alone, whatever else a statement names
        return any(_overlap(mine, other) for mine in self.resources for other in arns)


class Refusal(NamedTuple):
    """Why an action is not allowed: a statement that lacks or denies it."""

    sid: str
    verb: str
    action: str
    """With the service behind it, where that is what is refused."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ExecutionPolicy:
    """All statements that one account's deployments are decided by."""

    file: str
    """Where they are written, from the checkout's root."""
    usual_sid: str
    """Of the statement that a further action of a service is written into."""
    statements: tuple[PolicyStatement, ...]

    def refusal(self, action: str, arns: Sequence[str], service_names: Sequence[str] = ()) -> Refusal | None:
        """Say which statement refuses an action; None if it is allowed on some resource.

        An Allow counts whatever its condition asks for, but for the services whose roles may be made (`service_names`;
        without any, nobody knows which). A Deny counts if it denies everywhere.
        """
        about = [each for each in self.statements if each.names(action)]
        for statement in about:
            if not statement.allows and statement.is_everywhere:
                return Refusal(statement.sid, "denies", action)
        allowing = [each for each in about if each.allows and each.reaches(arns)]
        if not allowing:
            return Refusal(self.usual_sid, "lacks", action)
        return _service_refusal(allowing, service_names) if action == SERVICE_LINKED_ROLE else None

    def pass_refusal(self, services: Collection[str]) -> Refusal | None:
        """Say which statement lets a role be passed to none of these services; None if one of them may have it."""
        passing = [each for each in self.statements if each.allows and each.names(PASS_ROLE)]
        if not passing:
            return Refusal(self.usual_sid, "lacks", PASS_ROLE)
        if any(not each.passed_to or {*services} & {*each.passed_to} for each in passing):
            return None
        return Refusal(passing[0].sid, "lacks", f"{PASS_ROLE} to {', '.join(sorted(services))}")


ExecutionPolicies = Callable[[str | None], ExecutionPolicy]
"""Account -> the policy there. Who synthesises knows the accounts."""


def _service_refusal(allowing: Sequence[PolicyStatement], wanted: Sequence[str]) -> Refusal | None:
    """Say for which services no statement lets a service-linked role be made."""
    if any(not each.service_names for each in allowing):
        return None
    missing = sorted(set(wanted) - {name for each in allowing for name in each.service_names})
    if wanted and not missing:
        return None
    services = ", ".join(missing) or "services that SERVICE_LINKED_ROLES (handler_calls.py) does not name"
    return Refusal(allowing[0].sid, "lacks", f"{SERVICE_LINKED_ROLE} for {services}")


@cache
def _any_of(actions: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, actions)), re.IGNORECASE)


@cache
def _overlap(one: str, other: str) -> bool:
    """Return whether some ARN matches both patterns. No wildcard goes beyond its own part of an ARN.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    parts = zip(one.split(":", ARN_PARTS), other.split(":", ARN_PARTS), strict=False)
    return all(
        mine == theirs or EVERYTHING in (mine, theirs) or BOTH in classes((tuple(mine), tuple(theirs)))
        for mine, theirs in parts
    )
