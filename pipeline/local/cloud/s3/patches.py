"""Bucket policies as a caller from another account meets them: by its role, over what counts as a secure transport.

The emulator asks a bucket's policy whether another account's *root* may have a request, so that a policy which names a
role lets nobody in. And it takes a request over HTTP for an insecure one, as S3 does, though nothing here leaves
loopback: every bucket that enforces TLS would refuse everybody.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html#example-bucket-policies-HTTP-HTTPS
Buckets have the tags of their templates besides.
"""

from collections.abc import Mapping
from typing import Any

from ministack.core import iam_actions, iam_evaluator, router
from ministack.services import s3
from ministack.services.cloudformation import provisioners

from pipeline.local.cloud.emulator import Emulator, replace


def show_policies_who_asks(emulator: Emulator) -> None:
    """Let bucket policies see the role that asks, where the emulator asks the policy of another account's bucket."""

    def allows(
        owner: str,
        bucket: str,
        key: str,
        method: str,
        query: Mapping[str, Any],
        caller: str,
        headers: Mapping[str, str] | None = None,
    ) -> bool:
        given = headers or {}
        if roots(owner, bucket, key, method, query, caller, given):
            return True
        policy = s3._bucket_policies.get_scoped(owner, None, bucket)  # noqa: SLF001 - the emulator offers no other way
        access_key = router.extract_access_key_id(given, query)
        if not policy or not caller or not access_key:
            return False
        credential = iam_evaluator.resolve_credential(access_key, caller)
        if not isinstance(credential, iam_evaluator.ResolvedCredential):
            return False
        context = iam_evaluator.EvalContext(
            principal_arn=credential.principal_arn,
            principal_type="AssumedRole",
            principal_account=caller,
            action=f"s3:{_action(method, bucket, key, query)}",
            resource_arn=f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}",
            region=emulator.here()[1],
            secure_transport=True,
        )
        return bool(iam_evaluator.evaluate_resource_policy(policy, context).decision == "Allow")

    roots = replace(s3, "_foreign_bucket_allows", allows)


def keep_tags_of_templates() -> None:
    """Keep a bucket's tags, by which whoever empties it knows whose it is; the emulator's CloudFormation drops them."""

    def with_tags(name: str, props: Mapping[str, Any], old_props: Mapping[str, Any] | None = None) -> None:
        configure(name, props, old_props)
        s3._bucket_tags.pop(name, None)  # noqa: SLF001 - as above
        if tags := {tag["Key"]: tag["Value"] for tag in props.get("Tags", ())}:
            s3._bucket_tags[name] = tags  # noqa: SLF001 - as above

    configure = replace(provisioners, "_s3_apply_configurations", with_tags)


def _action(method: str, bucket: str, key: str, query: Mapping[str, Any]) -> str:
    path = f"/{bucket}/{key}" if key else f"/{bucket}"
    known = iam_actions._s3_action(method, path, query)  # noqa: SLF001 - as above
    return str(known or ("GetObject" if method in ("GET", "HEAD") else "PutObject"))
