"""A queue with the function that works on it."""

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from services.library.constructs.function import Function, FunctionSettings
from services.library.constructs.key import TO_READ, Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.queue import METRIC_DELAY, MINUTE, Queue, QueueSettings
from services.library.contract.constraints import require_valid
from services.library.contract.environment import Environment

TIMES_THE_TIMEOUT = 6
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html, "Setting visibility timeout"."""
LONGEST_SILENCE = cdk.Duration.hours(1)
"""How long a message that fails at every try may wait until there is an alarm."""


@dataclass(frozen=True, kw_only=True)
class QueueWorkerSettings:
    """Settings of a queue worker."""

    function: FunctionSettings
    """Its handler answers with `QueueProcessor.run`: what failed is tried again."""
    queue: QueueSettings | None = None
    """None: a queue whose visibility timeout fits the function's."""
    batch_size: int = 10
    max_concurrency: int = 10
    """The most executions that the queue starts at the same time, of one batch each; none is reserved for it."""

    def __post_init__(self) -> None:
        require_valid(self)
        who = self.function.handler
        if not 1 <= self.batch_size <= 10:
            raise ValueError(
                f"{who}: batch_size={self.batch_size} is not allowed; give 1 to 10: a larger one needs a batching"
                " window, in which messages wait."
            )
        if not 2 <= self.max_concurrency <= 1_000:
            raise ValueError(
                f"{who}: max_concurrency={self.max_concurrency} is not allowed; give 2 to 1000, which is what Lambda"
                " takes."
            )
        reserved = self.function.reserved_concurrency
        if reserved is not None and reserved < self.max_concurrency:
            raise ValueError(
                f"{who}: max_concurrency={self.max_concurrency} with reserved_concurrency={reserved} is not allowed;"
                " give at most as many: throttled batches count as received, and end as dead letters without a try."
            )
        least = TIMES_THE_TIMEOUT * self.function.timeout.to_seconds()
        if self.queue is not None and self.queue.visibility_timeout.to_seconds() < least:
            raise ValueError(
                f"{who}: queue.visibility_timeout={self.queue.visibility_timeout.to_seconds():.0f} s is not allowed;"
                f" give at least {least:.0f} s, {TIMES_THE_TIMEOUT} times the function's timeout: others would get"
                " messages that are still worked on."
            )
        if self.queue is not None and self.queue.alarm_seconds > LONGEST_SILENCE.to_seconds():
            hidden, old = (each.to_seconds() for each in (self.queue.visibility_timeout, self.queue.oldest_message))
            most = min(LONGEST_SILENCE.to_seconds() - METRIC_DELAY.to_seconds(), 2 * hidden - MINUTE)
            raise ValueError(
                f"{who}: queue.receives={self.queue.receives} with visibility_timeout={hidden:.0f} s and"
                f" oldest_message={old:.0f} s is not allowed; give an oldest_message of at most {most:.0f} s, or less"
                " of the others: a message that fails at every try would wait for"
                f" {self.queue.alarm_seconds:.0f} s until there is an alarm, and an hour is the limit."
            )


class QueueWorker(Construct):
    """Works on each message until it succeeds or is a dead letter; a failed one does not fail others of its batch."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        encryption_key: Key,
        alarms_to: NotificationTopic,
        settings: QueueWorkerSettings,
    ) -> None:
        super().__init__(scope, id_)
        timeout = settings.function.timeout.to_seconds()
        fitting = cdk.Duration.seconds(TIMES_THE_TIMEOUT * timeout)
        self.queue = Queue(
            self,
            "Queue",
            encryption_key=encryption_key,
            alarms_to=alarms_to,
            settings=settings.queue or QueueSettings(visibility_timeout=fitting),
        )
        self.function = Function(
            self, "Function", environment=environment, settings=settings.function, alarms_to=alarms_to
        )
        self.queue.queue.grant(
            self.function.function, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"
        )
        encryption_key.grant_through("sqs", self.function.function, *TO_READ)
        self._map(settings)

    @property
    def queue_url(self) -> str:
        """Return the URL that senders name: a variable of theirs, beside `grant_send`."""
        return self.queue.url

    def grant_send(self, grantee: iam.IGrantable) -> None:
        """Grant sending messages to the worker."""
        self.queue.grant_send(grantee)

    def _map(self, settings: QueueWorkerSettings) -> None:
        lambda_.EventSourceMapping(
            self,
            "Source",
            target=self.function.target,
            event_source_arn=self.queue.queue.queue_arn,
            batch_size=settings.batch_size,
            max_concurrency=settings.max_concurrency,
            report_batch_item_failures=True,
        )
