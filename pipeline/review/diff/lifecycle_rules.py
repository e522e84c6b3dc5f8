"""Lifecycle rules of a bucket that delete more, or sooner, than those before."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.review.model import EndingData, EndingKind, Json
from services.library.cloudformation.template import Resource, number
from services.library.cloudformation.values import canonical, is_same

CURRENT = ("ExpirationInDays", "ExpirationDate")
NONCURRENT = ("NoncurrentVersionExpirationInDays", "NoncurrentVersionExpiration")
SCOPE = ("Prefix", "TagFilters", "ObjectSizeGreaterThan", "ObjectSizeLessThan")
PATH = "LifecycleConfiguration"
WHEN = "within about two days of the deployment, those that exist already included"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Expiry:
    """What one rule deletes, and after how long."""

    versions: str
    """`objects`, or `old versions of objects`."""
    after: Json
    prefix: str
    rest: Json
    """What narrows it besides a prefix."""

    def covers(self, other: "_Expiry") -> bool:
        """Return whether all that the other deletes is deleted by this one, and no later."""
        return (
            self.versions == other.versions
            and other.prefix.startswith(self.prefix)
            and (not self.rest or is_same(self.rest, other.rest))
            and _is_no_later(self.after, other.after)
        )


def expiring(old: Resource, new: Resource) -> Iterator[EndingData]:
    """Yield what the new rules delete and the old ones did not."""
    before, after = old.properties.get(PATH), new.properties.get(PATH)
    if after is None or is_same(before, after):
        return
    rules = _rules(after)
    if rules is None:
        yield _ends("what the rules select is deleted; the template does not tell what that is")
        return
    already = [each for rule in _rules(before) or () for each in _expiries(rule)]
    for rule in rules:
        for each in _expiries(rule):
            if not any(other.covers(each) for other in already):
                yield _ends(f"{each.versions}{_where(each)} are deleted after {_said(each.after)}")


def _rules(configuration: Json) -> list[Json] | None:
    rules = configuration.get("Rules") if isinstance(configuration, Mapping) else None
    return rules if isinstance(rules, list) and all(isinstance(each, Mapping) for each in rules) else None


def _expiries(rule: Mapping[str, Json]) -> Iterator[_Expiry]:
    if rule.get("Status") == "Disabled":
        return
    prefix = rule.get("Prefix") or ""
    rest = {name: canonical(rule[name]) for name in SCOPE[1:] if rule.get(name)}
    if not isinstance(prefix, str):
        prefix, rest = "", {**rest, "Prefix": canonical(prefix)}
    for versions, names in (("objects", CURRENT), ("old versions of objects", NONCURRENT)):
        for name in names:
            if name in rule:
                yield _Expiry(versions=versions, after=_days(rule[name]), prefix=prefix, rest=rest)


def _days(value: Json) -> Json:
    return value["NoncurrentDays"] if isinstance(value, Mapping) and "NoncurrentDays" in value else value


def _is_no_later(one: Json, other: Json) -> bool:
    left, right = number(one), number(other)
    return is_same(one, other) if left is None or right is None else left <= right


def _where(each: _Expiry) -> str:
    below = f" below {each.prefix}" if each.prefix else ""
    return f"{below} that the rule selects" if each.rest else below


def _said(after: Json) -> str:
    days = number(after)
    return "what the rule says" if days is None else f"{days} day{'s' * (days != 1)}"


def _ends(what: str) -> EndingData:
    return EndingData(path=PATH, kind=EndingKind.EXPIRY, what=what, when=WHEN)
