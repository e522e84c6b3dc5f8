"""How long something is kept: numbers whose property says so by its name, in whichever type, that become smaller."""

import re
from collections.abc import Iterator, Mapping

from pipeline.review.diff.settings import after_conditions
from pipeline.review.model import EndingData, EndingKind, Json
from services.library.cloudformation.template import Resource, number

FOREVER = 10**9
PROPERTY = re.compile(
    r"""
    Retention(Period|Duration|Days|Hours|InDays|InHours|InDay|InHour|Limit|Count|Time)*\w*$
    | ^DeleteAfterDays$ | ^MaxSnapshotAgeHours$ | ^BacktrackWindow$ | Retain(Count|For|Interval)\w*$
    | ^Ttl(Duration|InDays|Seconds)?$ | ^\w*Expir(y|ation)(In)?(Days|Duration)$
    | ^RecoveryPeriodInDays$ | ^RetainRule$ | ^UnreferencedFileRemoval$ | ^DefaultTimeToLive$
    """,
    re.VERBOSE,
)
"""What a property is called that says for how long something is kept."""
UNITS = frozenset(
    {"Count", "Interval", "IntervalUnit", "NoncurrentDays", "NumberOfDays", "Unit", "UnreferencedDays", "Value"}
)
"""What the number, and what it counts, is called where a time is a part of its own."""
ELSEWHERE = frozenset(
    {
        "PerformanceInsightsRetentionPeriod",  # a database's measurements, which are nobody's data
        *("ExpirationInDays", "NoncurrentVersionExpirationInDays"),  # `lifecycle_rules` reads them with their scope
        *("MaxRetentionDays", "MinRetentionDays", "MaximumRetention", "MinimumRetention"),  # bounds of what may be said
    }
)
"""Names that are not read here."""
DEFAULTS: Mapping[str, int] = {
    # The default stands on each type's page.
    "AWS::Cassandra::Table.DefaultTimeToLive": FOREVER,
    "AWS::CloudTrail::EventDataStore.RetentionPeriod": 2557,
    "AWS::DocDB::DBCluster.BackupRetentionPeriod": 1,
    "AWS::DynamoDB::Table.PointInTimeRecoverySpecification.RecoveryPeriodInDays": 35,
    "AWS::Events::Archive.RetentionDays": FOREVER,
    "AWS::ElastiCache::CacheCluster.SnapshotRetentionLimit": 0,
    "AWS::ElastiCache::ReplicationGroup.SnapshotRetentionLimit": 0,
    "AWS::ElastiCache::ServerlessCache.SnapshotRetentionLimit": 0,
    "AWS::Kinesis::Stream.RetentionPeriodHours": 24,
    **{
        f"AWS::FSx::FileSystem.{kind}Configuration.AutomaticBackupRetentionDays": days
        for kind, days in (("Lustre", 0), ("Ontap", 30), ("OpenZFS", 30), ("Windows", 30))
    },
    "AWS::KinesisVideo::Stream.DataRetentionInHours": 0,
    "AWS::Logs::LogGroup.RetentionInDays": FOREVER,
    "AWS::MemoryDB::Cluster.SnapshotRetentionLimit": 0,
    "AWS::Neptune::DBCluster.BackupRetentionPeriod": 1,
    "AWS::RDS::DBCluster.BackupRetentionPeriod": 1,
    "AWS::RDS::DBCluster.BacktrackWindow": 0,
    "AWS::RDS::DBInstance.BackupRetentionPeriod": 1,
    "AWS::Redshift::Cluster.AutomatedSnapshotRetentionPeriod": 1,
    "AWS::SQS::Queue.MessageRetentionPeriod": 345_600,
}
"""What counts where a template says nothing. Without an entry, to say something where nothing stood is a finding."""
OF_WHAT_COMES = frozenset(
    {
        # https://docs.aws.amazon.com/keyspaces/latest/devguide/TTL-how-it-works.html
        "AWS::Cassandra::Table.DefaultTimeToLive",
        # https://docs.aws.amazon.com/ebs/latest/userguide/modify.html, of what is kept by age; a count is of all
        "AWS::DLM::LifecyclePolicy.PolicyDetails.Schedules.RetainRule.Interval",
        "AWS::DLM::LifecyclePolicy.PolicyDetails.Schedules.RetainRule.IntervalUnit",
        # https://docs.aws.amazon.com/redshift/latest/APIReference/API_ModifyCluster.html
        "AWS::Redshift::Cluster.ManualSnapshotRetentionPeriod",
    }
)
"""Times that change nothing for what exists already."""
ZERO_IS_FOREVER = frozenset({"AWS::Cassandra::Table.DefaultTimeToLive", "AWS::Events::Archive.RetentionDays"})


def shortened(old: Resource, new: Resource) -> Iterator[EndingData]:
    """Yield each time that becomes shorter, or that only the deployment will tell."""
    before, after = _times(old), _times(new)
    for path in sorted(before.keys() | after.keys()):
        key = f"{new.type}.{path}"
        default = DEFAULTS.get(key)
        was, will = _least(before.get(path), key, default), _least(after.get(path), key, default)
        if was == will and before.get(path) == after.get(path):
            continue
        if was is None or will is None or will < was:
            time = f"{path} (now {_said(will)}, so far {_said(was)})"
            comes = key in OF_WHAT_COMES
            yield EndingData(
                path=path,
                kind=EndingKind.EXPIRY,
                what=f"what comes from then on is deleted after {time}"
                if comes
                else f"what is older than {time} is deleted",
                when=("what exists keeps its time" if comes else "soon after the deployment, and cannot be had back"),
            )


def _times(resource: Resource) -> dict[str, tuple[Json, ...]]:
    """Path -> the values that stand there, of each property that is a time by its name."""
    found: dict[str, tuple[Json, ...]] = {}
    for path, value in after_conditions(resource.properties):
        if _is_time(path):
            name = ".".join(path)
            found[name] = (*found.get(name, ()), value)
    return found


def _is_time(path: tuple[str, ...]) -> bool:
    """Whether a property says for how long something is kept, or is the number in what does."""
    named = path[-2:-1] if path[-1:] and path[-1] in UNITS else path[-1:]
    return any(PROPERTY.search(name) and name not in ELSEWHERE for name in named)


def _least(values: tuple[Json, ...] | None, key: str, default: int | None) -> int | None:
    """The shortest time, the default where none is said; None where the templates do not tell."""
    if values is None:
        return default
    numbers = [number(value) for value in values]
    if any(each is None for each in numbers):
        return None
    ever = -1 if key not in ZERO_IS_FOREVER else 0
    return min(FOREVER if each in (-1, ever) else each for each in numbers if each is not None)


def _said(time: int | None) -> str:
    return "not known" if time is None else "for ever" if time == FOREVER else str(time)
