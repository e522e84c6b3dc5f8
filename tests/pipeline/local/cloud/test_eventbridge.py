"""Rules on buses deliver to their targets, and what they cannot deliver is kept.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
"""

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.consumers import Queue
from tests.testbed.functions import ACCOUNT, REGION, Functions, until
from tests.testbed.roles import role

pytestmark = pytest.mark.cloud

_numbers = itertools.count()
FreshCloud = Callable[..., LocalCloud]
NOTING = """
import json, os

def handle(event, context):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(json.dumps(event) + "\\n")
    if os.environ.get("FAIL"):
        raise ValueError("broken")
"""


class Bus:
    """A bus of its own with one rule."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.client: Any = cloud.client("events", ACCOUNT, REGION)
        self.name = f"bus-{next(_numbers)}"
        self.arn = self.client.create_event_bus(Name=self.name)["EventBusArn"]
        pattern = json.dumps({"source": ["ingest"], "detail-type": ["patient changed"]})
        self.rule = self.client.put_rule(Name="rule", EventBusName=self.name, EventPattern=pattern)["RuleArn"]

    def target(self, arn: str, **settings: Any) -> None:
        answer = self.client.put_targets(
            Rule="rule", EventBusName=self.name, Targets=[{"Id": f"t{next(_numbers)}", "Arn": arn, **settings}]
        )
        assert answer["FailedEntryCount"] == 0

    def put(self, detail: dict[str, Any], *, source: str = "ingest", bus: str | None = None) -> None:
        entry = {"Source": source, "DetailType": "patient changed", "Detail": json.dumps(detail)}
        answer = self.client.put_events(Entries=[{**entry, "EventBusName": bus or self.name}])
        assert answer["FailedEntryCount"] == 0


@pytest.fixture
def bus(cloud: LocalCloud) -> Bus:
    return Bus(cloud)


def notes(folder: Path) -> list[Any]:
    file = folder / "notes"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def function(cloud: LocalCloud, folder: Path, **variables: str) -> str:
    environment = {"Variables": {"NOTES": str(folder / "notes"), **variables}}
    functions = Functions(cloud)
    name = functions.make(NOTING, Environment=environment)
    functions.permit(name, "events.amazonaws.com")
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def test_a_rule_of_a_bus_delivers_what_matches(cloud: LocalCloud, bus: Bus, tmp_path: Path) -> None:
    queue = Queue(cloud, f"events-{next(_numbers)}")
    bus.target(queue.arn)
    bus.target(function(cloud, tmp_path))
    bus.put({"n": 0}, source="somebody else")
    bus.put({"n": 0}, bus="default")
    bus.put({"n": 1}, bus=bus.arn)
    (event,) = queue.take(1)
    assert event["detail"] == {"n": 1}
    assert (event["source"], event["detail-type"]) == ("ingest", "patient changed")
    assert until(lambda: notes(tmp_path), bool) == [event]


def test_an_input_transformer_shapes_what_the_target_gets(cloud: LocalCloud, bus: Bus) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html"""
    queue = Queue(cloud, f"events-{next(_numbers)}")
    bus.target(
        queue.arn,
        InputTransformer={
            "InputPathsMap": {"who": "$.detail.patient.id", "tags": "$.detail.tags"},
            "InputTemplate": '{"patient": <who>, "tags": <tags>, "rule": "<aws.events.rule-name>"}',
        },
    )
    bus.put({"patient": {"id": "p-1"}, "tags": ["a"]})
    assert queue.take(1) == [{"patient": "p-1", "tags": ["a"], "rule": "rule"}]


def test_a_function_that_fails_is_retried_and_then_its_own_destination_is_told(
    cloud: LocalCloud, bus: Bus, tmp_path: Path
) -> None:
    """Rules invoke functions asynchronously; "if the function returns an error, by default, Lambda attempts to run it
    two more times" (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
    """
    failed, undelivered = Queue(cloud, f"failed-{next(_numbers)}"), Queue(cloud, f"undelivered-{next(_numbers)}")
    target = function(cloud, tmp_path, FAIL="yes")
    cloud.client("lambda", ACCOUNT, REGION).put_function_event_invoke_config(
        FunctionName=target, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": failed.arn}}
    )
    bus.target(target, DeadLetterConfig={"Arn": undelivered.arn})
    bus.put({"n": 1})
    (told,) = failed.take(1)
    assert told["requestPayload"]["detail"] == {"n": 1}
    assert len(notes(tmp_path)) == 2
    assert undelivered.counts() == (0, 0)


@pytest.mark.parametrize("kind", ["lambda", "sqs", "sns", "states", "bus", "other region", "ecs"])
def test_an_event_whose_target_is_gone_goes_to_the_dead_letter_queue(cloud: LocalCloud, bus: Bus, kind: str) -> None:
    """Documented: events that cannot be delivered, "including when [...] the target resource no longer exists", go to
    the queue at once, with the error code and message and the rule's and the target's ARN as message attributes.
    """
    gone = {
        "lambda": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:gone",
        "sqs": f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone",
        "sns": f"arn:aws:sns:{REGION}:{ACCOUNT}:gone",
        "states": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:gone",
        "bus": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/gone",
        "other region": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:gone",
        "ecs": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/nobody-emulates",
    }[kind]
    undelivered = Queue(cloud, f"undelivered-{next(_numbers)}")
    acts = {"RoleArn": role(cloud, "rules", "events.amazonaws.com")} if kind in ("states", "bus") else {}
    bus.target(gone, DeadLetterConfig={"Arn": undelivered.arn}, **acts)
    bus.put({"n": 1})
    message = receive(undelivered)
    assert json.loads(message["Body"])["detail"] == {"n": 1}
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes["RULE_ARN"] == bus.rule
    assert attributes["TARGET_ARN"] == gone
    codes = {"other region": "SDK_CLIENT_ERROR", "ecs": "NO_PERMISSIONS"}
    assert attributes["ERROR_CODE"] == codes.get(kind, "NO_RESOURCE")
    assert attributes["ERROR_MESSAGE"]


@pytest.mark.parametrize(
    ("parameters", "deduplicates", "says"),
    [
        ({}, "true", "MessageGroupId"),
        ({"SqsParameters": {"MessageGroupId": "g"}}, "false", "ContentBasedDeduplication"),
        ({"SqsParameters": {"MessageGroupId": "g"}}, "true", None),
    ],
)
def test_a_fifo_queue_takes_events_with_a_group_if_it_deduplicates_by_content(
    cloud: LocalCloud, bus: Bus, parameters: dict[str, Any], deduplicates: str, says: str | None
) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_SqsParameters.html"""
    settings = {"FifoQueue": "true", "ContentBasedDeduplication": deduplicates}
    queue = Queue(cloud, f"fifo-{next(_numbers)}.fifo", **settings)
    undelivered = Queue(cloud, f"undelivered-{next(_numbers)}")
    bus.target(queue.arn, DeadLetterConfig={"Arn": undelivered.arn}, **parameters)
    bus.put({"n": 1})
    if says is None:
        assert json.loads(receive(queue)["Body"])["detail"] == {"n": 1}
    else:
        assert says in receive(undelivered)["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
        assert queue.counts() == (0, 0)


def receive(queue: Queue) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        answer = queue.client.receive_message(QueueUrl=queue.url, MessageAttributeNames=["All"], WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            found: dict[str, Any] = message
            return found
    raise AssertionError("no message came")


@pytest.mark.parametrize(
    ("dead_letters", "counted"),
    [("", ["FailedInvocations"]), ("gone", ["FailedInvocations", "InvocationsFailedToBeSentToDlq"])],
)
def test_a_failed_delivery_is_counted(cloud: LocalCloud, bus: Bus, dead_letters: str, counted: list[str]) -> None:
    """FailedInvocations: "the number of invocations that failed permanently"; InvocationsFailedToBeSentToDlq: "the
    number of invocations that couldn't be moved to a dead-letter queue"
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html).
    """
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone"
    bus.target(arn, **({"DeadLetterConfig": {"Arn": arn}} if dead_letters else {}))
    bus.put({"n": 1})
    cloudwatch = cloud.client("cloudwatch", ACCOUNT, REGION)

    def count(metric: str) -> float:
        answer = cloudwatch.get_metric_statistics(
            Namespace="AWS/Events",
            MetricName=metric,
            Dimensions=[{"Name": "EventBusName", "Value": bus.name}, {"Name": "RuleName", "Value": "rule"}],
            StartTime=time.time() - 300,
            EndTime=time.time() + 60,
            Period=3600,
            Statistics=["Sum"],
        )
        return float(sum(point["Sum"] for point in answer["Datapoints"]))

    for metric in counted:
        until(lambda metric=metric: count(metric), lambda found: found == 1.0)  # type: ignore[misc]  # of the loop


def test_without_the_service_what_has_no_target_is_lost(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud(without=("eventbridge",))
    bus = Bus(cloud)
    undelivered = Queue(cloud, "undelivered")
    delivered = Queue(cloud, "delivered")
    bus.target(f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone", DeadLetterConfig={"Arn": undelivered.arn})
    bus.target(delivered.arn)
    bus.put({"n": 1})
    delivered.take(1)
    assert undelivered.counts() == (0, 0)


def test_a_rule_writes_into_a_log_group_that_lets_it(cloud: LocalCloud, bus: Bus) -> None:
    """ "logs:CreateLogStream", "logs:PutLogEvents", by a policy of the account's for log groups.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-cloudwatchlogs-permissions
    """
    logs, name = cloud.client("logs", ACCOUNT, REGION), f"/aws/events/{bus.name}"
    logs.create_log_group(logGroupName=name)
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"
    dead = Queue(cloud, f"dead-{next(_numbers)}")
    bus.target(arn, DeadLetterConfig={"Arn": dead.arn})
    bus.put({"n": 1})
    refused = receive(dead)
    dead.client.delete_message(QueueUrl=dead.url, ReceiptHandle=refused["ReceiptHandle"])
    assert "logs:CreateLogStream" in refused["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"{arn}:*",
    }
    logs.put_resource_policy(
        policyName=bus.name, policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    bus.put({"n": 2})
    written = until(lambda: logs.filter_log_events(logGroupName=name)["events"], bool)
    assert [json.loads(each["message"])["detail"] for each in written] == [{"n": 2}]
    logs.delete_log_group(logGroupName=name)
    bus.put({"n": 3})
    lost = receive(dead)
    assert json.loads(lost["Body"])["detail"] == {"n": 3}
    assert lost["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"


def test_a_bus_encrypts_only_with_a_key_that_lets_eventbridge(cloud: LocalCloud) -> None:
    """ "kms:GenerateDataKey", "kms:Decrypt", by the key's policy; what cannot be encrypted goes to the bus's queue.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-key-policy.html
    """
    keys = cloud.client("kms", ACCOUNT, REGION)
    key, events = keys.create_key()["KeyMetadata"]["Arn"], cloud.client("events", ACCOUNT, REGION)
    name, dead, reached = f"keyed-{next(_numbers)}", *(Queue(cloud, f"keyed-{next(_numbers)}") for _ in range(2))
    own = events.create_event_bus(Name=name, KmsKeyIdentifier=key, DeadLetterConfig={"Arn": dead.arn})["EventBusArn"]
    events.put_rule(Name="rule", EventBusName=name, EventPattern=json.dumps({"source": ["ingest"]}))
    events.put_targets(Rule="rule", EventBusName=name, Targets=[{"Id": "1", "Arn": reached.arn}])
    entry = {"Source": "ingest", "DetailType": "x", "Detail": "{}", "EventBusName": name}
    events.put_events(Entries=[entry])
    (kept,) = dead.take(1)
    assert kept["source"] == "ingest"
    account = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"}
    context = {"kms:EncryptionContext:aws:events:event-bus:arn": own, "aws:SourceAccount": ACCOUNT}
    letting_in = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
        "Resource": "*",
        "Condition": {"StringEquals": context},
    }
    policy = {"Version": "2012-10-17", "Statement": [account, letting_in]}
    keys.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))
    events.put_events(Entries=[entry])
    assert reached.take(1)


def test_cloudformation_keeps_changes_and_forgets_a_statement_of_a_buss_policy(cloud: LocalCloud, bus: Bus) -> None:
    stacks = cloud.client("cloudformation", ACCOUNT, REGION)
    stack = f"policy-of-{bus.name}"

    def template(who: str) -> str:
        statement = {"Effect": "Allow", "Action": "events:PutEvents", "Principal": {"AWS": who}, "Resource": bus.arn}
        properties = {"EventBusName": bus.name, "StatementId": "them", "Statement": statement}
        return json.dumps({"Resources": {"Policy": {"Type": "AWS::Events::EventBusPolicy", "Properties": properties}}})

    def principals() -> list[str]:
        policy = json.loads(bus.client.describe_event_bus(Name=bus.name).get("Policy", "{}"))
        return [each["Principal"]["AWS"] for each in policy.get("Statement", ())]

    one, other = (f"arn:aws:iam::{digit * 12}:root" for digit in "56")
    stacks.create_stack(StackName=stack, TemplateBody=template(one))
    assert until(principals, bool) == [one]
    stacks.update_stack(StackName=stack, TemplateBody=template(other))
    assert until(principals, lambda found: found != [one]) == [other]
    stacks.delete_stack(StackName=stack)
    assert until(principals, lambda found: not found) == []
