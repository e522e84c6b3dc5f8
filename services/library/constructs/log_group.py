"""A CloudWatch log group."""

from aws_cdk import aws_logs as logs
from constructs import Construct

from services.library.constructs.key import Key
from services.library.contract import defaults
from services.library.contract.environment import Environment


class LogGroup(logs.LogGroup):
    """A log group encrypted with the stack's operations key, with the retention of the environment's tier."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, name: str | None = None) -> None:
        tier = defaults.for_environment(environment)
        super().__init__(
            scope,
            id_,
            log_group_name=name,
            retention=tier.log_retention,
            removal_policy=tier.removal_policy,
            encryption_key=Key.for_operations(scope, environment=environment).key,
        )
