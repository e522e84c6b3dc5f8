"""One of each construct of the library in one stack, at work: for its guardrails, and for the local cloud."""

from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn

from services.library.constructs.api import ApiSettings
from services.library.constructs.async_api import AsyncApi
from services.library.constructs.backup_plan import BackupPlan
from services.library.constructs.bucket import Bucket, BucketSettings, Replica
from services.library.constructs.event_forwarder import EventForwarder
from services.library.constructs.event_publisher import EventPublisher
from services.library.constructs.event_subscriber import EventSubscriber, EventSubscription
from services.library.constructs.fhir_datastore import FhirDatastore
from services.library.constructs.function import Function, FunctionSettings
from services.library.constructs.function_api import FunctionApi
from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.object_trigger import ObjectTrigger
from services.library.constructs.proxy_api import ProxyApi, Route
from services.library.constructs.queue import QueueSettings
from services.library.constructs.queue_api import QueueApi
from services.library.constructs.queue_worker import QueueWorker, QueueWorkerSettings
from services.library.constructs.schedule import Schedule, ScheduleSettings
from services.library.constructs.secret import Secret, SecretSettings
from services.library.constructs.stream import Stream
from services.library.constructs.stream_consumer import StreamConsumer, StreamConsumerSettings
from services.library.constructs.sync_api import SyncApi
from services.library.constructs.table import Index, Table
from services.library.constructs.token_authorizer import Issuer
from services.library.constructs.topic import Topic
from services.library.constructs.workflow import Workflow, WorkflowKind
from services.library.contract.environment import Environment
from services.library.contract.network import Network
from services.library.contract.service import ServiceStack
from tests.testbed import runtime_code
from tests.testbed.issuer import AUDIENCE

ORIGINS = (ORIGIN, OTHER_ORIGIN) = ("https://orders.example.com", "https://admin.example.com")
NETWORK = Network(
    vpc_id="vpc-1",
    availability_zones=("eu-west-1a",),
    private_subnet_ids=("subnet-1",),
    security_group_ids=("sg-1",),
)
ORDER: dict[str, Any] = {
    "title": "An order",
    "type": "object",
    "required": ["id", "lines"],
    "additionalProperties": False,
    "minProperties": 2,
    "maxProperties": 9,
    "definitions": {
        "sku": {"type": "string", "pattern": "^[A-Z]{2}-\\d+$", "maxLength": 12},
        "line": {
            "type": "object",
            "required": ["sku"],
            "properties": {"sku": {"$ref": "#/definitions/sku"}, "count": {"type": "integer", "minimum": 1}},
        },
    },
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "lines": {"type": "array", "items": {"$ref": "#/definitions/line"}, "minItems": 1, "maxItems": 3},
        "note": {"type": ["string", "null"], "default": ""},
        "labels": {"type": "object", "patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": False},
        "prices": {"type": "object", "additionalProperties": {"type": "number", "multipleOf": 0.01}},
        "pair": {"type": "array", "items": [{"type": "string"}, {"type": "number"}], "additionalItems": False},
        "state": {"enum": ["new", "paid", 7, True]},
        "until": {"type": "string", "format": "date-time"},
        "weight": {"type": "number", "maximum": 5, "exclusiveMaximum": True},
        "to": {"oneOf": [{"required": ["street"]}, {"required": ["box"]}], "not": {"required": ["both"]}},
        "any": {"anyOf": [{"type": "null"}, {"allOf": [{"type": "object"}]}]},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "empty": {},
    },
    "dependencies": {"note": ["state"], "until": {"required": ["state"]}},
}
"""JSON schema of what is posted, with each keyword of draft 4 that API Gateway takes."""
PARTNER = "222222222222"
SAMPLE = "services.sample.runtime.handler"
HANDLERS = ("orders", "accept", "answer", "note_event", "note_messages", "note_changes", "note_records", "rotate")
CODE = """
import json
import os

import boto3

from services.library.runtime.cors import cors_headers
from services.library.runtime.logging import logger_for
from services.library.runtime.queue import FIELDS, QueueProcessor
from services.library.runtime.quarantine import BucketQuarantine
from services.library.runtime.rotation import SecretRotation
from services.library.runtime.stream import PermanentFailure, StreamProcessor

logger = logger_for("sample", fields=FIELDS)


def note(what, value):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(json.dumps({"what": what, "value": value}) + "\\n")


def orders(event, context):
    found = boto3.client("dynamodb").query(
        TableName=os.environ["TABLE_NAME"],
        IndexName="by-customer",
        KeyConditionExpression="customer = :c",
        ExpressionAttributeValues={":c": {"S": "ann"}},
    )
    told = {"route": event["resource"], "path": event["pathParameters"], "found": found["Count"]}
    headers = cors_headers(event, os.environ["ORIGINS"].split())
    return {"statusCode": 200, "headers": headers, "body": json.dumps(told)}


def accept(event, context):
    return {"statusCode": 202, "body": ""}


def answer(event, context):
    return {"id": event["id"]}


def note_event(event, context):
    note(os.environ["WHAT"], event)


def work(message):
    said = json.loads(message.body)
    if said.get("fails") and message.receives == 1:
        raise RuntimeError("not yet")
    note(os.environ["WHAT"], {"group": message.group, **said})


def note_messages(event, context):
    return QueueProcessor(process=work, logger=logger).run(event, context)


def consume(what, event, context):
    quarantine = BucketQuarantine(os.environ["QUARANTINE_BUCKET_NAME"], client=boto3.client("s3"))

    def process(record):
        said = json.loads(record.data)
        if "poison" in said.get("new", ()):
            raise PermanentFailure
        note(what, said)

    return StreamProcessor(process=process, quarantine=quarantine, logger=logger).run(event, context)


def note_changes(event, context):
    return consume("change", event, context)


def note_records(event, context):
    return consume("record", event, context)


def rotate(event, context):
    rotation = SecretRotation(
        take=lambda new, old: note("take", [len(new), new != old]),
        check=lambda new: note("check", len(new)),
        client=boto3.client("secretsmanager"),
    )
    rotation.run(event)
"""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the stack is told of the world around it."""

    notes: str = "/var/notes"
    """The file in which functions note what they got."""
    user_pool: str = "arn:aws:cognito-idp:eu-west-1:111111111111:userpool/eu-west-1_Ab12Cd34E"
    issuer: str = "https://login.example.com/"
    partner_bus: str = f"arn:aws:events:eu-west-1:{PARTNER}:event-bus/partner"


class OneOfEach(ServiceStack):
    """One of each construct."""

    def __init__(self, stage: cdk.Stage, *, environment: Environment, given: Given) -> None:
        super().__init__(stage, "Each", environment=environment, description="One of each construct")
        self.environment_ = environment
        self.given = given
        self.alarms = NotificationTopic(self, "Alarms", environment=environment)
        self.key = Key(self, "Key", environment=environment, description="Orders")
        with runtime_code.packaged(*(f"{SAMPLE}.{name}" for name in HANDLERS), code=CODE):
            self._data()
            self._apis()
            self._messages()
            self._events()
            self._secret()

    def settings(self, handler: str, **more: object) -> FunctionSettings:
        variables = {"NOTES": self.given.notes, **more.pop("variables", {})}  # type: ignore[dict-item]  # a mapping
        return FunctionSettings(
            handler=f"{SAMPLE}.{handler}",
            description="Notes",
            variables=variables,
            reserved_concurrency=10,
            **more,  # type: ignore[arg-type]  # as given
        )

    def function(self, id_: str, handler: str, **more: object) -> Function:
        return Function(
            self, id_, environment=self.environment_, settings=self.settings(handler, **more), alarms_to=self.alarms
        )

    def worker(self, id_: str, what: str, *, fifo: bool = False) -> QueueWorker:
        return QueueWorker(
            self,
            id_,
            environment=self.environment_,
            encryption_key=self.key,
            alarms_to=self.alarms,
            settings=QueueWorkerSettings(
                function=self.settings("note_messages", variables={"WHAT": what}, timeout=cdk.Duration.seconds(5)),
                queue=QueueSettings(fifo=fifo, visibility_timeout=cdk.Duration.seconds(30)),
            ),
        )

    def output(self, name: str, value: str) -> None:
        cdk.CfnOutput(self, f"{name}Output", value=value, key=name)

    def _data(self) -> None:
        environment, key, alarms = self.environment_, self.key, self.alarms
        self.orders = Table(
            self,
            "Orders",
            environment=environment,
            partition_key="id",
            encryption_key=key,
            indexes=[Index(name="by-customer", partition_key="customer")],
            stream=True,
        )
        if environment.keeps_data:
            BackupPlan(self, "Backups", environment=environment, tables=[self.orders], alarms_to=alarms)
        FhirDatastore(self, "Datastore", environment=environment, encryption_key=key)
        self.documents = Bucket(
            self,
            "Documents",
            environment=environment,
            encryption_key=key,
            settings=BucketSettings(
                replicate_to=Replica(
                    bucket_arn="arn:aws:s3:::orders-copies",
                    key_arn="arn:aws:kms:eu-central-1:111111111111:key/0f5d1a2b-1111-4222-8333-444455556666",
                )
            ),
        )
        self.stream = Stream(self, "Stream", environment=environment)
        for name, handler, source in (
            ("Changes", "note_changes", self.orders),
            ("Records", "note_records", self.stream),
        ):
            consumer = StreamConsumer(
                self,
                name,
                environment=environment,
                stream=source,
                alarms_to=alarms,
                settings=StreamConsumerSettings(
                    function=self.settings(handler, timeout=cdk.Duration.seconds(10)),
                    window=cdk.Duration.seconds(0),
                    record_age=cdk.Duration.hours(12),
                ),
            )
            self.output(f"Redrive{name}", consumer.redrive)
        self.output("Table", self.orders.name)
        self.output("StreamName", self.stream.name)
        self.output("Bucket", self.documents.name)

    def _apis(self) -> None:
        environment, alarms = self.environment_, self.alarms
        variables = {"TABLE_NAME": self.orders.name, "ORIGINS": " ".join(ORIGINS)}
        orders = self.function("OrdersCode", "orders", variables=variables)
        self.orders.grant(orders.function, "dynamodb:Query")
        signed = ApiSettings(rate_limit=100, burst_limit=200, cors_origins=ORIGINS)
        people = ApiSettings(rate_limit=100, burst_limit=200, user_pools=(self.given.user_pool,), cors_origins=ORIGINS)
        issued = ApiSettings(
            rate_limit=100,
            burst_limit=200,
            issuer=Issuer(
                issuer=self.given.issuer,
                keys_url=f"{self.given.issuer}keys",
                audiences=(AUDIENCE,),
                algorithms=("ES256",),
                cache=cdk.Duration.seconds(0),
            ),
            cors_origins=ORIGINS,
        )
        workflow, express = (
            Workflow(
                self,
                kind.name.title(),
                environment=environment,
                definition=sfn.Pass(self, f"{kind.name.title()}Done"),
                timeout=cdk.Duration.seconds(20),
                alarms_to=alarms,
                kind=kind,
            )
            for kind in (WorkflowKind.STANDARD, WorkflowKind.EXPRESS)
        )
        routes = [
            Route(method="GET", path="/orders/{id}", function=orders, query=("page",)),
            Route(method="GET", path="/orders", function=orders),
            Route(
                method="POST",
                path="/orders",
                function=self.function("Accept", "accept"),
                body_schema=ORDER,
            ),
        ]
        apis = {
            "Proxy": ProxyApi(
                self,
                "Proxy",
                environment=environment,
                routes=routes,
                settings=signed,
                alarms_to=alarms,
                description="Orders",
            ),
            "Async": AsyncApi(
                self, "Async", environment=environment, workflow=workflow, settings=people, alarms_to=alarms
            ),
            "Called": FunctionApi(
                self,
                "Called",
                environment=environment,
                function=self.function("Answer", "answer", network=NETWORK),
                settings=issued,
                alarms_to=alarms,
            ),
            "Sync": SyncApi(self, "Sync", environment=environment, workflow=express, settings=signed, alarms_to=alarms),
        }
        for name, api in apis.items():
            self.output(f"{name}Url", api.url)

    def _messages(self) -> None:
        fifo, mail = self.worker("Fifo", "fifo", fifo=True), self.worker("Mail", "mail")
        topic = Topic(self, "Topic", encryption_key=self.key, alarms_to=self.alarms)
        topic.subscribe("Mail", mail.queue, attributes={"kind": ["placed"]})
        QueueApi(
            self,
            "Queued",
            environment=self.environment_,
            queue=mail.queue,
            settings=ApiSettings(rate_limit=100, burst_limit=200),
            alarms_to=self.alarms,
        )
        self.output("FifoUrl", fifo.queue_url)
        self.output("Topic", topic.arn)

    def _events(self) -> None:
        common = {"encryption_key": self.key, "alarms_to": self.alarms}
        publisher = EventPublisher(self, "Publisher", environment=self.environment_, **common)  # type: ignore[arg-type]  # as they are
        publisher.accept_from("Partner", account=PARTNER, source="partner")
        EventForwarder(
            self,
            "ToPartner",
            bus=publisher.bus,
            subscription=EventSubscription(source="orders", detail_types=("OrderPlaced",)),
            to_bus_arn=self.given.partner_bus,
            **common,  # type: ignore[arg-type]  # as they are
        )
        EventSubscriber(
            self,
            "FromPartner",
            bus=publisher.bus,
            subscription=EventSubscription(source="partner", detail_types=("Paid",)),
            target=self.function("Paid", "note_event", variables={"WHAT": "paid"}),
            **common,  # type: ignore[arg-type]  # as they are
        )
        Schedule(
            self,
            "Minutely",
            settings=ScheduleSettings(expression="cron(* * * * ? *)", event={"task": "look"}),
            target=self.function("Look", "note_event", variables={"WHAT": "schedule"}),
            **common,  # type: ignore[arg-type]  # as they are
        )
        ObjectTrigger(
            self,
            "Uploads",
            bucket=self.documents,
            below="in/",
            target=self.function("Uploaded", "note_event", variables={"WHAT": "object"}),
            **common,  # type: ignore[arg-type]  # as they are
        )
        self.output("Bus", publisher.bus.event_bus_arn)

    def _secret(self) -> None:
        secret = Secret(
            self,
            "Password",
            environment=self.environment_,
            encryption_key=self.key,
            alarms_to=self.alarms,
            settings=SecretSettings(rotation=self.settings("rotate", timeout=cdk.Duration.seconds(10))),
        )
        self.output("Secret", secret.arn)
