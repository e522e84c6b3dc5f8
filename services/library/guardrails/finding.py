"""What a guardrail says: a finding, and the rule that it comes from."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from services.library.cloudformation.template import Resource, Template
from services.library.guardrails.deployment.execution_policy import ExecutionPolicy


class AcceptedBy(StrEnum):
    """Who may accept a rule's findings, and so in which file."""

    SERVICE = "service"
    """The service's owner, in the service's acknowledgements.py. The platform team may, too."""
    PLATFORM = "platform"
    """The platform team alone, in stages/acknowledgements.py."""
    NOBODY = "nobody"
    """There is always a way to do without."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TierBaseline:
    """The numbers of a tier's defaults that templates are held to; without the CDK, for steps read rules as well."""

    log_retention_days: int
    key_pending_days: int
    web_firewall: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentLocation:
    """Where a template will be deployed, as far as a rule needs to know."""

    keeps_data: bool
    """Whether what is stored there must outlive the stack."""
    account: str | None = None
    tier: TierBaseline | None = None
    """What the tier asks for beyond that; None where nobody said which it is."""
    execution: ExecutionPolicy | None = None
    """What CloudFormation may do there; None for a template that is only looked at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One rule broken by one construct."""

    rule: str
    """The id that an acknowledgement must name exactly, with the detail in brackets where the rule has one."""
    path: str
    """The construct's path from the App."""
    text: str
    fix: str
    level: str = "error"
    template: str = ""
    """Where the template lies in the assembly; with the logical id, what CloudFormation will call the construct."""
    logical_id: str = ""
    locations: tuple[str, ...] = ()

    @property
    def base_rule(self) -> str:
        """Take the rule's id without the detail."""
        return base_rule(self.rule)


Check = Callable[[Template, DeploymentLocation], Iterable[Finding]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One of our own checks: a pure function over a finished template."""

    id: str
    accepted_by: AcceptedBy
    text: str
    """Why the rule exists."""
    fix: str

    def broken_by(
        self,
        resource: Resource,
        template: Template,
        *,
        what: str = "",
        detail: str = "",
        locations: tuple[str, ...] = (),
    ) -> Finding:
        """Make the finding on this resource. `what`: a sentence more; `detail`: what an acknowledgement names, too."""
        return Finding(
            rule=f"{self.id}[{detail}]" if detail else self.id,
            path=resource.path,
            text=f"{self.text} {what}".rstrip(),
            fix=self.fix,
            template=template.file,
            logical_id=resource.logical_id,
            locations=locations,
        )


REFERENCE = re.compile(r"<[A-Za-z0-9]+(\.[A-Za-z0-9.]+)?>")
"""How cdk-nag writes a reference to another resource of the template into a detail: its logical id, which is a hash."""


def without_hashes(rule: str) -> str:
    """Write `<*>` or `<*.Arn>` for each reference of an id: `IAM5[Resource::<*.Arn>/*]`, as a person can."""
    return REFERENCE.sub(r"<*\1>", rule)


def base_rule(rule: str) -> str:
    """Take `AwsSolutions-IAM5` from `AwsSolutions-IAM5[Resource::*]`."""
    return rule.partition("[")[0]
