"""What a service asks of a key on behalf of whoever reads or writes what is encrypted with it.

S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
SQS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
SNS: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
Kinesis: https://docs.aws.amazon.com/streams/latest/dg/permissions-user-key-KMS.html
DynamoDB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
Secrets Manager: https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
HealthLake: https://docs.aws.amazon.com/healthlake/latest/devguide/encryption-at-rest.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipeline.local.cloud.iam.conditions import Keys
from pipeline.local.cloud.iam.decision import Principal, Request, ResourcePolicy

DECRYPT, NEW_DATA_KEY, DESCRIBE = "kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"
KEY_OF_OBJECT = "s3:x-amz-server-side-encryption-aws-kms-key-id"
IN_PARTS = "s3:in-parts"
"""No condition key of AWS's: says that an object is uploaded in parts, which S3 must read to put them together.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
"""
VERSION = "s3:versionid"
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html"""
_DYNAMODB = ("BatchGetItem", "BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem")
_HEALTHLAKE_READS = ("ReadResource", "SearchWithGet", "SearchWithPost", "VersionReadResource")
_HEALTHLAKE_WRITES = ("CreateResource", "DeleteResource", "ProcessBundle", "UpdateResource")
NEEDED: Mapping[str, tuple[str, ...]] = {
    "s3:GetObject": (DECRYPT,),
    "s3:GetObjectVersion": (DECRYPT,),
    "s3:PutObject": (NEW_DATA_KEY,),
    "sqs:ReceiveMessage": (DECRYPT,),
    "sqs:SendMessage": (NEW_DATA_KEY, DECRYPT),
    "sns:Publish": (NEW_DATA_KEY, DECRYPT),
    "kinesis:GetRecords": (DECRYPT,),
    "kinesis:PutRecord": (NEW_DATA_KEY,),
    "kinesis:PutRecords": (NEW_DATA_KEY,),
    "kinesis:SubscribeToShard": (DECRYPT,),
    "secretsmanager:GetSecretValue": (DECRYPT,),
    "secretsmanager:PutSecretValue": (NEW_DATA_KEY, DECRYPT),
    **{f"dynamodb:{operation}": (DECRYPT,) for operation in _DYNAMODB},
    **{f"healthlake:{operation}": (DESCRIBE, DECRYPT) for operation in _HEALTHLAKE_READS},
    **{f"healthlake:{operation}": (DESCRIBE, NEW_DATA_KEY) for operation in _HEALTHLAKE_WRITES},
}
"""The actions on the key that an action on an encrypted resource comes to."""


BY_ALIAS = frozenset(
    f"kms:{operation}"
    for operation in (
        "Decrypt",
        "DescribeKey",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "GetPublicKey",
        "ReEncryptFrom",
        "ReEncryptTo",
        "Sign",
        "Verify",
        "VerifyMac",
    )
)
"""What is decided on the key itself, by whatever alias it is called.

https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-request-alias
"""


@dataclass(frozen=True, kw_only=True)
class EncryptionKey:
    """A customer managed key with which a resource is encrypted."""

    arn: str
    context: Mapping[str, str]
    """The encryption context with which the service uses it."""
    policy: ResourcePolicy
    tags: Mapping[str, str]
    keys: Keys
    """The condition keys that follow from the key itself."""


def key_requests(principal: Principal, request: Request, key: EncryptionKey) -> list[Request]:
    """Return what a request asks of a key, through its service."""
    service, region = request.action.partition(":")[0], key.arn.split(":")[3]
    of_context = {f"kms:encryptioncontext:{name.lower()}": [value] for name, value in key.context.items()}
    tags = {f"aws:resourcetag/{name.lower()}": [value] for name, value in key.tags.items()}
    keys = {
        **{name: value for name, value in request.keys.items() if "resourcetag/" not in name},
        **tags,
        **key.keys,
        "kms:viaservice": [f"{service}.{region}.amazonaws.com"],
        "kms:calleraccount": [principal.account or request.owner],
        "kms:encryptioncontextkeys": list(key.context),
        "aws:viaawsservice": ["true"],
        "aws:calledvia": [f"{service}.amazonaws.com"],
        **of_context,
    }
    owner = key.arn.split(":")[4]
    asked = replace(request, resource=key.arn, owner=owner, keys=keys, resource_policy=key.policy)
    read_again = (DECRYPT,) if IN_PARTS in request.keys else ()
    return [replace(asked, action=action) for action in (*NEEDED.get(request.action, ()), *read_again)]
