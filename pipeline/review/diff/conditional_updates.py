"""Updates that replace a resource, or fail, for what changes in it and not for the property alone.

AWS's pages say so in prose; neither of the sources of `replacement.json` can. Each row is an exception to those, with
its page and the day on which it was read. What the templates do not tell may replace.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from pipeline.review.diff import update_tests as tests
from pipeline.review.diff.compare import Difference
from pipeline.review.diff.data_classes import page
from pipeline.review.diff.replacement import Impact
from pipeline.review.model import ResourceOutcome
from services.library.cloudformation.template import Resource

READ = "2026-11-29"
"""The day on which the pages were read, where a row has no other."""
DOCS = "https://docs.aws.amazon.com"
LIMITS = f"{DOCS}/amazondynamodb/latest/APIReference/API_UpdateTable.html"
RESHARD = f"{DOCS}/kinesis/latest/APIReference/API_UpdateShardCount.html"
POOLS = (
    "https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-updating-user-pool.html"
)
EBS = f"{DOCS}/ebs/latest/userguide/modify-volume-requirements.html"
RDS_STORAGE = f"{DOCS}/AmazonRDS/latest/UserGuide/USER_PIOPS.ModifyingExisting.html"
Test = Callable[[Resource, Resource], bool | None]
"""Whether the exception holds for these two sides of a resource; None: the templates do not tell."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConditionalUpdate:
    """One exception."""

    type: str
    path: str
    """The first part of the property's path."""
    outcome: ResourceOutcome
    says: str
    """What AWS says, in short."""
    holds: Test = tests.always
    page: str = ""
    """Empty: the type's own page."""
    read: str = READ

    @property
    def source(self) -> str:
        """Return where it is written, and when it was read."""
        return f"{self.says}; {self.page or page(self.type)}, {self.read}"


def _fails(type_: str, property_: str, says: str, holds: Test = tests.always, where: str = "") -> ConditionalUpdate:
    return ConditionalUpdate(
        type=f"AWS::{type_}", path=property_, outcome=ResourceOutcome.WILL_FAIL, says=says, holds=holds, page=where
    )


def _replaces(type_: str, property_: str, says: str, holds: Test = tests.always) -> ConditionalUpdate:
    return ConditionalUpdate(
        type=f"AWS::{type_}", path=property_, outcome=ResourceOutcome.REPLACE, says=says, holds=holds
    )


UNCHANGEABLE: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("KMS::Key", "", ("KeySpec", "KeyUsage", "MultiRegion", "Origin")),
    (
        "EC2::Volume",
        f"{DOCS}/AWSEC2/latest/APIReference/API_ModifyVolume.html",
        ("AvailabilityZone", "AvailabilityZoneId", "Encrypted", "KmsKeyId", "OutpostArn", "SnapshotId"),
    ),
    ("Logs::LogGroup", f"{DOCS}/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html", ("LogGroupClass",)),
    (
        "Cognito::UserPool",
        f"{DOCS}/cognito-user-identity-pools/latest/APIReference/API_UpdateUserPool.html",
        ("AliasAttributes", "UsernameAttributes", "UsernameConfiguration"),
    ),
)
"""Properties that no API changes once a resource is there: type, the page that shows it, names."""

ROWS: tuple[ConditionalUpdate, ...] = (
    *(
        _fails(type_, property_, f"{property_} cannot be changed after creation", where=where)
        for type_, where, properties in UNCHANGEABLE
        for property_ in properties
    ),
    _replaces(
        "DynamoDB::Table",
        "AttributeDefinitions",
        "replacement if an existing AttributeDefinition is edited",
        tests.edits_attribute,
    ),
    ConditionalUpdate(
        type="AWS::DynamoDB::Table",
        path="LocalSecondaryIndexes",
        outcome=ResourceOutcome.MAY_REPLACE,
        says="a local index is made with its table alone",
        page=f"{DOCS}/amazondynamodb/latest/developerguide/LSI.html",
    ),
    *(
        _fails(
            f"DynamoDB::{kind}",
            "GlobalSecondaryIndexes",
            "one global index may be created or deleted in an update",
            tests.changes_several_indexes,
            LIMITS,
        )
        for kind in ("Table", "GlobalTable")
    ),
    _replaces(
        "OpenSearchService::Domain",
        "EngineVersion",
        "replacement without EnableVersionUpgrade in the UpdatePolicy",
        tests.has_no_version_upgrade,
    ),
    _replaces(
        "Elasticsearch::Domain",
        "ElasticsearchVersion",
        "replacement without EnableVersionUpgrade in the UpdatePolicy",
        tests.has_no_version_upgrade,
    ),
    _replaces("OpenSearchService::Domain", "VPCOptions", "replacement if it is removed", tests.leaves("VPCOptions")),
    _fails(
        "OpenSearchService::Domain",
        "IPAddressType",
        "dual stack cannot be left again",
        tests.leaves_value("IPAddressType", "dualstack"),
    ),
    _replaces("RDS::DBInstance", "Port", "replacement", tests.is_no_member_of_cluster),
    _fails(
        "RDS::DBInstance",
        "AllocatedStorage",
        "storage cannot be made smaller",
        tests.decreases("AllocatedStorage"),
        RDS_STORAGE,
    ),
    _fails(
        "RDS::DBInstance",
        "EngineVersion",
        "another major version needs AllowMajorVersionUpgrade, and an older one cannot be had",
        tests.upgrades_major_version,
    ),
    ConditionalUpdate(
        type="AWS::EC2::Instance",
        path="BlockDeviceMappings",
        outcome=ResourceOutcome.UPDATE,
        says="only DeleteOnTermination can be changed of a running instance's disks",
        holds=tests.keeps_disks_or_not,
    ),
    _fails("EC2::Volume", "Size", "a volume cannot be made smaller", tests.decreases("Size"), EBS),
    _fails(
        "Cognito::UserPool",
        "Schema",
        "attributes cannot be changed or removed",
        tests.edits_user_attribute,
        POOLS,
    ),
    _fails(
        "Kinesis::Stream",
        "ShardCount",
        "at most twice, and at least half, as many shards",
        tests.reshards_too_far,
        RESHARD,
    ),
    *(
        ConditionalUpdate(
            type="AWS::KinesisFirehose::DeliveryStream",
            path=f"{destination}DestinationConfiguration",
            outcome=ResourceOutcome.WILL_FAIL,
            says="once S3 backup is enabled, it cannot be disabled",
            holds=tests.switches_off(f"{destination}DestinationConfiguration", "S3BackupMode"),
            page=f"{DOCS}/firehose/latest/APIReference/API_{destination}DestinationUpdate.html",
            read="2026-11-30",
        )
        for destination in ("ExtendedS3", "Redshift")
    ),
    *(
        _replaces("AppSync::GraphQLApi", name, f"replacement if {name} was not defined before", tests.appears(name))
        for name in ("ApiType", "Visibility")
    ),
    *(
        _fails(
            "EKS::Nodegroup",
            name,
            f"no other property may change together with {name}",
            tests.changes_more_than("ReleaseVersion", "Version", "ForceUpdateEnabled"),
        )
        for name in ("ReleaseVersion", "Version")
    ),
    _fails(
        "EC2::PrefixList",
        "MaxEntries",
        "entries and size cannot be changed at the same time",
        tests.changes_with("Entries"),
    ),
    _fails(
        "ApiGatewayV2::Stage",
        "DeploymentId",
        "DeploymentId cannot be updated while AutoDeploy is on",
        tests.is_true("AutoDeploy"),
    ),
)
"""The exceptions, at most one for a property of a type."""


def exception(old: Resource, new: Resource, difference: Difference) -> Impact | None:
    """Return what AWS's page says of a difference in a resource; None where no row speaks of it."""
    row = _rows().get((new.type, *difference.path[:1]))
    if row is not None:
        holds = row.holds(old, new)
        if holds is None:
            return Impact(outcome=ResourceOutcome.MAY_REPLACE, sources=(row.source,))
        if holds:
            return Impact(outcome=row.outcome, sources=(row.source,))
    if new.type == "AWS::Elasticsearch::Domain" and difference.path == ("ElasticsearchVersion",):
        return Impact(outcome=ResourceOutcome.UPDATE, sources=("EnableVersionUpgrade is on",))
    return None


@cache
def _rows() -> Mapping[tuple[str, ...], ConditionalUpdate]:
    return {(row.type, row.path): row for row in ROWS}
