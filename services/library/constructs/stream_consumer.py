"""A function that consumes a Kinesis stream, and that no record can block."""

import dataclasses
import math
from dataclasses import dataclass, field
from enum import StrEnum

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from services.library.constructs.bucket import Bucket
from services.library.constructs.dead_letter_queue import DeadLetterQueue
from services.library.constructs.function import Function, FunctionSettings
from services.library.constructs.key import TO_SEND, Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.stream import SHORTEST_HOURS, Stream
from services.library.constructs.table import Table
from services.library.contract.constraints import require_valid
from services.library.contract.durations import whole
from services.library.contract.environment import Environment

FEWEST_RETRIES, MOST_RETRIES = 3, 10
SHORTEST_TIMEOUT = cdk.Duration.seconds(10)
COPIES = "aws/lambda/"
"""The prefix of the keys of all objects that Lambda writes to an on-failure destination."""
LONGEST_AGE_IN_A_TABLES_STREAM = cdk.Duration.hours(20)
"""A table's stream keeps a change for 24 hours, within which Lambda must have given it up, or it is gone unseen.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html"""
QUARANTINED_MESSAGE = "record quarantined"
"""The message of the log line that services/library/runtime/stream.py writes for a quarantined record."""
COUNTED_MESSAGE = "quarantine counted"
"""The message of the one with `waiting` and `oldest_seconds`, which it writes if called with COUNT_QUARANTINE."""
COUNT_QUARANTINE = "countQuarantine"
COUNT_EVERY = cdk.Duration.minutes(5)
"""How often the consumer counts what waits in quarantine."""


class Destination(StrEnum):
    """The kind of on-failure destination, for batches that Lambda gives up."""

    COPIES = "copies"
    """A bucket: whole records, readable after they have expired in the stream."""
    POINTERS = "pointers"
    """A queue: only the positions of records in the stream."""


@dataclass(frozen=True, kw_only=True)
class StreamConsumerSettings:
    """Settings of a stream consumer. Bisecting on errors and partial batch responses are always on."""

    function: FunctionSettings
    """Its handler answers with `StreamProcessor.run`. It also gets QUARANTINE_BUCKET_NAME, SKIPS_BY_KEY,
    DEAGGREGATES_KPL and DECOMPRESSES_GZIP."""
    batch_size: int = 100
    window: cdk.Duration = field(default_factory=lambda: cdk.Duration.seconds(1))
    """How long Lambda gathers a batch."""
    retries: int = MOST_RETRIES
    record_age: cdk.Duration = field(default_factory=lambda: cdk.Duration.hours(24))
    """The age at which a record is given up however few its retries."""
    parallelization: int = 1
    """Batches of one shard at once. Order is kept within each partition key, whatever it is."""
    skips_by_key: bool = False
    """After a failure go on with the records of other partition keys, instead of ending the batch."""
    destination: Destination = Destination.COPIES
    pointer_retention: cdk.Duration = field(default_factory=lambda: cdk.Duration.hours(96))
    """How long pointers wait for an operator."""
    operator_time: cdk.Duration = field(default_factory=lambda: cdk.Duration.hours(72))
    """The time from an alarm, on a Friday night, to a mended consumer."""
    iterator_age: cdk.Duration = field(default_factory=lambda: cdk.Duration.minutes(15))
    """How far the consumer may fall behind before an alarm."""
    quarantine_age: cdk.Duration = field(default_factory=lambda: cdk.Duration.hours(24))
    """How long a record may wait in quarantine before a second alarm says that nobody mends it."""
    deaggregates_kpl: bool = False
    """Take an aggregate of the Kinesis Producer Library for the records in it, each by itself."""
    decompresses_gzip: bool = False
    """Decompress payloads that are gzip; others are taken as they are."""

    def __post_init__(self) -> None:
        require_valid(self)
        who = self.function.handler
        age, lag, window = (
            whole(getattr(self, name), "seconds", f"{who}: {name}") for name in ("record_age", "iterator_age", "window")
        )
        pointers, operator = (
            whole(getattr(self, name), "hours", f"{who}: {name}") for name in ("pointer_retention", "operator_time")
        )
        timeout = self.function.timeout.to_seconds()
        if not FEWEST_RETRIES <= self.retries <= MOST_RETRIES:
            raise ValueError(
                f"{who}: retries={self.retries} is not allowed; give {FEWEST_RETRIES} to {MOST_RETRIES}: with fewer,"
                " good records are given up for a crash or two; with more, or without an end, one bad record stops"
                " those behind it."
            )
        if not 3_600 <= age <= 604_800:
            raise ValueError(
                f"{who}: record_age={age:.0f} s is not allowed; give 1 h to 7 days: below, a consumer that was down for"
                " a moment gives up good records; Lambda knows no longer one but for ever, and then a failing record"
                " stops its shard until it expires."
            )
        if not 1 <= self.batch_size <= min(10_000, 2**self.retries):
            raise ValueError(
                f"{who}: batch_size={self.batch_size} is not allowed; give 1 to {min(10_000, 2**self.retries)}, which"
                f" is 2 to the power of retries={self.retries}: halving must isolate a record that kills the function"
                " before the retries are used up, or it takes good records along."
            )
        if not 1 <= self.parallelization <= 10:
            raise ValueError(
                f"{who}: parallelization={self.parallelization} is not allowed; give 1 to 10, which is what Lambda"
                " takes."
            )
        if not 0 <= window <= 300:
            raise ValueError(
                f"{who}: window={window:.0f} s is not allowed; give 0 to 300 s, which is what Lambda takes."
            )
        if timeout < SHORTEST_TIMEOUT.to_seconds():
            raise ValueError(
                f"{who}: timeout={timeout:.0f} s is not allowed; give at least {SHORTEST_TIMEOUT.to_seconds():.0f} s:"
                " no record is begun in the last 3 s, so that a batch is answered before its time is over."
            )
        if not 24 <= pointers <= 336:
            raise ValueError(
                f"{who}: pointer_retention={pointers:.0f} h is not allowed; give 24 to 336 h: an operator needs a day"
                " to notice, and SQS keeps nothing for longer than 14 days."
            )
        if operator < 24:
            raise ValueError(
                f"{who}: operator_time={operator:.0f} h is not allowed; give at least 24 h: nobody can promise to"
                " mend a consumer in less."
            )
        if not 60 <= lag < age:
            raise ValueError(
                f"{who}: iterator_age={lag:.0f} s is not allowed; give 60 s up to record_age ({age:.0f} s): an alarm"
                " after records are given up helps nobody."
            )
        self._validate_isolation()

    def _validate_isolation(self) -> None:
        """Raise ValueError if a record that always fails takes good ones along, or an aggregate loses their order."""
        who, age, waits = self.function.handler, self.record_age.to_seconds(), self.quarantine_age.to_seconds()
        if self.isolation_seconds(self.batch_size) > age:
            raise ValueError(
                f"{who}: batch_size={self.batch_size} with record_age={age:.0f} s, retries={self.retries} and timeout="
                f"{self.function.timeout.to_seconds():.0f} s is not allowed; {self._what_can_be_halved(age)}: a record"
                " that lets the function run into its timeout is isolated and given up after"
                f" {self.isolation_seconds(self.batch_size):.0f} s, and good ones behind it would be too old by then."
            )
        if self.deaggregates_kpl and self.parallelization > 1:
            raise ValueError(
                f"{who}: parallelization={self.parallelization} with deaggregates_kpl=True is not allowed; give 1:"
                " Lambda tells batches apart by the key of the aggregate, and not of the records in it, whose order"
                " would be lost. More shards are the way to more at once."
            )
        if not 3_600 <= waits <= 1_209_600:
            raise ValueError(
                f"{who}: quarantine_age={waits:.0f} s is not allowed; give 1 h to 14 days: the first alarm comes with"
                " the record, and this one is for what everybody forgot."
            )

    def isolation_seconds(self, batch_size: int) -> float:
        """Return how long a record can hold up its shard if it makes the function run into its timeout each time.

        For each halving the half before it is processed and its own fails; then it is alone and has all its attempts.
        """
        halvings = math.ceil(math.log2(batch_size))
        return (2 * halvings + 1 + self.retries) * self.function.timeout.to_seconds()

    def _what_can_be_halved(self, age: float) -> str:
        """Say the largest batch that the other settings allow, or what to change if it is none."""
        fitting = [power for power in range(self.retries + 1) if self.isolation_seconds(2**power) <= age]
        if fitting:
            return f"give at most {2 ** fitting[-1]}, or a shorter timeout"
        return f"give a record_age of at least {self.isolation_seconds(1):.0f} s, or a shorter timeout"

    @property
    def hours_in_stream(self) -> int:
        """Return the shortest retention of the stream with which an operator can still read a failed record."""
        pointers = self.pointer_retention.to_hours() if self.destination is Destination.POINTERS else 0
        needed = self.record_age.to_seconds() / 3_600 + pointers + self.operator_time.to_hours()
        return max(SHORTEST_HOURS, -int(-needed // 1))


class StreamConsumer(Construct):
    """Processes each record of a stream, or stores it: in quarantine, or in the on-failure destination."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        stream: Stream | Table,
        alarms_to: NotificationTopic,
        settings: StreamConsumerSettings,
    ) -> None:
        super().__init__(scope, id_)
        if isinstance(stream, Table):
            _refuse_for_a_table(settings)
        else:
            _refuse_for_a_stream(settings, stream)
        reserved, shards = settings.function.reserved_concurrency, _shards(stream)
        if reserved is not None and reserved < shards * settings.parallelization:
            raise ValueError(
                f"{settings.function.handler}: reserved_concurrency={reserved} is not allowed; give at least"
                f" {shards * settings.parallelization}, a call for each of {shards} shards times"
                f" parallelization={settings.parallelization}: batches that are throttled wait until they are too old."
            )
        self.settings = settings
        self.source = stream
        self.encryption_key = Key(self, "Key", environment=environment, description="Records that were not processed")
        self.quarantine = Bucket(self, "Quarantine", environment=environment, encryption_key=self.encryption_key)
        variables = {
            **settings.function.variables,
            "QUARANTINE_BUCKET_NAME": self.quarantine.bucket.bucket_name,
            "SKIPS_BY_KEY": str(settings.skips_by_key).lower(),
            "DEAGGREGATES_KPL": str(settings.deaggregates_kpl).lower(),
            "DECOMPRESSES_GZIP": str(settings.decompresses_gzip).lower(),
        }
        self.consumer = Function(
            self,
            "Consumer",
            environment=environment,
            settings=dataclasses.replace(settings.function, variables=variables),
            alarms_to=alarms_to,
            # A batch of a shard would go to one version and its retry to the other, and the order of what they write
            # is what a stream is for.
            shifts=False,
        )
        self.function = self.consumer.function
        if isinstance(stream, Table):
            stream.grant_read_stream(self.function)
        else:
            stream.grant_read(self.function)
        self.quarantine.grant_write(self.function, below="quarantined/")
        self._may_list(self.quarantine)
        self.failures: Bucket | None = None
        self.pointers: sqs.Queue | None = None
        if settings.destination is Destination.COPIES:
            destination = self._failure_bucket(environment, alarms_to)
        else:
            destination = self._failure_queue(alarms_to)
        mapping = lambda_.EventSourceMapping(
            self,
            "Source",
            target=self.function,
            event_source_arn=stream.stream_arn if isinstance(stream, Table) else stream.stream.stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=settings.batch_size,
            max_batching_window=settings.window,
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            retry_attempts=settings.retries,
            max_record_age=settings.record_age,
            parallelization_factor=settings.parallelization,
        )
        source = mapping.node.default_child
        assert isinstance(source, lambda_.CfnEventSourceMapping)  # noqa: S101 - what it is made of
        # Not the CDK's destination, which grants reading and deleting as well.
        source.destination_config = lambda_.CfnEventSourceMapping.DestinationConfigProperty(
            on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(destination=destination)
        )
        self._alarm(environment, alarms_to)

    @property
    def redrive(self) -> str:
        """Return what `penstock redrive` reads, for a stack output whose key begins with `Redrive`."""
        source = self.source
        found: dict[str, str | float] = {
            "function": self.function.function_name,
            "stream": source.stream_arn if isinstance(source, Table) else source.stream.stream_name,
            "quarantine": self.quarantine.bucket.bucket_name,
            "timeout_seconds": self.settings.function.timeout.to_seconds(),
        }
        if self.failures is not None:
            found["failures"] = self.failures.bucket.bucket_name
        if self.pointers is not None:
            found["pointers"] = self.pointers.queue_url
        return cdk.Stack.of(self).to_json_string(found)

    def _failure_bucket(self, environment: Environment, alarms_to: NotificationTopic) -> str:
        self.failures = Bucket(self, "Failures", environment=environment, encryption_key=self.encryption_key)
        bucket = self.failures.bucket
        self.failures.grant_write(self.function, below=COPIES)
        self._may_list(self.failures)
        bucket.add_metric(id="Copies", prefix=COPIES)
        self.failed_batches = alarms_to.add_alarm(
            self,
            "GivenUp",
            metric=cloudwatch.Metric(
                namespace="AWS/S3",
                metric_name="PutRequests",
                dimensions_map={"BucketName": bucket.bucket_name, "FilterId": "Copies"},
                statistic="Sum",
            ),
        )
        return bucket.bucket_arn

    def _may_list(self, bucket: Bucket) -> None:
        iam.Grant.add_to_principal(
            grantee=self.function, actions=["s3:ListBucket"], resource_arns=[bucket.bucket.bucket_arn]
        )

    def _failure_queue(self, alarms_to: NotificationTopic) -> str:
        self.pointers = sqs.Queue(
            self,
            "Pointers",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=self.encryption_key.key,
            data_key_reuse=cdk.Duration.hours(1),
            enforce_ssl=True,
            retention_period=self.settings.pointer_retention,
        )
        self.pointers.grant(self.function, "sqs:SendMessage")
        self.encryption_key.grant_through("sqs", self.function, *TO_SEND)
        self.failed_batches = alarms_to.add_alarm(
            self,
            "GivenUp",
            metric=self.pointers.metric_approximate_number_of_messages_visible(statistic="Maximum"),
        )
        return self.pointers.queue_arn

    def _alarm(self, environment: Environment, alarms_to: NotificationTopic) -> None:
        self.iterator_age = alarms_to.add_alarm(
            self,
            "Behind",
            metric=self.function.metric("IteratorAge", statistic="Maximum"),
            threshold=self.settings.iterator_age.to_milliseconds(),
        )
        self.lost_batches = alarms_to.add_alarm(
            self, "NotKept", metric=self.function.metric("DestinationDeliveryFailures", statistic="Sum")
        )
        self._alarm_while_quarantine_holds(environment, alarms_to)

    def _alarm_while_quarantine_holds(self, environment: Environment, alarms_to: NotificationTopic) -> None:
        """Alarm from the first record on, and until a count says that none waits any more."""
        Key.for_operations(self, environment=environment).grant_to_service("events.amazonaws.com", *TO_SEND)
        events.Rule(
            self,
            "CountQuarantine",
            schedule=events.Schedule.rate(COUNT_EVERY),
            targets=[
                targets.LambdaFunction(
                    self.function,
                    event=events.RuleTargetInput.from_object({COUNT_QUARANTINE: True}),
                    dead_letter_queue=DeadLetterQueue.of(self, environment=environment, alarms_to=alarms_to).queue,
                )
            ],
        )
        waiting = self._metric("Quarantined", QUARANTINED_MESSAGE, name="Waiting", value="1")
        self._metric("Counted", COUNTED_MESSAGE, name="Waiting", value="$.waiting")
        oldest = self._metric("Oldest", COUNTED_MESSAGE, name="OldestSeconds", value="$.oldest_seconds")
        self.quarantined_records = alarms_to.add_alarm(self, "InQuarantine", metric=waiting, ignores_missing_data=True)
        self.quarantine_age = alarms_to.add_alarm(
            self,
            "QuarantineAge",
            metric=oldest,
            threshold=self.settings.quarantine_age.to_seconds(),
            ignores_missing_data=True,
        )

    def _metric(self, id_: str, message: str, *, name: str, value: str) -> cloudwatch.Metric:
        """Return the metric of what the consumer logs with a message: the number 1, or a member of the line."""
        counted = logs.MetricFilter(
            self,
            id_,
            log_group=self.consumer.log_group,
            filter_pattern=logs.FilterPattern.string_value("$.message", "=", message),
            metric_namespace=f"Penstock/{self.node.path}",
            metric_name=name,
            metric_value=value,
        )
        return counted.metric(statistic="Maximum")


def _shards(stream: Stream | Table) -> int:
    return stream.settings.shards_at_first if isinstance(stream, Stream) else 1


def _refuse_for_a_stream(settings: StreamConsumerSettings, stream: Stream) -> None:
    """Raise ValueError for a stream that forgets a record before an operator can send it again."""
    retention = stream.settings.retention.to_hours()
    if retention < settings.hours_in_stream:
        raise ValueError(
            f"{settings.function.handler}: retention={retention:.0f} h of {stream.node.path} is not allowed; give"
            f" at least {settings.hours_in_stream} h in StreamSettings: record_age, pointer_retention (of pointers)"
            " and operator_time together, and a week at least, or a record is gone before it can be sent again."
        )


def _refuse_for_a_table(settings: StreamConsumerSettings) -> None:
    """Raise ValueError for what only a stream can do that keeps its records for longer than a day."""
    who = settings.function.handler
    if settings.destination is not Destination.COPIES:
        raise ValueError(
            f"{who}: destination={settings.destination} is not allowed; give Destination.COPIES for a table: its stream"
            " keeps nothing for as long as a pointer waits."
        )
    longest = LONGEST_AGE_IN_A_TABLES_STREAM.to_hours()
    if settings.record_age.to_hours(integral=False) > longest:
        raise ValueError(
            f"{who}: record_age={settings.record_age.to_hours(integral=False):g} h is not allowed; give at most"
            f" {longest:.0f} h for a table: its stream forgets a change after 24 h, and nobody would be told."
        )
