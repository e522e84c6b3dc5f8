"""Cases of data, each with the page of AWS's that it is about: what a type holds, what replaces it, what ends.

They were written before the pages were read. `CONFIRMED` says which were then compared with AWS's own text, on `READ`,
and from where; `STRICTER` are those of which AWS says less. What is in neither is unconfirmed.
"""

from collections.abc import Mapping
from dataclasses import replace

from pipeline.review.tests.cases.documented import DOCS, Json, Subject, between, removed, said

KEY = "arn:aws:kms:eu-central-1:111111111111:key/own"
TABLE = "DynamoDB::Table"
DATABASE = "RDS::DBInstance"


def locked(days: int, mode: str = "GOVERNANCE") -> Json:
    rule = {"DefaultRetention": {"Mode": mode, "Days": days}}
    return {"ObjectLockEnabled": True, "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", "Rule": rule}}


def snapshots(count: int, **schedule: Json) -> Json:
    each = {"Name": "daily", "RetainRule": {"Count": count}, **schedule}
    return {"State": "ENABLED", "PolicyDetails": {"ResourceTypes": ["VOLUME"], "Schedules": [each]}}


def plan(**rule: Json) -> Json:
    return {"BackupPlan": {"BackupPlanRule": [{"RuleName": "a", "TargetBackupVault": "v", **rule}]}}


def replicated(*regions: str) -> Json:
    rules = [{"Destinations": [{"Region": region, "RegistryId": "111111111111"}]} for region in regions]
    return {"ReplicationConfiguration": {"Rules": rules}}


TYPES = (
    *removed(
        "DataLoss",
        *("CodeCommit::Repository", "DocDB::DBCluster", "EFS::FileSystem", "Elasticsearch::Domain"),
        *("FSx::FileSystem", "HealthImaging::Datastore", "HealthLake::FHIRDatastore", "KMS::Key", "KMS::ReplicaKey"),
        *("Kendra::Index", "Neptune::DBCluster", "Omics::SequenceStore", "OpenSearchService::Domain", "QLDB::Ledger"),
        *("Redshift::Cluster", "S3Express::DirectoryBucket", "SDB::Domain", "Timestream::Database"),
    ),
    *removed(
        "UnknownData",
        *("AppFlow::Flow", "Bedrock::Agent", "Connect::ContactFlow", "Glue::Table"),
        *("IoTSiteWise::Portal", "Lex::Bot", "Personalize::Dataset", "SageMaker::Model", "SSMIncidents::ResponsePlan"),
    ),
    *removed("", "ApiGateway::Method", "AutoScaling::AutoScalingGroup", "EC2::Route", "Events::EventBus", "IAM::User"),
)

UPDATES = (
    said(Subject.CONDITIONAL, "Neptune's key", "Neptune::DBCluster", {"KmsKeyId": "a"}, {"KmsKeyId": "b"}, "DataLoss"),
    said(
        Subject.CONDITIONAL,
        "Redshift's subnets",
        "Redshift::Cluster",
        {"ClusterSubnetGroupName": "a"},
        {"ClusterSubnetGroupName": "b"},
        "DataLoss",
    ),
    said(
        Subject.CONDITIONAL,
        "a snapshot that a database was made from is named no more",
        "RDS::DBCluster",
        {"SnapshotIdentifier": "a"},
        {},
        "DataLoss",
    ),
    said(
        Subject.CONDITIONAL,
        "a file system is encrypted",
        "EFS::FileSystem",
        {"Encrypted": False},
        {"Encrypted": True},
        "DataLoss",
    ),
    said(Subject.CONDITIONAL, "a bucket's name", "S3::Bucket", {"BucketName": "a"}, {"BucketName": "b"}, "DataLoss"),
    said(
        Subject.CONDITIONAL,
        "a cluster's snapshot, retained",
        "DocDB::DBCluster",
        {"SnapshotIdentifier": "a"},
        {"SnapshotIdentifier": "b"},
        "Replacement",
        UpdateReplacePolicy="Retain",
    ),
    said(
        Subject.CONDITIONAL,
        "an access key's serial",
        "IAM::AccessKey",
        {"UserName": "a", "Serial": 1},
        {"UserName": "a", "Serial": 2},
        "Replacement",
    ),
    said(
        Subject.CONDITIONAL,
        "a client gets a secret",
        "Cognito::UserPoolClient",
        {"UserPoolId": "a", "GenerateSecret": False},
        {"UserPoolId": "a", "GenerateSecret": True},
        "Replacement",
    ),
    said(
        Subject.CONDITIONAL,
        "a key of a table",
        TABLE,
        {"KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}]},
        {"KeySchema": [{"AttributeName": "b", "KeyType": "HASH"}]},
        "DataLoss",
    ),
    said(
        Subject.CONDITIONAL,
        "an instance's image",
        "EC2::Instance",
        {"ImageId": "ami-1"},
        {"ImageId": "ami-2"},
        "Replacement",
    ),
    said(
        Subject.CONDITIONAL,
        "a hosted zone's name",
        "Route53::HostedZone",
        {"Name": "a.example"},
        {"Name": "b.example"},
        "Replacement",
    ),
    said(
        Subject.REFUSED,
        "a volume smaller",
        "EC2::Volume",
        {"Size": 100},
        {"Size": 50},
        "WillFail",
        page=f"{DOCS}/ebs/latest/userguide/modify-volume-requirements.html",
    ),
    said(
        Subject.REFUSED,
        "a stream with ten times the shards",
        "Kinesis::Stream",
        {"ShardCount": 1},
        {"ShardCount": 10},
        "WillFail",
        page=f"{DOCS}/kinesis/latest/APIReference/API_UpdateShardCount.html",
    ),
    said(
        Subject.REFUSED,
        "an older engine",
        DATABASE,
        {"Engine": "mariadb", "EngineVersion": "10.11.6"},
        {"Engine": "mariadb", "EngineVersion": "10.6.16"},
        "WillFail",
        page=f"{DOCS}/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.Upgrading.html",
    ),
    said(
        Subject.REFUSED,
        "storage of a database smaller",
        DATABASE,
        {"AllocatedStorage": 100},
        {"AllocatedStorage": 20},
        "WillFail",
        page=f"{DOCS}/AmazonRDS/latest/UserGuide/USER_PIOPS.ModifyingExisting.html",
    ),
    said(
        Subject.REFUSED,
        "a class of a group of logs",
        "Logs::LogGroup",
        {"LogGroupClass": "STANDARD"},
        {"LogGroupClass": "INFREQUENT_ACCESS"},
        "WillFail",
        page=f"{DOCS}/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html",
    ),
    said(Subject.IN_PLACE, "a function's memory", "Lambda::Function", {"MemorySize": 128}, {"MemorySize": 256}),
    said(
        Subject.IN_PLACE,
        "a function's runtime",
        "Lambda::Function",
        {"Runtime": "python3.11"},
        {"Runtime": "python3.12"},
    ),
    said(
        Subject.IN_PLACE,
        "how a table is paid for",
        TABLE,
        {"BillingMode": "PROVISIONED"},
        {"BillingMode": "PAY_PER_REQUEST"},
    ),
    said(Subject.IN_PLACE, "a class of a table", TABLE, {}, {"TableClass": "STANDARD_INFREQUENT_ACCESS"}),
    said(
        Subject.IN_PLACE,
        "more storage of a domain",
        "OpenSearchService::Domain",
        {"EBSOptions": {"EBSEnabled": True, "VolumeSize": 10}},
        {"EBSOptions": {"EBSEnabled": True, "VolumeSize": 20}},
    ),
    said(
        Subject.IN_PLACE,
        "another version of an alias",
        "Lambda::Alias",
        {"Name": "live", "FunctionVersion": "7"},
        {"Name": "live", "FunctionVersion": "8"},
    ),
    said(
        Subject.IN_PLACE,
        "how long a message is hidden",
        "SQS::Queue",
        {"VisibilityTimeout": 30},
        {"VisibilityTimeout": 60},
    ),
    said(
        Subject.IN_PLACE,
        "a mode of a stream",
        "Kinesis::Stream",
        {"StreamModeDetails": {"StreamMode": "PROVISIONED"}},
        {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}},
    ),
    said(
        Subject.IN_PLACE,
        "a class of a cluster's member",
        DATABASE,
        {"DBClusterIdentifier": "c", "DBInstanceClass": "db.r6g.large"},
        {"DBClusterIdentifier": "c", "DBInstanceClass": "db.r6g.xlarge"},
    ),
    said(Subject.IN_PLACE, "an alarm's threshold", "CloudWatch::Alarm", {"Threshold": 1}, {"Threshold": 2}),
)

ENDING = (
    said(
        Subject.RECOVERY,
        "objects are locked for fewer days",
        "S3::Bucket",
        locked(365),
        locked(1),
        "RecoveryEnds",
        page=f"{DOCS}/AmazonS3/latest/userguide/object-lock.html",
    ),
    said(
        Subject.RECOVERY,
        "a lock that somebody may lift",
        "S3::Bucket",
        locked(365, "COMPLIANCE"),
        locked(365),
        "RecoveryEnds",
        page=f"{DOCS}/AmazonS3/latest/userguide/object-lock.html",
    ),
    said(
        Subject.RECOVERY,
        "objects are locked no more by default",
        "S3::Bucket",
        locked(365),
        {"ObjectLockEnabled": True},
        "RecoveryEnds",
        page=f"{DOCS}/AmazonS3/latest/userguide/object-lock.html",
    ),
    said(
        Subject.EXPIRY,
        "fewer snapshots of volumes",
        "DLM::LifecyclePolicy",
        snapshots(30),
        snapshots(1),
        "DataExpire",
        page=f"{DOCS}/ebs/latest/userguide/snapshot-lifecycle.html",
    ),
    said(
        Subject.RECOVERY,
        "snapshots of volumes end",
        "DLM::LifecyclePolicy",
        snapshots(30),
        {**snapshots(30), "State": "DISABLED"},
        "RecoveryEnds",
        page=f"{DOCS}/ebs/latest/userguide/snapshot-lifecycle.html",
    ),
    said(
        Subject.RECOVERY,
        "snapshots of volumes are not copied to another region",
        "DLM::LifecyclePolicy",
        snapshots(30, CrossRegionCopyRules=[{"Target": "us-east-1", "Encrypted": True}]),
        snapshots(30),
        "RecoveryEnds",
        page=f"{DOCS}/ebs/latest/userguide/snapshot-lifecycle.html",
    ),
    said(
        Subject.RECOVERY,
        "backups are not copied elsewhere",
        "Backup::BackupPlan",
        plan(CopyActions=[{"DestinationBackupVaultArn": "arn:aws:backup:us-east-1:111111111111:backup-vault:v"}]),
        plan(),
        "RecoveryEnds",
        page=f"{DOCS}/aws-backup/latest/devguide/cross-region-backup.html",
    ),
    said(
        Subject.RECOVERY,
        "continuous backups end",
        "Backup::BackupPlan",
        plan(EnableContinuousBackup=True),
        plan(EnableContinuousBackup=False),
        "RecoveryEnds",
        page=f"{DOCS}/aws-backup/latest/devguide/point-in-time-recovery.html",
    ),
    said(
        Subject.RECOVERY,
        "a vault's lock goes",
        "Backup::BackupVault",
        {"BackupVaultName": "v", "LockConfiguration": {"MinRetentionDays": 7}},
        {"BackupVaultName": "v"},
        "RecoveryEnds",
        page=f"{DOCS}/aws-backup/latest/devguide/vault-lock.html",
    ),
    said(
        Subject.RECOVERY,
        "images are copied to fewer regions",
        "ECR::ReplicationConfiguration",
        replicated("eu-west-1", "us-east-1"),
        replicated("eu-west-1"),
        "RecoveryEnds",
        page=f"{DOCS}/AmazonECR/latest/userguide/replication.html",
    ),
    said(
        Subject.RECOVERY,
        "backups of a database end",
        DATABASE,
        {"BackupRetentionPeriod": 7},
        {"BackupRetentionPeriod": 0},
        "DataExpire",
        page=f"{DOCS}/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.BackupRetention.html",
    ),
    said(
        Subject.RECOVERY,
        "backups of a database are not copied to another region",
        DATABASE,
        {"AutomaticBackupReplicationRegion": "us-east-1"},
        {},
        "RecoveryEnds",
        page=f"{DOCS}/AmazonRDS/latest/UserGuide/USER_ReplicateBackups.html",
    ),
    said(
        Subject.RECOVERY,
        "point in time recovery of one replica ends",
        "DynamoDB::GlobalTable",
        {
            "Replicas": [
                {"Region": "eu-west-1", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
            ]
        },
        {"Replicas": [{"Region": "eu-west-1"}]},
        "RecoveryEnds",
        page=f"{DOCS}/amazondynamodb/latest/developerguide/Point-in-time-recovery.html",
    ),
    *(
        said(
            Subject.REFUSED,
            f"records of {destination} are not backed up any more",
            "KinesisFirehose::DeliveryStream",
            {f"{destination}DestinationConfiguration": {"RoleARN": "r", "S3BackupMode": "Enabled"}},
            {f"{destination}DestinationConfiguration": {"RoleARN": "r", "S3BackupMode": "Disabled"}},
            "WillFail",
            page=f"{DOCS}/firehose/latest/APIReference/API_{destination}DestinationUpdate.html",
        )
        for destination in ("ExtendedS3", "Redshift")
    ),
    said(
        Subject.RECOVERY,
        "a trail logs no more",
        "CloudTrail::Trail",
        {"IsLogging": True, "S3BucketName": "b"},
        {"IsLogging": False, "S3BucketName": "b"},
        "RecoveryEnds",
        page=f"{DOCS}/awscloudtrail/latest/userguide/cloudtrail-turning-off-logging.html",
    ),
    said(
        Subject.RECOVERY,
        "a trail of every region becomes one of one",
        "CloudTrail::Trail",
        {"IsLogging": True, "S3BucketName": "b", "IsMultiRegionTrail": True},
        {"IsLogging": True, "S3BucketName": "b", "IsMultiRegionTrail": False},
        "RecoveryEnds",
        page=f"{DOCS}/awscloudtrail/latest/userguide/cloudtrail-trails.html",
    ),
    said(
        Subject.RECOVERY,
        "a subscription has no dead-letter queue any more",
        "SNS::Subscription",
        {"TopicArn": "t", "Protocol": "sqs", "RedrivePolicy": {"deadLetterTargetArn": "q"}},
        {"TopicArn": "t", "Protocol": "sqs"},
        "RecoveryEnds",
        page=f"{DOCS}/sns/latest/dg/sns-dead-letter-queues.html",
    ),
    said(
        Subject.RECOVERY,
        "a function has no dead-letter queue any more",
        "Lambda::Function",
        {"DeadLetterConfig": {"TargetArn": "q"}},
        {},
        "RecoveryEnds",
        page=f"{DOCS}/lambda/latest/dg/invocation-async-retain-records.html",
    ),
    said(
        Subject.RECOVERY,
        "an instance's volume goes with it",
        "EC2::Instance",
        {"BlockDeviceMappings": [{"DeviceName": "/dev/xvdb", "Ebs": {"DeleteOnTermination": False}}]},
        {"BlockDeviceMappings": [{"DeviceName": "/dev/xvdb", "Ebs": {"DeleteOnTermination": True}}]},
        "RecoveryEnds",
        page=f"{DOCS}/AWSEC2/latest/UserGuide/preserving-volumes-on-termination.html",
    ),
    said(
        Subject.EXPIRY,
        "a queue keeps messages for a minute",
        "SQS::Queue",
        {"MessageRetentionPeriod": 1_209_600},
        {"MessageRetentionPeriod": 60},
        "DataExpire",
    ),
    said(
        Subject.EXPIRY,
        "a stream keeps records for a day",
        "Kinesis::Stream",
        {"RetentionPeriodHours": 8760},
        {"RetentionPeriodHours": 24},
        "DataExpire",
        page=f"{DOCS}/streams/latest/dev/kinesis-extended-retention.html",
    ),
    said(
        Subject.EXPIRY,
        "an archive keeps events for a day",
        "Events::Archive",
        {"SourceArn": "b"},
        {"SourceArn": "b", "RetentionDays": 1},
        "DataExpire",
        page=f"{DOCS}/eventbridge/latest/userguide/eb-archive.html",
    ),
    said(
        Subject.EXPIRY,
        "logs that only the deployment dates",
        "Logs::LogGroup",
        {"RetentionInDays": 30},
        {"RetentionInDays": {"Fn::ImportValue": "days"}},
        "DataExpire",
    ),
    said(
        Subject.EXPIRY,
        "a rule for objects of one tag becomes one for all",
        "S3::Bucket",
        {
            "LifecycleConfiguration": {
                "Rules": [{"Status": "Enabled", "ExpirationInDays": 7, "TagFilters": [{"Key": "a", "Value": "b"}]}]
            }
        },
        {"LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "ExpirationInDays": 7}]}},
        "DataExpire",
        page=f"{DOCS}/AmazonS3/latest/userguide/intro-lifecycle-rules.html",
    ),
    said(
        Subject.EXPIRY,
        "objects end on a day",
        "S3::Bucket",
        {},
        {"LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "ExpirationDate": "2026-12-24T00:00:00Z"}]}},
        "DataExpire",
        page=f"{DOCS}/AmazonS3/latest/userguide/lifecycle-expire-general-considerations.html",
    ),
    said(
        Subject.IN_PLACE,
        "objects move to a colder class",
        "S3::Bucket",
        {},
        {
            "LifecycleConfiguration": {
                "Rules": [
                    {"Status": "Enabled", "Transitions": [{"StorageClass": "GLACIER_IR", "TransitionInDays": 90}]}
                ]
            }
        },
        page=f"{DOCS}/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html",
    ),
    said(
        Subject.EXPIRY,
        "the same expiry written the old way",
        "S3::Bucket",
        {},
        {"LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "NoncurrentVersionExpirationInDays": 1}]}},
        "DataExpire",
        page=f"{DOCS}/AmazonS3/latest/userguide/intro-lifecycle-rules.html",
    ),
    said(
        Subject.SECRET,
        "a generated value gives way to one in the template",
        "SecretsManager::Secret",
        {"GenerateSecretString": {"PasswordLength": 32}},
        {"SecretString": {"Ref": "Given"}},
        "SecretRegenerated",
    ),
    said(
        Subject.SECRET,
        "a value is generated no more",
        "SecretsManager::Secret",
        {"GenerateSecretString": {"PasswordLength": 32}},
        {},
        "SecretRegenerated",
    ),
    said(
        Subject.SECRET,
        "another value in the template",
        "SecretsManager::Secret",
        {"SecretString": "{{resolve:ssm:/a:1}}"},
        {"SecretString": "{{resolve:ssm:/a:2}}"},
        "SecretRegenerated",
    ),
    *(
        said(
            Subject.SECRET,
            f"{name} of {type_} {'begins' if is_on else 'ends'}",
            type_,
            {name: not is_on, "MasterUsername": "m"},
            {name: is_on, "MasterUsername": "m"},
            "SecretRegenerated",
            page=where,
        )
        for type_, name, where in (
            (
                DATABASE,
                "ManageMasterUserPassword",
                f"{DOCS}/AmazonRDS/latest/UserGuide/rds-secrets-manager.html",
            ),
            (
                "Redshift::Cluster",
                "ManageMasterPassword",
                f"{DOCS}/redshift/latest/mgmt/redshift-secrets-manager-integration.html",
            ),
        )
        for is_on in (True, False)
    ),
    said(
        Subject.SECRET,
        "a master's password",
        "RDS::DBCluster",
        {"MasterUserPassword": "{{resolve:secretsmanager:a}}"},
        {"MasterUserPassword": "{{resolve:secretsmanager:b}}"},
        "SecretRegenerated",
    ),
    *(
        said(
            Subject.ENCRYPTION,
            f"{type_} under no key of its own",
            type_,
            {**beside, name: KEY},
            beside,
            "EncryptionWeakened",
            page=where,
        )
        for type_, name, beside, where in (
            ("SNS::Topic", "KmsMasterKeyId", {}, f"{DOCS}/sns/latest/dg/sns-server-side-encryption.html"),
            ("Lambda::Function", "KmsKeyArn", {}, f"{DOCS}/lambda/latest/dg/configuration-envvars-encryption.html"),
            (
                "Events::EventBus",
                "KmsKeyIdentifier",
                {"Name": "b"},
                f"{DOCS}/eventbridge/latest/userguide/eb-encryption.html",
            ),
            (
                "CloudTrail::Trail",
                "KMSKeyId",
                {"IsLogging": True, "S3BucketName": "b"},
                f"{DOCS}/awscloudtrail/latest/userguide/encrypting-cloudtrail-log-files-with-aws-kms.html",
            ),
        )
    ),
    said(
        Subject.ENCRYPTION,
        "a bucket takes S3's own key",
        "S3::Bucket",
        {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}}
                ]
            }
        },
        {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            }
        },
        "EncryptionWeakened",
        page=f"{DOCS}/AmazonS3/latest/userguide/UsingKMSEncryption.html",
    ),
    said(
        Subject.ENCRYPTION,
        "a bucket takes the account's key",
        "S3::Bucket",
        {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}}
                ]
            }
        },
        {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
            }
        },
        "EncryptionWeakened",
        page=f"{DOCS}/AmazonS3/latest/userguide/UsingKMSEncryption.html",
    ),
    said(
        Subject.ENCRYPTION,
        "executions take a key of AWS's",
        "StepFunctions::StateMachine",
        {"EncryptionConfiguration": {"Type": "CUSTOMER_MANAGED_KMS_KEY", "KmsKeyId": KEY}},
        {"EncryptionConfiguration": {"Type": "AWS_OWNED_KEY"}},
        "EncryptionWeakened",
        page=f"{DOCS}/step-functions/latest/dg/encryption-at-rest.html",
    ),
    said(
        Subject.IN_PLACE,
        "a topic gets a key of its own",
        "SNS::Topic",
        {},
        {"KmsMasterKeyId": KEY},
        page=f"{DOCS}/sns/latest/dg/sns-server-side-encryption.html",
    ),
)

KEEPING = (
    said(
        Subject.EXPIRY,
        "snapshots of a cluster that were kept for ever",
        "Redshift::Cluster",
        {"ManualSnapshotRetentionPeriod": -1},
        {"ManualSnapshotRetentionPeriod": 30},
        "DataExpire",
        page=f"{DOCS}/redshift/latest/mgmt/working-with-snapshots.html",
    ),
    said(
        Subject.RECOVERY,
        "snapshots of a cluster are not copied to another region",
        "Redshift::Cluster",
        {"DestinationRegion": "us-east-1"},
        {},
        "RecoveryEnds",
        page=f"{DOCS}/redshift/latest/mgmt/cross-region-snapshot-copy.html",
    ),
    said(
        Subject.EXPIRY,
        "rows of Keyspaces expire",
        "Cassandra::Table",
        {"DefaultTimeToLive": 0},
        {"DefaultTimeToLive": 86_400},
        "DataExpire",
        page=f"{DOCS}/keyspaces/latest/devguide/TTL.html",
    ),
    said(
        Subject.IN_PLACE,
        "rows of Keyspaces do not expire any more",
        "Cassandra::Table",
        {"DefaultTimeToLive": 86_400},
        {"DefaultTimeToLive": 0},
        page=f"{DOCS}/keyspaces/latest/devguide/TTL.html",
    ),
    said(
        Subject.RECOVERY,
        "a keyspace is kept in fewer regions",
        "Cassandra::Keyspace",
        {"ReplicationSpecification": {"ReplicationStrategy": "MULTI_REGION", "RegionList": ["eu-west-1", "us-east-1"]}},
        {"ReplicationSpecification": {"ReplicationStrategy": "MULTI_REGION", "RegionList": ["eu-west-1"]}},
        "RecoveryEnds",
        page=f"{DOCS}/keyspaces/latest/devguide/multiRegion-replication.html",
    ),
    said(
        Subject.EXPIRY,
        "the same number of another unit",
        "DLM::LifecyclePolicy",
        {"PolicyDetails": {"Schedules": [{"Name": "a", "RetainRule": {"Interval": 6, "IntervalUnit": "MONTHS"}}]}},
        {"PolicyDetails": {"Schedules": [{"Name": "a", "RetainRule": {"Interval": 6, "IntervalUnit": "DAYS"}}]}},
        "DataExpire",
        page=f"{DOCS}/ebs/latest/userguide/snapshot-ami-policy.html",
    ),
    said(
        Subject.EXPIRY,
        "snapshots of a default policy",
        "DLM::LifecyclePolicy",
        {"DefaultPolicy": "VOLUME", "RetainInterval": 14},
        {"DefaultPolicy": "VOLUME", "RetainInterval": 2},
        "DataExpire",
        page=f"{DOCS}/ebs/latest/userguide/default-policies.html",
    ),
    said(
        Subject.RECOVERY,
        "snapshots of a disk of Lightsail end",
        "Lightsail::Disk",
        {"AddOns": [{"AddOnType": "AutoSnapshot", "Status": "Enabled"}]},
        {"AddOns": [{"AddOnType": "AutoSnapshot", "Status": "Disabled"}]},
        "RecoveryEnds",
    ),
    said(
        Subject.RECOVERY,
        "a store of events takes none any more",
        "CloudTrail::EventDataStore",
        {"IngestionEnabled": True},
        {"IngestionEnabled": False},
        "RecoveryEnds",
    ),
    said(
        Subject.EXPIRY,
        "documents of a collection are kept for a day",
        "OpenSearchServerless::LifecyclePolicy",
        {"Name": "n", "Type": "retention", "Policy": '{"Rules": [{"MinIndexRetention": "81d"}]}'},
        {"Name": "n", "Type": "retention", "Policy": '{"Rules": [{"MinIndexRetention": "24h"}]}'},
        "DataExpire",
        page=f"{DOCS}/opensearch-service/latest/developerguide/serverless-lifecycle.html",
    ),
    said(
        Subject.EXPIRY,
        "a topic's archive is kept for a day",
        "SNS::Topic",
        {"FifoTopic": True, "ArchivePolicy": {"MessageRetentionPeriod": "365"}},
        {"FifoTopic": True, "ArchivePolicy": {"MessageRetentionPeriod": "1"}},
        "DataExpire",
        page=f"{DOCS}/sns/latest/dg/message-archiving-and-replay-topic-owner.html",
    ),
    said(
        Subject.EXPIRY,
        "files that no table refers to go sooner",
        "S3Tables::TableBucket",
        {"UnreferencedFileRemoval": {"Status": "Enabled", "UnreferencedDays": 30, "NoncurrentDays": 30}},
        {"UnreferencedFileRemoval": {"Status": "Enabled", "UnreferencedDays": 1, "NoncurrentDays": 30}},
        "DataExpire",
        page=f"{DOCS}/AmazonS3/latest/userguide/s3-tables-maintenance.html",
    ),
    said(
        Subject.RECOVERY,
        "only some types are recorded",
        "Config::ConfigurationRecorder",
        {"RoleARN": "r", "RecordingGroup": {"AllSupported": True}},
        {"RoleARN": "r", "RecordingGroup": {"AllSupported": False, "ResourceTypes": ["AWS::EC2::Instance"]}},
        "RecoveryEnds",
    ),
    said(
        Subject.RECOVERY,
        "reports go with their group",
        "CodeBuild::ReportGroup",
        {"DeleteReports": False},
        {"DeleteReports": True},
        "RecoveryEnds",
    ),
    said(
        Subject.SECRET,
        "an administrator's password",
        "RedshiftServerless::Namespace",
        {"AdminUserPassword": "{{resolve:secretsmanager:a}}"},
        {"AdminUserPassword": "{{resolve:secretsmanager:b}}"},
        "SecretRegenerated",
    ),
    said(
        Subject.SECRET,
        "a password is rotated",
        "RDS::DBCluster",
        {"ManageMasterUserPassword": True},
        {"ManageMasterUserPassword": True, "RotateMasterUserPassword": True},
        "SecretRegenerated",
    ),
    said(
        Subject.ENCRYPTION,
        "a queue is not encrypted",
        "SQS::Queue",
        {"SqsManagedSseEnabled": True},
        {"SqsManagedSseEnabled": False},
        "EncryptionWeakened",
        page=f"{DOCS}/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-server-side-encryption.html",
    ),
    said(
        Subject.ENCRYPTION,
        "a cache is not encrypted on its way",
        "ElastiCache::ReplicationGroup",
        {"TransitEncryptionEnabled": True},
        {"TransitEncryptionEnabled": False},
        "EncryptionWeakened",
        page=f"{DOCS}/AmazonElastiCache/latest/dg/in-transit-encryption.html",
    ),
)

UNREAD = (
    between(
        Subject.UNREAD,
        "a stack set's template",
        {"A": {"Type": "AWS::CloudFormation::StackSet", "Properties": {"TemplateURL": "https://a/1"}}},
        {"A": {"Type": "AWS::CloudFormation::StackSet", "Properties": {"TemplateURL": "https://a/2"}}},
        page=f"{DOCS}/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-stackset.html",
        is_complete=False,
    ),
    between(
        Subject.UNREAD,
        "a product's template",
        {
            "A": {
                "Type": "AWS::ServiceCatalog::CloudFormationProvisionedProduct",
                "Properties": {"ProductId": "p", "ProvisioningArtifactId": "1"},
            }
        },
        {
            "A": {
                "Type": "AWS::ServiceCatalog::CloudFormationProvisionedProduct",
                "Properties": {"ProductId": "p", "ProvisioningArtifactId": "2"},
            }
        },
        page=f"{DOCS}/servicecatalog/latest/adminguide/getstarted-product.html",
        is_complete=False,
    ),
    between(
        Subject.UNREAD,
        "a nested stack's template",
        {"A": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "https://a/1"}}},
        {"A": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "https://a/2"}}},
        page=f"{DOCS}/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html",
        is_complete=False,
    ),
    between(
        Subject.UNREAD,
        "a nested stack goes",
        {"A": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "https://a/1"}}},
        {},
        page=f"{DOCS}/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html",
        is_complete=False,
    ),
    between(
        Subject.UNREAD,
        "an application of others comes",
        {},
        {"A": {"Type": "AWS::Serverless::Application", "Properties": {"Location": "https://a/1"}}},
        page=f"{DOCS}/serverless-application-model/latest/developerguide/sam-resource-application.html",
        is_complete=False,
    ),
    between(
        Subject.UNREAD,
        "a module",
        {},
        {"A": {"Type": "Ours::S3::Bucket::MODULE", "Properties": {}}},
        page=f"{DOCS}/AWSCloudFormation/latest/UserGuide/modules.html",
        is_complete=False,
    ),
)

READ = "2026-11-30"
"""The day on which AWS's text was read."""
API = "the API reference, as botocore's service models repeat it"
TEMPLATE = "the template reference, as aws-cdk-lib's documentation of the type repeats it"
OLD_TEMPLATE = "github.com/awsdocs/aws-cloudformation-user-guide, a former edition of the template reference"
GUIDE = "github.com/awsdocs, a former edition of the service's guide"
PAGE = "an excerpt of a stored copy of a page of AWS's on the subject, once in translation"
CONFIRMED: Mapping[str, tuple[str, ...]] = {
    API: (
        "a volume smaller",
        "how a table is paid for",
        "a class of a table",
        "more storage of a domain",
        "how long a message is hidden",
        "a mode of a stream",
        "a class of a cluster's member",
        "an alarm's threshold",
        "fewer snapshots of volumes",
        "snapshots of volumes are not copied to another region",
        "continuous backups end",
        "backups of a database are not copied to another region",
        "point in time recovery of one replica ends",
        "records of ExtendedS3 are not backed up any more",
        "records of Redshift are not backed up any more",
        "a trail logs no more",
        "a function has no dead-letter queue any more",
        "an instance's volume goes with it",
        "a queue keeps messages for a minute",
        "a stream keeps records for a day",
        "ManageMasterUserPassword of RDS::DBInstance begins",
        "ManageMasterUserPassword of RDS::DBInstance ends",
        "ManageMasterPassword of Redshift::Cluster begins",
        "ManageMasterPassword of Redshift::Cluster ends",
        "a master's password",
        "Lambda::Function under no key of its own",
        "snapshots of a cluster that were kept for ever",
        "snapshots of a cluster are not copied to another region",
        "snapshots of a disk of Lightsail end",
        "a store of events takes none any more",
        "only some types are recorded",
        "reports go with their group",
        "an administrator's password",
        "a password is rotated",
        "KMS::Key removed",
        "OpenSearchService::Domain removed",
        "Elasticsearch::Domain removed",
        "SDB::Domain removed",
        "Omics::SequenceStore removed",
    ),
    TEMPLATE: (
        "CodeCommit::Repository removed",
        "DocDB::DBCluster removed",
        "EFS::FileSystem removed",
        "FSx::FileSystem removed",
        "HealthImaging::Datastore removed",
        "HealthLake::FHIRDatastore removed",
        "Kendra::Index removed",
        "Neptune::DBCluster removed",
        "QLDB::Ledger removed",
        "Redshift::Cluster removed",
        "Timestream::Database removed",
        "ApiGateway::Method removed",
        "EC2::Route removed",
        "IAM::User removed",
        "a snapshot that a database was made from is named no more",
        "an access key's serial",
        "a trail of every region becomes one of one",
        "objects end on a day",
        "the same expiry written the old way",
        "a generated value gives way to one in the template",
        "another value in the template",
        "Events::EventBus under no key of its own",
        "a queue is not encrypted",
    ),
    OLD_TEMPLATE: (
        "Neptune's key",
        "Redshift's subnets",
        "a file system is encrypted",
        "a cluster's snapshot, retained",
        "a client gets a secret",
        "a key of a table",
        "an instance's image",
        "a hosted zone's name",
        "a nested stack's template",
        "a nested stack goes",
        "a module",
        "a function's memory",
        "a function's runtime",
        "another version of an alias",
        "a bucket takes the account's key",
        "a stack set's template",
        "a product's template",
    ),
    GUIDE: (
        "storage of a database smaller",
        "objects are locked for fewer days",
        "a lock that somebody may lift",
        "objects are locked no more by default",
        "backups of a database end",
        "a subscription has no dead-letter queue any more",
        "a rule for objects of one tag becomes one for all",
        "objects move to a colder class",
        "an application of others comes",
        "SNS::Topic under no key of its own",
        "a topic gets a key of its own",
    ),
    PAGE: (
        "a stream with ten times the shards",
        "a class of a group of logs",
        "snapshots of volumes end",
        "a vault's lock goes",
        "images are copied to fewer regions",
        "executions take a key of AWS's",
        "rows of Keyspaces expire",
        "rows of Keyspaces do not expire any more",
        "the same number of another unit",
        "documents of a collection are kept for a day",
        "files that no table refers to go sooner",
        "an older engine",
        "CloudTrail::Trail under no key of its own",
        "a bucket takes S3's own key",
        "backups are not copied elsewhere",
    ),
}
"""Where it was read -> the cases that say what is written there. It need not be the page that the case names."""
STRICTER: Mapping[str, str] = {
    "S3Express::DirectoryBucket removed": "only an empty bucket can be deleted: deletion fails, and the objects stay",
    "a bucket's name": "only an empty bucket can be deleted: the old one stays with its objects",
    "KMS::ReplicaKey removed": "data under a deleted key are lost, but for those under a multi-Region replica key",
}
"""Cases that expect data loss -> what AWS says instead (`API`, `TEMPLATE`). The review is left as strict as it is."""
_SOURCES = {id_: f"{source}, {READ}" for source, ids in CONFIRMED.items() for id_ in ids}
DATA_CASES = tuple(
    replace(case, confirmed=_SOURCES.get(case.id, "")) for case in (*TYPES, *UPDATES, *ENDING, *KEEPING, *UNREAD)
)
