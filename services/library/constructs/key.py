"""A KMS key."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from services.library.contract import defaults
from services.library.contract.environment import Environment

TO_READ = ("kms:Decrypt",)
"""What reading from S3, SQS, Kinesis and Secrets Manager comes to."""
TO_WRITE = ("kms:GenerateDataKey",)
"""What writing to Kinesis comes to, and to S3 in one request."""
TO_SEND = ("kms:Decrypt", "kms:GenerateDataKey")
"""What sending to SQS and SNS comes to, writing to S3 in parts, and replacing a secret.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
"""
EVERY_USE = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
"""What CloudWatch Logs needs, and DynamoDB "at a minimum", without the wildcards of their pages.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
"""


class Key(Construct):
    """A rotating key of one service's data; it outlives the stack wherever the data does."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, description: str) -> None:
        super().__init__(scope, id_)
        tier = defaults.for_environment(environment)
        self.removal_policy = tier.removal_policy
        """What becomes of it when its stack goes, and so of what is encrypted with it."""
        self.key = kms.Key(
            self,
            "Key",
            description=description,
            enable_key_rotation=True,
            removal_policy=tier.removal_policy,
            pending_window=tier.key_pending_window,
        )

    @classmethod
    def for_operations(cls, scope: Construct, *, environment: Environment) -> "Key":
        """Return the stack's key for logs and undelivered events, made when the first construct asks for it."""
        stack = cdk.Stack.of(scope)
        found = stack.node.try_find_child("OperationsKey")
        if isinstance(found, cls):
            return found
        key = cls(stack, "OperationsKey", environment=environment, description="Logs and undelivered events")
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        key.grant_to_service(
            f"logs.{stack.region}.amazonaws.com",
            *EVERY_USE,
            ArnLike={
                "kms:EncryptionContext:aws:logs:arn": stack.format_arn(
                    service="logs",
                    resource="log-group",
                    resource_name="*",
                    arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                )
            },
        )
        return key

    def _require(self, actions: Sequence[str]) -> None:
        if not actions:
            raise ValueError(
                f"{self.node.path}: actions=() is not allowed; give what the other one needs, such as *TO_READ,"
                " *TO_WRITE or *TO_SEND."
            )

    def grant_through(self, service: str, grantee: iam.IGrantable, *actions: str) -> None:
        """Grant the use of the key through a service such as `dynamodb`, and in no other way.

        `actions`: what a caller of that service needs, such as `*TO_READ`. Raises ValueError without any.
        """
        self._require(actions)
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=list(actions),
            resource_arns=[self.key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"{service}.{cdk.Stack.of(self).region}.amazonaws.com"}},
        )

    def grant_to_service(self, principal: str, *actions: str, **conditions: dict[str, str]) -> None:
        """Grant an AWS service what it does with this key itself, such as `*TO_SEND` for a queue that it writes to.

        Raises ValueError without any action.
        """
        self._require(actions)
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                actions=list(actions),
                principals=[iam.ServicePrincipal(principal)],
                resources=["*"],  # in a key's policy: this key
                conditions=conditions,
            )
        )
