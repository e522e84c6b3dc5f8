"""The stores against the documented answers of DynamoDB, Kinesis and S3."""

import json
import urllib.parse
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.loaders import Loader
from botocore.stub import Stubber

from services.intake.runtime import store, submission
from services.library.runtime.aws_errors import Busy, RefusedByAws
from services.library.runtime.trace import TraceContext

RESOURCE = '{"value": 1.50, "a": "ä"}'
ONE = submission.Submission(id="caller-0123456789abcdef", patient="p-1", resource=RESOURCE)
OTHER = submission.Submission(id=ONE.id, patient="p-1", resource='{"value": 1.5, "a": "ä"}')
CLAIMED = submission.Submission(id="caller-0123456789abcdef", patient="p-1", claim="claims/one")
READ = {"TableName": "submissions", "Key": {"id": {"S": ONE.id}}, "ConsistentRead": True}
ITEM: dict[str, Any] = {
    "TableName": "submissions",
    "Item": {
        "id": {"S": ONE.id},
        "patient": {"S": "p-1"},
        "digest": {"S": ONE.digest},
        "resource": {"S": RESOURCE},
    },
    "ConditionExpression": "attribute_not_exists(id)",
}


def stubbed(service: str, signature_version: str | None = None) -> Stubber:
    session = boto3.Session(aws_access_key_id="111111111111", aws_secret_access_key="local", region_name="eu-west-1")
    return Stubber(session.client(service, config=Config(signature_version=signature_version)))  # type: ignore[call-overload]  # a service by name


@pytest.fixture
def dynamodb() -> Stubber:
    return stubbed("dynamodb")


@pytest.fixture
def kinesis() -> Stubber:
    return stubbed("kinesis")


def test_a_submission_is_kept_once_however_often_the_task_is_retried(dynamodb: Stubber) -> None:
    dynamodb.add_response("put_item", {}, ITEM)
    dynamodb.add_client_error("put_item", "ConditionalCheckFailedException", expected_params=ITEM)
    dynamodb.add_response("get_item", {"Item": ITEM["Item"]}, READ)
    with dynamodb:
        kept = store.SubmissionStore("submissions", client=dynamodb.client)
        assert kept.keep(ONE) is True
        assert kept.keep(ONE) is False


def test_another_content_under_a_known_id_is_kept_beside_it_with_both_digests_and_refused(dynamodb: Stubber) -> None:
    dynamodb.add_client_error("put_item", "ConditionalCheckFailedException")
    dynamodb.add_response("get_item", {"Item": ITEM["Item"]}, READ)
    beside = {
        "id": {"S": f"{ONE.id}#{OTHER.digest}"},
        "patient": {"S": "p-1"},
        "digest": {"S": OTHER.digest},
        "recorded_digest": {"S": ONE.digest},
        "resource": {"S": OTHER.resource},
    }
    dynamodb.add_response("put_item", {}, {"TableName": "submissions", "Item": beside})
    with dynamodb, pytest.raises(submission.AnotherContent) as refused:
        store.SubmissionStore("submissions", client=dynamodb.client).keep(OTHER)
    assert (refused.value.digest, refused.value.recorded_digest) == (OTHER.digest, ONE.digest)
    assert "1.5" not in str(refused.value)


@pytest.mark.parametrize(
    ("kept", "given", "same"),
    [
        ({"resource": {"S": '{"a": "ä", "value": 1.5}'}}, ONE, True),
        ({"resource": {"S": '{"a": "ä", "value": 1.6}'}}, ONE, False),
        ({"resource": {"S": '{"a": "ä", "value": 1.5}'}, "patient": {"S": "p-2"}}, ONE, False),
        ({"claim": {"S": "claims/one"}}, CLAIMED, True),
        ({"claim": {"S": "claims/two"}}, CLAIMED, False),
        ({"claim": {"S": "claims/one"}}, ONE, False),
    ],
)
def test_what_was_kept_before_there_were_digests_is_compared_as_values(
    dynamodb: Stubber, kept: dict[str, dict[str, str]], given: submission.Submission, same: bool
) -> None:
    dynamodb.add_client_error("put_item", "ConditionalCheckFailedException")
    dynamodb.add_response("get_item", {"Item": {"id": {"S": ONE.id}, "patient": {"S": "p-1"}, **kept}}, READ)
    if not same:
        dynamodb.add_response("put_item", {})
    with dynamodb, nullcontext() if same else pytest.raises(submission.AnotherContent):
        assert store.SubmissionStore("submissions", client=dynamodb.client).keep(given) is False


def test_a_claim_is_kept_in_the_place_of_the_resource(dynamodb: Stubber) -> None:
    item = ITEM["Item"] | {"digest": {"S": CLAIMED.digest}, "claim": {"S": "claims/one"}}
    del item["resource"]
    dynamodb.add_response("put_item", {}, ITEM | {"Item": item})
    with dynamodb:
        assert store.SubmissionStore("submissions", client=dynamodb.client).keep(CLAIMED) is True


def test_a_record_has_the_resource_as_it_was_posted_under_its_patient(kinesis: Stubber) -> None:
    for one, content in ((ONE, f'"resource":{RESOURCE}'), (CLAIMED, '"claim":"claims/one"')):
        data = f'{{"id":"{one.id}","patient":"p-1",{content}}}'
        kinesis.add_response(
            "put_record",
            {"ShardId": "shardId-0", "SequenceNumber": "7"},
            {"StreamName": "stream", "PartitionKey": "p-1", "Data": data.encode()},
        )
        with kinesis:
            assert store.SubmissionStream("stream", client=kinesis.client).hand_over(one) == "7"


def test_a_record_carries_the_trace_of_its_submission(kinesis: Stubber) -> None:
    trace = TraceContext(trace_id=1 << 96, span_id=7)
    data = {"id": CLAIMED.id, "patient": "p-1", "claim": "claims/one", "trace": trace.traceparent}
    sent = {"StreamName": "stream", "PartitionKey": "p-1", "Data": json.dumps(data, separators=(",", ":")).encode()}
    kinesis.add_response("put_record", {"ShardId": "shardId-0", "SequenceNumber": "7"}, sent)
    with kinesis:
        store.SubmissionStream("stream", client=kinesis.client).hand_over(CLAIMED, trace=trace)


def keep(client: Stubber) -> None:
    store.SubmissionStore("submissions", client=client.client).keep(ONE)


def hand_over(client: Stubber) -> None:
    store.SubmissionStream("stream", client=client.client).hand_over(ONE)


@pytest.mark.parametrize(
    ("service", "operation", "call"), [("dynamodb", "put_item", keep), ("kinesis", "put_record", hand_over)]
)
def test_stores_raise_busy_for_transient_errors_and_refused_for_others(
    service: str, operation: str, call: Callable[[Stubber], None]
) -> None:
    client = stubbed(service)
    client.add_client_error(operation, "ProvisionedThroughputExceededException", "Value 'p-1' at 'partitionKey'")
    client.add_client_error(operation, "ResourceNotFoundException", "Value 'p-1' at 'partitionKey'")
    with client:
        with pytest.raises(Busy, match="ProvisionedThroughputExceededException") as busy:
            call(client)
        with pytest.raises(RefusedByAws, match="ResourceNotFoundException") as refused:
            call(client)
    for raised in (busy.value, refused.value):
        assert "p-1" not in str(raised)
        assert raised.__context__ is None


@pytest.mark.parametrize(
    ("service", "operation", "call"), [("dynamodb", "PutItem", keep), ("kinesis", "PutRecord", hand_over)]
)
@pytest.mark.parametrize("error", [ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError])
def test_stores_raise_busy_without_a_response(
    service: str, operation: str, call: Callable[[Stubber], None], error: type[Exception]
) -> None:
    client = stubbed(service)

    def unanswered(**_: object) -> None:
        raise error(endpoint_url="https://here")  # type: ignore[call-arg]  # botocore's own fill their text in

    client.client.meta.events.register(f"before-call.{service}.{operation}", unanswered)
    with pytest.raises(Busy, match=error.__name__):
        call(client)


def test_upload_url_takes_exactly_the_announced_bytes() -> None:
    """ "X-Amz-SignedHeaders: Lists the headers that you used to calculate the signature."

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    """
    client = stubbed("s3", signature_version="s3v4").client
    headers = {"Content-Length": "7", "Content-Type": "application/json", "x-amz-checksum-sha256": "A" * 43 + "="}
    url = store.ClaimsBucket("claims", client=client).upload("claims/one", headers, seconds=900)
    asked = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
    assert asked["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    signed = set(asked["X-Amz-SignedHeaders"][0].split(";"))
    in_query = {name.lower() for name in asked}
    assert {"content-length", "content-type"} <= signed
    assert "x-amz-checksum-sha256" in signed | in_query
    assert asked["X-Amz-Expires"] == ["900"]


def test_an_upload_goes_to_the_regional_endpoint_in_every_region_of_the_sdks_endpoint_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The global one redirects for new buckets, and a redirected request no longer fits its signature."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "111111111111")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    headers = {"Content-Length": "7", "Content-Type": "application/json", "x-amz-checksum-sha256": "A" * 43 + "="}
    hosts, expected = [], []
    for partition in Loader().load_data("endpoints")["partitions"]:
        for region in partition["regions"].keys() & partition["services"]["s3"]["endpoints"].keys():
            monkeypatch.setenv("AWS_DEFAULT_REGION", region)
            url = store.ClaimsBucket("claims").upload("claims/one", headers, seconds=900)
            hosts.append(urllib.parse.urlsplit(url).hostname)
            expected.append(f"claims.s3.{region}.{partition['dnsSuffix']}")
    assert len(expected) > 30
    assert hosts == expected
