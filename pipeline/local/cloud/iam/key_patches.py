"""The customer managed keys with which the emulator's resources are encrypted."""

import re
from collections.abc import Callable, Mapping

from ministack.core import responses
from ministack.services import (
    dynamodb,
    kinesis,
    kms,
    s3,
    secretsmanager,
    sns,
    sqs,
)

from pipeline.local.cloud.iam.decision import Request, ResourcePolicy
from pipeline.local.cloud.iam.encryption import EncryptionKey
from pipeline.local.cloud.iam.policies import read_policy


def encryption_key(request: Request) -> EncryptionKey | None:
    """Return the customer managed key that what a request is about is encrypted with; AWS's own ask nobody."""
    parts = request.resource.split(":", 5)
    if len(parts) < 6:
        return None
    region = parts[3] or _bucket_region(request)
    with responses.request_scope(request.owner, region):
        found = _KEYS[parts[2]](request.resource, parts[5]) if parts[2] in _KEYS else None
        key = kms._resolve_key(found[0]) if found and "alias/aws/" not in found[0] else None  # noqa: SLF001 - the emulator offers no other way
    if not found or not key:
        return None
    document = read_policy(f"the policy of {key['Arn']}", key.get("Policy") or {})
    policy = ResourcePolicy(policy=document, kind="key policy")
    tags = {tag["TagKey"]: tag["TagValue"] for tag in key.get("Tags") or ()}
    return EncryptionKey(arn=key["Arn"], context=found[1], policy=policy, tags=tags)


def _bucket_region(request: Request) -> str:
    bucket = request.resource.rpartition(":::")[2].partition("/")[0]
    held = s3._buckets.get_scoped(request.owner, None, bucket) or {}  # noqa: SLF001 - as above
    return str(held.get("region") or "us-east-1")


Key = tuple[str, Mapping[str, str]]
"""A key as the resource names it, and the encryption context."""


def _bucket_key(arn: str, resource: str) -> Key | None:
    configuration = s3._bucket_encryption.get(resource.partition("/")[0]) or ""  # noqa: SLF001 - as above
    found = _MASTER_KEY.search(configuration)
    per_bucket = "<BucketKeyEnabled>true<" in configuration
    return (found[1], {"aws:s3:arn": arn.partition("/")[0] if per_bucket else arn}) if found else None


def _queue_key(arn: str, _resource: str) -> Key | None:
    key = ((sqs._queue_by_arn(arn) or {}).get("attributes") or {}).get("KmsMasterKeyId")  # noqa: SLF001 - as above
    return (key, {"aws:sqs:arn": arn}) if key else None


def _topic_key(arn: str, _resource: str) -> Key | None:
    key = ((sns._topics.get(arn) or {}).get("attributes") or {}).get("KmsMasterKeyId")  # noqa: SLF001 - as above
    return (key, {"aws:sns:topicArn": arn}) if key else None


def _stream_key(arn: str, resource: str) -> Key | None:
    key = (kinesis._streams.get(resource.split("/")[1]) or {}).get("KeyId")  # noqa: SLF001 - as above
    return (key, {"aws:kinesis:arn": arn}) if key else None


def _table_key(_arn: str, resource: str) -> Key | None:
    table = resource.split("/")[1]
    key = ((dynamodb._tables.get(table) or {}).get("SSEDescription") or {}).get("KMSMasterKeyArn")  # noqa: SLF001 - as above
    account = responses.get_account_id()
    return (key, {"aws:dynamodb:tableName": table, "aws:dynamodb:subscriberId": account}) if key else None


def _secret_key(arn: str, _resource: str) -> Key | None:
    key = (secretsmanager._resolve(arn)[1] or {}).get("KmsKeyId")  # noqa: SLF001 - as above
    return (key, {"SecretARN": arn}) if key else None


_MASTER_KEY = re.compile("<KMSMasterKeyID>([^<]+)<")


_KEYS: Mapping[str, Callable[[str, str], Key | None]] = {
    "s3": _bucket_key,
    "sqs": _queue_key,
    "sns": _topic_key,
    "kinesis": _stream_key,
    "dynamodb": _table_key,
    "secretsmanager": _secret_key,
}


def key_arn(alias: str, owner: str, region: str) -> str:
    """Return the ARN of the key behind an alias, and the alias if there is none."""
    with responses.request_scope(owner, region):
        key = kms._resolve_key(alias)  # noqa: SLF001 - as above
    return str(key["Arn"]) if key else alias
