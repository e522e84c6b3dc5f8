"""A table's stream is read as any other: batches are halved, and what a function never takes goes to its destination.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.consumers import Queue
from tests.testbed.functions import ACCOUNT, REGION, Functions, until

pytestmark = pytest.mark.cloud

CODE = """
import json, os

def handle(event, context):
    ids = [record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"]]
    if "bad" in ids:
        raise ValueError("poison")
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(json.dumps(event["Records"]) + chr(10))
"""


def noted(notes: Path) -> list[dict[str, Any]]:
    return [record for line in notes.read_text().splitlines() for record in json.loads(line)] if notes.exists() else []


def test_one_bad_change_stops_nothing_and_goes_to_the_destination(cloud: LocalCloud, tmp_path: Path) -> None:
    notes, failures = tmp_path / "notes", Queue(cloud, "failed-changes")
    dynamodb, lambda_ = (cloud.client(service, ACCOUNT, REGION) for service in ("dynamodb", "lambda"))
    stream = dynamodb.create_table(
        TableName="changed",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]["LatestStreamArn"]
    for name in ("a", "bad", "b", "c"):
        dynamodb.put_item(TableName="changed", Item={"id": {"S": name}})
    lambda_.create_event_source_mapping(
        FunctionName=Functions(cloud).make(CODE, Environment={"Variables": {"NOTES": str(notes)}}),
        EventSourceArn=stream,
        StartingPosition="TRIM_HORIZON",
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=2,
        DestinationConfig={"OnFailure": {"Destination": failures.arn}},
    )
    (told,) = failures.take(1)
    assert told["DDBStreamBatchInfo"]["batchSize"] == 1
    assert told["DDBStreamBatchInfo"]["streamArn"] == stream
    records = until(lambda: noted(notes), lambda found: len(found) >= 3)
    assert [record["dynamodb"]["Keys"]["id"]["S"] for record in records] == ["a", "b", "c"]
    assert {record["eventName"] for record in records} == {"INSERT"}
