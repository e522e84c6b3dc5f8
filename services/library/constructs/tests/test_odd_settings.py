"""Odd settings of every construct: each is refused in the one form that is found at its line, or is fine for a reason.

The form is what `pipeline/catalogue/error_reporting.py` reads: the field, what was given, what is allowed.
"""

import re
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_stepfunctions as sfn

from services.library.constructs.api import ApiSettings
from services.library.constructs.backup_plan import BackupPlan
from services.library.constructs.bucket import Bucket, BucketSettings, Replica
from services.library.constructs.event_publisher import EventPublisher
from services.library.constructs.event_subscriber import EventSubscription
from services.library.constructs.function import Function, FunctionSettings
from services.library.constructs.function_api import FunctionApi
from services.library.constructs.proxy_api import ProxyApi, Route
from services.library.constructs.queue import Queue, QueueSettings
from services.library.constructs.queue_api import QueueApi
from services.library.constructs.queue_worker import QueueWorkerSettings
from services.library.constructs.schedule import ScheduleSettings
from services.library.constructs.secret import SecretSettings
from services.library.constructs.stream import StreamSettings
from services.library.constructs.stream_consumer import Destination, StreamConsumer, StreamConsumerSettings
from services.library.constructs.table import Index, Table
from services.library.constructs.tests.conftest import StackScope
from services.library.constructs.token_authorizer import Issuer
from services.library.constructs.topic import Topic
from services.library.constructs.workflow import Workflow
from services.library.constructs.workflow_tasks import Backoff
from services.library.contract.network import Network
from services.library.contract.published import Published
from tests.testbed.runtime_code import HANDLER

FORM = re.compile(r"(\w+(?:\[[^\]]*\]|\.\w+)*)=(.+) is not allowed; give (.+)\.", re.DOTALL)
REPLICA_KEY = "arn:aws:kms:eu-west-1:111111111111:key/k"
POOL = "arn:aws:cognito-idp:eu-west-1:111111111111:userpool/eu-west-1_Ab12Cd34E"
seconds, minutes, hours, days = cdk.Duration.seconds, cdk.Duration.minutes, cdk.Duration.hours, cdk.Duration.days
millis = cdk.Duration.millis
Build = Callable[[StackScope], object]


def function(**given: Any) -> FunctionSettings:
    return FunctionSettings(**{"handler": HANDLER, "description": "Works"} | given)


def api(**given: Any) -> ApiSettings:
    return ApiSettings(**{"rate_limit": 7, "burst_limit": 9} | given)


def issuer(**given: Any) -> Issuer:
    known = {"issuer": "https://login.example.com/", "keys_url": "https://login.example.com/keys"}
    return Issuer(**known | {"audiences": ("https://orders.example.com",)} | given)


def worker(**given: Any) -> QueueWorkerSettings:
    return QueueWorkerSettings(**{"function": function()} | given)


def consumer(**given: Any) -> StreamConsumerSettings:
    return StreamConsumerSettings(**{"function": function(timeout=minutes(1))} | given)


def subscription(**given: Any) -> EventSubscription:
    return EventSubscription(**{"source": "ingest", "detail_types": ("PatientChanged",)} | given)


def made_function(place: StackScope, id_: str, **given: Any) -> Function:
    return Function(place.stack, id_, environment=place.environment, settings=function(**given), alarms_to=place.alarms)


def function_api(place: StackScope, id_: str, **given: Any) -> FunctionApi:
    return FunctionApi(
        place.stack,
        id_,
        environment=place.environment,
        function=made_function(place, f"{id_}Code"),
        settings=api(**given),
        alarms_to=place.alarms,
    )


def queue_api(place: StackScope, id_: str, **given: Any) -> QueueApi:
    queue = Queue(place.stack, f"{id_}Queue", encryption_key=place.key, alarms_to=place.alarms)
    return QueueApi(
        place.stack, id_, environment=place.environment, queue=queue, settings=api(**given), alarms_to=place.alarms
    )


def alarm(place: StackScope, id_: str, **given: Any) -> cloudwatch.Alarm:
    metric = cloudwatch.Metric(namespace="Some", metric_name="Odd", statistic="Sum")
    return place.alarms.add_alarm(place.stack, id_, metric=metric, **given)


def table(place: StackScope, id_: str, **given: Any) -> Table:
    given = {"partition_key": "id"} | given
    return Table(place.stack, id_, environment=place.environment, encryption_key=place.key, **given)


def publisher(place: StackScope, id_: str, archive: cdk.Duration) -> EventPublisher:
    return EventPublisher(
        place.stack,
        id_,
        environment=place.environment,
        encryption_key=place.key,
        alarms_to=place.alarms,
        archive=archive,
    )


def route(place: StackScope, id_: str, **given: Any) -> Route:
    settings: dict[str, Any] = {"method": "GET", "path": "/orders", "function": made_function(place, id_)} | given
    return Route(**settings)


def proxy_api(place: StackScope, id_: str, *paths: str, **given: Any) -> ProxyApi:
    return ProxyApi(
        place.stack,
        id_,
        environment=place.environment,
        routes=[route(place, f"{id_}{number}", path=path) for number, path in enumerate(paths)],
        settings=api(**given),
        alarms_to=place.alarms,
        description="Odd",
    )


def fifo(place: StackScope, id_: str) -> Queue:
    settings = QueueSettings(fifo=True)
    return Queue(place.stack, f"{id_}Queue", encryption_key=place.key, alarms_to=place.alarms, settings=settings)


def topic(place: StackScope, id_: str) -> Topic:
    return Topic(place.stack, f"{id_}Topic", encryption_key=place.key, alarms_to=place.alarms)


def standard(place: StackScope, id_: str) -> Queue:
    return Queue(place.stack, f"{id_}Queue", encryption_key=place.key, alarms_to=place.alarms)


def of_a_table(place: StackScope, id_: str, *, stream: bool = True, **given: Any) -> StreamConsumer:
    return StreamConsumer(
        place.stack,
        id_,
        environment=place.environment,
        stream=table(place, f"{id_}Table", stream=stream),
        alarms_to=place.alarms,
        settings=consumer(**{"record_age": hours(12)} | given),
    )


def workflow(place: StackScope, id_: str, timeout: cdk.Duration) -> Workflow:
    return Workflow(
        place.stack,
        id_,
        environment=place.environment,
        definition=sfn.Pass(place.stack, f"{id_}Pass"),
        timeout=timeout,
        alarms_to=place.alarms,
    )


REFUSED: dict[str, Build] = {
    "handler": lambda place: made_function(place, "H", handler="handler.handle"),
    "handler that is not there": lambda place: made_function(place, "N", handler=f"{HANDLER}_other"),
    "memory_mib=64": lambda _: function(memory_mib=64),
    "memory_mib=256.5": lambda _: function(memory_mib=256.5),
    "memory_mib='256'": lambda _: function(memory_mib="256"),
    "timeout=30": lambda _: function(timeout=30),
    "timeout=0 s": lambda _: function(timeout=seconds(0)),
    "timeout=1.5 s": lambda _: function(timeout=millis(1500)),
    "timeout=16 min": lambda _: function(timeout=minutes(16)),
    "reserved_concurrency=0": lambda _: function(reserved_concurrency=0),
    "reserved_concurrency=-1": lambda _: function(reserved_concurrency=-1),
    "reserved_concurrency=5000": lambda _: function(reserved_concurrency=5_000),
    "reserved_concurrency=True": lambda _: function(reserved_concurrency=True),
    "description of 257": lambda _: function(description="x" * 257),
    "variables MY-VAR": lambda _: function(variables={"MY-VAR": "x"}),
    "variables 1ST": lambda _: function(variables={"1ST": "x"}),
    "variables X": lambda _: function(variables={"X": "x"}),
    "variables ''": lambda _: function(variables={"": "x"}),
    "variables AWS_REGION": lambda _: function(variables={"AWS_REGION": "x"}),
    "variables SIZE=5": lambda _: function(variables={"SIZE": 5}),
    "variables of 5 KB": lambda _: function(variables={"LONG": "x" * 5_000}),
    "variables with a secret": lambda _: function(variables={"DATABASE": "db://me:hunter2@host"}),
    "rate_limit=0": lambda _: api(rate_limit=0),
    "rate_limit=1000000": lambda _: api(rate_limit=1_000_000),
    "rate_limit=10.5": lambda _: api(rate_limit=10.5),
    "rate_limit='100'": lambda _: api(rate_limit="100"),
    "burst_limit=100000": lambda _: api(burst_limit=100_000),
    "payload_limit_bytes=0": lambda _: api(payload_limit_bytes=0),
    "payload_limit_bytes=300000": lambda _: api(payload_limit_bytes=300_000),
    "payload_limit_bytes of a queue's API": lambda place: queue_api(place, "Limited", payload_limit_bytes=1_000),
    "payload_limit_bytes of a function's API": lambda place: function_api(place, "Small", payload_limit_bytes=1_000),
    "open_to=True": lambda _: api(open_to=True),
    "open_to='all'": lambda _: api(open_to="all"),
    "api timeout=30 s": lambda _: api(timeout=seconds(30)),
    "api timeout=0.5 s": lambda _: api(timeout=millis(500)),
    "slow=0": lambda _: api(slow=seconds(0)),
    "slow=1 h": lambda _: api(slow=hours(1)),
    "body_schema of later drafts": lambda _: api(body_schema={"const": 1}),
    "visibility_timeout=0": lambda _: QueueSettings(visibility_timeout=seconds(0)),
    "visibility_timeout=13 h": lambda _: QueueSettings(visibility_timeout=hours(13)),
    "visibility_timeout=0.5 s": lambda _: QueueSettings(visibility_timeout=millis(500)),
    "receives=1": lambda _: QueueSettings(receives=1),
    "receives=5.5": lambda _: QueueSettings(receives=5.5),  # type: ignore[arg-type]  # what a team may write
    "retention=14 days": lambda _: QueueSettings(retention=days(14)),
    "oldest_message=1 s": lambda _: QueueSettings(oldest_message=seconds(1)),
    "batch_size=0": lambda _: worker(batch_size=0),
    "batch_size=11": lambda _: worker(batch_size=11),
    "max_concurrency=1": lambda _: worker(max_concurrency=1),
    "max_concurrency=5000": lambda _: worker(max_concurrency=5_000),
    "max_concurrency over reserved_concurrency": lambda _: worker(
        function=function(reserved_concurrency=3), max_concurrency=4
    ),
    "shards=0": lambda _: StreamSettings(shards=0),
    "shards=1000000": lambda _: StreamSettings(shards=1_000_000),
    "stream retention=1 day": lambda _: StreamSettings(retention=days(1)),
    "stream retention=168.5 h": lambda _: StreamSettings(retention=minutes(168 * 60 + 30)),
    "window=0.5 s": lambda _: consumer(window=millis(500)),
    "operator_time=36.5 h": lambda _: consumer(operator_time=minutes(36 * 60 + 30)),
    "retries=0": lambda _: consumer(retries=0),
    "destination='bucket'": lambda _: consumer(destination="bucket"),
    "expiration=36 h": lambda _: BucketSettings(expiration=hours(36)),
    "expiration=0": lambda _: BucketSettings(expiration=days(0)),
    "replaced_versions=1 day": lambda _: BucketSettings(replaced_versions=days(1)),
    "replicate_to a name": lambda _: Replica(bucket_arn="copies", key_arn=REPLICA_KEY),
    "replicate_to under an alias": lambda _: Replica(
        bucket_arn="arn:aws:s3:::copies", key_arn=REPLICA_KEY.replace(":key/", ":alias/")
    ),
    "replicate_to the same region": lambda place: Bucket(
        place.stack,
        "Near",
        environment=place.environment,
        encryption_key=place.key,
        settings=BucketSettings(replicate_to=Replica(bucket_arn="arn:aws:s3:::copies", key_arn=REPLICA_KEY)),
    ),
    "source=''": lambda _: subscription(source=""),
    "source='ingest*'": lambda _: subscription(source="ingest*"),
    "source=' ingest'": lambda _: subscription(source=" ingest"),
    "source='aws.s3'": lambda _: subscription(source="aws.s3"),
    "detail_types='PatientChanged'": lambda _: subscription(detail_types="PatientChanged"),
    "detail_types with a wildcard": lambda _: subscription(detail_types=("Patient*",)),
    "detail without a value": lambda _: subscription(detail={"kind": []}),
    "event_age=90.5 min": lambda _: subscription(event_age=millis(5_430_500)),
    "archive=36 h": lambda place: publisher(place, "Archive", hours(36)),
    "workflow timeout=0": lambda place: workflow(place, "Never", seconds(0)),
    "workflow timeout=1.5 s": lambda place: workflow(place, "Part", millis(1_500)),
    "minutes=0": lambda place: alarm(place, "Minutes", minutes=0),
    "minutes=1441": lambda place: alarm(place, "Day", minutes=1_441),
    "threshold=0": lambda place: alarm(place, "On", threshold=0),
    "partition_key=''": lambda place: table(place, "Empty", partition_key=""),
    "partition_key of 256": lambda place: table(place, "Long", partition_key="x" * 256),
    "expires_by a key": lambda place: table(place, "Expires", expires_by="id"),
    "tables=[]": lambda place: BackupPlan(
        place.stack, "Nothing", environment=place.environment, tables=[], alarms_to=place.alarms
    ),
    "routes=[]": lambda place: proxy_api(place, "NoRoutes"),
    "a route twice": lambda place: proxy_api(place, "Twice", "/orders", "/orders"),
    "two names of a parameter": lambda place: proxy_api(place, "Two", "/orders/{id}", "/orders/{order}/lines"),
    "payload_limit_bytes of routes": lambda place: proxy_api(place, "Most", "/orders", payload_limit_bytes=1_000),
    "method='get'": lambda place: route(place, "Lower", method="get"),
    "method='OPTIONS'": lambda place: route(place, "Options", method="OPTIONS"),
    "path='orders'": lambda place: route(place, "NoSlash", path="orders"),
    "path='/orders/'": lambda place: route(place, "Slash", path="/orders/"),
    "path='/order-{id}'": lambda place: route(place, "Piece", path="/order-{id}"),
    "query of spaces": lambda place: route(place, "Query", query=("a b",)),
    "body_schema of a route": lambda place: route(place, "Schema", body_schema={"type": "text"}),
    "an origin without a scheme": lambda _: api(cors_origins=("app.example.com",)),
    "an origin with a path": lambda _: api(cors_origins=("https://app.example.com/",)),
    "an empty origin": lambda _: api(cors_origins=("",)),
    "cors_origins='*'": lambda _: api(cors_origins="*"),
    "an origin twice": lambda _: api(cors_origins=("https://a.example.com", "https://a.example.com")),
    "everybody's pages and one more": lambda _: api(cors_origins=("*", "https://a.example.com")),
    "user_pools by their ids": lambda _: api(user_pools=("eu-west-1_Ab12Cd34E",)),
    "user_pools of an open API": lambda _: api(user_pools=(POOL,), open_to="Everybody who knows the address of it"),
    "user_pools beside an issuer": lambda _: api(user_pools=(POOL,), issuer=issuer()),
    "an issuer of an open API": lambda _: api(issuer=issuer(), open_to="Everybody who knows the address of it"),
    "an issuer by its name": lambda _: issuer(issuer="login.example.com"),
    "an issuer over HTTP": lambda _: issuer(issuer="http://login.example.com"),
    "keys over HTTP": lambda _: issuer(keys_url="http://login.example.com/keys"),
    "tokens for anybody": lambda _: issuer(audiences=()),
    "audiences='orders'": lambda _: issuer(audiences="orders"),
    "algorithms HS256": lambda _: issuer(algorithms=("HS256",)),
    "algorithms none": lambda _: issuer(algorithms=("none",)),
    "algorithms=()": lambda _: issuer(algorithms=()),
    "an issuer's cache=1 h": lambda _: issuer(cache=hours(1)),
    "an issuer's cache=0.5 s": lambda _: issuer(cache=millis(500)),
    "scopes without user_pools": lambda _: api(scopes=("orders/write",)),
    "expression='5 minutes'": lambda _: ScheduleSettings(expression="5 minutes"),
    "expression of one minutes": lambda _: ScheduleSettings(expression="rate(1 minutes)"),
    "expression of five fields": lambda _: ScheduleSettings(expression="cron(0 3 * * ?)"),
    "expression with both days": lambda _: ScheduleSettings(expression="cron(0 3 1 * MON *)"),
    "attempts=0 of a schedule": lambda _: ScheduleSettings(expression="rate(1 hour)", attempts=0),
    "every=0 of a secret": lambda _: SecretSettings(rotation=function(), every=days(0)),
    "every=2 years of a secret": lambda _: SecretSettings(rotation=function(), every=days(730)),
    "content_based_deduplication alone": lambda _: QueueSettings(content_based_deduplication=True),
    "a FIFO queue of an API": lambda place: QueueApi(
        place.stack,
        "FifoApi",
        environment=place.environment,
        queue=fifo(place, "Fifo"),
        settings=api(),
        alarms_to=place.alarms,
    ),
    "a FIFO queue of a topic": lambda place: topic(place, "Fifos").subscribe("Fifo", fifo(place, "Fifos")),
    "a grant of a key without actions": lambda place: place.key.grant_to_service("sns.amazonaws.com"),
    "attributes without a value": lambda place: topic(place, "None").subscribe(
        "None", standard(place, "None"), attributes={"kind": []}
    ),
    "an index of the name x": lambda _: Index(name="x", partition_key="customer"),
    "an index by one key twice": lambda _: Index(name="by-key", partition_key="a", sort_key="a"),
    "two indexes of a name": lambda place: table(
        place, "Indexes", indexes=[Index(name="by-key", partition_key=name) for name in ("a", "b")]
    ),
    "stream=False of a table that is read": lambda place: of_a_table(place, "Still", stream=False),
    "record_age=24 h of a table's stream": lambda place: of_a_table(place, "Aged", record_age=hours(24)),
    "pointers to a table's stream": lambda place: of_a_table(place, "Pointers", destination=Destination.POINTERS),
    "network without security groups": lambda _: function(
        network=Network(vpc_id="vpc-1", availability_zones=("a",), private_subnet_ids=("subnet-1",))
    ),
    "account='partner'": lambda place: publisher(place, "ByName", days(1)).accept_from(
        "Partner", account="partner", source="partner"
    ),
    "source='*' of another account": lambda place: publisher(place, "ByAll", days(1)).accept_from(
        "Partner", account="222222222222", source="*"
    ),
    "interval_seconds=0": lambda _: Backoff(interval_seconds=0, max_delay_seconds=9),
    "max_delay_seconds=1": lambda _: Backoff(interval_seconds=1, max_delay_seconds=1),
    "private_subnet_ids": lambda _: Network(
        vpc_id="vpc-1", availability_zones=("eu-west-1a",), private_subnet_ids=("net-1",)
    ),
    "name of a value": lambda _: Published("Ingest/StreamArn"),
}
FINE: dict[str, Build] = {
    "an empty description, as Lambda has it": lambda _: function(description=""),
    "900 reserved executions, all that an account may reserve": lambda _: function(reserved_concurrency=900),
    "3 KB of variables, which leaves room for the library's": lambda _: function(variables={"LONG": "x" * 3_000}),
    "a burst below the rate, which smooths requests": lambda _: api(rate_limit=100, burst_limit=1),
    "any value in a schema's default": lambda _: api(body_schema={"default": [1]}),
    "an alarm at half an error": lambda place: alarm(place, "Half", threshold=0.5),
    "one message a call": lambda _: worker(batch_size=1),
    "a batch that is handed out at once": lambda _: consumer(window=seconds(0)),
    "a source with the signs of a host": lambda _: subscription(source="com.example/shop_2"),
    "numbers that a field may have": lambda _: subscription(detail={"count": [1, 2]}),
    "a greedy parameter at the end": lambda place: route(place, "Rest", path="/files/{path+}"),
    "pages of everybody's": lambda _: api(cors_origins=("*",)),
    "tokens that are asked about each time": lambda _: issuer(cache=seconds(0)),
    "an issuer of this machine, for a sandbox": lambda _: issuer(issuer="http://127.0.0.1:8080"),
    "a page of this machine, for a sandbox": lambda _: api(
        cors_origins=("http://localhost:3000", "https://a.example.com")
    ),
    "the last day of each month": lambda _: ScheduleSettings(expression="cron(0 3 L * ? *)"),
    "weekdays by their names": lambda _: ScheduleSettings(expression="cron(0/15 8-17 ? * MON-FRI *)"),
    "a sort key beside a partition key": lambda place: table(place, "Sorted", sort_key="at"),
}


@pytest.mark.parametrize("odd", REFUSED)
def test_an_odd_setting_is_refused_with_its_field_what_was_given_and_what_is_allowed(
    production: StackScope, odd: str
) -> None:
    with pytest.raises(ValueError, match=FORM) as refused:
        REFUSED[odd](production)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("fine", FINE)
def test_a_setting_that_only_looks_odd_is_taken(production: StackScope, fine: str) -> None:
    assert FINE[fine](production)
