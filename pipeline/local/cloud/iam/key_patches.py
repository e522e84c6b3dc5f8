"""The customer managed keys with which the emulator's resources are encrypted."""

import re
from collections.abc import Callable, Iterator, Mapping

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

from pipeline.local.cloud.emulator import Json
from pipeline.local.cloud.iam.conditions import Keys
from pipeline.local.cloud.iam.decision import Request, ResourcePolicy
from pipeline.local.cloud.iam.encryption import KEY_OF_OBJECT, VERSION, EncryptionKey
from pipeline.local.cloud.iam.policies import Policy, read_several

Key = tuple[str, Mapping[str, str]]
"""A key as the resource names it, and the encryption context."""
KeyFinder = Callable[[Request, str], Key | None]
"""Finds the key of what a request is about, by the last part of its ARN."""


def encryption_key(request: Request, finders: Mapping[str, KeyFinder]) -> EncryptionKey | None:
    """Return the customer managed key that what a request is about is encrypted with; AWS's own ask nobody.

    `finders`: by the service of an ARN, those of services that are not the emulator's.
    """
    parts = request.resource.split(":", 5)
    if len(parts) < 6:
        return None
    region = parts[3] or _bucket_region(request)
    with responses.request_scope(request.owner, region):
        find = finders.get(parts[2]) or _KEYS.get(parts[2])
        found = find(request, parts[5]) if find else None
        key = kms._resolve_key(found[0]) if found and "alias/aws/" not in found[0] else None  # noqa: SLF001 - the emulator offers no other way
        if not found or not key:
            return None
        tags = {tag["TagKey"]: tag["TagValue"] for tag in key.get("Tags") or ()}
        return EncryptionKey(
            arn=key["Arn"], context=found[1], policy=key_policy(key), tags=tags, keys=_condition_keys(key)
        )


def _bucket_region(request: Request) -> str:
    bucket = request.resource.rpartition(":::")[2].partition("/")[0]
    held = s3._buckets.get_scoped(request.owner, None, bucket) or {}  # noqa: SLF001 - as above
    return str(held.get("region") or "us-east-1")


def _object_key(request: Request, resource: str) -> Key | None:
    """Return the key that an object is encrypted with, or will be: its own, else that of its bucket."""
    bucket, _, name = resource.partition("/")
    configuration = s3._bucket_encryption.get(bucket) or ""  # noqa: SLF001 - as above
    key = _key_to_be(request, configuration) if request.action == "s3:PutObject" else _key_of(request, bucket, name)
    per_bucket = "<BucketKeyEnabled>true<" in configuration
    return (
        (key, {"aws:s3:arn": request.resource.partition("/")[0] if per_bucket else request.resource}) if key else None
    )


def _key_to_be(request: Request, configuration: str) -> str:
    """Return the key of an object to be written: the one that it asks for, else its bucket's if it wants any."""
    if named := request.keys.get(KEY_OF_OBJECT):
        return named[0]
    found = _MASTER_KEY.search(configuration)
    return found[1] if found and "AES256" not in request.keys.get("s3:x-amz-server-side-encryption", ()) else ""


def _key_of(request: Request, bucket: str, name: str) -> str:
    """Return the key of an object, or of the version that is asked for, as S3 has noted it.

    What the bucket has now is about what comes.
    """
    held: Json = ((s3._buckets.get(bucket) or {}).get("objects") or {}).get(name) or {}  # noqa: SLF001 - as above
    if asked := request.keys.get(VERSION):
        versions = s3._object_versions.get((bucket, name)) or ()  # noqa: SLF001 - as above
        held = next((each for each in versions if each["version_id"] == asked[0]), held)
    headers = held.get("preserved_headers") or {}
    return str(headers.get(KEY_OF_OBJECT.removeprefix("s3:")) or "")


def _queue_key(request: Request, _resource: str) -> Key | None:
    arn = request.resource
    key = ((sqs._queue_by_arn(arn) or {}).get("attributes") or {}).get("KmsMasterKeyId")  # noqa: SLF001 - as above
    return (key, {"aws:sqs:arn": arn}) if key else None


def _topic_key(request: Request, _resource: str) -> Key | None:
    arn = request.resource
    key = ((sns._topics.get(arn) or {}).get("attributes") or {}).get("KmsMasterKeyId")  # noqa: SLF001 - as above
    return (key, {"aws:sns:topicArn": arn}) if key else None


def _stream_key(request: Request, resource: str) -> Key | None:
    key = (kinesis._streams.get(resource.split("/")[1]) or {}).get("KeyId")  # noqa: SLF001 - as above
    stream = request.resource.partition("/consumer/")[0]
    return (key, {"aws:kinesis:arn": stream}) if key else None


def _table_key(_request: Request, resource: str) -> Key | None:
    table = resource.split("/")[1]
    key = ((dynamodb._tables.get(table) or {}).get("SSEDescription") or {}).get("KMSMasterKeyArn")  # noqa: SLF001 - as above
    account = responses.get_account_id()
    return (key, {"aws:dynamodb:tableName": table, "aws:dynamodb:subscriberId": account}) if key else None


def _secret_key(request: Request, _resource: str) -> Key | None:
    arn = request.resource
    key = (secretsmanager._resolve(arn)[1] or {}).get("KmsKeyId")  # noqa: SLF001 - as above
    return (key, {"SecretARN": arn}) if key else None


_MASTER_KEY = re.compile("<KMSMasterKeyID>([^<]+)<")


_KEYS: Mapping[str, KeyFinder] = {
    "s3": _object_key,
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


def condition_keys(named: str, arn: str, owner: str, region: str) -> Keys:
    """Return the condition keys that follow from the key with an ARN, and from the alias by which a request named it.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
    """
    with responses.request_scope(owner, region):
        key = kms._resolve_key(arn)  # noqa: SLF001 - as above
        by_alias = {"kms:requestalias": [named.rpartition(":")[2]]} if ":alias/" in named else {}
        return {**_condition_keys(key), **by_alias} if key else {}


def _condition_keys(key: Json) -> Keys:
    aliases = [arn for arn, id_ in kms._aliases.items() if id_ == key["KeyId"]]  # noqa: SLF001 - as above
    return {
        "kms:keyorigin": [key["Origin"]],
        "kms:keyspec": [key["KeySpec"]],
        "kms:keyusage": [key["KeyUsage"]],
        "kms:multiregion": [str(bool(key.get("MultiRegion"))).lower()],
        "kms:resourcealiases": [arn.rpartition(":")[2] for arn in aliases],
    }


def policy_of_key(arn: str) -> ResourcePolicy | None:
    """Return the policy of a key of `here`; None if there is no such key."""
    key = kms._resolve_key(arn)  # noqa: SLF001 - as above
    return key_policy(key) if key else None


def policies_of_keys() -> Iterator[Policy]:
    """Yield the policy of each key, in every account and region."""
    for (account, region, _), key in list(kms._keys.to_dict().items()):  # noqa: SLF001 - as above
        with responses.request_scope(account, region):
            yield key_policy(key).policy


def key_policy(key: Json) -> ResourcePolicy:
    """Return a key's policy, and after it what its grants allow, which need no policy besides.

    https://docs.aws.amazon.com/kms/latest/developerguide/grants.html
    """
    grants = [grant for grant in kms._grants.values() if grant["KeyId"] == key["Arn"]]  # noqa: SLF001 - as above
    allowed = [statement for grant in grants for statement in _statements(grant)]
    policy = read_several(f"the policy of {key['Arn']}", key.get("Policy") or {}, {"Statement": allowed})
    return ResourcePolicy(policy=policy, kind="key policy")


def _statements(grant: Json) -> Iterator[Json]:
    """Say a grant as statements. Its constraints are about what has an encryption context."""
    constraints = grant.get("Constraints") or {}
    exact = constraints.get("EncryptionContextEquals") or {}
    pairs = exact or constraints.get("EncryptionContextSubset") or {}
    conditions: Json = {"StringEquals": {f"kms:EncryptionContext:{name}": value for name, value in pairs.items()}}
    if exact:
        conditions["ForAllValues:StringEqualsIgnoreCase"] = {"kms:EncryptionContextKeys": list(exact)}
    grantee = grant["GranteePrincipal"]
    for operation in grant["Operations"]:
        yield {
            "Sid": f"grant {grant['GrantId'][:8]}",
            "Effect": "Allow",
            "Principal": {"Service" if grantee.endswith(".amazonaws.com") else "AWS": grantee},
            "Action": f"kms:{operation}",
            "Resource": "*",
            "Condition": {} if operation in _WITHOUT_CONTEXT else conditions,
        }


_WITHOUT_CONTEXT = ("DescribeKey", "RetireGrant", "CreateGrant")
