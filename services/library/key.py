"""A key of a service's own."""

from aws_cdk import aws_kms as kms
from constructs import Construct

from services.library import defaults
from services.library.environment import Environment


class Key(Construct):
    """Encrypts one service's data; rotates, and outlives the stack wherever the data does."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, description: str) -> None:
        super().__init__(scope, id_)
        tier = defaults.for_environment(environment)
        self.key = kms.Key(
            self,
            "Key",
            description=description,
            enable_key_rotation=True,
            removal_policy=tier.removal_policy,
            pending_window=tier.key_pending_window,
        )
