"""What a template says that protects something, as levels that can be compared: more protects better."""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from services.library.cloudformation.intrinsics import values_at
from services.library.cloudformation.policy_text import is_unreadable, pattern, written
from services.library.cloudformation.template import Resource, Template, number
from services.library.cloudformation.values import is_open
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation, Finding, Rule

ENCRYPTION = Rule(
    id="Penstock-BaselineEncryption",
    accepted_by=AcceptedBy.PLATFORM,
    text="What is stored or sent would be less protected than the organisation's baseline.",
    fix="Leave encryption to the library's construct: a key of the service's own at rest, TLS alone in transit.",
)
RETENTION = Rule(
    id="Penstock-BaselineRetention",
    accepted_by=AcceptedBy.PLATFORM,
    text="It would be gone, or could not be restored, earlier than the organisation's baseline says.",
    fix="Keep it as long as the library's construct does in this tier.",
)
PUBLIC_ACCESS = Rule(
    id="Penstock-BaselinePublicAccess",
    accepted_by=AcceptedBy.PLATFORM,
    text="It could be reached by anybody, or by more than the organisation's baseline lets in.",
    fix="Name who may, and leave what blocks everybody else in place.",
)
TRACING = Rule(
    id="Penstock-BaselineTracing",
    accepted_by=AcceptedBy.PLATFORM,
    text="A request that passes here could not be followed.",
    fix="Leave tracing on, as the library's construct has it.",
)
DELETION = Rule(
    id="Penstock-BaselineDeletionGuard",
    accepted_by=AcceptedBy.PLATFORM,
    text="It could be deleted, with what it holds, more easily than the organisation's baseline lets it.",
    fix="Leave the guards of the library's construct in place: what holds data outlives its stack and its mistakes.",
)
UNSEEN = Rule(
    id="Penstock-Unseen",
    accepted_by=AcceptedBy.PLATFORM,
    text="CloudFormation would make resources of it that stand in no template here, so that no guardrail sees them.",
    fix="Write the resources into the stack (in the CDK: NestedStack, or cloudformation_include.CfnInclude).",
)
OTHER_STACK = Rule(
    id="Penstock-OtherStack",
    accepted_by=AcceptedBy.NOBODY,
    text="An override would change another stack than its service's, whose owner knows nothing of it.",
    fix="Change it where it is: by that service's settings or its own override, or by what it publishes.",
)
RULES = (ENCRYPTION, RETENTION, PUBLIC_ACCESS, TRACING, DELETION, UNSEEN, OTHER_STACK)

UNKNOWN = "unknown"
LEFT_OUT = "left-out"
ELSEWHERE = ('<{"Fn::ImportValue"', '<{"Fn::Parameter"')
"""How a text begins that another stack, or whoever deploys, gives."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """One thing that protects one resource, as one template has it."""

    rule: Rule
    resource: Resource
    template: Template
    name: str
    """The property, or what stands for it where several resources make it."""
    level: float
    given: str
    """The level in a word or a number: an acknowledgement accepts this one, and none below."""
    locations: tuple[str, ...]
    floor: float | None = None
    """The baseline of the tier, where there is one; it need never be more than this."""
    floor_said: str = ""
    everywhere: bool = True
    """Whether the floor holds for every resource, and not for those alone that an override adds."""
    lost_with_resource: bool = False
    """Whether the resource must not be taken away, either."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what finds the guard of the same resource in another synth."""
        return self.rule.id, self.resource.path, self.name

    def broken(self, *, than: str, given: str | None = None, caused: bool = False) -> Finding:
        """Return the finding; `than`: what the baseline would be."""
        said = given or self.given
        return self.rule.broken_by(
            self.resource,
            self.template,
            what=f"{self.name} is {said}; the baseline {'without the override ' if caused else ''}is {than}.",
            detail=f"{self.name}={said}",
            locations=self.locations,
        )


Level = tuple[float, str]
"""How much a value protects, and the word for it."""


def key(absent: Level, template: Template) -> Callable[[object], Level]:
    """Return how a key protects: one's own more than AWS's, which is what some resources take where nothing is said."""

    def level(value: object) -> Level:
        if value is None or value == "":
            return absent
        named, whole = template.named_by(value), pattern(value)
        if any(is_unreadable(part) and not part.startswith(ELSEWHERE) for part in whole):
            return 0, UNKNOWN
        if named is not None and not named.type.startswith("AWS::KMS::"):
            return 0, UNKNOWN
        return AWS_KEY if "alias/aws/" in written(whole) else (2, "own-key")

    return level


NO_KEY: Level = (0, "none")
AWS_KEY: Level = (1, "aws-key")


def switch(*words: str, absent: bool = False) -> Callable[[object], Level]:
    """On for true, or for one of the words; what only the deployment knows counts as off."""

    def level(value: object) -> Level:
        if value is None:
            return (1, "on") if absent else (0, "off")
        if is_open(value):
            return 0, UNKNOWN
        return (1, "on") if str(value).lower() in (words or ("true",)) else (0, "off")

    return level


def off(*words: str) -> Callable[[object], Level]:
    """Return how a switch protects that must be off: unless it is true, or one of the words."""
    on = switch(*words)

    def level(value: object) -> Level:
        if is_open(value):
            return 0, UNKNOWN
        return (1, "off") if on(value)[0] == 0 else (0, "on")

    return level


def amount(absent: float, *, no_end: Sequence[int] = ()) -> Callable[[object], Level]:
    """As much as the number says; infinity is for ever."""

    def level(value: object) -> Level:
        if value is None:
            return absent, said(absent)
        found = number(value)
        if found is None:
            return 0, UNKNOWN
        return (math.inf, said(math.inf)) if found in no_end else (found, str(found))

    return level


def said(count: float) -> str:
    """Return a number as it stands in a finding."""
    return "for-ever" if math.isinf(count) else f"{count:g}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sides:
    """The resources of one stack without its override and with it, by their paths."""

    before: Mapping[str, tuple[Resource, Template]]
    after: Mapping[str, tuple[Resource, Template]]

    def pairs(self, *types: str) -> Iterator[tuple[tuple[Resource, Template], tuple[Resource, Template]]]:
        """Yield what both have, of these types."""
        for path, known in self.before.items():
            if known[0].type in types and path in self.after:
                yield known, self.after[path]


def digest(value: object) -> str:
    """For what is no word or number: an acknowledgement accepts this one, and none below."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]


@dataclass(slots=True)
class Guards:
    """Collects the guards of one template."""

    template: Template
    place: DeploymentLocation
    found: list[Guard] = field(default_factory=list)

    def add(
        self,
        rule: Rule,
        resource: Resource,
        name: str,
        levels: Iterable[Level],
        *,
        floor: Level | None = None,
        locations: tuple[str, ...] = (),
        everywhere: bool = True,
        lost_with_resource: bool = False,
    ) -> None:
        """The worst of what it may be."""
        level, given = min(levels, key=lambda each: each[0])
        self.found.append(
            Guard(
                rule=rule,
                resource=resource,
                template=self.template,
                name=name,
                level=level,
                given=given,
                locations=locations or (f"Properties.{name}",),
                floor=None if floor is None else floor[0],
                floor_said="" if floor is None else floor[1],
                everywhere=everywhere,
                lost_with_resource=lost_with_resource,
            )
        )

    def read(
        self,
        rule: Rule,
        resource: Resource,
        path: str,
        level: Callable[[object], Level],
        *,
        floor: Level | None = None,
        everywhere: bool = True,
    ) -> None:
        """A property's."""
        values = values_at(resource.properties, path, self.template)
        self.add(rule, resource, path, map(level, values), floor=floor, everywhere=everywhere)
