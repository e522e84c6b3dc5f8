"""An SQS queue."""

import math
from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from services.library.constructs.dead_letter_queue import LONGEST_RETENTION, DeadLetterQueue
from services.library.constructs.key import TO_SEND, Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.contract.constraints import require_valid
from services.library.contract.durations import whole

FEWEST_RECEIVES = 5
"""At least 5: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html."""
METRIC_DELAY = cdk.Duration.minutes(15)
"""How late the metrics of a queue may be that nobody used for a while.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html"""
MINUTE = 60.0


@dataclass(frozen=True, kw_only=True)
class QueueSettings:
    """Settings of a queue."""

    visibility_timeout: cdk.Duration = field(default_factory=lambda: cdk.Duration.seconds(60))
    """How long a message is hidden from other consumers while one works on it."""
    retention: cdk.Duration = field(default_factory=lambda: cdk.Duration.days(4))
    """How long a message waits to be handled."""
    receives: int = FEWEST_RECEIVES
    """How often a message is received before it goes to the dead-letter queue."""
    oldest_message: cdk.Duration = field(default_factory=lambda: cdk.Duration.minutes(15))
    """The age at which the oldest message raises an alarm."""
    fifo: bool = False
    """Whether messages of one group come in their order, and each at most once within five minutes. Create-only."""
    content_based_deduplication: bool = False
    """Of a FIFO queue: whether two messages of the same content are one, for whoever gives no id for that."""

    def __post_init__(self) -> None:
        require_valid(self)
        hidden, kept, old = (
            whole(getattr(self, name), "seconds", f"QueueSettings: {name}")
            for name in ("visibility_timeout", "retention", "oldest_message")
        )
        if not 1 <= hidden <= 43_200:
            raise ValueError(
                f"QueueSettings: visibility_timeout={hidden:.0f} s is not allowed; give 1 s to 12 h:"
                " SQS knows no longer one, and at 0 every worker would get every message at once."
            )
        if not FEWEST_RECEIVES <= self.receives <= 1_000:
            raise ValueError(
                f"QueueSettings: receives={self.receives} is not allowed; give {FEWEST_RECEIVES} to 1000:"
                " a throttled or restarted worker counts as a receive, and good messages would be given up."
            )
        if not hidden < kept < LONGEST_RETENTION.to_seconds():
            raise ValueError(
                f"QueueSettings: retention={kept:.0f} s is not allowed; give more than visibility_timeout"
                f" ({hidden:.0f} s) and less than 14 days: a message keeps its age when it goes to the dead-letter"
                " queue, which keeps it for 14 days in all, so that nobody would have time to look at it."
            )
        if self.content_based_deduplication and not self.fifo:
            raise ValueError(
                "QueueSettings: content_based_deduplication=True is not allowed; give fifo=True with it: a standard"
                " queue knows no duplicates."
            )
        if not 60 <= old < kept:
            raise ValueError(
                f"QueueSettings: oldest_message={old:.0f} s is not allowed; give 60 s up to retention ({kept:.0f} s):"
                " an alarm after the messages are gone helps nobody."
            )

    @property
    def alarm_seconds(self) -> float:
        """Return how long a message waits until there is an alarm if its worker fails at every try.

        It becomes a dead letter after its last receive. Before, the age of the oldest message tells of it, which passes
        over a message from its third receive on, but in a FIFO queue:
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
        """
        hidden, old = self.visibility_timeout.to_seconds(), self.oldest_message.to_seconds()
        is_seen = self.fifo or old + MINUTE <= 2 * hidden
        return min(self.receives * hidden, old if is_seen else math.inf) + METRIC_DELAY.to_seconds()


class Queue(Construct):
    """Encrypted, reached over TLS alone, with a dead-letter queue and alarms on age and on the dead letters."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        encryption_key: Key,
        alarms_to: NotificationTopic,
        settings: QueueSettings | None = None,
    ) -> None:
        super().__init__(scope, id_)
        self.settings = settings or QueueSettings()
        self.encryption_key = encryption_key
        fifo = self.settings.fifo
        self.dead_letters = DeadLetterQueue(
            self, "DeadLetters", encryption_key=encryption_key, alarms_to=alarms_to, fifo=fifo
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            fifo=fifo or None,
            content_based_deduplication=self.settings.content_based_deduplication or None,
            # Groups do not wait for each other: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/high-throughput-fifo.html
            deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP if fifo else None,
            fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID if fifo else None,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=encryption_key.key,
            data_key_reuse=cdk.Duration.hours(1),
            enforce_ssl=True,
            visibility_timeout=self.settings.visibility_timeout,
            retention_period=self.settings.retention,
            removal_policy=encryption_key.removal_policy,
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters.queue, max_receive_count=self.settings.receives
            ),
        )
        self.age = alarms_to.add_alarm(
            self,
            "Age",
            metric=self.queue.metric_approximate_age_of_oldest_message(statistic="Maximum"),
            threshold=self.settings.oldest_message.to_seconds(),
        )

    @property
    def redrive(self) -> str:
        """Return what `penstock redrive` reads, for a stack output whose key begins with `Redrive`."""
        urls = {"queue": self.queue.queue_url, "dead_letters": self.dead_letters.queue.queue_url}
        return cdk.Stack.of(self).to_json_string(urls)

    @property
    def url(self) -> str:
        """Return the URL that senders name, beside `grant_send`."""
        return self.queue.queue_url

    def require_standard(self, who: str, why: str) -> None:
        """Raise ValueError if it is a FIFO queue, to which `who` cannot send."""
        if self.settings.fifo:
            raise ValueError(f"{who}: fifo=True of {self.node.path} is not allowed; give a standard queue: {why}.")

    def grant_send(self, grantee: iam.IGrantable) -> None:
        """Grant sending messages to `url`, without what the CDK's own grant has besides for who knows a name alone."""
        self.queue.grant(grantee, "sqs:SendMessage")
        self.encryption_key.grant_through("sqs", grantee, *TO_SEND)
