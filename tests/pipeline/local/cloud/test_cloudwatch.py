"""Alarms fire on real failures, and who subscribed to their topic hears of it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
"""

import http.client
import itertools
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.consumers import Consumer, Queue, Stream
from tests.testbed.functions import ACCOUNT, REGION, Functions, until
from tests.testbed.killing import kill
from tests.testbed.roles import role

pytestmark = pytest.mark.cloud

_numbers = itertools.count()
FreshCloud = Callable[..., LocalCloud]
POLLING = {"Delay": 0.05, "MaxAttempts": 400}


class Pager:
    """A topic, and a queue that hears what is published to it."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        number = next(_numbers)
        self.queue = Queue(cloud, f"pager-{number}")
        sns = cloud.client("sns", ACCOUNT, REGION)
        self.topic = sns.create_topic(Name=f"alarms-{number}")["TopicArn"]
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=self.queue.arn)

    def watch(self, namespace: str, metric: str, dimensions: Mapping[str, str], **settings: Any) -> str:
        name = f"alarm-{next(_numbers)}"
        self.cloud.client("cloudwatch", ACCOUNT, REGION).put_metric_alarm(
            **{
                "AlarmName": name,
                "Namespace": namespace,
                "MetricName": metric,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                "Statistic": "Sum",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 1,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "TreatMissingData": "notBreaching",
                "AlarmActions": [self.topic],
            }
            | settings
        )
        return name

    def rings(self) -> dict[str, Any]:
        """Wait for a notification; the message of the alarm in it."""
        (notification,) = self.queue.take(1)
        found: dict[str, Any] = json.loads(notification["Message"])
        return found


@pytest.fixture
def pager(cloud: LocalCloud) -> Pager:
    return Pager(cloud)


def state(cloud: LocalCloud, alarm: str) -> str:
    (found,) = cloud.client("cloudwatch", ACCOUNT, REGION).describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    return str(found["StateValue"])


def test_a_failing_function_raises_its_alarm(cloud: LocalCloud, pager: Pager) -> None:
    """Errors: "the number of invocations that result in a function error", whoever invokes
    (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html).
    """
    functions = Functions(cloud)
    fine = functions.make("def handle(event, context): return 1")
    broken = functions.make("def handle(event, context): return {}['missing']")
    quiet = pager.watch("AWS/Lambda", "Errors", {"FunctionName": fine})
    alarm = pager.watch("AWS/Lambda", "Errors", {"FunctionName": broken})
    until(lambda: state(cloud, alarm), lambda found: found == "OK")
    for name in (fine, broken):
        functions.lambda_.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    told = pager.rings()
    assert told["AlarmName"] == alarm
    assert (told["OldStateValue"], told["NewStateValue"]) == ("OK", "ALARM")
    assert told["Trigger"]["MetricName"] == "Errors"
    assert state(cloud, quiet) == "OK"


def test_a_stream_that_is_stuck_raises_its_alarms(cloud: LocalCloud, pager: Pager, tmp_path: Path) -> None:
    """IteratorAge: "the age of the last record in the event [...]; the time between when a stream receives the record
    and when the event source mapping sends the event to the function".
    """
    stream = Stream(cloud=cloud, name=f"watched-{next(_numbers)}").make()
    consumer = Consumer(cloud=cloud, folder=tmp_path).make()
    pager.watch("AWS/Lambda", "IteratorAge", {"FunctionName": consumer.name}, Threshold=300, Statistic="Maximum")
    stream.put([{"n": 0, "do": "raise"}])
    consumer.map(stream.arn, StartingPosition="TRIM_HORIZON")
    assert pager.rings()["Trigger"]["MetricName"] == "IteratorAge"


@pytest.mark.parametrize("metric", ["ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"])
def test_a_message_that_nobody_takes_raises_an_alarm(cloud: LocalCloud, pager: Pager, metric: str) -> None:
    queue = Queue(cloud, f"watched-{next(_numbers)}")
    alarm = pager.watch("AWS/SQS", metric, {"QueueName": queue.url.rpartition("/")[2]}, Statistic="Maximum")
    until(lambda: state(cloud, alarm), lambda found: found == "OK")
    queue.send([{"n": 0}])
    assert pager.rings()["AlarmName"] == alarm


@pytest.mark.parametrize(
    ("metric", "only"),
    [("ExecutionsFailed", {"Type": "Fail"}), ("ExecutionsTimedOut", {"Type": "Wait", "Seconds": 600, "End": True})],
)
def test_a_failed_execution_raises_an_alarm(cloud: LocalCloud, pager: Pager, metric: str, only: dict[str, Any]) -> None:
    states = cloud.client("stepfunctions", ACCOUNT, REGION)
    definition = {"StartAt": "Only", "TimeoutSeconds": 1, "States": {"Only": only}}
    machine = states.create_state_machine(
        name=f"m-{next(_numbers)}",
        definition=json.dumps(definition),
        roleArn=role(cloud, "states", "states.amazonaws.com"),
    )["stateMachineArn"]
    alarm = pager.watch("AWS/States", metric, {"StateMachineArn": machine})
    states.start_execution(stateMachineArn=machine, input="{}")
    assert pager.rings()["AlarmName"] == alarm


def test_an_api_that_answers_with_an_error_raises_an_alarm(cloud: LocalCloud, pager: Pager) -> None:
    gateway = cloud.client("apigateway", ACCOUNT, REGION)
    name = f"api-{next(_numbers)}"
    api = gateway.create_rest_api(name=name)["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    gateway.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    gateway.put_integration(
        restApiId=api, resourceId=root, httpMethod="GET", type="MOCK", requestTemplates={"application/json": "{}"}
    )
    gateway.create_deployment(restApiId=api, stageName="s")
    for metric, status, statistic in (("4XXError", "403", "Sum"), ("Latency", "403", "p99")):
        extended = {"ExtendedStatistic": statistic, "Threshold": 0.001} if statistic == "p99" else {"Statistic": "Sum"}
        alarm = pager.watch("AWS/ApiGateway", metric, {"ApiName": name}, **extended)
        assert str(visit(cloud, api, "/nowhere")) == status
        assert pager.rings()["AlarmName"] == alarm


def visit(cloud: LocalCloud, api: str, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=30)
    try:
        connection.request("GET", f"/s{path}", headers={"Host": f"{api}.execute-api.localhost"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_metrics_in_a_functions_log_raise_an_alarm(cloud: LocalCloud, pager: Pager) -> None:
    """The embedded metric format: "CloudWatch [...] extracts metrics from structured log events"
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format.html).
    """
    code = """
    import json

    def handle(event, context):
        directive = {"Namespace": "ingest", "Dimensions": [["service"]], "Metrics": [{"Name": "Quarantined"}]}
        about = {"Timestamp": 0, "CloudWatchMetrics": [directive]}
        print(json.dumps({"_aws": about, "service": "s", "Quarantined": 2}))
    """
    pager.watch("ingest", "Quarantined", {"service": "s"}, Threshold=2)
    Functions(cloud).run(code)
    assert pager.rings()["Trigger"]["Namespace"] == "ingest"


def test_a_line_that_a_metric_filter_counts_raises_an_alarm(cloud: LocalCloud, pager: Pager) -> None:
    functions = Functions(cloud)
    name = functions.make("""
    import json

    def handle(event, context):
        print(json.dumps({"message": event["message"]}))
    """)
    logs = cloud.client("logs", ACCOUNT, REGION)
    logs.create_log_group(logGroupName=f"/aws/lambda/{name}")
    logs.put_metric_filter(
        logGroupName=f"/aws/lambda/{name}",
        filterName="Pills",
        filterPattern='{ $.message = "record quarantined" }',
        metricTransformations=[{"metricNamespace": name, "metricName": "Pills", "metricValue": "1"}],
    )
    pager.watch(name, "Pills", {}, Threshold=2)
    for message in ("record quarantined", "something else", "record quarantined"):
        functions.call(name, {"message": message})
    assert "[2.0] was greater than or equal to the threshold (2.0)" in pager.rings()["NewStateReason"]


def test_alarms_of_a_template_fire_and_metric_math_with_them(cloud: LocalCloud, pager: Pager) -> None:
    broken = Functions(cloud).make("def handle(event, context): return {}['missing']")

    def stat(name: str) -> dict[str, Any]:
        about = {"Namespace": "AWS/Lambda", "MetricName": name}
        metric = {**about, "Dimensions": [{"Name": "FunctionName", "Value": broken}]}
        return {
            "Id": name.lower(),
            "ReturnData": False,
            "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"},
        }

    rate = {"Id": "rate", "Expression": "100 * errors / invocations", "ReturnData": True}
    alarm = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "Threshold": 50,
            "TreatMissingData": "notBreaching",
            "AlarmActions": [pager.topic],
            "Metrics": [rate, stat("Errors"), stat("Invocations")],
        },
    }
    formation = cloud.client("cloudformation", ACCOUNT, REGION)
    stack = f"alarms-{next(_numbers)}"
    formation.create_stack(StackName=stack, TemplateBody=json.dumps({"Resources": {"Rate": alarm}}))
    formation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig=POLLING)
    Functions(cloud).call(broken)
    assert "[100.0] was greater than the threshold (50.0)" in pager.rings()["NewStateReason"]


def test_an_alarm_publishes_where_topic_and_key_let_it_in(cloud: LocalCloud, pager: Pager) -> None:
    """ "the CMK must have ... kms:Decrypt, kms:GenerateDataKey*" for cloudwatch.amazonaws.com, as the topic's policy.

    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
    """
    sns, keys = cloud.client("sns", ACCOUNT, REGION), cloud.client("kms", ACCOUNT, REGION)
    cloudwatch, key = cloud.client("cloudwatch", ACCOUNT, REGION), keys.create_key()["KeyMetadata"]["Arn"]
    name = pager.watch("Mine", "M", {})

    def goes_off(number: int) -> None:
        for value in ("OK", "ALARM"):
            cloudwatch.set_alarm_state(AlarmName=name, StateValue=value, StateReason=str(number))

    def policy(*principals: str, action: str) -> str:
        statement = {"Effect": "Allow", "Principal": {"Service": principals}, "Action": action, "Resource": "*"}
        mine = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": action, "Resource": "*"}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement, mine]})

    def set_topic(attribute: str, value: str) -> None:
        sns.set_topic_attributes(TopicArn=pager.topic, AttributeName=attribute, AttributeValue=value)

    def set_key(*principals: str) -> None:
        keys.put_key_policy(KeyId=key, PolicyName="default", Policy=policy(*principals, action="kms:*"))

    set_topic("Policy", policy("events.amazonaws.com", action="sns:Publish"))
    goes_off(1)
    set_topic("Policy", policy("cloudwatch.amazonaws.com", action="sns:Publish"))
    set_topic("KmsMasterKeyId", key)
    goes_off(2)
    set_key("cloudwatch.amazonaws.com", "sns.amazonaws.com")
    goes_off(3)
    assert pager.rings()["NewStateReason"] == "3"


def test_an_alarm_goes_on_watching_after_a_kill(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud()
    broken = Functions(cloud).make("def handle(event, context): return {}['missing']")
    pager = Pager(cloud)
    alarm = pager.watch("AWS/Lambda", "Errors", {"FunctionName": broken})
    until(lambda: state(cloud, alarm), lambda found: found == "OK")
    cloud.save()
    kill(cloud)
    again = fresh_cloud()
    pager.queue.client = again.client("sqs", ACCOUNT, REGION)
    Functions(again).call(broken)
    assert pager.rings()["AlarmName"] == alarm


class Composite:
    """A stack with a composite alarm over two alarms, each of which a metric of its own raises."""

    def __init__(self, cloud: LocalCloud, pager: Pager) -> None:
        self.cloud = cloud
        self.stack = f"composite-{next(_numbers)}"
        self.children = [pager.watch(self.stack, name, {}) for name in ("Left", "Right")]
        self.formation = cloud.client("cloudformation", ACCOUNT, REGION)
        self.properties = {
            "AlarmDescription": "both",
            "AlarmRule": " AND ".join(f'ALARM("{name}")' for name in self.children),
            "AlarmActions": [pager.topic],
            "Tags": [{"Key": "owner", "Value": "team"}],
        }

    def template(self) -> str:
        both = {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": self.properties}
        outputs = {"Name": {"Value": {"Ref": "Both"}}, "Arn": {"Value": {"Fn::GetAtt": ["Both", "Arn"]}}}
        return json.dumps({"Resources": {"Both": both}, "Outputs": outputs})

    def create(self) -> None:
        self.formation.create_stack(StackName=self.stack, TemplateBody=self.template())
        self.formation.get_waiter("stack_create_complete").wait(StackName=self.stack, WaiterConfig=POLLING)

    def update(self, **properties: Any) -> None:
        self.properties = {key: value for key, value in {**self.properties, **properties}.items() if value is not None}
        self.formation.update_stack(StackName=self.stack, TemplateBody=self.template())
        self.formation.get_waiter("stack_update_complete").wait(StackName=self.stack, WaiterConfig=POLLING)

    def output(self, name: str) -> str:
        (stack,) = self.formation.describe_stacks(StackName=self.stack)["Stacks"]
        return next(str(each["OutputValue"]) for each in stack["Outputs"] if each["OutputKey"] == name)

    def measure(self, name: str) -> None:
        data = [{"MetricName": name, "Value": 1.0}]
        self.cloud.client("cloudwatch", ACCOUNT, REGION).put_metric_data(Namespace=self.stack, MetricData=data)


def composite(cloud: LocalCloud, name: str) -> dict[str, Any]:
    client = cloud.client("cloudwatch", ACCOUNT, REGION)
    (found,) = client.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    return dict(found)


def test_a_composite_alarm_of_a_template_fires_once_its_rule_is_met(cloud: LocalCloud, pager: Pager) -> None:
    """ "The composite alarm goes into ALARM state only if all conditions of the rule are met."
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-compositealarm.html)
    """
    both = Composite(cloud, Pager(cloud))  # its children tell somebody else
    both.properties["AlarmActions"] = [pager.topic]
    both.create()
    name = both.output("Name")
    found = composite(cloud, name)
    assert found["AlarmArn"] == both.output("Arn")
    assert (found["StateValue"], found["AlarmDescription"]) == ("OK", "both")
    client = cloud.client("cloudwatch", ACCOUNT, REGION)
    assert client.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"] == both.properties["Tags"]
    both.measure("Left")
    until(lambda: state(cloud, both.children[0]), lambda value: value == "ALARM")
    assert composite(cloud, name)["StateValue"] == "OK"
    both.measure("Right")
    assert pager.rings()["AlarmName"] == name
    assert composite(cloud, name)["StateValue"] == "ALARM"


def test_an_update_of_a_composite_alarm_overwrites_its_configuration(cloud: LocalCloud, pager: Pager) -> None:
    """ "When you update an existing alarm, its state is left unchanged, but the update completely overwrites the
    previous configuration of the alarm." (same page)
    """
    both = Composite(cloud, pager)
    both.create()
    name, rule = both.output("Name"), f'ALARM("{both.children[0]}")'
    both.update(AlarmRule=rule, AlarmDescription=None, Tags=[{"Key": "owner", "Value": "another"}])
    found = composite(cloud, name)
    assert (found["AlarmRule"], found["StateValue"]) == (rule, "OK")
    assert found.get("AlarmDescription", "") == ""
    tags = cloud.client("cloudwatch", ACCOUNT, REGION).list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"]
    assert tags == [{"Key": "owner", "Value": "another"}]


def test_another_name_replaces_a_composite_alarm(cloud: LocalCloud, pager: Pager) -> None:
    """ "AlarmName [...] Update requires: Replacement" (same page)."""
    both = Composite(cloud, pager)
    both.create()
    before = both.output("Name")
    both.update(AlarmName=f"{both.stack}-renamed")
    client = cloud.client("cloudwatch", ACCOUNT, REGION)
    found = client.describe_alarms(AlarmNamePrefix=both.stack, AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert [each["AlarmName"] for each in found] == [f"{both.stack}-renamed"] != [before]
    both.formation.delete_stack(StackName=both.stack)
    both.formation.get_waiter("stack_delete_complete").wait(StackName=both.stack, WaiterConfig=POLLING)
    assert not client.describe_alarms(AlarmNamePrefix=both.stack, AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"AlarmRule": 'ALARM("nowhere")'}, "in the alarm rule do not exist"),
        ({"AlarmRule": "ALARM("}, "Error in AlarmRule"),
        ({"ActionsSuppressor": "any"}, "ActionsSuppressor is not emulated"),
    ],
)
def test_a_composite_alarm_that_cannot_work_fails_its_stack(
    cloud: LocalCloud, pager: Pager, properties: dict[str, Any], reason: str
) -> None:
    both = Composite(cloud, pager)
    both.properties |= properties
    with pytest.raises(WaiterError):
        both.create()
    events = both.formation.describe_stack_events(StackName=both.stack)["StackEvents"]
    assert [event for event in events if reason in event.get("ResourceStatusReason", "")]


def test_a_composite_alarm_goes_on_watching_after_a_kill(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud()
    pager = Pager(cloud)
    both = Composite(cloud, Pager(cloud))
    both.properties["AlarmActions"] = [pager.topic]
    both.create()
    name = both.output("Name")
    cloud.save()
    kill(cloud)
    again = fresh_cloud()
    pager.queue.client = again.client("sqs", ACCOUNT, REGION)
    both.cloud = again
    assert composite(again, name)["AlarmRule"] == both.properties["AlarmRule"]
    both.measure("Left")
    both.measure("Right")
    assert pager.rings()["AlarmName"] == name


def test_without_the_service_a_failure_that_is_not_invoked_directly_raises_nothing(
    fresh_cloud: FreshCloud, tmp_path: Path
) -> None:
    cloud = fresh_cloud(without=("cloudwatch",))
    stream = Stream(cloud=cloud, name="stream").make()
    consumer = Consumer(cloud=cloud, folder=tmp_path).make()
    alarm = Pager(cloud).watch("AWS/Lambda", "Errors", {"FunctionName": consumer.name})
    stream.put([{"n": 0, "do": "raise"}])
    consumer.map(stream.arn, StartingPosition="TRIM_HORIZON")
    consumer.until(lambda batches: len(batches) > 1)
    assert state(cloud, alarm) == "INSUFFICIENT_DATA"


def test_every_answer_bears_the_date_and_the_rate_of_the_clouds_clock(cloud: LocalCloud) -> None:
    """Builds that wait for a release go by both (pipeline/builds/clock.py)."""

    def headers() -> Mapping[str, str]:
        answer = cloud.client("sts", ACCOUNT, REGION).get_caller_identity()
        found: Mapping[str, str] = answer["ResponseMetadata"]["HTTPHeaders"]
        return found

    def set_clock(**wanted: float) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=20)
        connection.request("POST", "/_penstock/clock", json.dumps(wanted), {"Content-Type": "application/json"})
        status = connection.getresponse().status
        connection.close()
        return status

    before = parsedate_to_datetime(headers()["date"])
    assert headers()["x-penstock-clock-rate"] == "3600"
    try:
        assert set_clock(rate=60, ahead_seconds=86_400) == 200
        assert headers()["x-penstock-clock-rate"] == "60"
        assert timedelta(days=1) <= parsedate_to_datetime(headers()["date"]) - before < timedelta(days=1, minutes=5)
        assert set_clock(rate=0) == 400
    finally:
        set_clock(rate=3_600, ahead_seconds=0)
