"""What stores data in production must survive the deletion and the replacement of its resource."""

from collections.abc import Iterator

from services.library.cloudformation.template import Resource, Template
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation, Finding, Rule

RULE = Rule(
    id="Penstock-Retained",
    accepted_by=AcceptedBy.PLATFORM,
    text="Production data must outlive its stack: a removed or replaced resource would take its data along.",
    fix="Set DeletionPolicy and UpdateReplacePolicy to Retain (in the CDK: removal_policy=RemovalPolicy.RETAIN).",
)

SNAPSHOT = frozenset(
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html, "Snapshot"
    {
        "AWS::DocDB::DBCluster",
        "AWS::EC2::Volume",
        "AWS::Neptune::DBCluster",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
        "AWS::Redshift::Cluster",
    }
)
"""Types whose last state CloudFormation can keep as a snapshot: as good as keeping the resource."""

STATEFUL = SNAPSHOT | frozenset(
    # Types that are the only copy of what users or machines wrote, by their service's own documentation.
    {
        "AWS::Backup::BackupVault",
        "AWS::Cognito::UserPool",  # users and their credentials cannot be exported
        "AWS::DynamoDB::GlobalTable",
        "AWS::DynamoDB::Table",
        "AWS::ECR::Repository",
        "AWS::EFS::FileSystem",
        "AWS::FSx::FileSystem",
        "AWS::HealthLake::FHIRDatastore",
        "AWS::KMS::Key",  # a deleted key takes everything encrypted with it along
        "AWS::KMS::ReplicaKey",
        "AWS::Kinesis::Stream",  # up to a year of records, which exist nowhere else until they are consumed
        "AWS::MSK::Cluster",
        "AWS::OpenSearchService::Domain",
        "AWS::RDS::GlobalCluster",
        "AWS::S3::Bucket",
        "AWS::S3Express::DirectoryBucket",
        "AWS::S3Tables::TableBucket",
        "AWS::Timestream::Database",
        "AWS::Timestream::Table",
    }
)
"""Left out on purpose:
- AWS::SQS::Queue holds messages in transit, for 14 days at most; what must be kept belongs in a store.
- AWS::Logs::LogGroup holds what the retention of the tier says, and no data of users by the library's own rule.
  Neither is deleted in a production account all the same, whose execution policy refuses it: rules/deployment.py.
- AWS::SecretsManager::Secret can be restored for at least 7 days, and its value comes from elsewhere.
- AWS::ElastiCache::* is a cache: a service that stores there has a finding of another kind."""

EMPTIES = frozenset({"Custom::S3AutoDeleteObjects", "Custom::ECRAutoDeleteImages"})
"""The CDK's custom resources that empty a store before it goes, retained or not."""


def check(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """Retain, or a snapshot where CloudFormation can make one, for both ways in which a resource can go."""
    if not place.keeps_data:
        return
    for resource in template.resources():
        if resource.type in EMPTIES:
            yield RULE.broken_by(resource, template, what=f"{resource.type} empties a store.")
        elif resource.type in STATEFUL and not _member_of_cluster(resource):
            wrong = tuple(_lost_by(resource))
            if wrong:
                what = f"{resource.type}: {' and '.join(wrong)} would lose it."
                yield RULE.broken_by(resource, template, what=what, locations=wrong)


def _lost_by(resource: Resource) -> Iterator[str]:
    # Lists, for a policy may also be an intrinsic function, which no set can look up; it is found as well.
    kept = ["Retain", "Snapshot"] if resource.type in SNAPSHOT else ["Retain"]
    # RetainExceptOnCreate deletes only what a failed creation leaves, and exists for this attribute alone.
    if resource.body.get("DeletionPolicy") not in [*kept, "RetainExceptOnCreate"]:
        yield "DeletionPolicy"
    if resource.body.get("UpdateReplacePolicy") not in kept:
        yield "UpdateReplacePolicy"


def _member_of_cluster(resource: Resource) -> bool:
    """An Aurora instance: the data are the cluster's."""
    return resource.type == "AWS::RDS::DBInstance" and "DBClusterIdentifier" in resource.properties
