"""Which resources hold data, what it is, and what keeps it when the resource goes."""

from collections.abc import Mapping

from pipeline.review.model import Json
from services.library.cloudformation.template import Resource

SNAPSHOTS: Mapping[str, str] = {
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html, "Snapshot"
    "AWS::DocDB::DBCluster": "the databases of the cluster",
    "AWS::EC2::Volume": "the volume's blocks",
    "AWS::Neptune::DBCluster": "the graph of the cluster",
    "AWS::RDS::DBCluster": "the databases of the cluster",
    "AWS::RDS::DBInstance": "the databases of the instance",
    "AWS::Redshift::Cluster": "the databases of the cluster",
}
"""Types whose last state CloudFormation can keep, and what that is."""

HOLDS: Mapping[str, str] = {
    **SNAPSHOTS,
    "AWS::Backup::BackupVault": "the recovery points in the vault",
    "AWS::CodeCommit::Repository": "the repository's history",
    "AWS::Cognito::UserPool": "the users with their credentials",
    "AWS::DynamoDB::GlobalTable": "the items of the table in every region",
    "AWS::DynamoDB::Table": "the items of the table",
    "AWS::ECR::Repository": "the images in the repository",
    "AWS::EFS::FileSystem": "the files",
    "AWS::Elasticsearch::Domain": "the indexes of the domain",
    "AWS::FSx::FileSystem": "the files",
    "AWS::HealthLake::FHIRDatastore": "the FHIR resources in the datastore",
    "AWS::KMS::Key": "the key, and with it everything that it encrypts",
    "AWS::KMS::ReplicaKey": "the key, and with it everything that it encrypts",
    "AWS::Kinesis::Stream": "the records of the stream that are not consumed yet",
    "AWS::MSK::Cluster": "the topics of the cluster",
    "AWS::OpenSearchService::Domain": "the indexes of the domain",
    "AWS::Organizations::Account": "the account with everything in it",
    "AWS::QLDB::Ledger": "the ledger",
    "AWS::RDS::GlobalCluster": "the databases of the cluster",
    "AWS::S3::Bucket": "the objects in the bucket",
    "AWS::S3Express::DirectoryBucket": "the objects in the bucket",
    "AWS::S3Tables::TableBucket": "the tables in the bucket",
    "AWS::SDB::Domain": "the items of the domain",
    "AWS::Timestream::Database": "the tables of the database",
    "AWS::Timestream::Table": "the series of the table",
}
"""What is lost with a resource of the type. The guardrail `Penstock-Retained` has the same idea of a store, and says
what was left out and why: queues, logs, caches and secrets."""

PROTECTIONS = frozenset({"DeletionProtection", "DeletionProtectionEnabled"})
"""Properties that make a service refuse to delete; Cognito's is ACTIVE or INACTIVE, the others are true or false."""
KEEPS = frozenset({"Retain", "RetainExceptOnCreate"})


def is_lost_with_stack(resource: Resource) -> bool:
    """Return whether the data go with the stack. A snapshot that CloudFormation makes keeps them."""
    if not holds_data(resource) or resource.deletion_policy in KEEPS:
        return False
    return not (resource.type in SNAPSHOTS and resource.deletion_policy in {"", "Snapshot"})


def holds_data(resource: Resource) -> bool:
    """Return whether users' or machines' data are in it, and nowhere else. A member of an Aurora cluster has none."""
    return resource.type in HOLDS and not (
        resource.type == "AWS::RDS::DBInstance" and "DBClusterIdentifier" in resource.properties
    )


def on_deletion(resource: Resource) -> str:
    """`Delete`, `Retain` or `Snapshot`, CloudFormation's default included."""
    if resource.deletion_policy in KEEPS:
        return "Retain"
    return resource.deletion_policy or ("Snapshot" if _snapshot_is_default(resource) else "Delete")


def on_replacement(resource: Resource) -> str:
    """Return what becomes of the old one: its default is `Delete` for every type."""
    return "Retain" if resource.update_replace_policy in KEEPS else resource.update_replace_policy or "Delete"


def lost_by_deletion(resource: Resource) -> bool:
    """Return whether data are lost when the resource leaves the template, or its stack is deleted."""
    return holds_data(resource) and on_deletion(resource) == "Delete" and not is_protected(resource)


def lost_by_replacement(old: Resource, new: Resource) -> bool:
    """Return whether data are lost when another resource takes its place: the new template's policy decides."""
    return holds_data(old) and on_replacement(new) == "Delete" and not is_protected(old)


def is_protected(resource: Resource) -> bool:
    """Return whether the service itself would refuse to delete it."""
    return any(_is_on(resource.properties.get(name)) for name in PROTECTIONS)


def _snapshot_is_default(resource: Resource) -> bool:
    return resource.type == "AWS::RDS::DBCluster" or (
        resource.type == "AWS::RDS::DBInstance" and "DBClusterIdentifier" not in resource.properties
    )


def _is_on(value: Json) -> bool:
    return str(value).lower() in {"true", "active"}
