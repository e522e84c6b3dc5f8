"""What each service holds is there again after a kill, and still works: one snapshot has them all."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from zipfile import ZipFile

import pytest

from pipeline.local.lifecycle import LocalCloud
from pipeline.operate.session import LocalClients
from tests.testbed.killing import kill
from tests.testbed.roles import letting_in, role

pytestmark = pytest.mark.cloud

FreshCloud = Callable[..., LocalCloud]
Setup = Callable[[LocalCloud], Callable[[LocalCloud], None]]
TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
POLLING = {"Delay": 0.05, "MaxAttempts": 400}


def table(cloud: LocalCloud) -> Callable[[LocalCloud], None]:
    cloud.client("dynamodb").create_table(
        TableName="table",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    item = {"id": {"S": "a"}, "n": {"N": "1.5"}, "b": {"B": b"\x00\xff"}, "s": {"SS": ["x", "y"]}, "z": {"NULL": True}}
    cloud.client("dynamodb").put_item(TableName="table", Item=item)
    return lambda again: check(
        again.client("dynamodb").get_item(TableName="table", Key={"id": {"S": "a"}})["Item"], item
    )


def workflow(cloud: LocalCloud) -> Callable[[LocalCloud], None]:
    states = cloud.client("stepfunctions")
    definition = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "Result": {"ok": True}, "End": True}}}
    machine = states.create_state_machine(
        name="m", definition=json.dumps(definition), roleArn=role(cloud, "states", "states.amazonaws.com")
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, name="e", input="{}")["executionArn"]
    until(lambda: states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED")
    history = states.get_execution_history(executionArn=execution)["events"]

    def verify(again: LocalCloud) -> None:
        states = again.client("stepfunctions")
        found = states.describe_execution(executionArn=execution)
        check(found["status"], "SUCCEEDED")
        check(json.loads(found["output"]), {"ok": True})
        check(states.get_execution_history(executionArn=execution)["events"], history)
        new = states.start_execution(stateMachineArn=machine, name="new", input="{}")["executionArn"]
        until(lambda: states.describe_execution(executionArn=new)["status"] == "SUCCEEDED")

    return verify


def running_workflow(cloud: LocalCloud) -> Callable[[LocalCloud], None]:
    states = cloud.client("stepfunctions")
    definition = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}}
    machine = states.create_state_machine(
        name="slow", definition=json.dumps(definition), roleArn=role(cloud, "states", "states.amazonaws.com")
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, name="e", input="{}")["executionArn"]
    return lambda again: check(
        again.client("stepfunctions").describe_execution(executionArn=execution)["status"], "RUNNING"
    )


def key(cloud: LocalCloud) -> Callable[[LocalCloud], None]:
    keys = cloud.client("kms")
    key_id = keys.create_key()["KeyMetadata"]["KeyId"]
    keys.create_alias(AliasName="alias/k", TargetKeyId=key_id)
    sealed = keys.encrypt(KeyId="alias/k", Plaintext=b"secret")["CiphertextBlob"]
    return lambda again: check(again.client("kms").decrypt(CiphertextBlob=sealed)["Plaintext"], b"secret")


def session(cloud: LocalCloud) -> Callable[[LocalCloud], None]:
    cloud.client("iam", account="222222222222").create_role(
        RoleName="deploy", AssumeRolePolicyDocument=json.dumps(TRUST)
    )
    credentials = cloud.client("sts").assume_role(
        RoleArn="arn:aws:iam::222222222222:role/deploy", RoleSessionName="session"
    )
    given = credentials["Credentials"]
    signing = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }

    def verify(again: LocalCloud) -> None:
        check(again.client("iam", account="222222222222").get_role(RoleName="deploy")["Role"]["RoleName"], "deploy")
        identity = LocalClients(again.endpoint).create("sts", "us-east-1", signing).get_caller_identity()
        check(identity["Account"], "222222222222")

    return verify


def function(cloud: LocalCloud) -> Callable[[LocalCloud], None]:
    package = io.BytesIO()
    with ZipFile(package, "w") as archive:
        archive.writestr("handler.py", "def handle(event, context):\n    return event['n'] + 1\n")
        archive.writestr("large", "x" * 200_000)
    functions = cloud.client("lambda")
    functions.create_function(
        FunctionName="f",
        Runtime="python3.13",
        Role=role(cloud, "worker", "lambda.amazonaws.com"),
        Handler="handler.handle",
        Code={"ZipFile": package.getvalue()},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="f", WaiterConfig=POLLING)

    def verify(again: LocalCloud) -> None:
        answer = again.client("lambda").invoke(FunctionName="f", Payload=b'{"n": 1}')
        check(json.loads(answer["Payload"].read()), 2)

    return verify


def stacks(cloud: LocalCloud) -> Callable[[LocalCloud], None]:
    formation = cloud.client("cloudformation", region="eu-west-1")
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"Arn": {"Value": {"Ref": "Topic"}, "Export": {"Name": "topic"}}},
    }
    formation.create_stack(StackName="s", TemplateBody=json.dumps(template))
    formation.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig=POLLING)
    exported = formation.list_exports()["Exports"]
    events = formation.describe_stack_events(StackName="s")["StackEvents"]

    def verify(again: LocalCloud) -> None:
        formation = again.client("cloudformation", region="eu-west-1")
        check(formation.list_exports()["Exports"], exported)
        check(formation.describe_stack_events(StackName="s")["StackEvents"], events)
        check(json.loads(json.dumps(formation.get_template(StackName="s")["TemplateBody"])), template)
        check(again.client("cloudformation").describe_stacks()["Stacks"], [])

    return verify


def messages(cloud: LocalCloud) -> Callable[[LocalCloud], None]:
    queue_arn = "arn:aws:sqs:us-east-1:111111111111:q"
    policy = letting_in("sns.amazonaws.com", "events.amazonaws.com", action="sqs:SendMessage", resource=queue_arn)
    queue = cloud.client("sqs").create_queue(QueueName="q", Attributes={"Policy": policy})["QueueUrl"]
    topic = cloud.client("sns").create_topic(Name="t")["TopicArn"]
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    cloud.client("sqs").send_message(QueueUrl=queue, MessageBody="before")
    pattern = json.dumps({"source": ["test"]})
    cloud.client("events").put_rule(Name="r", EventPattern=pattern)
    cloud.client("events").put_targets(Rule="r", Targets=[{"Id": "q", "Arn": queue_arn}])

    def verify(again: LocalCloud) -> None:
        again.client("sns").publish(TopicArn=topic, Message="after")
        again.client("events").put_events(Entries=[{"Source": "test", "DetailType": "d", "Detail": '{"by": "rule"}'}])
        found: set[str] = set()

        def all_came() -> bool:
            for message in (
                again.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            ):
                found.add(next((word for word in ("before", "after", "rule") if word in message["Body"]), "?"))
            return found == {"before", "after", "rule"}

        until(all_came)

    return verify


def logs(cloud: LocalCloud) -> Callable[[LocalCloud], None]:
    client = cloud.client("logs")
    client.create_log_group(logGroupName="g")
    client.create_log_stream(logGroupName="g", logStreamName="s")
    client.put_log_events(
        logGroupName="g", logStreamName="s", logEvents=[{"timestamp": 1_790_000_000_000, "message": "x"}]
    )

    def verify(again: LocalCloud) -> None:
        events = again.client("logs").get_log_events(logGroupName="g", logStreamName="s", startFromHead=True)["events"]
        check([event["message"] for event in events], ["x"])

    return verify


def settings(cloud: LocalCloud) -> Callable[[LocalCloud], None]:
    cloud.client("ssm").put_parameter(Name="/p", Value="v", Type="SecureString")
    cloud.client("secretsmanager").create_secret(Name="s", SecretString="v")

    def verify(again: LocalCloud) -> None:
        check(again.client("ssm").get_parameter(Name="/p", WithDecryption=True)["Parameter"]["Value"], "v")
        check(again.client("secretsmanager").get_secret_value(SecretId="s")["SecretString"], "v")

    return verify


def rest_api(cloud: LocalCloud) -> Callable[[LocalCloud], None]:
    client = cloud.client("apigateway")
    api = client.create_rest_api(name="a")["id"]
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    client.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    client.put_integration(
        restApiId=api, resourceId=root, httpMethod="GET", type="MOCK", requestTemplates={"application/json": "{}"}
    )
    client.create_deployment(restApiId=api, stageName="s")

    def verify(again: LocalCloud) -> None:
        client = again.client("apigateway")
        check([stage["stageName"] for stage in client.get_stages(restApiId=api)["item"]], ["s"])
        method = client.get_method(restApiId=api, resourceId=root, httpMethod="GET")
        check(method["methodIntegration"]["type"], "MOCK")

    return verify


SERVICES: dict[str, Setup] = {
    made.__name__: made
    for made in (
        table,
        workflow,
        running_workflow,
        key,
        session,
        function,
        stacks,
        messages,
        logs,
        settings,
        rest_api,
    )
}


def test_the_state_of_every_service_survives_a_kill(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud()
    verifications = {name: made(cloud) for name, made in SERVICES.items()}
    cloud.save()
    kill(cloud)
    again = fresh_cloud()
    lost: dict[str, str] = {}
    for name, verify in verifications.items():
        with collecting(lost, name):
            verify(again)
    assert lost == {}


@contextmanager
def collecting(lost: dict[str, str], name: str) -> Iterator[None]:
    """Go on after a service that lost something, so that one run names them all."""
    try:
        yield
    except (AssertionError, Exception) as error:  # noqa: BLE001 - whatever it is, it is reported
        lost[name] = f"{type(error).__name__}: {error}"


def check(found: Any, expected: Any) -> None:
    """Outside of a test, where an assertion could not say both."""
    if found != expected:
        raise AssertionError(f"{found!r} instead of {expected!r}")


def until(condition: Callable[[], bool]) -> None:
    """Wait for what happens in the background."""
    pause = threading.Event()
    for _ in range(500):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("it did not happen in time")
