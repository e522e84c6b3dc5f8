"""Buckets have the tags of their templates, by which whoever empties them knows whose they are, and the encryption."""

from collections.abc import Mapping
from typing import Any

from ministack.services import s3
from ministack.services.cloudformation import provisioners

from pipeline.local.cloud.emulator import replace

_KEY_ID = "x-amz-server-side-encryption-aws-kms-key-id"


def keep_configuration_of_templates() -> None:
    """Keep a bucket's tags and its encryption, which the emulator's CloudFormation drops."""

    def configured(name: str, props: Mapping[str, Any], old_props: Mapping[str, Any] | None = None) -> None:
        configure(name, props, old_props)
        s3._bucket_tags.pop(name, None)  # noqa: SLF001 - the emulator offers no other way
        if tags := {tag["Key"]: tag["Value"] for tag in props.get("Tags", ())}:
            s3._bucket_tags[name] = tags  # noqa: SLF001 - as above
        s3._bucket_encryption.pop(name, None)  # noqa: SLF001 - as above
        for rule in (props.get("BucketEncryption") or {}).get("ServerSideEncryptionConfiguration", ()):
            s3._bucket_encryption[name] = _encryption(rule)  # noqa: SLF001 - as above

    configure = replace(provisioners, "_s3_apply_configurations", configured)


def use_default_key() -> None:
    """Encrypt what asks for KMS without a key with the bucket's own or S3's, as AWS does; the emulator refuses it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-kms-encryption.html
    """

    def resolved(headers: Mapping[str, str], bucket: str) -> Any:
        if headers.get("x-amz-server-side-encryption") != "aws:kms" or headers.get(_KEY_ID):
            return resolve(headers, bucket)
        of_bucket = s3._bucket_default_sse_headers(bucket).get(_KEY_ID)  # noqa: SLF001 - as above
        return resolve({**headers, _KEY_ID: of_bucket or "alias/aws/s3"}, bucket)

    resolve = replace(s3, "_resolve_sse_write_headers", resolved)


def _encryption(rule: Mapping[str, Any]) -> str:
    """Return the configuration of a template's rule as PutBucketEncryption has it."""
    default = rule.get("ServerSideEncryptionByDefault") or {}
    key = default.get("KMSMasterKeyID")
    return (
        f'<ServerSideEncryptionConfiguration xmlns="{s3.S3_NS}"><Rule><ApplyServerSideEncryptionByDefault>'
        f"<SSEAlgorithm>{default.get('SSEAlgorithm', 'AES256')}</SSEAlgorithm>"
        + (f"<KMSMasterKeyID>{key}</KMSMasterKeyID>" if key else "")
        + "</ApplyServerSideEncryptionByDefault>"
        f"<BucketKeyEnabled>{str(rule.get('BucketKeyEnabled', False)).lower()}</BucketKeyEnabled>"
        "</Rule></ServerSideEncryptionConfiguration>"
    )
