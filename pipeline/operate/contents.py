"""Whether a resource that stayed behind of a stack holds data. What nobody can tell counts as data."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

ABSENT = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "NoSuchEntity",
        "NotFoundException",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    }
)
"""The codes by which an API answers that there is no such thing."""
READS = 20
"""Calls for which records of a shard are looked for: a stream answers with none in between."""
Client = Callable[[str], Any]
"""An API's name -> its client, where the resource is."""


class Contents(StrEnum):
    """What is in a resource."""

    EMPTY = "empty"
    NO_DATA = "no data"
    """It is no store, or stores nothing that an adoption could take from anybody."""
    DATA = "data"
    UNDECIDED = "undecided"
    ABSENT = "absent"
    """The resource itself: somebody has deleted it."""


Answer = tuple[Contents, str]
"""And what was seen, for people."""


def contents(type_: str, physical_id: str, client: Client) -> Answer:
    """Look into a resource, and change nothing."""
    look = LOOKS.get(type_)
    if look is None:
        return Contents.UNDECIDED, "nobody can look into this type here"
    try:
        return look(client, physical_id)
    except ClientError as error:
        if error.response["Error"]["Code"] in ABSENT:
            return Contents.ABSENT, "it is not there any more"
        return Contents.UNDECIDED, error.response["Error"]["Message"]
    except BotoCoreError as error:
        return Contents.UNDECIDED, str(error)


def _table(client: Client, name: str) -> Answer:
    found = client("dynamodb").scan(TableName=name, Limit=1, Select="COUNT", ConsistentRead=True)
    return _counted(found["Count"] or "LastEvaluatedKey" in found, "items")


def _bucket(client: Client, name: str) -> Answer:
    s3 = client("s3")
    found = s3.list_object_versions(Bucket=name, MaxKeys=1)
    begun = s3.list_multipart_uploads(Bucket=name, MaxUploads=1)
    kept = found.get("Versions") or found.get("DeleteMarkers") or begun.get("Uploads")
    return _counted(kept, "objects, old versions or uploads")


def _queue(client: Client, url: str) -> Answer:
    counts = [f"ApproximateNumberOfMessages{each}" for each in ("", "Delayed", "NotVisible")]
    found = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
    return _counted(sum(int(found[each]) for each in counts), "messages")


def _stream(client: Client, name: str) -> Answer:
    kinesis = client("kinesis")
    pages = kinesis.get_paginator("list_shards").paginate(StreamName=name)
    for shard in (each for page in pages for each in page["Shards"]):
        iterator = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for _ in range(READS):
            found = kinesis.get_records(ShardIterator=iterator, Limit=1)
            if found["Records"]:
                return Contents.DATA, "it has records"
            iterator = found.get("NextShardIterator")
            if not iterator or found.get("MillisBehindLatest") == 0:
                break
        else:
            return Contents.UNDECIDED, f"{READS} reads came to no end of {shard['ShardId']}"
    return Contents.EMPTY, "it has no records"


def _vault(client: Client, name: str) -> Answer:
    found = client("backup").list_recovery_points_by_backup_vault(BackupVaultName=name, MaxResults=1)
    return _counted(found["RecoveryPoints"], "recovery points")


def _key(client: Client, key: str) -> Answer:
    state = client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
    return (Contents.NO_DATA, "a key") if state == "Enabled" else (Contents.UNDECIDED, f"the key is {state}")


def _log_group(client: Client, name: str) -> Answer:
    groups = client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    if name not in {each["logGroupName"] for each in groups}:
        return Contents.ABSENT, "it is not there any more"
    return Contents.NO_DATA, "its lines stay in it"


def _role(client: Client, name: str) -> Answer:
    client("iam").get_role(RoleName=name)
    return Contents.NO_DATA, "a role"


def _setting(_client: Client, _id: str) -> Answer:
    return Contents.NO_DATA, "a setting of the account"


def _counted(found: object, of: str) -> Answer:
    return (Contents.DATA, f"it has {of}") if found else (Contents.EMPTY, f"it has no {of}")


LOOKS: Mapping[str, Callable[[Client, str], Answer]] = {
    "AWS::ApiGateway::Account": _setting,
    "AWS::Backup::BackupVault": _vault,
    "AWS::DynamoDB::Table": _table,
    "AWS::IAM::Role": _role,
    "AWS::KMS::Key": _key,
    "AWS::Kinesis::Stream": _stream,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::S3::Bucket": _bucket,
    "AWS::SQS::Queue": _queue,
}
