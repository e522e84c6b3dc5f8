"""What the library's `Table`, `BackupPlan`, `Stream`, `Bucket` and the buckets of a `StreamConsumer` cause."""

from collections.abc import Iterator

from services.library.cloudformation.template import Resource
from services.library.guardrails.decisions.decision import GIVEN, Cause, Decision
from services.library.guardrails.decisions.grants import Grant, granted, one_of

COPIES = frozenset({"dynamodb:DeleteBackup", "dynamodb:DescribeBackup"})
HAVE_THE_RECORDS = ("AWS::DynamoDB::Table", "AWS::Kinesis::Stream")
READ_VERSIONS = frozenset({"s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging"})
REPLICATE = frozenset({"s3:ReplicateObject", "s3:ReplicateTags"})
REPLICATION = ("HIPAA.Security-S3BucketReplicationEnabled",)


def _goes_with_its_stack(cause: Cause) -> bool:
    match cause.resource.properties.get("PointInTimeRecoverySpecification"):
        case {"PointInTimeRecoveryEnabled": True}:
            return cause.place.tier is not None and not cause.place.keeps_data
    return False


def _copies_of_a_table_here(spelled: str, cause: Cause) -> bool:
    return spelled in {f"<{each.path}.Arn>/backup/*" for each in cause.beside("AWS::DynamoDB::Table")}


def _has_a_key_of_its_own(cause: Cause) -> bool:
    match cause.resource.properties.get("StreamEncryption"):
        case {"EncryptionType": "KMS", "KeyId": named}:
            key = cause.template.named_by(named)
            return key is not None and key.type == "AWS::KMS::Key" and key.properties.get("EnableKeyRotation") is True
    return False


def _is_versioned(cause: Cause) -> bool:
    return bool(cause.resource.properties.get("VersioningConfiguration") == {"Status": "Enabled"})


def _holds_access_logs(cause: Cause) -> bool:
    logging = (each.properties.get("LoggingConfiguration") for each in cause.beside("AWS::S3::Bucket"))
    return _is_versioned(cause) and any(
        isinstance(each, dict) and cause.names_it(each.get("DestinationBucketName")) for each in logging
    )


def _waits_beside_a_stream(cause: Cause) -> bool:
    """Say whether the consumer reads a stream or a table, which has the records while they wait for an operator."""
    source = f"{cause.scope}/Source/Resource"
    mappings = (each for each in cause.beside("AWS::Lambda::EventSourceMapping") if each.path == source)
    streams = (cause.template.named_by(each.properties.get("EventSourceArn")) for each in mappings)
    return _is_versioned(cause) and any(each is not None and each.type in HAVE_THE_RECORDS for each in streams)


def _copies_of_its_bucket(spelled: str, cause: Cause) -> bool:
    """Say whether it is where the replication of the role's bucket leads, and nothing else."""
    path = f"{cause.scope}/Bucket/Resource"
    configured = (each.properties.get("ReplicationConfiguration") for each in _at(path, cause))
    rules = [rule for each in configured if isinstance(each, dict) for rule in each.get("Rules", [])]
    return spelled in {f"{rule['Destination']['Bucket']}/*" for rule in rules}


def _at(path: str, cause: Cause) -> Iterator[Resource]:
    return (each for each in cause.beside("AWS::S3::Bucket") if each.path == path)


DECISIONS = (
    Decision(
        construct="Table",
        path=r".+/Table/Resource",
        rules=("HIPAA.Security-DynamoDBInBackupPlan",),
        holds=_goes_with_its_stack,
        reason="The tier keeps no data: people's data here are invented, go with the stack, and can be restored to any"
        " second of 35 days until then. In production the finding stays until a backup plan has the table.",
    ),
    Decision(
        construct="BackupPlan",
        path=r".+/Role/Granted/Resource",
        rules=("AwsSolutions-IAM5[Resource::<*.Arn>/backup/*]",),
        holds=granted(Grant(actions=COPIES, resources=_copies_of_a_table_here), to="backup.amazonaws.com"),
        reason="AWS Backup follows and ends the copies that it makes of its stack's tables; DynamoDB gives each a name"
        " when it is made.",
    ),
    Decision(
        construct="Stream",
        path=r".+/Stream/Resource",
        rules=("AwsSolutions-KDS3",),
        holds=_has_a_key_of_its_own,
        reason="The rule prefers AWS's own key to save requests; with a key of the service's own, which rotates, its"
        " owner decides who can read the records.",
    ),
    Decision(
        construct="Bucket",
        path=r".+/AccessLogs/Resource",
        rules=REPLICATION,
        holds=_holds_access_logs,
        reason="An access log is no copy of the data; it lies in three zones of the region whose accesses it records.",
    ),
    Decision(
        construct="Bucket",
        path=r"(?P<scope>.+)/Replication/Granted/Resource",
        rules=("AwsSolutions-IAM5[Resource::<*.Arn>/*]",),
        holds=granted(
            Grant(actions=READ_VERSIONS, resources=one_of("<{scope}/Bucket/Resource.Arn>/*")), to="s3.amazonaws.com"
        ),
        reason="S3 reads every object of this bucket to copy it, whatever its name, and does so as a role that nobody"
        " but S3 assumes.",
    ),
    Decision(
        construct="Bucket",
        path=r"(?P<scope>.+)/Replication/Granted/Resource",
        rules=(f"AwsSolutions-IAM5[Resource::{GIVEN}/*]",),
        holds=granted(Grant(actions=REPLICATE, resources=_copies_of_its_bucket), to="s3.amazonaws.com"),
        reason="Copies have the names of their objects in the one bucket where the service has them replicated to; the"
        " role writes there, and reads and deletes nothing.",
    ),
    Decision(
        construct="StreamConsumer",
        path=r"(?P<scope>.+)/(Quarantine|Failures)/Bucket/Resource",
        rules=REPLICATION,
        holds=_waits_beside_a_stream,
        reason="Records wait here until an operator has looked, and the stream or the table in the same region has them"
        " meanwhile; versions undo what is overwritten.",
    ),
)
