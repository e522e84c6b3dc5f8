"""Two small services of what services are made of, and a platform of them: for tests of what reaches all resources."""

from dataclasses import dataclass
from typing import ClassVar

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from pipeline.catalogue.model import Stage
from services.library.constructs.api import ApiSettings
from services.library.constructs.async_api import AsyncApi
from services.library.constructs.backup_plan import BackupPlan
from services.library.constructs.bucket import Bucket
from services.library.constructs.event_publisher import EventPublisher
from services.library.constructs.event_subscriber import EventSubscriber, EventSubscription
from services.library.constructs.fhir_datastore import REGIONS, FhirDatastore
from services.library.constructs.function import FunctionSettings
from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.queue_worker import QueueWorker, QueueWorkerSettings
from services.library.constructs.stream import Stream, StreamSettings
from services.library.constructs.stream_consumer import StreamConsumer, StreamConsumerSettings
from services.library.constructs.table import Table
from services.library.constructs.workflow import Workflow
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
                    handler=ORDERS_HANDLER, description="Stores orders", timeout=cdk.Duration.minutes(1)
                ),
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

    shards: int | None = None
    retries: int = 10

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
        )
        self.api = AsyncApi(
            self,
            "Api",
            environment=environment,
            workflow=self.workflow,
            settings=ApiSettings(rate_limit=settings.rate_limit, burst_limit=settings.rate_limit),
            alarms_to=self.alarms,
        )
        self.api.rest_api.root.add_resource("tracking")
        self.worker = QueueWorker(
            self,
            "Worker",
            environment=environment,
            encryption_key=self.key,
            alarms_to=self.alarms,
            settings=QueueWorkerSettings(
                function=FunctionSettings(handler=PARCELS_HANDLER, description="Packs what was ordered")
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

    rate_limit: int = 100

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
