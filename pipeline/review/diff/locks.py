"""Locks that keep objects and backups from being deleted before their time, and that get weaker or go."""

from collections.abc import Iterator

from pipeline.review.diff.settings import after_conditions
from pipeline.review.model import EndingData, EndingKind, Json
from services.library.cloudformation.template import Resource, number

OF_OBJECTS, OF_BACKUPS = "ObjectLockConfiguration", "LockConfiguration"
"""What the lock of a bucket, and of a vault of backups, is called."""
DAYS = {"Days": 1, "Years": 365}
STRICT = "COMPLIANCE"
"""A mode that nobody can lift; of the other, somebody may."""


def weakened(old: Resource, new: Resource) -> Iterator[EndingData]:
    """Yield a lock that holds for less time, that somebody may lift now, or that is gone."""
    if old.properties.get(OF_BACKUPS) and not new.properties.get(OF_BACKUPS):
        yield _ends(OF_BACKUPS, "recovery points can be deleted before their time")
    before, after = (_settings(side.properties.get(OF_OBJECTS)) for side in (old, new))
    if what := _weaker(before, after):
        yield _ends(OF_OBJECTS, what)


def _ends(name: str, what: str) -> EndingData:
    return EndingData(path=name, kind=EndingKind.RECOVERY, what=what, when="from the deployment on")


def _weaker(before: dict[str, Json], after: dict[str, Json]) -> str:
    was, will = _days(before), _days(after)
    if was and not will:
        return "what is new is not locked by default any more, so that it can be deleted at once"
    if was > will > 0:
        return f"what is new is locked for {will} days and not for {was}"
    if was != will and -1 in (was, will):
        return "for how long what is new is locked is not known"
    if before.get("Mode") == STRICT and after.get("Mode") != STRICT:
        return "who is allowed to may now lift the lock of what is new"
    return ""


def _days(settings: dict[str, Json]) -> int:
    """For how long it locks, none if it does not; -1 if the template does not tell."""
    times = [(number(settings[name]), days) for name, days in DAYS.items() if name in settings]
    return -1 if any(given is None for given, _ in times) else sum((given or 0) * days for given, days in times)


def _settings(lock: Json) -> dict[str, Json]:
    """Each setting by its own name, however deep: a lock has no two of one."""
    return {path[-1]: value for path, value in after_conditions(lock) if path}
