"""The store against DynamoDB's documented answers."""

import importlib

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

store = importlib.import_module("services.intake.runtime.store")
submission = importlib.import_module("services.intake.runtime.submission")

ONE = submission.Submission(id="caller-0123456789abcdef", patient="p-1", resource={"value": "1.0", "a": "ä"})
ITEM = {
    "TableName": "submissions",
    "Item": {"id": {"S": ONE.id}, "patient": {"S": "p-1"}, "resource": {"S": '{"a": "ä", "value": "1.0"}'}},
    "ConditionExpression": "attribute_not_exists(id)",
}


@pytest.fixture
def dynamodb() -> Stubber:
    client = boto3.client(
        "dynamodb", region_name="eu-west-1", aws_access_key_id="111111111111", aws_secret_access_key="local"
    )
    return Stubber(client)


def test_a_submission_is_kept_once_however_often_the_task_is_retried(dynamodb: Stubber) -> None:
    dynamodb.add_response("put_item", {}, ITEM)
    dynamodb.add_client_error("put_item", "ConditionalCheckFailedException", expected_params=ITEM)
    with dynamodb:
        kept = store.SubmissionStore("submissions", client=dynamodb.client)
        assert kept.keep(ONE) is True
        assert kept.keep(ONE) is False


def test_any_other_failure_goes_back_to_the_workflow(dynamodb: Stubber) -> None:
    dynamodb.add_client_error("put_item", "ProvisionedThroughputExceededException")
    with dynamodb, pytest.raises(ClientError, match="ProvisionedThroughputExceeded"):
        store.SubmissionStore("submissions", client=dynamodb.client).keep(ONE)
