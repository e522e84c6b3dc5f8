"""What guardrails say now that they did not say before: new, fixed, accepted, decided, or gone with the resource."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.review.model import GuardrailChange, Json, StackLocation
from pipeline.review.read.assembly import Assembly, UnreadableError

REPORT = "validation-report.json"
RECORD = "guardrails.json"
REFERENCE = re.compile(r"<[A-Za-z0-9]+(\.[A-Za-z0-9.]+)?>")
"""A reference to another resource within a rule's id: a logical id, which is a hash."""
PREFIX = re.compile(r"^[A-Za-z-]+::(?=[A-Za-z])")
"""`Annotation::`, or a pack's name."""

Existing = Mapping[str, StackLocation]
"""Every construct path of the head side, those around resources included, with the stack that it belongs to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """A guardrail's finding that somebody has accepted."""

    text: str
    owner: str = ""
    expires: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Guardrails:
    """What the checks of one synth say."""

    found: Mapping[tuple[str, str], str]
    """(rule, construct path) -> what is wrong, of findings that nobody has accepted."""
    accepted: Mapping[tuple[str, str], Accepted]
    decided: Mapping[tuple[str, str], Accepted]
    """(rule, construct path) -> why the library or the pipeline needs nobody to accept it."""
    given: Mapping[tuple[str, str], Accepted]
    """(rule, construct path) -> acknowledgements as they were given, those of review rules among them."""


def read(assembly: Assembly) -> Guardrails:
    """Read the guardrails' report and record of one side.

    Raises:
        UnreadableError: if one of them is not as a synth writes it.
    """
    try:
        return _read(assembly)
    except (AttributeError, KeyError, TypeError) as error:
        raise UnreadableError(f"{assembly.label}: {REPORT} or {RECORD} is not as a synth writes it.") from error


def unchecked(base: Assembly, head: Assembly) -> Iterator[str]:
    """Yield a sentence for a side that no guardrail has checked while the other one was.

    All that is found on the other side would look new, or mended.
    """
    checked = [any(side.has(name) for name in (REPORT, RECORD)) for side in (base, head)]
    for what, is_checked in zip(("base", "head"), checked, strict=True):
        if any(checked) and not is_checked:
            yield f"The {what} side has neither {REPORT} nor {RECORD}: what guardrails newly find is not known."


def _read(assembly: Assembly) -> Guardrails:
    record, report = ({} if found is None else found for found in map(assembly.document, (RECORD, REPORT)))
    accepted = {_key(entry): _accepted(entry) for entry in record.get("accepted", ())}
    for path, entries in assembly.metadata.items():
        for rules in entries:
            for rule, reason in rules.items() if isinstance(rules, Mapping) else ((str(each), "") for each in rules):
                accepted.setdefault((plain(rule), path), Accepted(text=str(reason)))
    return Guardrails(
        found=dict(_violations(report)),
        accepted=accepted,
        decided={_key(entry): _decided(entry) for entry in record.get("decided", ())},
        given={_key(entry): _accepted(entry) for entry in record.get("review", ())},
    )


def changes(before: Guardrails, after: Guardrails, existing: Existing) -> tuple[GuardrailChange, ...]:
    """List each difference, those of one construct together."""
    found = [*_findings(before, after, existing)]
    found += _acknowledgements(before.accepted, after.accepted, existing)
    found += _acknowledgements(before.given, after.given, existing)
    return tuple(sorted(found, key=lambda each: (each.kind, each.path, each.rule)))


def plain(rule: str) -> str:
    """Take a rule's id without prefix and without hashes, so that it is the same in every synth."""
    return REFERENCE.sub(r"<*\1>", PREFIX.sub("", rule))


def _findings(before: Guardrails, after: Guardrails, existing: Existing) -> Iterator[GuardrailChange]:
    """Compare findings: one that is gone is fixed only if nothing answers it and its construct still exists."""
    for (rule, path), text in after.found.items():
        if (rule, path) not in before.found:
            until_now = before.decided.get((rule, path))
            said = f"{text} Until now: {until_now.text}" if until_now else text
            yield _change("finding", "new", rule, path, existing, Accepted(text=said))
    for (rule, path), decided in after.decided.items():
        if (rule, path) not in before.decided:
            yield _change("finding", "decided", rule, path, existing, decided)
    was = {key: Accepted(text=text) for key, text in before.found.items()}
    for (rule, path), finding in {**before.decided, **before.accepted, **was}.items():
        if (rule, path) in after.found or (rule, path) in after.decided:
            continue
        accepted = _acceptance(rule, path, after)
        if accepted is None:
            yield _change("finding", "fixed" if path in existing else "gone", rule, path, existing, finding)
        elif (rule, path) in before.found:
            yield _change("finding", "acknowledged", rule, path, existing, accepted)


def _acceptance(rule: str, path: str, after: Guardrails) -> Accepted | None:
    """Find what accepts it: on its construct or on one around it, for its detail or for the whole rule."""
    parts = path.split("/")
    around = ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]
    keys = ((named, place) for place in around for named in (rule, rule.partition("[")[0]))
    return next((after.accepted[key] for key in keys if key in after.accepted), None)


def _acknowledgements(
    before: Mapping[tuple[str, str], Accepted], after: Mapping[tuple[str, str], Accepted], existing: Existing
) -> Iterator[GuardrailChange]:
    for rule, path in {**before, **after}:
        left, right = before.get((rule, path)), after.get((rule, path))
        given = right or left
        if left == right or given is None or (right is None and path not in existing):
            continue  # gone with its construct, which the finding says
        state = "changed" if left and right else "added" if right else "removed"
        yield _change("acknowledgement", state, rule, path, existing, given)


def _change(kind: str, state: str, rule: str, path: str, existing: Existing, accepted: Accepted) -> GuardrailChange:
    place = existing.get(path, StackLocation())
    return GuardrailChange(
        stage=place.stage,
        service=place.service,
        stack=place.stack,
        kind=kind,
        state=state,
        rule=rule,
        path=path,
        text=accepted.text,
        owner=accepted.owner,
        expires=accepted.expires,
    )


def _violations(report: Json) -> Iterator[tuple[tuple[str, str], str]]:
    for plugin in report.get("pluginReports", ()):
        for violation in plugin.get("violations", ()):
            for construct in violation.get("violatingConstructs", ()):
                rule = plain(str(violation.get("ruleName", "")))
                yield (rule, str(construct.get("constructPath", ""))), str(violation.get("description", ""))


def _key(entry: Mapping[str, Json]) -> tuple[str, str]:
    return plain(str(entry["rule"])), str(entry["path"])


def _accepted(entry: Mapping[str, Json]) -> Accepted:
    return Accepted(
        text=str(entry.get("reason", "")), owner=str(entry.get("owner", "")), expires=str(entry.get("expires", ""))
    )


def _decided(entry: Mapping[str, Json]) -> Accepted:
    return Accepted(text=f"Decided by the {entry['decided_by']} ({entry['construct']}): {entry['reason']}")
