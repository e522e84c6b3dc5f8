"""A comparison in words that a reviewer understands."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from pipeline.review.access import levels
from pipeline.review.access.compare import Gain, is_universal
from pipeline.review.access.statements import AttachedStatement, PolicySource
from pipeline.review.model import AccessKind
from services.library.cloudformation.patterns import EVERYTHING, Pattern
from services.library.cloudformation.statements import ANYTHING, Matcher

SHOWN = 8
"""Actions, resources and principals named in one line before the rest is only counted."""
_WHOLE_SERVICE = re.compile(r"[^:]+:[*?]*\*[*?]*|[^:]*[*?][^:]*:.*")
_BY_IDENTITY = frozenset({AccessKind.IDENTITY, AccessKind.MANAGED})


def lines(gain: Gain, source: PolicySource, *, who: str, is_lost: bool) -> list[str]:
    """Return what one resource's policies grant, or granted, a line for each statement. `who`: whose policies."""
    found = [
        line
        for statement, reached in gain.patterns.items()
        if statement.source == source
        for line in _granted(statement, reached, gain, who=who, is_lost=is_lost)
    ]
    found += [_undenied(each, is_lost=is_lost) for each in gain.undenied if each.source == source]
    return sorted(set(found))


def is_wildcard(gain: Gain, source: PolicySource) -> bool:
    """Return whether one resource's policies newly grant a whole service, or changes to any resource."""
    return any(
        _is_wildcard(statement, action, resource)
        for statement, reached in gain.patterns.items()
        if statement.source == source
        for action, resource in reached
    )


def _is_wildcard(statement: AttachedStatement, action: Pattern, resource: Pattern) -> bool:
    kind = statement.source.kind
    if statement.source.managed and len(action) == 1:
        return statement.source.managed.endswith("FullAccess")
    if kind in (AccessKind.BOUNDARY, AccessKind.TRUST):
        return False
    if statement.actions.is_negated:
        return kind in _BY_IDENTITY
    text = "".join(action)
    if kind == AccessKind.KEY and _is_one_account(statement.principals):
        return False  # the documented default: it hands the decision to the account's IAM
    if action == EVERYTHING or _WHOLE_SERVICE.fullmatch(text):
        return True
    return (
        kind in _BY_IDENTITY
        and not statement.tests
        and (statement.resources.is_negated or is_universal(resource))
        and levels.writes_anywhere(text)
    )


def _is_one_account(principals: Matcher) -> bool:
    return (
        len(principals.patterns) == 1 and not principals.is_negated and "".join(principals.patterns[0]).endswith("/*")
    )


def _granted(
    statement: AttachedStatement, reached: Iterable[tuple[Pattern, Pattern]], gain: Gain, *, who: str, is_lost: bool
) -> Iterator[str]:
    pairs = list(reached)
    actions = _named(statement.actions, {action for action, _ in pairs}, "every action")
    resources = _named(statement.resources, {resource for _, resource in pairs}, "every resource")
    verb = "may no longer perform" if is_lost else "may now perform"
    who = _who(statement, who, gain.principals.get(statement, ()))
    if statement.source.managed:
        name = statement.source.managed.rpartition("/")[2]
        yield f"{who} {'no longer has' if is_lost else 'now has'} the managed policy {name}"
        return
    if statement.source.kind == AccessKind.BOUNDARY:
        yield f"the permissions boundary lets through {actions} on {resources}{' no longer' if is_lost else ' now'}"
        return
    where = "" if statement.resources == ANYTHING and statement.principals != ANYTHING else f" on {resources}"
    kinds = "" if statement.actions.is_negated else _kinds(statement, {action for action, _ in pairs})
    yield f"{who} {verb} {actions}{kinds}{where}{_conditions(statement)}"
    for before in gain.loosened.get(statement, ()):
        dropped = before.tests - statement.tests
        if dropped:
            words = "; ".join(sorted(each.words for each in dropped))
            yield f"{'a new condition is' if is_lost else 'no longer'} asked for: {words}"


def _kinds(statement: AttachedStatement, actions: Iterable[Pattern]) -> str:
    names = ["".join(action) for action in actions if action != EVERYTHING]
    return f" ({levels.described(names)})" if names and statement.source.kind != AccessKind.TRUST else ""


def _who(statement: AttachedStatement, holder: str, reached: Collection[Pattern]) -> str:
    """Those of a statement's principals that it is about."""
    principals = statement.principals
    if principals == ANYTHING:
        return "everybody" if statement.source.kind not in (*_BY_IDENTITY, AccessKind.BOUNDARY) else holder
    names = _several(list(dict.fromkeys(principals.text(each) for each in principals.patterns if each in reached)))
    return f"everybody but {names}" if principals.is_negated else names


def _named(matcher: Matcher, reached: Iterable[Pattern], everything: str) -> str:
    if matcher.is_negated:
        return f"{everything} but {_several([matcher.text(each) for each in matcher.patterns])}"
    chosen = sorted(reached)
    if EVERYTHING in chosen:
        return everything
    return _several([matcher.text(each) for each in chosen])


def _conditions(statement: AttachedStatement) -> str:
    words = "; ".join(sorted(each.words for each in statement.tests))
    return f" if {words}" if words else ""


def granted_before(statement: AttachedStatement) -> str:
    """Return whom a policy let in so far, and to do what."""
    actions = _named(statement.actions, statement.actions.patterns, "every action")
    return f"until now: {_who(statement, 'it', statement.principals.patterns)}, {actions}{_conditions(statement)}"


def _undenied(statement: AttachedStatement, *, is_lost: bool) -> str:
    actions = _named(statement.actions, statement.actions.patterns, "every action")
    resources = _named(statement.resources, statement.resources.patterns, "every resource")
    verb = "a new Deny forbids" if is_lost else "no Deny forbids any more"
    return f"{verb} {actions} on {resources}{_conditions(statement)}"


def _several(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown
