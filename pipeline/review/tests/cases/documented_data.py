"""Cases of data, written from AWS's pages: what a type holds, what replaces it, what ends while it stays."""

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
    said(
        Subject.RECOVERY,
        "records are not backed up any more",
        "KinesisFirehose::DeliveryStream",
        {"ExtendedS3DestinationConfiguration": {"BucketARN": "a", "RoleARN": "r", "S3BackupMode": "Enabled"}},
        {"ExtendedS3DestinationConfiguration": {"BucketARN": "a", "RoleARN": "r", "S3BackupMode": "Disabled"}},
        "RecoveryEnds",
        page=f"{DOCS}/firehose/latest/dev/create-transform.html",
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

DATA_CASES = (*TYPES, *UPDATES, *ENDING, *UNREAD)
