"""ingest: takes submissions from a stream, stores each once and in order, and tells whose patient changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from services.ingest.acknowledgements import ACKNOWLEDGEMENTS
from services.library.constructs.backup_plan import BackupPlan
from services.library.constructs.bucket import Bucket
from services.library.constructs.event_publisher import EventPublisher
from services.library.constructs.fhir_datastore import KEY_TO_WRITE, WRITE
from services.library.constructs.function import FunctionSettings, ReservedConcurrency
from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.stream import (
    LONGEST_HOURS,
    ON_DEMAND_SHARDS,
    SHORTEST_HOURS,
    Stream,
    StreamSettings,
)
from services.library.constructs.stream_consumer import (
    FEWEST_RETRIES,
    MOST_RETRIES,
    StreamConsumer,
    StreamConsumerSettings,
)
from services.library.constructs.table import Table
from services.library.contract.acknowledgement import Acknowledgement
from services.library.contract.constraints import Between, InvalidSetting
from services.library.contract.environment import Environment
from services.library.contract.published import Published
from services.library.contract.service import Service, ServiceStack

STREAM_NAME = Published("ingest/stream-name")
STREAM_ARN = Published("ingest/stream-arn")
STREAM_KEY_ARN = Published("ingest/stream-key-arn")
CLAIMS_BUCKET_NAME = Published("ingest/claims-bucket-name")
CLAIMS_KEY_ARN = Published("ingest/claims-key-arn")
EVENT_BUS_NAME = Published("ingest/event-bus-name")
DATASTORE_ENDPOINT = Published("records/datastore-endpoint")
DATASTORE_ARN = Published("records/datastore-arn")
DATASTORE_KEY_ARN = Published("records/datastore-key-arn")


class IngestStack(ServiceStack):
    """Stream -> consumer -> table, and a bus that tells of it."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, settings: "Ingest") -> None:
        super().__init__(
            scope, id_, environment=environment, description="Stores submissions and tells whose patient changed"
        )
        self.alarms = NotificationTopic(self, "Alarms", environment=environment)
        self.key = Key(self, "Key", environment=environment, description="Changes of patients")
        self.stream = Stream(
            self,
            "Stream",
            environment=environment,
            settings=StreamSettings(shards=settings.shards, retention=cdk.Duration.hours(settings.retention_hours)),
        )
        self.claims = Bucket(self, "Claims", environment=environment, encryption_key=self.key)
        self.changes = Table(self, "Changes", environment=environment, partition_key="id", encryption_key=self.key)
        if environment.keeps_data:
            BackupPlan(self, "Backups", environment=environment, tables=[self.changes], alarms_to=self.alarms)
        self.publisher = EventPublisher(
            self, "Publisher", environment=environment, encryption_key=self.key, alarms_to=self.alarms
        )
        self.consumer = StreamConsumer(
            self,
            "Consumer",
            environment=environment,
            stream=self.stream,
            alarms_to=self.alarms,
            settings=StreamConsumerSettings(
                function=FunctionSettings(
                    handler="services.ingest.runtime.handler.handle",
                    description="Stores submissions and tells whose patient changed",
                    memory_mib=1_769,  # a whole processor; and a claimed payload of 64 MiB is read as a whole
                    timeout=cdk.Duration.minutes(1),
                    reserved_concurrency=settings.reserved_concurrency,
                    variables={
                        "CHANGES_TABLE_NAME": self.changes.name,
                        "CLAIMS_BUCKET_NAME": self.claims.name,
                        "EVENT_BUS_NAME": self.publisher.bus.event_bus_name,
                        **self._datastore(environment, settings),
                    },
                ),
                batch_size=settings.batch_size,
                parallelization=settings.parallelization,
                retries=settings.retries,
                skips_by_key=settings.skips_by_key,
                deaggregates_kpl=settings.deaggregates_kpl,
                decompresses_gzip=settings.decompresses_gzip,
            ),
        )
        function = self.consumer.function
        self.changes.grant(function, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
        self.claims.grant_read(function)
        self.claims.grant_write(function, below="kept/")
        self.publisher.grant_publish(function)
        if settings.records:
            self._may_write_resources(environment)
        self._offer(environment)
        cdk.CfnOutput(self, "Redrive", value=self.consumer.redrive, description="For `penstock redrive`")

    def _datastore(self, environment: Environment, settings: "Ingest") -> dict[str, str]:
        """Return the variables of the datastore for resources, if the stage has records."""
        if not settings.records:
            return {}
        return {
            "DATASTORE_ENDPOINT": DATASTORE_ENDPOINT.read(self, environment),
            "DATASTORE_REGION": environment.region,
        }

    def _may_write_resources(self, environment: Environment) -> None:
        """Grant what `FhirDatastore.grant_write` grants within the datastore's own stack."""
        function = self.consumer.function
        store, key = DATASTORE_ARN.read(self, environment), DATASTORE_KEY_ARN.read(self, environment)
        iam.Grant.add_to_principal(grantee=function, actions=list(WRITE), resource_arns=[store])
        iam.Grant.add_to_principal(
            grantee=function,
            actions=list(KEY_TO_WRITE),
            resource_arns=[key],
            conditions={"StringEquals": {"kms:ViaService": f"healthlake.{environment.region}.amazonaws.com"}},
        )

    def _offer(self, environment: Environment) -> None:
        for published, value in (
            (STREAM_NAME, self.stream.name),
            (STREAM_ARN, self.stream.stream.stream_arn),
            (STREAM_KEY_ARN, self.stream.encryption_key.key.key_arn),
            (CLAIMS_BUCKET_NAME, self.claims.name),
            (CLAIMS_KEY_ARN, self.claims.encryption_key.key.key_arn),
            (EVENT_BUS_NAME, self.publisher.bus.event_bus_name),
        ):
            published.offer(self, environment, value)


@dataclass(frozen=True, kw_only=True)
class Ingest(Service[IngestStack]):
    """Takes submissions from a stream, stores each once and in order, and tells whose patient changed."""

    name: ClassVar[str] = "ingest"
    owner: ClassVar[str] = "@example/ingest"
    handles_personal_data: ClassVar[bool] = True
    offers: ClassVar[tuple[Published, ...]] = (
        STREAM_NAME,
        STREAM_ARN,
        STREAM_KEY_ARN,
        CLAIMS_BUCKET_NAME,
        CLAIMS_KEY_ARN,
        EVENT_BUS_NAME,
    )
    acknowledgements: ClassVar[tuple[Acknowledgement, ...]] = ACKNOWLEDGEMENTS

    shards: Annotated[int, Between(1, 200)] | None = None
    """None: as many as are needed."""
    retention_hours: Annotated[int, Between(SHORTEST_HOURS, LONGEST_HOURS)] = SHORTEST_HOURS
    """How long a record can be read again."""
    batch_size: Annotated[int, Between(1, 1_024, "halving must isolate a record within 10 retries")] = 100
    parallelization: Annotated[int, Between(1, 10)] = 1
    """Batches of one shard at once; the changes of one patient stay in order."""
    retries: Annotated[int, Between(FEWEST_RETRIES, MOST_RETRIES)] = MOST_RETRIES
    reserved_concurrency: ReservedConcurrency = 20
    """Batches of all shards at the same time, at most, and always possible: taken from what the account has."""
    records: bool = False
    """Whether each change is also written as a FHIR resource, into the datastore of the stage's Records()."""
    skips_by_key: bool = False
    """After a failure go on with other patients' changes, instead of ending the batch."""
    deaggregates_kpl: bool = False
    """Whether producers use the Kinesis Producer Library's aggregation."""
    decompresses_gzip: bool = False
    """Whether producers may compress what they send."""

    def validate(self, environment: Environment) -> Iterator[InvalidSetting]:  # noqa: ARG002 - as the contract has it
        """Yield settings that the stream's consumer refuses together, though each is allowed."""
        if self.batch_size > 2**self.retries:
            allowed = f"at most {2**self.retries}, 2 to the power of retries={self.retries}"
            yield InvalidSetting(field="batch_size", given=str(self.batch_size), allowed=allowed)
        if self.deaggregates_kpl and self.parallelization > 1:
            allowed = "1 with deaggregates_kpl=True: the records of an aggregate have keys of their own"
            yield InvalidSetting(field="parallelization", given=str(self.parallelization), allowed=allowed)
        needed = (ON_DEMAND_SHARDS if self.shards is None else self.shards) * self.parallelization
        if self.reserved_concurrency < needed:
            allowed = f"at least {needed}, a batch for each shard times parallelization={self.parallelization}"
            yield InvalidSetting(field="reserved_concurrency", given=str(self.reserved_concurrency), allowed=allowed)

    @property
    def all_needs(self) -> tuple[Published, ...]:
        """Return `needs`, and with `records` the names that Records() offers."""
        return (*self.needs, *((DATASTORE_ENDPOINT, DATASTORE_ARN, DATASTORE_KEY_ARN) if self.records else ()))

    def build(self, scope: Construct, environment: Environment) -> IngestStack:
        """Build the stack with these settings."""
        return IngestStack(scope, self.name, environment=environment, settings=self)
