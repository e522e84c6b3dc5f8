"""Lambda maps no source that the function's role may not read.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html#events-kinesis-permissions
The words are those that people report: https://github.com/scribd/terraform-oxbow/pull/30 and
https://github.com/aws/aws-cdk/issues/17312
"""

import json
import uuid
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.deployments import deploy
from tests.testbed.functions import Functions
from tests.testbed.roles import role

pytestmark = pytest.mark.cloud

CODE = "def handle(event, context): return event"
OF_QUEUES = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
OF_TABLES = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
OF_STREAMS = ["kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:DescribeStream"]


@pytest.fixture
def name() -> str:
    return f"n-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def queue(cloud: LocalCloud, name: str) -> str:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


@pytest.fixture
def stream(cloud: LocalCloud, name: str) -> str:
    kinesis = cloud.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    return str(kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"])


@pytest.fixture
def function(cloud: LocalCloud, name: str) -> Callable[..., str]:
    """Makes a function that may do what is said, and returns its name."""

    def make(actions: list[str], resource: str) -> str:
        may = role(cloud, name, "lambda.amazonaws.com", Action=actions, Resource=resource)
        return Functions(cloud).make(CODE, Role=may)

    return make


@pytest.mark.parametrize("missing", OF_QUEUES)
def test_a_queue_that_the_role_may_not_read_is_refused(
    cloud: LocalCloud, function: Callable[..., str], queue: str, missing: str
) -> None:
    reader = function([action for action in OF_QUEUES if action != missing], queue)
    words = f"execution role does not have permissions to call {missing.partition(':')[2]} on SQS"
    with pytest.raises(ClientError, match=words) as refused:
        cloud.client("lambda").create_event_source_mapping(FunctionName=reader, EventSourceArn=queue)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert cloud.client("lambda").list_event_source_mappings(FunctionName=reader)["EventSourceMappings"] == []


def test_a_queue_that_the_role_may_read_is_mapped(cloud: LocalCloud, function: Callable[..., str], queue: str) -> None:
    cloud.client("lambda").create_event_source_mapping(FunctionName=function(OF_QUEUES, queue), EventSourceArn=queue)


@pytest.mark.parametrize("missing", OF_STREAMS)
def test_a_stream_that_the_role_may_not_read_is_refused(
    cloud: LocalCloud, function: Callable[..., str], stream: str, missing: str
) -> None:
    reader = function([action for action in OF_STREAMS if action != missing], stream)
    with pytest.raises(ClientError, match=f"Cannot access stream {stream}. Please ensure the role can perform"):
        cloud.client("lambda").create_event_source_mapping(
            FunctionName=reader, EventSourceArn=stream, StartingPosition="LATEST"
        )


@pytest.mark.parametrize("missing", [*OF_TABLES, ""])
def test_a_tables_stream_that_the_role_may_not_read_is_refused(
    cloud: LocalCloud, function: Callable[..., str], name: str, missing: str
) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html"""
    key = {"AttributeName": "id", "AttributeType": "S"}
    made = cloud.client("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[key],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    stream = made["TableDescription"]["LatestStreamArn"]
    reader = function([action for action in OF_TABLES if action != missing], "*")
    asked = {"FunctionName": reader, "EventSourceArn": stream, "StartingPosition": "LATEST"}
    if not missing:
        cloud.client("lambda").create_event_source_mapping(**asked)
        return
    with pytest.raises(ClientError, match=f"Cannot access stream {stream}. Please ensure the role can perform"):
        cloud.client("lambda").create_event_source_mapping(**asked)


def test_a_destination_of_failures_that_the_role_may_not_write_to_is_refused(
    cloud: LocalCloud, function: Callable[..., str], stream: str, queue: str
) -> None:
    with pytest.raises(ClientError, match="does not have permissions to call SendMessage on SQS"):
        cloud.client("lambda").create_event_source_mapping(
            FunctionName=function(OF_STREAMS, stream),
            EventSourceArn=stream,
            StartingPosition="LATEST",
            DestinationConfig={"OnFailure": {"Destination": queue}},
        )


def test_a_stack_with_such_a_mapping_rolls_back_and_says_why(
    cloud: LocalCloud, function: Callable[..., str], queue: str
) -> None:
    properties = {"FunctionName": function(OF_QUEUES[1:], queue), "EventSourceArn": queue}
    deployed = deploy(cloud, {"Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}})
    assert deployed.status == "ROLLBACK_COMPLETE"
    assert "does not have permissions to call ReceiveMessage on SQS" in deployed.reason("Mapping")


def test_a_consumer_of_an_encrypted_stream_must_be_let_use_its_key(
    cloud: LocalCloud, function: Callable[..., str], stream: str, name: str
) -> None:
    """https://docs.aws.amazon.com/streams/latest/dg/permissions-user-key-KMS.html"""
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    kinesis = cloud.client("kinesis")
    kinesis.start_stream_encryption(StreamARN=stream, EncryptionType="KMS", KeyId=key)
    consumer = kinesis.register_stream_consumer(StreamARN=stream, ConsumerName=name)["Consumer"]["ConsumerARN"]
    reader = function(["kinesis:DescribeStreamSummary", "kinesis:SubscribeToShard"], "*")
    asked = {"FunctionName": reader, "EventSourceArn": consumer, "StartingPosition": "LATEST"}
    with pytest.raises(ClientError, match="Cannot access stream"):
        cloud.client("lambda").create_event_source_mapping(**asked)
    of_stream = {"StringEquals": {"kms:EncryptionContext:aws:kinesis:arn": stream}}
    may = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key, "Condition": of_stream}
    document = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    cloud.client("iam").put_role_policy(RoleName=name, PolicyName="Key", PolicyDocument=document)
    assert cloud.client("lambda").create_event_source_mapping(**asked)["UUID"]
