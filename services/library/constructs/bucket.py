"""An S3 bucket."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from services.library.constructs.key import TO_READ, TO_SEND, Key
from services.library.contract import defaults
from services.library.contract.constraints import require_valid
from services.library.contract.durations import whole
from services.library.contract.environment import Environment

SHORTEST = cdk.Duration.days(7)
"""Time to notice that something was deleted or overwritten by mistake."""


@dataclass(frozen=True, kw_only=True)
class BucketSettings:
    """Lifecycle settings of a bucket."""

    expiration: cdk.Duration | None = None
    """The age at which objects are deleted; None keeps them."""
    replaced_versions: cdk.Duration = field(default_factory=lambda: cdk.Duration.days(90))
    """How long a deleted or overwritten object can still be restored."""
    access_logs: cdk.Duration = field(default_factory=lambda: cdk.Duration.days(365))

    def __post_init__(self) -> None:
        require_valid(self)
        least = whole(SHORTEST, "days", "SHORTEST")
        for name in ("replaced_versions", "access_logs"):
            if (days := whole(getattr(self, name), "days", f"BucketSettings: {name}")) < least:
                raise ValueError(
                    f"BucketSettings: {name}={days} days is not allowed; give at least"
                    f" {least} days: a mistake must be found before what could undo it is gone."
                )
        if self.expiration is not None and whole(self.expiration, "days", "BucketSettings: expiration") < 1:
            raise ValueError(
                "BucketSettings: expiration=0 days is not allowed; give a day or more, or None: S3 counts whole days."
            )


class Bucket(Construct):
    """Private, versioned, encrypted with the service's key, reached over TLS alone; its accesses are logged."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        encryption_key: Key,
        settings: BucketSettings | None = None,
    ) -> None:
        super().__init__(scope, id_)
        settings = settings or BucketSettings()
        removal_policy = defaults.for_environment(environment).removal_policy
        self.encryption_key = encryption_key
        # S3 delivers access logs to no bucket whose default is a KMS key, so they have a bucket of their own.
        access_logs = s3.Bucket(
            self,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=settings.access_logs, noncurrent_version_expiration=SHORTEST)],
            removal_policy=removal_policy,
        )
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=encryption_key.key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=True,
            server_access_logs_bucket=access_logs,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=settings.expiration,
                    noncurrent_version_expiration=settings.replaced_versions,
                    abort_incomplete_multipart_upload_after=SHORTEST,
                )
            ],
            removal_policy=removal_policy,
        )

    @property
    def name(self) -> str:
        """Return the name, for a variable of whom `grant_read` or `grant_write` lets in."""
        return self.bucket.bucket_name

    def send_events(self) -> None:
        """Have S3 tell the account's default event bus of what happens to objects; `ObjectTrigger` listens there."""
        made = self.bucket.node.default_child
        assert isinstance(made, s3.CfnBucket)  # noqa: S101 - what every Bucket is made of
        # Not the CDK's own way, which deploys a function that no guardrail would pass.
        made.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )

    def grant_read(self, grantee: iam.IGrantable, *, below: str = "") -> None:
        """Grant reading objects below a prefix, without the wildcard actions of the CDK's own grants."""
        self._grant(grantee, "s3:GetObject", below, TO_READ)

    def grant_write(self, grantee: iam.IGrantable, *, below: str = "") -> None:
        """Grant writing objects below a prefix, in parts too; an overwritten version can still be restored."""
        self._grant(grantee, "s3:PutObject", below, TO_SEND)

    def _grant(self, grantee: iam.IGrantable, action: str, below: str, of_key: Sequence[str]) -> None:
        iam.Grant.add_to_principal(
            grantee=grantee, actions=[action], resource_arns=[self.bucket.arn_for_objects(f"{below}*")]
        )
        self.encryption_key.grant_through("s3", grantee, *of_key)
