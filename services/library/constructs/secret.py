"""A secret that a function of the service replaces from time to time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from services.library.constructs.function import Function, FunctionSettings
from services.library.constructs.key import TO_READ, TO_SEND, Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.contract.constraints import require_valid
from services.library.contract.durations import whole
from services.library.contract.environment import Environment

READ = "secretsmanager:GetSecretValue"
ROTATE = (
    "secretsmanager:DescribeSecret",
    READ,
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
)
"""https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets-required-permissions-function.html"""

LENGTH = 40


@dataclass(frozen=True, kw_only=True)
class SecretSettings:
    """How a secret is replaced."""

    rotation: FunctionSettings
    """Its handler answers with `SecretRotation.run`, which knows how the other system takes a new value."""
    every: cdk.Duration = field(default_factory=lambda: cdk.Duration.days(30))

    def __post_init__(self) -> None:
        require_valid(self)
        if not 1 <= (days := whole(self.every, "days", "SecretSettings: every")) <= 365:
            raise ValueError(
                f"SecretSettings: every={days} days is not allowed; give 1 to 365 days: a secret that is older is known"
                " to people who have left."
            )


class Secret(Construct):
    """A random value under the service's key, made at the first deployment, and rotated; it is in no template."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        encryption_key: Key,
        alarms_to: NotificationTopic,
        settings: SecretSettings,
    ) -> None:
        super().__init__(scope, id_)
        self.encryption_key = encryption_key
        self.secret = secretsmanager.Secret(
            self,
            "Secret",
            encryption_key=encryption_key.key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=LENGTH, exclude_punctuation=True
            ),
            removal_policy=encryption_key.removal_policy,
        )
        self.rotation = Function(
            self,
            "Rotation",
            environment=environment,
            settings=settings.rotation,
            alarms_to=alarms_to,
            shifts=False,  # it runs once in weeks: a share of that shows nothing
        )
        self._grant(self.rotation.function, ROTATE, TO_SEND)
        permission = lambda_.CfnPermission(
            self,
            "MayRotate",
            action="lambda:InvokeFunction",
            function_name=self.rotation.function.function_arn,
            principal="secretsmanager.amazonaws.com",
            source_account=environment.account,
            source_arn=self.secret.secret_arn,
        )
        schedule = secretsmanager.CfnRotationSchedule(
            self,
            "Schedule",
            secret_id=self.secret.secret_arn,
            rotation_lambda_arn=self.rotation.function.function_arn,
            rotation_rules=secretsmanager.CfnRotationSchedule.RotationRulesProperty(
                automatically_after_days=settings.every.to_days()
            ),
        )
        # It rotates at once, for which the function must be allowed what it needs.
        schedule.node.add_dependency(permission, self.rotation)

    @property
    def arn(self) -> str:
        """Return the ARN, by which a function reads it: a variable such as DATABASE_SECRET_ARN, beside `grant_read`."""
        return self.secret.secret_arn

    def grant_read(self, grantee: iam.IGrantable) -> None:
        """Grant reading the value, and the use of the key through Secrets Manager."""
        self._grant(grantee, (READ,), TO_READ)

    def _grant(self, grantee: iam.IGrantable, actions: Sequence[str], of_key: Sequence[str]) -> None:
        iam.Grant.add_to_principal(grantee=grantee, actions=list(actions), resource_arns=[self.secret.secret_arn])
        self.encryption_key.grant_through("secretsmanager", grantee, *of_key)
