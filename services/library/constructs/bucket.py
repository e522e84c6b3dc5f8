"""An S3 bucket."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from services.library.constructs.key import TO_READ, TO_SEND, Key
from services.library.constructs.role import Role
from services.library.contract import defaults
from services.library.contract.constraints import Matches, require_valid
from services.library.contract.durations import whole
from services.library.contract.environment import Environment

SHORTEST = cdk.Duration.days(7)
"""Time to notice that something was deleted or overwritten by mistake."""
BUCKET_ARN = Matches(r"arn:aws[a-z-]*:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the whole ARN of a bucket")
KEY_ARN = Matches(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[a-z0-9-]+", "the whole ARN of a key, and no alias")
READ_VERSIONS = ("s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging")
READ_CONFIGURATION = ("s3:GetReplicationConfiguration", "s3:ListBucket")
REPLICATE = ("s3:ReplicateObject", "s3:ReplicateTags")
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
Without `s3:ReplicateDelete`: what is deleted here stays there."""


@dataclass(frozen=True, kw_only=True)
class Replica:
    """A versioned bucket in another region that gets a copy of each object; whoever has it lets the role write."""

    bucket_arn: Annotated[str, BUCKET_ARN]
    key_arn: Annotated[str, KEY_ARN]
    """The key of the copies, in that bucket's region."""

    def __post_init__(self) -> None:
        require_valid(self)

    @property
    def region(self) -> str:
        """Return the region of the key, and so of the bucket."""
        return self.key_arn.split(":")[3]


@dataclass(frozen=True, kw_only=True)
class BucketSettings:
    """Lifecycle settings of a bucket."""

    expiration: cdk.Duration | None = None
    """The age at which objects are deleted; None keeps them."""
    replaced_versions: cdk.Duration = field(default_factory=lambda: cdk.Duration.days(90))
    """How long a deleted or overwritten object can still be restored."""
    access_logs: cdk.Duration = field(default_factory=lambda: cdk.Duration.days(365))
    replicate_to: Replica | None = None
    """Where a copy of each object goes, in another region; None leaves them in the three zones of their own."""

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
        if settings.replicate_to is not None:
            self._replicate(settings.replicate_to, environment)

    @property
    def name(self) -> str:
        """Return the name, for a variable of whom `grant_read` or `grant_write` lets in."""
        return self.bucket.bucket_name

    def send_events(self) -> None:
        """Have S3 tell the account's default event bus of what happens to objects; `ObjectTrigger` listens there."""
        # Not the CDK's own way, which deploys a function that no guardrail would pass.
        self._made.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )

    @property
    def _made(self) -> s3.CfnBucket:
        made = self.bucket.node.default_child
        assert isinstance(made, s3.CfnBucket)  # noqa: S101 - what every Bucket is made of
        return made

    def _replicate(self, replica: Replica, environment: Environment) -> None:
        """Have S3 copy each object, as a role that reads versions here and writes copies there.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
        """
        if replica.region == environment.region:
            raise ValueError(
                f"{self.node.path}: replicate_to={replica.bucket_arn} with a key in {replica.region} is not allowed;"
                " give a bucket and its key in another region: what befalls a region would befall both."
            )
        role = Role(self, "Replication", service="s3.amazonaws.com")
        for actions, resource in (
            (READ_CONFIGURATION, self.bucket.bucket_arn),
            (READ_VERSIONS, self.bucket.arn_for_objects("*")),
            (REPLICATE, f"{replica.bucket_arn}/*"),
        ):
            iam.Grant.add_to_principal(grantee=role, actions=list(actions), resource_arns=[resource])
        self.encryption_key.grant_through("s3", role, *TO_READ)
        iam.Grant.add_to_principal(
            grantee=role,
            actions=["kms:Encrypt"],
            resource_arns=[replica.key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"s3.{replica.region}.amazonaws.com"}},
        )
        made = s3.CfnBucket
        self._made.replication_configuration = made.ReplicationConfigurationProperty(
            role=role.role_arn,
            rules=[
                made.ReplicationRuleProperty(
                    id="Everything",
                    status="Enabled",
                    priority=0,
                    filter=made.ReplicationRuleFilterProperty(prefix=""),
                    delete_marker_replication=made.DeleteMarkerReplicationProperty(status="Disabled"),
                    source_selection_criteria=made.SourceSelectionCriteriaProperty(
                        sse_kms_encrypted_objects=made.SseKmsEncryptedObjectsProperty(status="Enabled")
                    ),
                    destination=made.ReplicationDestinationProperty(
                        bucket=replica.bucket_arn,
                        encryption_configuration=made.EncryptionConfigurationProperty(
                            replica_kms_key_id=replica.key_arn
                        ),
                    ),
                )
            ],
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
