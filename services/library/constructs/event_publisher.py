"""An event bus on which a service publishes events."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from services.library.constructs.dead_letter_queue import DeadLetterQueue
from services.library.constructs.key import TO_SEND, Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.contract import deployment
from services.library.contract.constraints import Matches
from services.library.contract.durations import whole
from services.library.contract.environment import Environment
from services.library.contract.names import ACCOUNT

EVENT_SOURCE = Matches(
    r"(?!aws\.)[A-Za-z0-9._/-]{1,256}",
    "the publishing service as it names itself, of letters, digits and . _ / - (a source has no wildcards, and `aws.`"
    " begins those of AWS's own events, which come on the default bus alone)",
)
OF_EVENTS = ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo")
"""What EventBridge does with the key of a bus and of its archive; who publishes does nothing with it.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-key-policy.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/encryption-archives.html
"""
LONGEST_ARCHIVE = cdk.Duration.days(365)
"""The longest archive: what must be available for longer belongs in a data store."""


class EventPublisher(Construct):
    """A bus of the service's own, encrypted with its key, with an archive to replay from."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        encryption_key: Key,
        alarms_to: NotificationTopic,
        archive: cdk.Duration | None = None,
    ) -> None:
        """Make the bus. `archive`: how long events can be replayed, 30 days unless given."""
        super().__init__(scope, id_)
        archive = archive or cdk.Duration.days(30)
        if not 1 <= (days := whole(archive, "days", f"{self.node.path}: archive")) <= LONGEST_ARCHIVE.to_days():
            raise ValueError(
                f"{self.node.path}: archive={days} days is not allowed; give 1 to"
                f" {LONGEST_ARCHIVE.to_days()} days: without one, what a broken subscriber lost cannot be replayed;"
                " one without an end is a store that nobody guards."
            )
        self.encryption_key = encryption_key
        encryption_key.grant_to_service("events.amazonaws.com", *OF_EVENTS)
        # Events that EventBridge could not encrypt or decrypt for the bus, so not with the bus's key.
        operations = Key.for_operations(self, environment=environment)
        operations.grant_to_service("events.amazonaws.com", *TO_SEND)
        self.undelivered = DeadLetterQueue(self, "Undelivered", encryption_key=operations, alarms_to=alarms_to)
        self.bus = events.EventBus(
            self,
            "Bus",
            event_bus_name=deployment.physical_name(self, environment),
            kms_key=encryption_key.key,
            dead_letter_queue=self.undelivered.queue,
        )
        # The CDK lets rules write to their dead-letter queues, and forgets the bus:
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html#eb-dlq-perms
        self.undelivered.queue.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sqs:SendMessage"],
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                resources=[self.undelivered.queue.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": self.bus.event_bus_arn}},
            )
        )
        # Not the CDK's Archive: it names the bus in the key's policy, while the bus needs the key.
        events.CfnArchive(
            self,
            "Archive",
            archive_name=deployment.physical_name(self, environment),
            source_arn=self.bus.event_bus_arn,
            event_pattern={"account": [environment.account]},
            retention_days=days,
            kms_key_identifier=encryption_key.key.key_arn,
        )

    @property
    def bus_name(self) -> str:
        """Return the name of the bus, for a variable of whom `grant_publish` lets in."""
        return self.bus.event_bus_name

    def accept_from(self, id_: str, *, account: str, source: str) -> None:
        """Let another account publish events of one source here, by a rule of its own (`EventForwarder`)."""
        for name, value, allowed in (("account", account, ACCOUNT), ("source", source, EVENT_SOURCE)):
            if not allowed.allows(value):
                raise ValueError(f"{self.node.path}/{id_}: {name}={value!r} is not allowed; give {allowed.allowed}.")
        self.bus.add_to_resource_policy(
            iam.PolicyStatement(
                sid=id_,
                actions=["events:PutEvents"],
                principals=[iam.AccountPrincipal(account)],
                resources=[self.bus.event_bus_arn],
                conditions={"StringEquals": {"events:source": source}},
            )
        )

    def grant_publish(self, grantee: iam.IGrantable) -> None:
        """Grant publishing events to the bus."""
        iam.Grant.add_to_principal(
            grantee=grantee, actions=["events:PutEvents"], resource_arns=[self.bus.event_bus_arn]
        )
