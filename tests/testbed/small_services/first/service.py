"""first: a queue whose name others need."""

from dataclasses import dataclass
from typing import ClassVar

from aws_cdk import aws_sqs as sqs
from constructs import Construct

from services.library.constructs.key import Key
from services.library.contract.acknowledgement import Acknowledgement
from services.library.contract.environment import Environment
from services.library.contract.published import Published
from services.library.contract.service import Service, ServiceStack

from .acknowledgements import ACKNOWLEDGEMENTS

QUEUE_NAME = Published("first/queue-name")


class FirstStack(ServiceStack):
    """A queue."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_, environment=environment, description="Keeps what it is sent")
        key = Key(self, "Key", environment=environment, description="Messages")
        queue = sqs.Queue(
            self, "Queue", enforce_ssl=True, encryption_master_key=key.key, removal_policy=key.removal_policy
        )
        QUEUE_NAME.offer(self, environment, queue.queue_name)


@dataclass(frozen=True, kw_only=True)
class First(Service[FirstStack]):
    """Keeps what it is sent."""

    name: ClassVar[str] = "first"
    owner: ClassVar[str] = "@example/first"
    handles_personal_data: ClassVar[bool] = False
    offers: ClassVar[tuple[Published, ...]] = (QUEUE_NAME,)
    acknowledgements: ClassVar[tuple[Acknowledgement, ...]] = ACKNOWLEDGEMENTS

    def build(self, scope: Construct, environment: Environment) -> FirstStack:
        return FirstStack(scope, self.name, environment=environment)
