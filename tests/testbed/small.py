"""Two small services of what services are made of, and a platform of them: for tests of what reaches all resources."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from pipeline.catalogue.model import Stage
from services.library.constructs.api import ApiSettings, BurstLimit, RateLimit
from services.library.constructs.async_api import AsyncApi
from services.library.constructs.backup_plan import BackupPlan
from services.library.constructs.bucket import Bucket
from services.library.constructs.event_publisher import EventPublisher
from services.library.constructs.event_subscriber import EventSubscriber, EventSubscription
from services.library.constructs.fhir_datastore import REGIONS, FhirDatastore
from services.library.constructs.function import FunctionSettings, ReservedConcurrency
from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.queue_worker import QueueWorker, QueueWorkerSettings
from services.library.constructs.stream import Stream, StreamSettings
from services.library.constructs.stream_consumer import (
    FEWEST_RETRIES,
    MOST_RETRIES,
    StreamConsumer,
    StreamConsumerSettings,
)
from services.library.constructs.table import Table
from services.library.constructs.workflow import Workflow, WorkflowKind
from services.library.contract.constraints import Between, InvalidSetting, Matches
from services.library.contract.environment import Environment, Tier
from services.library.contract.published import Published
from services.library.contract.service import Service, ServiceStack
from stages import accounts
from tests.testbed import runtime_code

ORDERS_HANDLER = "services.orders.runtime.handler.handle"
PARCELS_HANDLER = "services.parcels.runtime.handler.handle"
EVENT_BUS_NAME = Published("orders/event-bus-name")


class OrdersStack(ServiceStack):
    """Stream -> consumer -> table, and a bus that tells of it."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, settings: "Orders") -> None:
        super().__init__(scope, id_, environment=environment, description="Stores orders and tells of them")
        self.alarms = NotificationTopic(self, "Alarms", environment=environment)
        self.key = Key(self, "Key", environment=environment, description="Orders")
        self.orders = Table(self, "Orders", environment=environment, partition_key="id", encryption_key=self.key)
        self.files = Bucket(self, "Files", environment=environment, encryption_key=self.key)
        self.publisher = EventPublisher(
            self, "Publisher", environment=environment, encryption_key=self.key, alarms_to=self.alarms
        )
        self.stream = Stream(self, "Stream", environment=environment, settings=StreamSettings(shards=settings.shards))
        self.consumer = StreamConsumer(
            self,
            "Consumer",
            environment=environment,
            stream=self.stream,
            alarms_to=self.alarms,
            settings=StreamConsumerSettings(
                function=FunctionSettings(
                    handler=ORDERS_HANDLER,
                    description="Stores orders",
                    timeout=cdk.Duration.minutes(1),
                    reserved_concurrency=settings.reserved_concurrency,
                ),
                batch_size=settings.batch_size,
                retries=settings.retries,
            ),
        )
        if environment.keeps_data:
            BackupPlan(self, "Backups", environment=environment, tables=[self.orders], alarms_to=self.alarms)
            if environment.region in REGIONS:
                FhirDatastore(self, "Datastore", environment=environment, encryption_key=self.key)
        EVENT_BUS_NAME.offer(self, environment, self.publisher.bus.event_bus_name)
        cdk.CfnOutput(self, "Redrive", value=self.consumer.redrive, description="For `penstock redrive`")


@dataclass(frozen=True, kw_only=True)
class Orders(Service[OrdersStack]):
    """Stores orders and tells of them."""

    name: ClassVar[str] = "orders"
    owner: ClassVar[str] = "@example/orders"
    handles_personal_data: ClassVar[bool] = False
    offers: ClassVar[tuple[Published, ...]] = (EVENT_BUS_NAME,)

    shards: Annotated[int, Between(1, 200)] | None = None
    batch_size: Annotated[int, Between(1, 1_024, "halving must isolate a record within 10 retries")] = 100
    retries: Annotated[int, Between(FEWEST_RETRIES, MOST_RETRIES)] = MOST_RETRIES
    reserved_concurrency: ReservedConcurrency = 20

    def validate(self, environment: Environment) -> Iterator[InvalidSetting]:  # noqa: ARG002 - as the contract has it
        """Yield settings that are allowed each, but not together."""
        if self.batch_size > 2**self.retries:
            yield InvalidSetting(field="batch_size", given=str(self.batch_size), allowed=f"at most {2**self.retries}")
        if self.reserved_concurrency < (needed := self.shards or 1):
            given = str(self.reserved_concurrency)
            yield InvalidSetting(field="reserved_concurrency", given=given, allowed=f"at least {needed}")

    def build(self, scope: Construct, environment: Environment) -> OrdersStack:
        with runtime_code.packaged(ORDERS_HANDLER):
            return OrdersStack(scope, self.name, environment=environment, settings=self)


class ParcelsStack(ServiceStack):
    """API -> workflow; and bus -> queue -> worker."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, settings: "Parcels") -> None:
        super().__init__(scope, id_, environment=environment, description="Sends what was ordered")
        self.alarms = NotificationTopic(self, "Alarms", environment=environment)
        self.key = Key(self, "Key", environment=environment, description="Parcels")
        self.workflow = Workflow(
            self,
            "Workflow",
            environment=environment,
            definition=sfn.Succeed(self, "Sent"),
            timeout=cdk.Duration.minutes(1),
            alarms_to=self.alarms,
            kind=settings.kind,
        )
        self.api = AsyncApi(
            self,
            "Api",
            environment=environment,
            workflow=self.workflow,
            settings=ApiSettings(rate_limit=settings.rate_limit, burst_limit=settings.burst_limit),
            alarms_to=self.alarms,
        )
        if settings.shows_tracking:
            self.api.rest_api.root.add_resource("tracking")
        self.worker = QueueWorker(
            self,
            "Worker",
            environment=environment,
            encryption_key=self.key,
            alarms_to=self.alarms,
            settings=QueueWorkerSettings(
                function=FunctionSettings(
                    handler=PARCELS_HANDLER,
                    description="Packs what was ordered",
                    variables={"CARRIER": settings.carrier},
                )
            ),
        )
        EventSubscriber(
            self,
            "Subscriber",
            bus=events.EventBus.from_event_bus_name(self, "Bus", EVENT_BUS_NAME.read(self, environment)),
            subscription=EventSubscription(source="orders", detail_types=("Ordered",)),
            target=self.worker.queue,
            encryption_key=self.key,
            alarms_to=self.alarms,
        )
        cdk.CfnOutput(self, "Url", value=self.api.url)


@dataclass(frozen=True, kw_only=True)
class Parcels(Service[ParcelsStack]):
    """Sends what was ordered."""

    name: ClassVar[str] = "parcels"
    owner: ClassVar[str] = "@example/parcels"
    handles_personal_data: ClassVar[bool] = False
    needs: ClassVar[tuple[Published, ...]] = (EVENT_BUS_NAME,)

    kind: WorkflowKind = WorkflowKind.STANDARD
    carrier: Annotated[str, Matches(r"https://[a-z0-9][a-z0-9.-]{0,250}", "https://host")] = "https://example.com"
    shows_tracking: bool = True
    rate_limit: RateLimit = 100
    burst_limit: BurstLimit = 100

    def build(self, scope: Construct, environment: Environment) -> ParcelsStack:
        with runtime_code.packaged(PARCELS_HANDLER):
            return ParcelsStack(scope, self.name, environment=environment, settings=self)


DEV = Stage(
    environment=Environment(name="dev", tier=Tier.SANDBOX, account=accounts.DEV, region=accounts.FIRST_REGION),
    services=(Orders(), Parcels()),
)
PROD = Stage(
    environment=Environment(name="prod", tier=Tier.PRODUCTION, account=accounts.PROD, region=accounts.SECOND_REGION),
    services=(Orders(), Parcels()),
)
