"""What must be said of a resource that is deleted, by its type: each as its page has it (`data_classes.page`)."""

from collections.abc import Mapping

LOSSES: Mapping[str, tuple[str, ...]] = {
    "Review-DataLoss": (
        *("ACMPCA::CertificateAuthority", "APS::Workspace", "Backup::LogicallyAirGappedBackupVault"),
        *("Cassandra::Keyspace", "Cassandra::Table", "CloudFront::KeyValueStore", "CloudTrail::EventDataStore"),
        *("CodeArtifact::Repository", "Cognito::IdentityPool", "DSQL::Cluster", "DirectoryService::MicrosoftAD"),
        *("DocDBElastic::Cluster", "EC2::Volume", "ECR::PublicRepository", "EKS::Cluster", "Events::Archive"),
        *("FSx::Volume", "Grafana::Workspace", "KinesisVideo::Stream", "Lightsail::Database", "Location::Tracker"),
        *("MSK::ServerlessCluster", "MemoryDB::Cluster", "NeptuneGraph::Graph", "OpenSearchServerless::Collection"),
        *("PaymentCryptography::Key", "RDS::DBSnapshot", "RedshiftServerless::Namespace", "S3Outposts::Bucket"),
        *("S3Tables::Table", "S3Vectors::Index", "SES::ContactList", "SageMaker::FeatureGroup"),
        *("StorageGateway::Volume", "Timestream::InfluxDBInstance", "WorkSpaces::Workspace"),
    ),
    "Review-SecretLost": ("ApiGateway::ApiKey", "EC2::KeyPair", "IAM::AccessKey", "SecretsManager::Secret"),
    "Review-MessagesLost": ("AmazonMQ::Broker", "KinesisFirehose::DeliveryStream", "SQS::Queue"),
    "Review-LogsLost": ("Logs::LogGroup", "Logs::LogStream"),
    "Review-AddressLost": ("EC2::EIP", "GlobalAccelerator::Accelerator", "Route53::HostedZone"),
    "Review-InstanceLost": ("Cloud9::EnvironmentEC2", "EC2::Instance", "EMR::Cluster", "Lightsail::Instance"),
    "Review-CacheLost": ("DAX::Cluster", "ElastiCache::ReplicationGroup", "ElastiCache::ServerlessCache"),
    "Review-RecoveryEnds": ("Backup::BackupPlan", "Backup::BackupSelection", "DLM::LifecyclePolicy"),
    "Review-UnknownData": (
        *("Bedrock::KnowledgeBase", "CustomerProfiles::ObjectType"),
        *("DMS::ReplicationTask", "Deadline::Farm", "Glue::Database", "Glue::Registry", "IoTSiteWise::Asset"),
        *("IoT::Thing", "ManagedBlockchain::Node", "QuickSight::DataSet", "Transfer::User", "Wickr::Network"),
    ),
    "": (
        *("ApiGateway::Stage", "CloudWatch::Alarm", "CodeBuild::Project", "DocDB::DBInstance", "EC2::SecurityGroup"),
        *("ECS::Service", "Events::Rule", "IAM::Policy", "IAM::Role", "KMS::Alias", "Lambda::Function"),
        *("Lambda::Permission", "Lambda::Version", "Neptune::DBInstance", "S3::BucketPolicy", "SNS::Topic"),
        *("SSM::Parameter", "SecretsManager::RotationSchedule", "StepFunctions::StateMachine", "WAFv2::WebACL"),
    ),
}
"""Rule -> types whose deletion it must be said of; the empty one: nothing is lost, and nothing is said."""
NOT_AMAZONS = (
    "Custom::Anything",
    "Custom::LogRetention",
    "AWS::CloudFormation::CustomResource",
    "MongoDB::Atlas::Cluster",
    "AWS::New::Thing",
)
"""Types of others, and one that AWS may add tomorrow."""
