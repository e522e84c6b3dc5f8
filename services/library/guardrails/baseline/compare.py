"""Which of a template's guards are below the baseline, and which of those an override has lowered."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath

from services.library.cloudformation.template import Resource, Template, number
from services.library.cloudformation.values import is_open
from services.library.guardrails.baseline import (
    deletion,
    denials,
    encryption,
    firewall,
    public_access,
    retention,
    tracing,
)
from services.library.guardrails.baseline.guard import (
    DELETION,
    ENCRYPTION,
    LEFT_OUT,
    PUBLIC_ACCESS,
    RETENTION,
    TRACING,
    UNKNOWN,
    UNSEEN,
    Guard,
    Guards,
    Sides,
)
from services.library.guardrails.finding import DeploymentLocation, Finding, Rule

COLLECTORS = (
    encryption.collect,
    retention.collect,
    public_access.collect,
    firewall.collect,
    tracing.collect,
    deletion.collect,
)
"""What has a level, and perhaps a floor."""
COMPARISONS = (denials.lowered, firewall.lowered, retention.lowered)
"""What is more or less only beside what was there."""
TELLING: tuple[tuple[Rule, re.Pattern[str]], ...] = (
    # What properties of any type are called that protect something.
    (ENCRYPTION, re.compile(r"[Kk]ms|[Ee]ncrypt|SSE|Tls|TLS|Ssl|SSL|Https|HTTPS")),
    (DELETION, re.compile(r"DeletionProtection|TerminationProtection|PointInTime|ObjectLock|PreventDeletion")),
    (RETENTION, re.compile(r"Retention|DeleteAfter|RetainFor|MaximumRecordAge")),
    (PUBLIC_ACCESS, re.compile(r"BlockPublic|IgnorePublic|RestrictPublic|Authoriz|AuthType")),
    (TRACING, re.compile(r"Tracing|TracingEnabled|X[Rr]ay|AccessLog|LoggingConfiguration")),
)
FREE = (
    "Tags",
    "Description",
    "Environment",
    "PolicyDocument",
    "AssumeRolePolicyDocument",
    "KeyPolicy",
    "Definition",
    "KmsDataKeyReusePeriodSeconds",
)
"""What is called whatever its author likes, what is judged as a policy, and what its default is the best of."""
CUSTOM = ("Custom::", "AWS::CloudFormation::CustomResource")
"""What these do at deployment stands in code, and may be anything."""
Named = Callable[[Template, Resource], str]
"""What a resource is called on both sides of a comparison."""
WEAK = frozenset({"none", "disabled", "off", "false", "passthrough", "plaintext"})


def below_baseline(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """Yield what is below the tier's baseline in any stack, whoever wrote it."""
    for guard in guards_of([template], place).values():
        if guard.everywhere and guard.floor is not None and guard.level < guard.floor:
            yield guard.broken(than=guard.floor_said)


def lowered(before: Sequence[Template], after: Sequence[Template], place: DeploymentLocation) -> Iterator[Finding]:
    """Yield what one stack's templates have less of than they would without an override, and than the baseline."""
    named = _as_before(before, after)
    was, now = guards_of(before, place), guards_of(after, place, named)
    then, there = _by_path(before, _own), _by_path(after, named)
    for key, guard in now.items():
        known = was.get(key)
        if known is not None and guard.level < _needed(known):
            than = guard.floor_said if guard.floor is not None and guard.floor <= known.level else known.given
            yield guard.broken(than=than, caused=guard.floor is None)
        elif known is None and guard.floor is not None and guard.level < guard.floor:
            yield guard.broken(than=guard.floor_said)
    ids = _ids(after)
    for key, guard in was.items():
        # Under another logical id it is another one, and what it held is not in it.
        gone = guard.lost_with_resource and _id(guard.template, guard.resource) not in ids
        if guard.level > 0 and (gone or (key not in now and guard.resource.path in there)):
            yield guard.broken(than=guard.given, given=LEFT_OUT, caused=True)
    for comparison in COMPARISONS:
        yield from comparison(Sides(before=then, after=there))
    for path in then.keys() & there.keys():
        explicit = {location for guard in was.values() if guard.resource.path == path for location in guard.locations}
        (resource, _), (changed, template) = then[path], there[path]
        yield from _telling(resource, changed, template, explicit)
    for path in there.keys() - then.keys():
        resource, template = there[path]
        if resource.type.startswith(CUSTOM):
            yield UNSEEN.broken_by(resource, template, detail=resource.type, locations=("Properties",))


def guards_of(
    templates: Iterable[Template], place: DeploymentLocation, named: Named | None = None
) -> dict[tuple[str, str, str], Guard]:
    """Return the guards of templates, of several alike the weakest. `named`: how a resource is, if not by its path."""
    found: dict[tuple[str, str, str], Guard] = {}
    for template in templates:
        guards = Guards(template, place)
        for collect in COLLECTORS:
            collect(guards)
        for guard in guards.found:
            rule, path, name = guard.key
            key = (rule, named(template, guard.resource) if named else path, name)
            if key not in found or guard.level < found[key].level:
                found[key] = guard
    return found


def _needed(known: Guard) -> float:
    """What there was, but never more than the tier asks for."""
    return known.level if known.floor is None else min(known.level, known.floor)


def _by_path(templates: Iterable[Template], named: Named) -> dict[str, tuple[Resource, Template]]:
    return {
        named(template, resource): (resource, template) for template in templates for resource in template.resources()
    }


def _own(template: Template, resource: Resource) -> str:
    del template
    return resource.path


def _id(template: Template, resource: Resource) -> tuple[str, str]:
    """What CloudFormation goes by."""
    return PurePath(template.file).name, resource.logical_id


def _ids(templates: Iterable[Template]) -> dict[tuple[str, str], str]:
    return {_id(template, resource): resource.path for template in templates for resource in template.resources()}


def _as_before(before: Sequence[Template], after: Sequence[Template]) -> Named:
    """What a resource of after is called in before: by its logical id, whatever path is written beside it now.

    One that is new has its own path, or that of one that is gone; never that of one that is still there.
    """
    known, now = _ids(before), _ids(after)
    there = {path for each, path in known.items() if each in now}

    def named(template: Template, resource: Resource) -> str:
        own = f"{resource.path}/{resource.logical_id}" if resource.path in there else resource.path
        return known.get(_id(template, resource), own)

    return named


def _telling(before: Resource, after: Resource, template: Template, explicit: set[str]) -> Iterator[Finding]:
    """What the names of properties tell of types that no collector knows."""
    values = dict(_leaves(after.properties))
    for path, value in _leaves(before.properties):
        location = f"Properties.{path}"
        if path.startswith(FREE) or any(f"{location}.".startswith(f"{each}.") for each in explicit if "." in each):
            continue
        given = values.get(path)
        for rule, words in TELLING:
            if words.search(path) and _is_weaker(value, given, counts=rule is RETENTION):
                said = LEFT_OUT if given is None else UNKNOWN if is_open(given) else str(given)
                yield rule.broken_by(
                    after,
                    template,
                    what=f"{path} is {said}; the baseline without the override is {_short(value)}.",
                    detail=f"{path}={said}",
                    locations=(location,),
                )
                break


def _is_weaker(before: object, after: object, *, counts: bool) -> bool:
    """`counts`: whether a number that gets smaller protects less; one of seconds may also be how long a key is used."""
    if before == after or str(before).lower() in WEAK:
        return False
    if after is None or "alias/aws/" in str(after) or str(after).lower() in WEAK:
        return True
    then, now = number(before), number(after)
    return then is not None and (now is None or (counts and now < then))


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping) and value and not is_open(value):
        for name, part in value.items():
            yield from _leaves(part, f"{path}.{name}" if path else str(name))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, part in enumerate(value):
            yield from _leaves(part, f"{path}.{index}")
    else:
        yield path, value


def _short(value: object) -> str:
    return "known only at deployment" if is_open(value) else str(value)
