"""Ways back that end: what is not backed up, versioned, copied elsewhere or under a key of its own any more."""

import itertools
import re
from collections.abc import Iterator, Mapping

from pipeline.review.diff.settings import after_conditions
from pipeline.review.model import EndingData, EndingKind, Json
from services.library.cloudformation.template import Resource
from services.library.cloudformation.values import canonical

SWITCH = re.compile(r"PointInTimeRecovery|Versioning|Backup|Snapshot|ObjectLock|Replication", re.IGNORECASE)
"""What a setting, or what it stands in, is called that switches a way back on."""
HARMLESS = re.compile(
    r"""
    (^|\.)(
    CopyTags\w* | OptInToArchiveForSupportedResources  # of backups, and not whether they are made
    | CloudWatchLoggingOptions\.Enabled | Metrics\.Status | ReplicationTime\.Status  # what is told of them
    | DeleteAutomatedBackups | DeleteMarkerReplication\.Status | SnapshotManagement\.Status  # more is kept if it is off
    | AutomatedSnapshotPauseOptions\.Enabled
    )$
    """,
    re.VERBOSE,
)
"""Switches beside a way back which do not end it."""
ON = frozenset({"true", "enabled", "active", "on"})
COPIES = re.compile(r"^(Replicas?|ReplicaRegions|ReplicationConfiguration|ReplicationDestinations)$")
"""What a property is called that has the data copied elsewhere."""
TAKES_ALONG: Mapping[str, str] = {"DeleteAutomatedBackups": "true", "EmptyOnDelete": "false"}
"""Settings that, being true, let a deletion take more along; with what counts where a template says nothing."""
FINAL = re.compile(r"^FinalSnapshot\w*$")
"""What a property is called by which a last snapshot is taken of what is deleted."""
KEY = re.compile(
    r"kms\w*key(id|arn|identifier)?$|^EncryptionKey\w*$|^Key(Id|Arn)$|^CustomerManagedKey\w*$", re.IGNORECASE
)
"""What a property is called that names the key which encrypts the data."""
SHARED = re.compile(r"^(arn:[^:]*:kms:[^:]*:[^:]*:)?alias/aws/")
"""AWS's own key for a service, which the whole account shares."""
ALGORITHM = "SSEAlgorithm"
KMS = frozenset({"aws:kms", "aws:kms:dsse"})
GONE = "what is deleted or overwritten from then on cannot be had back, and the backups so far may go"
Values = tuple[Json, ...]
Settings = Mapping[str, Values]


def switched_off(old: Resource, new: Resource) -> Iterator[EndingData]:
    """Yield each way back that ends, whichever type it stands in."""
    before, after = _settings(old), _settings(new)
    copies = dict(_copies(old, new))
    for path in sorted(before):
        is_said = path.partition(".")[0] in copies
        if _is_switch(path) and not is_said and _count_on(after.get(path, ())) < _count_on(before[path]):
            yield _ends(path, GONE)
    yield from copies.values()
    yield from _taken_along(old, new)
    yield from itertools.islice(_keys(before, after), 1)  # a key and its algorithm are one matter


def _is_switch(path: str) -> bool:
    return bool(SWITCH.search(path)) and not HARMLESS.search(path)


def _count_on(values: Values) -> int:
    return sum(str(value).lower() in ON for value in values)


def _copies(old: Resource, new: Resource) -> Iterator[tuple[str, EndingData]]:
    for name in sorted(filter(COPIES.match, old.properties)):
        before, after = (_elements(side.properties.get(name)) for side in (old, new))
        if gone := sorted(before - after):
            yield name, _ends(name, f"the copy {', '.join(gone)} is deleted, or is not kept up to date any more")


def _elements(value: Json) -> set[str]:
    """The copies by their region; a configuration as a whole is one."""
    if not isinstance(value, list):
        return {"elsewhere"} if value else set()
    return {str(canonical(each.get("Region", each) if isinstance(each, Mapping) else each)) for each in value}


def _taken_along(old: Resource, new: Resource) -> Iterator[EndingData]:
    for name, default in TAKES_ALONG.items():
        before, after = (str(side.properties.get(name, default)).lower() for side in (old, new))
        if before != "true" and after == "true":
            yield _ends(name, "a deletion of the resource takes along what it left so far")
    for name in sorted(filter(FINAL.match, old.properties)):
        if name not in new.properties:
            yield _ends(name, "no last snapshot is taken any more when the resource is deleted")


def _keys(before: Settings, after: Settings) -> Iterator[EndingData]:
    for path, values in sorted(before.items()):
        name, others = path.rpartition(".")[2], after.get(path, ())
        is_shared = bool(KEY.search(name)) and not _is_shared(values) and (not others or _is_shared(others))
        if is_shared or (
            name == ALGORITHM and KMS.intersection(map(str, values)) and not KMS.intersection(map(str, others))
        ):
            yield EndingData(
                path=path,
                kind=EndingKind.ENCRYPTION,
                what="new data are not under a key of their own any more, whose policy says who may read them",
                when="with the deployment",
            )


def _is_shared(values: Values) -> bool:
    return all(isinstance(value, str) and bool(SHARED.match(value)) for value in values)


def _settings(resource: Resource) -> Settings:
    found: dict[str, Values] = {}
    for path, value in after_conditions(resource.properties):
        name = ".".join(path)
        found[name] = (*found.get(name, ()), value)
    return found


def _ends(path: str, what: str) -> EndingData:
    return EndingData(path=path, kind=EndingKind.RECOVERY, what=what, when="with the deployment")
