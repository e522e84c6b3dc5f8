"""Cases of updates that AWS's pages speak of: those that replace or fail by a condition, and those that end data."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.review.tests.cases.case import Json, template

DOCS = "https://docs.aws.amazon.com"


@dataclass(frozen=True, kw_only=True)
class UpdateCase:
    """One resource before and after, and what must be said of it."""

    id: str
    type: str
    old: Json
    new: Json
    outcome: str = "UPDATE"
    rules: frozenset[str] = frozenset()
    """Exactly these."""
    attributes: Mapping[str, Json]
    """Of the new side's resource, such as its UpdatePolicy."""
    page: str = ""
    """Where it is written, if not on the type's own page."""

    @property
    def templates(self) -> tuple[Json, Json]:
        """The two sides, each with this resource alone."""
        return (
            template({"A": {"Type": self.type, "Properties": self.old}}),
            template({"A": {"Type": self.type, "Properties": self.new, **self.attributes}}),
        )


def update(
    id_: str, type_: str, old: Json, new: Json, outcome: str = "UPDATE", *rules: str, page: str = "", **attributes: Json
) -> UpdateCase:
    return UpdateCase(
        id=id_,
        type=f"AWS::{type_}",
        old=old,
        new=new,
        outcome=outcome,
        rules=frozenset(f"Review-{rule}" for rule in rules),
        attributes=attributes,
        page=page,
    )


def attributes(**types: str) -> Json:
    return {"AttributeDefinitions": [{"AttributeName": name, "AttributeType": type_} for name, type_ in types.items()]}


def indexes(*names: str, key: str = "a") -> Json:
    schema = [{"AttributeName": key, "KeyType": "HASH"}]
    projection = {"ProjectionType": "ALL"}
    return {
        "GlobalSecondaryIndexes": [{"IndexName": name, "KeySchema": schema, "Projection": projection} for name in names]
    }


def expire(days: Json = 30, **rule: Json) -> Json:
    return {"LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "ExpirationInDays": days, **rule}]}}


def versioning(status: str) -> Json:
    return {"VersioningConfiguration": {"Status": status}}


def recovery(on: Json, **period: int) -> Json:
    return {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": on, **period}}


def ttl(on: Json, name: str = "until") -> Json:
    return {"TimeToLiveSpecification": {"AttributeName": name, "Enabled": on}}


def replicas(*regions: str, name: str = "Replicas") -> Json:
    return {name: [{"Region": region} for region in regions]}


def schema(**mutable: bool) -> Json:
    return {
        "Schema": [{"Name": name, "AttributeDataType": "String", "Mutable": each} for name, each in mutable.items()]
    }


def rules(*names: str) -> Json:
    return {"BackupPlan": {"BackupPlanRule": [{"RuleName": name, "TargetBackupVault": "v"} for name in names]}}


def copying(*on: bool, role: str = "a") -> Json:
    each = [{"Id": str(number), "Status": "Enabled" if is_on else "Disabled"} for number, is_on in enumerate(on)]
    return {"ReplicationConfiguration": {"Role": role, "Rules": each}}


def encrypted(algorithm: str) -> Json:
    default = {"SSEAlgorithm": algorithm, "KMSMasterKeyID": OWN_KEY}
    return {"BucketEncryption": {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": default}]}}


UPGRADE = {"EnableVersionUpgrade": True}
PARAMETER = {"Ref": "Given"}
OWN_KEY = "arn:aws:kms:eu-central-1:111111111111:key/own"
TABLE = "DynamoDB::Table"

CONDITIONAL = (
    update("attribute of another type", TABLE, attributes(a="S"), attributes(a="N"), "REPLACE", "DataLoss"),
    update("attribute more", TABLE, attributes(a="S"), attributes(a="S", b="N")),
    update("attribute less", TABLE, attributes(a="S", b="N"), attributes(a="S")),
    update("attributes in another order", TABLE, attributes(a="S", b="N"), attributes(b="N", a="S")),
    update("one index more", TABLE, indexes("one"), indexes("one", "two")),
    update("first index", TABLE, {}, indexes("one")),
    update("one index less", TABLE, indexes("one", "two"), indexes("one")),
    update("two indexes more", TABLE, indexes("one"), indexes("one", "two", "three"), "WILL_FAIL", "WillFail"),
    update("two indexes less", TABLE, indexes("one", "two"), {}, "WILL_FAIL", "WillFail"),
    update("index renamed", TABLE, indexes("one"), indexes("two"), "WILL_FAIL", "WillFail"),
    update("index with another key", TABLE, indexes("one"), indexes("one", key="b"), "WILL_FAIL", "WillFail"),
    update("indexes renamed, global", "DynamoDB::GlobalTable", indexes("a"), indexes("b"), "WILL_FAIL", "WillFail"),
    update(
        "local index on an existing table",
        TABLE,
        {},
        {"LocalSecondaryIndexes": [{"IndexName": "one"}]},
        "MAY_REPLACE",
        "PossibleDataLoss",
        page=f"{DOCS}/amazondynamodb/latest/developerguide/LSI.html",
    ),
    *(
        update(
            f"{type_} version, no upgrade",
            type_,
            {name: "1"},
            {name: "2"},
            "REPLACE",
            "DataLoss",
        )
        for type_, name in (
            ("OpenSearchService::Domain", "EngineVersion"),
            ("Elasticsearch::Domain", "ElasticsearchVersion"),
        )
    ),
    *(
        update(f"{type_} version, upgrade in place", type_, {name: "1"}, {name: "2"}, UpdatePolicy=UPGRADE)
        for type_, name in (
            ("OpenSearchService::Domain", "EngineVersion"),
            ("Elasticsearch::Domain", "ElasticsearchVersion"),
        )
    ),
    update(
        "version of a domain, upgrade off",
        "OpenSearchService::Domain",
        {"EngineVersion": "1"},
        {"EngineVersion": "2"},
        "REPLACE",
        "DataLoss",
        UpdatePolicy={"EnableVersionUpgrade": False},
    ),
    update(
        "version of a domain, upgrade not told",
        "OpenSearchService::Domain",
        {"EngineVersion": "1"},
        {"EngineVersion": "2"},
        "MAY_REPLACE",
        "PossibleDataLoss",
        UpdatePolicy={"EnableVersionUpgrade": PARAMETER},
    ),
    update(
        "domain leaves its network",
        "OpenSearchService::Domain",
        {"VPCOptions": {"SubnetIds": ["a"]}},
        {},
        "REPLACE",
        "DataLoss",
    ),
    update(
        "domain in another subnet",
        "OpenSearchService::Domain",
        {"VPCOptions": {"SubnetIds": ["a"]}},
        {"VPCOptions": {"SubnetIds": ["b"]}},
    ),
    update(
        "domain leaves dual stack",
        "OpenSearchService::Domain",
        {"IPAddressType": "dualstack"},
        {"IPAddressType": "ipv4"},
        "WILL_FAIL",
        "WillFail",
    ),
    update("port of a database", "RDS::DBInstance", {"Port": "1"}, {"Port": "2"}, "REPLACE", "DataLoss"),
    update(
        "port of a database, snapshot kept",
        "RDS::DBInstance",
        {},
        {"Port": "2"},
        "REPLACE",
        "Replacement",
        UpdateReplacePolicy="Snapshot",
    ),
    update(
        "version of a cluster's member",
        "RDS::DBInstance",
        {"Engine": "aurora-postgresql", "EngineVersion": "15.4", "DBClusterIdentifier": "c"},
        {"Engine": "aurora-postgresql", "EngineVersion": "16.1", "DBClusterIdentifier": "c"},
    ),
    update("class of a database", "RDS::DBInstance", {"DBInstanceClass": "a"}, {"DBInstanceClass": "b"}),
    update("more storage", "RDS::DBInstance", {"AllocatedStorage": "20"}, {"AllocatedStorage": "40"}),
    update(
        "less storage",
        "RDS::DBInstance",
        {"AllocatedStorage": "40"},
        {"AllocatedStorage": "20"},
        "WILL_FAIL",
        "WillFail",
        page=f"{DOCS}/AmazonRDS/latest/UserGuide/USER_PIOPS.ModifyingExisting.html",
    ),
    *(
        update(
            f"{old} to {new} of {engine}{', allowed' if allowed else ''}",
            type_,
            {"Engine": engine, "EngineVersion": old},
            {"Engine": engine, "EngineVersion": new, **({"AllowMajorVersionUpgrade": True} if allowed else {})},
            outcome,
            *rules,
        )
        for type_, engine, old, new, allowed, outcome, rules in (
            ("RDS::DBInstance", "postgres", "16.3", "16.4", False, "UPDATE", ()),
            ("RDS::DBInstance", "postgres", "16.3", "17.1", False, "WILL_FAIL", ("WillFail",)),
            ("RDS::DBInstance", "postgres", "16.3", "17.1", True, "UPDATE", ()),
            ("RDS::DBInstance", "postgres", "17.1", "16.3", True, "WILL_FAIL", ("WillFail",)),
            ("RDS::DBInstance", "mysql", "8.0.35", "8.0.36", False, "UPDATE", ()),
            ("RDS::DBInstance", "mysql", "8.0.35", "8.4.3", False, "WILL_FAIL", ("WillFail",)),
        )
    ),
    *(
        update(f"{name} of a key", "KMS::Key", {name: old}, {name: new}, "WILL_FAIL", "WillFail")
        for name, old, new in (
            ("KeySpec", "SYMMETRIC_DEFAULT", "RSA_2048"),
            ("KeyUsage", "ENCRYPT_DECRYPT", "SIGN_VERIFY"),
            ("MultiRegion", False, True),
            ("Origin", "AWS_KMS", "EXTERNAL"),
        )
    ),
    update("rotation of a key", "KMS::Key", {"EnableKeyRotation": False}, {"EnableKeyRotation": True}),
    *(
        update(f"{name} of a volume", "EC2::Volume", {name: old}, {name: new}, "WILL_FAIL", "WillFail")
        for name, old, new in (("AvailabilityZone", "a", "b"), ("Encrypted", False, True), ("SnapshotId", "a", "b"))
    ),
    update(
        "zone of a volume, and a size that nobody knows",
        "EC2::Volume",
        {"AvailabilityZone": "a", "Size": 10},
        {"AvailabilityZone": "b", "Size": PARAMETER},
        "WILL_FAIL",
        "WillFail",
    ),
    update("larger volume", "EC2::Volume", {"Size": 10}, {"Size": 20}),
    update("smaller volume", "EC2::Volume", {"Size": 20}, {"Size": 10}, "WILL_FAIL", "WillFail"),
    update(
        "volume of unknown size", "EC2::Volume", {"Size": 20}, {"Size": PARAMETER}, "MAY_REPLACE", "PossibleDataLoss"
    ),
    update("attribute of users more", "Cognito::UserPool", schema(a=True), schema(a=True, b=True)),
    update(
        "attribute of users less", "Cognito::UserPool", schema(a=True, b=True), schema(a=True), "WILL_FAIL", "WillFail"
    ),
    update("attribute of users changed", "Cognito::UserPool", schema(a=True), schema(a=False), "WILL_FAIL", "WillFail"),
    update(
        "how users sign in",
        "Cognito::UserPool",
        {"UsernameAttributes": ["email"]},
        {"UsernameAttributes": ["phone_number"]},
        "WILL_FAIL",
        "WillFail",
    ),
    update("twice the shards", "Kinesis::Stream", {"ShardCount": 2}, {"ShardCount": 4}),
    update("five times the shards", "Kinesis::Stream", {"ShardCount": 2}, {"ShardCount": 10}, "WILL_FAIL", "WillFail"),
    update("a third of the shards", "Kinesis::Stream", {"ShardCount": 9}, {"ShardCount": 3}, "WILL_FAIL", "WillFail"),
    update("API gets a type", "AppSync::GraphQLApi", {}, {"ApiType": "GRAPHQL"}, "REPLACE", "Replacement"),
    update("version of nodes", "EKS::Nodegroup", {"Version": "1.30"}, {"Version": "1.31"}),
    update(
        "version of nodes and their size",
        "EKS::Nodegroup",
        {"Version": "1.30", "ScalingConfig": {"MaxSize": 1}},
        {"Version": "1.31", "ScalingConfig": {"MaxSize": 2}},
        "WILL_FAIL",
        "WillFail",
    ),
    update("size of a list of prefixes", "EC2::PrefixList", {"MaxEntries": 5}, {"MaxEntries": 9}),
    update(
        "size of a list of prefixes and an entry",
        "EC2::PrefixList",
        {"MaxEntries": 5},
        {"MaxEntries": 9, "Entries": [{"Cidr": "10.0.0.0/8"}]},
        "WILL_FAIL",
        "WillFail",
    ),
    update(
        "deployment of a stage that deploys itself",
        "ApiGatewayV2::Stage",
        {"AutoDeploy": True},
        {"AutoDeploy": True, "DeploymentId": "a"},
        "WILL_FAIL",
        "WillFail",
    ),
    update(
        "weight of an alias",
        "Lambda::Alias",
        {"FunctionVersion": "1"},
        {
            "FunctionVersion": "1",
            "RoutingConfig": {"AdditionalVersionWeights": [{"FunctionVersion": "2", "FunctionWeight": 0.1}]},
        },
    ),
    update("version of an alias", "Lambda::Alias", {"FunctionVersion": "1"}, {"FunctionVersion": "2"}),
    update("description of a version", "Lambda::Version", {"Description": "a"}, {"Description": "b"}, "REPLACE"),
    update("name of a queue", "SQS::Queue", {"QueueName": "a"}, {"QueueName": "b"}, "REPLACE", "Replacement"),
    update(
        "name of a group of logs",
        "Logs::LogGroup",
        {"LogGroupName": "a"},
        {"LogGroupName": "b"},
        "REPLACE",
        "Replacement",
    ),
    update("name of a schema registry", "Glue::Registry", {"Name": "a"}, {"Name": "b"}, "REPLACE", "UnknownData"),
    update(
        "name of a schema registry, retained",
        "Glue::Registry",
        {"Name": "a"},
        {"Name": "b"},
        "REPLACE",
        "Replacement",
        UpdateReplacePolicy="Retain",
    ),
)

ENDING = (
    update("objects expire", "S3::Bucket", {}, expire(), "UPDATE", "DataExpire"),
    update("objects expire sooner", "S3::Bucket", expire(30), expire(7), "UPDATE", "DataExpire"),
    update("objects expire later", "S3::Bucket", expire(7), expire(30)),
    update("expiry ends", "S3::Bucket", expire(), {}),
    update("expiry that nobody knows", "S3::Bucket", expire(30), expire(PARAMETER), "UPDATE", "DataExpire"),
    update("expiry below a prefix is widened", "S3::Bucket", expire(Prefix="tmp/"), expire(), "UPDATE", "DataExpire"),
    update("expiry is narrowed to a prefix", "S3::Bucket", expire(), expire(Prefix="tmp/")),
    update("expiry is narrowed to a tag", "S3::Bucket", expire(), expire(TagFilters=[{"Key": "a", "Value": "b"}])),
    update("expiry is switched on", "S3::Bucket", expire(Status="Disabled"), expire(), "UPDATE", "DataExpire"),
    update("expiry is switched off", "S3::Bucket", expire(), expire(Status="Disabled")),
    update(
        "old versions expire",
        "S3::Bucket",
        {},
        {
            "LifecycleConfiguration": {
                "Rules": [{"Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}]
            }
        },
        "UPDATE",
        "DataExpire",
    ),
    update(
        "parts of uploads are cleaned up",
        "S3::Bucket",
        {},
        {
            "LifecycleConfiguration": {
                "Rules": [{"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}]
            }
        },
    ),
    update("versions end", "S3::Bucket", versioning("Enabled"), versioning("Suspended"), "UPDATE", "RecoveryEnds"),
    update("versions begin", "S3::Bucket", {}, versioning("Enabled")),
    update(
        "copies of a bucket end",
        "S3::Bucket",
        {"ReplicationConfiguration": {"Role": "r", "Rules": []}},
        {},
        "UPDATE",
        "AccessUnknown",
        "RecoveryEnds",
    ),
    update("logs are kept for a day", "Logs::LogGroup", {}, {"RetentionInDays": 1}, "UPDATE", "DataExpire"),
    update(
        "logs are kept shorter",
        "Logs::LogGroup",
        {"RetentionInDays": 30},
        {"RetentionInDays": 7},
        "UPDATE",
        "DataExpire",
    ),
    update("logs are kept longer", "Logs::LogGroup", {"RetentionInDays": 7}, {"RetentionInDays": 30}),
    update("logs are kept for ever", "Logs::LogGroup", {"RetentionInDays": 7}, {}),
    update("messages are kept shorter", "SQS::Queue", {}, {"MessageRetentionPeriod": 60}, "UPDATE", "DataExpire"),
    update("messages are kept longer", "SQS::Queue", {}, {"MessageRetentionPeriod": 1_209_600}),
    update("messages are kept as by default", "SQS::Queue", {}, {"MessageRetentionPeriod": 345_600}),
    update("dead letters end", "SQS::Queue", {"RedrivePolicy": {"maxReceiveCount": 3}}, {}, "UPDATE", "RecoveryEnds"),
    update("records are kept shorter", "Kinesis::Stream", {"RetentionPeriodHours": 168}, {}, "UPDATE", "DataExpire"),
    update("records are kept longer", "Kinesis::Stream", {}, {"RetentionPeriodHours": 168}),
    update(
        "events are kept shorter", "Events::Archive", {"RetentionDays": 0}, {"RetentionDays": 9}, "UPDATE", "DataExpire"
    ),
    update("events are kept for ever", "Events::Archive", {"RetentionDays": 9}, {"RetentionDays": 0}),
    update(
        "trail is kept shorter",
        "CloudTrail::EventDataStore",
        {"RetentionPeriod": 2557},
        {"RetentionPeriod": 90},
        "UPDATE",
        "DataExpire",
    ),
    update("video is kept shorter", "KinesisVideo::Stream", {"DataRetentionInHours": 24}, {}, "UPDATE", "DataExpire"),
    update(
        "series are kept shorter",
        "Timestream::Table",
        {"RetentionProperties": {"MagneticStoreRetentionPeriodInDays": "365"}},
        {"RetentionProperties": {"MagneticStoreRetentionPeriodInDays": "30"}},
        "UPDATE",
        "DataExpire",
    ),
    *(
        update(f"{name} of {type_} is shorter", type_, {name: 14}, {name: 1}, outcome, *rules)
        for type_, name, outcome, rules in (
            ("DocDB::DBCluster", "BackupRetentionPeriod", "UPDATE", ("DataExpire",)),
            ("ElastiCache::ReplicationGroup", "SnapshotRetentionLimit", "UPDATE", ("DataExpire",)),
            ("MemoryDB::Cluster", "SnapshotRetentionLimit", "UPDATE", ("DataExpire",)),
            ("Neptune::DBCluster", "BackupRetentionPeriod", "UPDATE", ("DataExpire",)),
            ("RDS::DBCluster", "BackupRetentionPeriod", "UPDATE", ("DataExpire",)),
            ("RDS::DBCluster", "BacktrackWindow", "UPDATE", ("DataExpire",)),
            ("Redshift::Cluster", "AutomatedSnapshotRetentionPeriod", "UPDATE", ("DataExpire",)),
        )
    ),
    update("backups of a cluster begin", "RDS::DBCluster", {}, {"BackupRetentionPeriod": 14}),
    update(
        "backups of a plan are kept shorter",
        "Backup::BackupPlan",
        {"BackupPlan": {"BackupPlanRule": [{"RuleName": "a", "Lifecycle": {"DeleteAfterDays": 30}}]}},
        {"BackupPlan": {"BackupPlanRule": [{"RuleName": "a", "Lifecycle": {"DeleteAfterDays": 7}}]}},
        "UPDATE",
        "DataExpire",
    ),
    update("point in time recovery ends", TABLE, recovery(True), recovery(False), "UPDATE", "RecoveryEnds"),
    update("point in time recovery goes", TABLE, recovery(True), {}, "UPDATE", "RecoveryEnds"),
    update("point in time recovery begins", TABLE, {}, recovery(True)),
    update(
        "point in time recovery reaches less far",
        TABLE,
        recovery(True, RecoveryPeriodInDays=35),
        recovery(True, RecoveryPeriodInDays=1),
        "UPDATE",
        "DataExpire",
    ),
    update("point in time recovery as by default", TABLE, recovery(True), recovery(True, RecoveryPeriodInDays=35)),
    update("items expire", TABLE, {}, ttl(True), "UPDATE", "DataExpire"),
    update("items expire by another attribute", TABLE, ttl(True), ttl(True, "end"), "UPDATE", "DataExpire"),
    update("items do not expire any more", TABLE, ttl(True), ttl(False)),
    update("items expire, global", "DynamoDB::GlobalTable", {}, ttl(True), "UPDATE", "DataExpire"),
    update(
        "replica of a table goes",
        "DynamoDB::GlobalTable",
        replicas("eu-central-1", "us-east-1"),
        replicas("eu-central-1"),
        "UPDATE",
        "RecoveryEnds",
    ),
    update(
        "replica of a table comes",
        "DynamoDB::GlobalTable",
        replicas("eu-central-1"),
        replicas("eu-central-1", "us-east-1"),
    ),
    update(
        "replica of a secret goes",
        "SecretsManager::Secret",
        replicas("us-east-1", name="ReplicaRegions"),
        {},
        "UPDATE",
        "RecoveryEnds",
    ),
    update(
        "backups of files end",
        "EFS::FileSystem",
        {"BackupPolicy": {"Status": "ENABLED"}},
        {"BackupPolicy": {"Status": "DISABLED"}},
        "UPDATE",
        "RecoveryEnds",
    ),
    update(
        "secret is made anew",
        "SecretsManager::Secret",
        {"GenerateSecretString": {"PasswordLength": 32}},
        {"GenerateSecretString": {"PasswordLength": 40}},
        "UPDATE",
        "SecretRegenerated",
    ),
    update("secret is described", "SecretsManager::Secret", {"Description": "a"}, {"Description": "b"}),
    update(
        "images expire",
        "ECR::Repository",
        {},
        {"LifecyclePolicy": {"LifecyclePolicyText": "{}"}},
        "UPDATE",
        "DataExpire",
    ),
    update(
        "table under the service's key",
        TABLE,
        {"SSESpecification": {"SSEEnabled": True, "KMSMasterKeyId": OWN_KEY}},
        {"SSESpecification": {"SSEEnabled": True}},
        "UPDATE",
        "EncryptionWeakened",
    ),
    update(
        "queue under the service's key",
        "SQS::Queue",
        {"KmsMasterKeyId": OWN_KEY},
        {"KmsMasterKeyId": "alias/aws/sqs"},
        "UPDATE",
        "EncryptionWeakened",
    ),
    update(
        "queue under a key of its own", "SQS::Queue", {"KmsMasterKeyId": "alias/aws/sqs"}, {"KmsMasterKeyId": OWN_KEY}
    ),
    update("logs under the service's key", "Logs::LogGroup", {"KmsKeyId": OWN_KEY}, {}, "UPDATE", "EncryptionWeakened"),
    update(
        "secret under the service's key",
        "SecretsManager::Secret",
        {"KmsKeyId": OWN_KEY},
        {},
        "UPDATE",
        "EncryptionWeakened",
    ),
    update("days until a deleted key is gone", "KMS::Key", {"PendingWindowInDays": 30}, {"PendingWindowInDays": 7}),
    update(
        "stream of a table ends",
        TABLE,
        {"StreamSpecification": {"StreamViewType": "NEW_IMAGE"}},
        {},
        "UPDATE",
        "DataExpire",
    ),
    update(
        "messages of a channel are kept shorter",
        "IoTAnalytics::Channel",
        {"RetentionPeriod": {"NumberOfDays": 30}},
        {"RetentionPeriod": {"NumberOfDays": 7}},
        "UPDATE",
        "DataExpire",
    ),
    update(
        "snapshots of a table are kept shorter",
        "S3Tables::Table",
        {"SnapshotManagement": {"Status": "enabled", "MaxSnapshotAgeHours": 120}},
        {"SnapshotManagement": {"Status": "enabled", "MaxSnapshotAgeHours": 24}},
        "UPDATE",
        "DataExpire",
    ),
    update(
        "snapshots of a table do not expire any more",
        "S3Tables::Table",
        {"SnapshotManagement": {"Status": "enabled"}},
        {"SnapshotManagement": {"Status": "disabled"}},
    ),
    update(
        "bounds of a vault's lock",
        "Backup::BackupVault",
        {"LockConfiguration": {"MinRetentionDays": 9}},
        {"LockConfiguration": {"MinRetentionDays": 7}},
    ),
    *(
        update(
            f"backups of files kept for {days} days, {kind}",
            "FSx::FileSystem",
            {},
            {f"{kind}Configuration": {"AutomaticBackupRetentionDays": days}},
            outcome,
            *said,
        )
        for kind, days, outcome, said in (
            ("Lustre", 7, "UPDATE", ()),
            ("Windows", 30, "UPDATE", ()),
            ("Windows", 7, "UPDATE", ("DataExpire",)),
        )
    ),
    update("tags of snapshots", "RDS::DBInstance", {"CopyTagsToSnapshot": True}, {"CopyTagsToSnapshot": False}),
    update("stream of a table begins", TABLE, {}, {"StreamSpecification": {"StreamViewType": "NEW_IMAGE"}}),
    update("key is disabled", "KMS::Key", {}, {"Enabled": False}, "UPDATE", "RecoveryEnds"),
    update("key is enabled", "KMS::Key", {"Enabled": False}, {"Enabled": True}),
    update("rule of a backup plan goes", "Backup::BackupPlan", rules("a", "b"), rules("b"), "UPDATE", "RecoveryEnds"),
    update("rule of a backup plan comes", "Backup::BackupPlan", rules("a"), rules("a", "b")),
    update(
        "one copy of a bucket ends", "S3::Bucket", copying(True, True), copying(True, False), "UPDATE", "RecoveryEnds"
    ),
    update(
        "one copy of a bucket is off as it was",
        "S3::Bucket",
        copying(True, False),
        copying(True, False, role="b"),
        "UPDATE",
        "AccessUnknown",
    ),
    update("repository is emptied", "ECR::Repository", {}, {"EmptyOnDelete": True}, "UPDATE", "RecoveryEnds"),
    update(
        "backups go along with the database",
        "RDS::DBInstance",
        {"DeleteAutomatedBackups": False},
        {},
        "UPDATE",
        "RecoveryEnds",
    ),
    update(
        "backups outlive the database",
        "RDS::DBInstance",
        {"DeleteAutomatedBackups": True},
        {"DeleteAutomatedBackups": False},
    ),
    update("backups go along as by default", "RDS::DBInstance", {}, {"DeleteAutomatedBackups": True}),
    update("last snapshot is skipped", "MemoryDB::Cluster", {"FinalSnapshotName": "a"}, {}, "UPDATE", "RecoveryEnds"),
    update("bucket under the service's key", "S3::Bucket", encrypted("aws:kms"), {}, "UPDATE", "EncryptionWeakened"),
    update("bucket under a doubled key", "S3::Bucket", encrypted("aws:kms"), encrypted("aws:kms:dsse")),
    update("bucket under a key of its own", "S3::Bucket", {}, encrypted("aws:kms")),
    update(
        "stream under no key",
        "Kinesis::Stream",
        {"StreamEncryption": {"EncryptionType": "KMS", "KeyId": OWN_KEY}},
        {},
        "UPDATE",
        "EncryptionWeakened",
    ),
    update(
        "instance can be terminated",
        "EC2::Instance",
        {"DisableApiTermination": True},
        {"DisableApiTermination": False},
        "UPDATE",
        "GuardDropped",
    ),
)
