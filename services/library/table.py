"""A table of a service's own."""

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from services.library import defaults
from services.library.environment import Environment
from services.library.key import Key


class Table(Construct):
    """Items by one string key: encrypted with the service's key, restorable to any second, guarded in production."""

    def __init__(
        self, scope: Construct, id_: str, *, environment: Environment, partition_key: str, encryption_key: Key
    ) -> None:
        super().__init__(scope, id_)
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name=partition_key, type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=encryption_key.key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=environment.keeps_data,
            removal_policy=defaults.for_environment(environment).removal_policy,
        )
