"""The pipeline's own artifact buckets and keys: CDK Pipelines' generated ones lose their key and never rotate it."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

KEEP_ARTIFACTS = cdk.Duration.days(365)


class ArtifactStore(Construct):
    """A bucket with its key, retained together: a bucket without its key is lost data."""

    def __init__(self, scope: Construct, id_: str, *, name: str) -> None:
        super().__init__(scope, id_)
        stack = cdk.Stack.of(self)
        self.key = kms.Key(
            self,
            "Key",
            description=f"Artifacts of the pipeline {name}",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        # The pipeline reaches a store in another region by names alone, so the key goes by its alias.
        alias = self.key.add_alias(f"alias/{name}-artifacts")
        # S3 delivers access logs to no bucket whose default is a KMS key, so they have a bucket of their own.
        access_logs = s3.Bucket(
            self,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(expiration=KEEP_ARTIFACTS, noncurrent_version_expiration=cdk.Duration.days(7))
            ],
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=f"{name}-artifacts-{stack.account}-{stack.region}",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=alias,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            server_access_logs_bucket=access_logs,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=KEEP_ARTIFACTS,
                    noncurrent_version_expiration=cdk.Duration.days(30),
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(7),
                )
            ],
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )


class ArtifactsStack(cdk.Stack):
    """The artifact store of one region that stages use and the pipeline is not in."""

    def __init__(self, scope: Construct, id_: str, *, name: str, env: cdk.Environment) -> None:
        super().__init__(scope, id_, env=env, description=f"Artifact store of the pipeline {name}")
        self.store = ArtifactStore(self, "Artifacts", name=name)


def stores(own: ArtifactStore, *, name: str, regions: Sequence[str]) -> Mapping[str, s3.IBucket]:
    """The artifact bucket of the pipeline's own region, and one for each other region, by region."""
    pipeline = cdk.Stack.of(own)
    buckets: dict[str, s3.IBucket] = {pipeline.region: own.bucket}
    for region in regions:
        if region not in buckets:
            stack = ArtifactsStack(
                pipeline.node.root,  # type: ignore[arg-type]  # the App, which jsii types as IConstruct
                f"{name}-artifacts-{region}",
                name=name,
                env=cdk.Environment(account=pipeline.account, region=region),
            )
            pipeline.add_stack_dependency(stack, "its artifact store must exist first")
            buckets[region] = stack.store.bucket
    return buckets
