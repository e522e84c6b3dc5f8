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
COPIES = re.compile(
    r"""
    ^(
    Replicas? | ReplicaRegions | ReplicationConfiguration | ReplicationDestinations  # of what is there
    | AutomaticBackupReplicationRegion | CopyActions | CrossRegionCopy(Rules|Targets)  # of its backups
    )$
    """,
    re.VERBOSE,
)
"""What a property is called that has the data copied elsewhere."""
DESTINATION = frozenset(
    {"Bucket", "DestinationBackupVaultArn", "FileSystemId", "Region", "RegistryId", "Target", "TargetRegion"}
)
"""What a part of such a property is called that says where to."""
OF_A_TYPE: Mapping[str, Mapping[str, str]] = {
    "AWS::CloudTrail::Trail": {
        "IsLogging": "nothing that is done in the account is recorded any more",
        "IsMultiRegionTrail": "what is done in other regions is not recorded any more",
        "IncludeGlobalServiceEvents": "what is done in global services, such as IAM, is not recorded any more",
    },
    "AWS::DLM::LifecyclePolicy": {"State": "no snapshots are taken any more"},
}
"""Type -> its switches whose names say nothing of a way back, and what ends when they are off."""
STAYS = "DeleteOnTermination"
"""What a disk has that outlives its instance where this is false."""
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
    ends_of = OF_A_TYPE.get(new.type, {})
    for path in sorted(before):
        is_said = any(path.startswith(f"{copied}.") for copied in copies)
        is_switch = path in ends_of or _is_switch(path)
        if is_switch and not is_said and _count_on(after.get(path, ())) < _count_on(before[path]):
            yield _ends(path, ends_of.get(path, GONE))
        elif path.rpartition(".")[2] == STAYS and _count_off(after.get(path, ())) < _count_off(before[path]):
            yield _ends(path, "a disk that outlived its instance is deleted with it")
    yield from copies.values()
    yield from _taken_along(old, new)
    yield from _shared_key(before, after)


def under_a_shared_key(old: Resource, new: Resource) -> Iterator[EndingData]:
    """Yield that what holds no data, and encrypts something all the same, is not under a key of its own any more."""
    if "key" in repr(old.properties).lower():
        yield from _shared_key(_settings(old), _settings(new))


def _shared_key(before: Settings, after: Settings) -> Iterator[EndingData]:
    # A key and its algorithm are one matter.
    yield from itertools.islice(_keys(before, after), 1)


def _is_switch(path: str) -> bool:
    return bool(SWITCH.search(path)) and not HARMLESS.search(path)


def _count_on(values: Values) -> int:
    return sum(str(value).lower() in ON for value in values)


def _count_off(values: Values) -> int:
    return sum(str(value).lower() == "false" for value in values)


def _copies(old: Resource, new: Resource) -> Iterator[tuple[str, EndingData]]:
    before, after = (dict(_copied(side.properties, ())) for side in (old, new))
    for path, values in sorted(before.items()):
        if gone := sorted(values - after.get(path, set())):
            yield path, _ends(path, f"the copy {', '.join(gone)} is deleted, or is not kept up to date any more")


def _copied(value: Json, path: tuple[str, ...]) -> Iterator[tuple[str, set[str]]]:
    """Each property that has data copied, with where to; of all entries of a list together."""
    if isinstance(value, list):
        found: dict[str, set[str]] = {}
        for each in value:
            for name, copies in _copied(each, path):
                found.setdefault(name, set()).update(copies)
        yield from found.items()
    elif isinstance(value, Mapping):
        for key, each in value.items():
            if COPIES.match(key):
                yield ".".join((*path, key)), _elements(each)
            else:
                yield from _copied(each, (*path, key))


def _elements(value: Json) -> set[str]:
    """Where the copies are; of a configuration that does not tell, that there are any."""
    places = {str(canonical(each)) for each in _destinations(value)}
    if places or not value:
        return places
    return {str(canonical(each)) for each in value} if isinstance(value, list) else {"elsewhere"}


def _destinations(value: Json) -> Iterator[Json]:
    if isinstance(value, str):
        yield value
    for each in value if isinstance(value, list) else ():
        if isinstance(each, Mapping):
            yield from _destinations(each)
    for key, each in value.items() if isinstance(value, Mapping) else ():
        if key in DESTINATION:
            yield each
        elif isinstance(each, Mapping | list):
            yield from _destinations(each)


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
