"""A DynamoDB table."""

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from services.library.constructs.key import Key
from services.library.contract import defaults
from services.library.contract.environment import Environment


class Table(Construct):
    """A table with one or two string keys, encrypted with the service's key, restorable to any second of 35 days.

    The keys are create-only: with another one CloudFormation makes another, empty table.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        partition_key: str,
        encryption_key: Key,
        sort_key: str | None = None,
        expires_by: str | None = None,
    ) -> None:
        """Make the table. `expires_by`: the attribute with an item's expiry in epoch seconds; None keeps items."""
        super().__init__(scope, id_)
        given = [name for name in (partition_key, sort_key, expires_by) if name is not None]
        if len(set(given)) < len(given) or "" in given:
            raise ValueError(
                f"{self.node.path}: partition_key={partition_key!r}, sort_key={sort_key!r}, expires_by={expires_by!r}"
                " are not allowed; give each an attribute of its own: a key that expires would take its items along."
            )
        self.encryption_key = encryption_key
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name=partition_key, type=dynamodb.AttributeType.STRING),
            sort_key=None
            if sort_key is None
            else dynamodb.Attribute(name=sort_key, type=dynamodb.AttributeType.STRING),
            time_to_live_attribute=expires_by,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=encryption_key.key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=environment.keeps_data,
            removal_policy=defaults.for_environment(environment).removal_policy,
        )

    def grant(self, grantee: iam.IGrantable, *actions: str) -> None:
        """Grant actions on the table, and the use of its key through DynamoDB, which every caller needs.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
        """
        self.table.grant(grantee, *actions)
        self.encryption_key.grant_through("dynamodb", grantee)
