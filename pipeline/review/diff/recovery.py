"""Ways back that end: what is not backed up, versioned, copied elsewhere or under a key of its own any more."""

import re
from collections.abc import Iterator, Mapping

from pipeline.review.diff.settings import after_conditions
from pipeline.review.model import EndingData, EndingKind, Json
from services.library.cloudformation.template import Resource
from services.library.cloudformation.values import canonical

SWITCH = re.compile(r"PointInTimeRecovery|Versioning|Backup|Snapshot|ObjectLock", re.IGNORECASE)
"""What a setting, or what it stands in, is called that switches a way back on."""
ON = frozenset({"true", "enabled", "active", "on"})
OFF = frozenset({"false", "disabled", "suspended", "inactive", "off"})
COPIES = re.compile(r"^(Replicas?|ReplicaRegions|ReplicationConfiguration|ReplicationDestinations|SnapshotCopy\w*)$")
"""What a property is called that has the data copied elsewhere."""
KEY = re.compile(r"(?:Kms|KMS)\w*(?:Key|KeyId|KeyArn|KeyIdentifier)$|^EncryptionKey\w*$|^KmsKey$")
"""What a property is called that names the key which encrypts the data."""
SHARED = re.compile(r"^(arn:[^:]*:kms:[^:]*:[^:]*:)?alias/aws/")
"""AWS's own key for a service, which the whole account shares."""
ALGORITHM = "SSEAlgorithm"
GONE = "what is deleted or overwritten from then on cannot be had back, and the backups so far may go"


def switched_off(old: Resource, new: Resource) -> Iterator[EndingData]:
    """Yield each way back that ends, whichever type it stands in."""
    before, after = _settings(old), _settings(new)
    for path in sorted(before):
        if _is_switch(path) and _is_any(before[path], ON) and not _stays_on(after.get(path)):
            yield _ends(path, GONE)
    yield from _copies(old, new)
    yield from _keys(before, after)


def _is_switch(path: str) -> bool:
    return bool(SWITCH.search(path))


def _stays_on(values: tuple[Json, ...] | None) -> bool:
    return values is not None and not _is_any(values, OFF) and _is_any(values, ON)


def _copies(old: Resource, new: Resource) -> Iterator[EndingData]:
    for name in sorted(filter(COPIES.match, old.properties)):
        before, after = (_elements(side.properties.get(name)) for side in (old, new))
        if gone := sorted(before - after):
            yield _ends(name, f"the copy {', '.join(gone)} is deleted, or is not kept up to date any more")


def _elements(value: Json) -> set[str]:
    """The copies by their region; a configuration as a whole is one."""
    if not isinstance(value, list):
        return {"elsewhere"} if value else set()
    return {str(canonical(each.get("Region", each) if isinstance(each, Mapping) else each)) for each in value}


def _keys(before: Mapping[str, tuple[Json, ...]], after: Mapping[str, tuple[Json, ...]]) -> Iterator[EndingData]:
    for path in sorted(before):
        name = path.rpartition(".")[2]
        own = KEY.search(name) and not _is_shared(before[path]) and (path not in after or _is_shared(after[path]))
        weaker = name == ALGORITHM and "aws:kms" in before[path] and "aws:kms" not in after.get(path, ())
        if own or (weaker and "aws:kms:dsse" not in after.get(path, ())):
            yield EndingData(
                path=path,
                kind=EndingKind.ENCRYPTION,
                what="new data are not under a key of their own any more, whose policy says who may read them",
                when="with the deployment",
            )


def _is_shared(values: tuple[Json, ...]) -> bool:
    return all(isinstance(value, str) and bool(SHARED.match(value)) for value in values)


def _settings(resource: Resource) -> dict[str, tuple[Json, ...]]:
    found: dict[str, tuple[Json, ...]] = {}
    for path, value in after_conditions(resource.properties):
        name = ".".join(path)
        found[name] = (*found.get(name, ()), value)
    return found


def _is_any(values: tuple[Json, ...], words: frozenset[str]) -> bool:
    return any(str(value).lower() in words for value in values)


def _ends(path: str, what: str) -> EndingData:
    return EndingData(path=path, kind=EndingKind.RECOVERY, what=what, when="with the deployment")
