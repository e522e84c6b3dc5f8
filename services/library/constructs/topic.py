"""A topic of SNS from which several queues get each message."""

from collections.abc import Mapping, Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from services.library.constructs.dead_letter_queue import DeadLetterQueue
from services.library.constructs.key import TO_SEND, Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.queue import Queue

PRINCIPAL = "sns.amazonaws.com"


class Topic(Construct):
    """Hands each message to every queue that subscribes; what a queue did not get is kept, and an alarm tells of it."""

    def __init__(self, scope: Construct, id_: str, *, encryption_key: Key, alarms_to: NotificationTopic) -> None:
        super().__init__(scope, id_)
        self.encryption_key = encryption_key
        encryption_key.grant_to_service(PRINCIPAL, *TO_SEND)
        self.topic = sns.Topic(self, "Topic", master_key=encryption_key.key, enforce_ssl=True)
        self.undelivered = DeadLetterQueue(self, "Undelivered", encryption_key=encryption_key, alarms_to=alarms_to)
        self._let_in(self.undelivered.queue)
        self.lost_messages = alarms_to.add_alarm(
            self,
            "LostMessages",
            metric=cloudwatch.Metric(
                namespace="AWS/SNS",
                metric_name="NumberOfNotificationsFailedToRedriveToDlq",
                dimensions_map={"TopicName": self.topic.topic_name},
                statistic="Sum",
            ),
        )

    @property
    def arn(self) -> str:
        """Return the ARN, for a variable of whom `grant_publish` lets in."""
        return self.topic.topic_arn

    def grant_publish(self, grantee: iam.IGrantable) -> None:
        """Grant publishing messages, and the use of the key through SNS."""
        iam.Grant.add_to_principal(grantee=grantee, actions=["sns:Publish"], resource_arns=[self.topic.topic_arn])
        self.encryption_key.grant_through("sns", grantee, *TO_SEND)

    def subscribe(
        self, id_: str, queue: Queue, *, attributes: Mapping[str, Sequence[str]] | None = None
    ) -> sns.Subscription:
        """Deliver the topic's messages to a queue, as they were published.

        `attributes`: a message attribute -> the values of which it must have one; all messages unless it is given.
        """
        queue.require_standard(self.node.path, "a standard topic delivers to no FIFO queue")
        for name, values in (attributes or {}).items():
            if isinstance(values, str) or not values:
                raise ValueError(
                    f"{self.node.path}/{id_}: attributes={{{name!r}: {values!r}}} is not allowed; give a list of the"
                    " values of which the attribute must have one: an empty one would match no message at all."
                )
        queue.encryption_key.grant_to_service(PRINCIPAL, *TO_SEND)
        self._let_in(queue.queue)
        return sns.Subscription(
            self,
            id_,
            topic=self.topic,
            protocol=sns.SubscriptionProtocol.SQS,
            endpoint=queue.queue.queue_arn,
            raw_message_delivery=True,
            dead_letter_queue=self.undelivered.queue,
            filter_policy={
                name: sns.SubscriptionFilter.string_filter(allowlist=list(values))
                for name, values in attributes.items()
            }
            if attributes
            else None,
        )

    def _let_in(self, queue: sqs.Queue) -> None:
        """Let the topic, and nobody else's, send to a queue."""
        queue.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sqs:SendMessage"],
                principals=[iam.ServicePrincipal(PRINCIPAL)],
                resources=[queue.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": self.topic.topic_arn}},
            )
        )
