"""A queue for messages that could not be handled."""

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.contract.environment import Environment

LONGEST_RETENTION = cdk.Duration.days(14)
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""


class DeadLetterQueue(Construct):
    """Keeps messages as long as SQS can, and notifies of the first; an operator looks, mends and moves them back."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        encryption_key: Key,
        alarms_to: NotificationTopic,
        fifo: bool = False,
    ) -> None:
        """Make the queue. `fifo`: whether it is a FIFO queue's, whose dead letters go to no other kind."""
        super().__init__(scope, id_)
        self.queue = sqs.Queue(
            self,
            "Queue",
            fifo=fifo or None,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=encryption_key.key,
            data_key_reuse=cdk.Duration.hours(1),
            enforce_ssl=True,
            retention_period=LONGEST_RETENTION,
            removal_policy=encryption_key.removal_policy,
        )
        self.depth = alarms_to.add_alarm(
            self,
            "Depth",
            metric=self.queue.metric_approximate_number_of_messages_visible(statistic="Maximum"),
        )

    @classmethod
    def of(cls, scope: Construct, *, environment: Environment, alarms_to: NotificationTopic) -> "DeadLetterQueue":
        """Return the stack's queue for failed asynchronous invocations, made when the first construct asks for it."""
        stack = cdk.Stack.of(scope)
        found = stack.node.try_find_child("Undelivered")
        if isinstance(found, cls):
            return found
        key = Key.for_operations(scope, environment=environment)
        return cls(stack, "Undelivered", encryption_key=key, alarms_to=alarms_to)
