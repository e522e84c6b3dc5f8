"""second: another queue, deployed after the first."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from services.library.constructs.key import Key
from services.library.contract.acknowledgement import Acknowledgement
from services.library.contract.constraints import Between
from services.library.contract.environment import Environment
from services.library.contract.published import Published
from services.library.contract.service import Service, ServiceStack

from .acknowledgements import ACKNOWLEDGEMENTS

QUEUE_NAME = Published("first/queue-name")


class SecondStack(ServiceStack):
    """A queue."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, settings: "Second") -> None:
        super().__init__(scope, id_, environment=environment, description="Keeps what it is sent")
        key = Key(self, "Key", environment=environment, description="Messages")
        sqs.Queue(
            self,
            "Queue",
            enforce_ssl=True,
            encryption_master_key=key.key,
            removal_policy=key.removal_policy,
            retention_period=cdk.Duration.days(settings.retention_days),
        )
        cdk.CfnOutput(self, "First", value=QUEUE_NAME.read(self, environment))


@dataclass(frozen=True, kw_only=True)
class Second(Service[SecondStack]):
    """Keeps what it is sent."""

    name: ClassVar[str] = "second"
    owner: ClassVar[str] = "@example/second"
    handles_personal_data: ClassVar[bool] = False
    needs: ClassVar[tuple[Published, ...]] = (QUEUE_NAME,)
    acknowledgements: ClassVar[tuple[Acknowledgement, ...]] = ACKNOWLEDGEMENTS

    retention_days: Annotated[int, Between(1, 14)] = 4

    def build(self, scope: Construct, environment: Environment) -> SecondStack:
        return SecondStack(scope, self.name, environment=environment, settings=self)
