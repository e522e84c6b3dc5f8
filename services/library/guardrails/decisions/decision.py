"""A finding that one construct always causes, decided once for everybody who uses the construct."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from services.library.cloudformation.template import Resource, Template
from services.library.guardrails.finding import DeploymentLocation, Finding, without_hashes


class DecidedBy(StrEnum):
    """Who decides, as the record and the review say it."""

    LIBRARY = "library"
    PIPELINE = "pipeline"


GIVEN = "<given>"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """A finding with the resource that causes it, as the finished template has it."""

    finding: Finding
    resource: Resource
    template: Template
    place: DeploymentLocation
    scope: str = ""
    """The path of the construct that the decision is about, where its path pattern has a group `scope`."""

    def beside(self, *types: str) -> Iterable[Resource]:
        """List the template's resources of these types."""
        return self.template.resources(*types)

    def names_it(self, value: object) -> bool:
        """Say whether a value of the template is a reference to the resource."""
        return self.template.named_by(value) == self.resource


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """Names construct, rule and finding exactly, and says why nobody else has to answer it."""

    construct: str
    """The construct that causes the finding wherever it is used."""
    path: str
    """A pattern of the whole construct path of the resource."""
    rules: tuple[str, ...]
    """The findings' ids, with what stands in brackets; references as in an acknowledgement, `<*.Arn>`, and GIVEN for
    a name that a service gives in its settings, which `holds` has to compare."""
    holds: Callable[[Cause], bool]
    """Whether the template still says what the reason says: one thing more than that, and the finding stays."""
    reason: str
    by: DecidedBy = DecidedBy.LIBRARY

    def covers(self, cause: Cause) -> bool:
        """Say whether this is what the decision is about, with nothing added and nothing taken away."""
        found = re.fullmatch(self.path, cause.resource.path)
        if found is None or not any(_is_about(rule, cause.finding) for rule in self.rules):
            return False
        return self.holds(replace(cause, scope=found.groupdict().get("scope", "")))


def _is_about(rule: str, finding: Finding) -> bool:
    pattern = "[^<>*]+".join(map(re.escape, rule.split(GIVEN)))
    return re.fullmatch(pattern, without_hashes(finding.rule)) is not None


def decide(cause: Cause, decisions: Iterable[Decision]) -> Decision | None:
    """Find the decision that answers a finding; None if somebody has to acknowledge it, or to mend what causes it."""
    return next((each for each in decisions if each.covers(cause)), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """A finding with what its decision says of it."""

    finding: Finding
    construct: str
    reason: str
    by: DecidedBy
