"""A stack's update shifts an alias from one version of a function to the next, as CodeDeploy documents it.

https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-steps-lambda.html
"""

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.client import CLOCK, ask
from pipeline.local.lifecycle import LocalCloud
from tests.conftest import FreshCloud
from tests.testbed.clock import SLOW, USUAL, clock_at
from tests.testbed.deployments import Deployment, deploy, ended
from tests.testbed.functions import ACCOUNT, REGION, Functions, until
from tests.testbed.killing import kill
from tests.testbed.roles import role

pytestmark = pytest.mark.cloud

CODE = "def handler(event, context): return {number}"
ROLLBACK_EVENTS = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
LONG = {"Type": "TimeBasedCanary", "TimeBasedCanary": {"CanaryPercentage": 50, "CanaryInterval": 60}}
SHORT = {"Type": "TimeBasedCanary", "TimeBasedCanary": {"CanaryPercentage": 50, "CanaryInterval": 1}}
AT_ONCE = {"Type": "AllAtOnce"}


@pytest.fixture(scope="module", autouse=True)
def _slow_clock(cloud: LocalCloud) -> Iterator[None]:
    with clock_at(cloud, SLOW):
        yield


class Shifting:
    """A stack with one function behind an alias, and its template, which tests change."""

    def __init__(self, cloud: LocalCloud, *, routing: Any = AT_ONCE, **group: Any) -> None:
        self.cloud = cloud
        self.stack = ""
        self.metric = uuid.uuid4().hex
        style = {"DeploymentType": "BLUE_GREEN", "DeploymentOption": "WITH_TRAFFIC_CONTROL"}
        policy = {"ApplicationName": {"Ref": "Application"}, "DeploymentGroupName": {"Ref": "Group"}}
        self.resources: dict[str, Any] = {
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.14",
                    "Handler": "index.handler",
                    "Role": role(cloud, "worker", "lambda.amazonaws.com"),
                    "Code": {"ZipFile": CODE.format(number=1)},
                },
            },
            "Alarm": {
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {
                    "Namespace": "Tests",
                    "MetricName": self.metric,
                    "Statistic": "Sum",
                    "Period": 60,
                    "EvaluationPeriods": 1,
                    "Threshold": 1,
                    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                    "TreatMissingData": "notBreaching",
                },
            },
            "Application": {"Type": "AWS::CodeDeploy::Application", "Properties": {"ComputePlatform": "Lambda"}},
            "Routing": {
                "Type": "AWS::CodeDeploy::DeploymentConfig",
                "Properties": {"ComputePlatform": "Lambda", "TrafficRoutingConfig": routing},
            },
            "Group": {
                "Type": "AWS::CodeDeploy::DeploymentGroup",
                "Properties": {
                    "ApplicationName": {"Ref": "Application"},
                    "DeploymentConfigName": {"Ref": "Routing"},
                    "ServiceRoleArn": role(cloud, "shifts", "codedeploy.amazonaws.com"),
                    "DeploymentStyle": style,
                    "AutoRollbackConfiguration": {"Enabled": True, "Events": ROLLBACK_EVENTS},
                    "AlarmConfiguration": {"Enabled": True, "Alarms": [{"Name": {"Ref": "Alarm"}}]},
                    **group,
                },
            },
            "Live": {
                "Type": "AWS::Lambda::Alias",
                "Properties": {"FunctionName": {"Ref": "Function"}, "Name": "live"},
                "UpdatePolicy": {"CodeDeployLambdaAliasUpdate": policy},
            },
        }
        self.publish(1)

    def publish(self, number: int) -> None:
        """Have the template's alias point to a version with other code."""
        for old in [name for name in self.resources if name.startswith("Version")]:
            del self.resources[old]
        self.resources["Function"]["Properties"]["Code"] = {"ZipFile": CODE.format(number=number)}
        self.resources[f"Version{number}"] = {
            "Type": "AWS::Lambda::Version",
            "Properties": {"FunctionName": {"Ref": "Function"}},
        }
        version = {"Fn::GetAtt": [f"Version{number}", "Version"]}
        self.resources["Live"]["Properties"]["FunctionVersion"] = version

    def deploy(self, **more: Any) -> Deployment:
        """Create the stack, or update it."""
        done = deploy(self.cloud, self.resources, stack=self.stack, **more)
        self.stack = done.name
        return done

    def begin(self) -> None:
        """Update the stack by a change set, as a pipeline does, without waiting for the end."""
        formation = self.client("cloudformation")
        change_set = {"StackName": self.stack, "ChangeSetName": f"c-{uuid.uuid4().hex[:8]}"}
        formation.create_change_set(**change_set, TemplateBody=json.dumps({"Resources": self.resources}))
        until(lambda: formation.describe_change_set(**change_set)["Status"], lambda status: status == "CREATE_COMPLETE")
        formation.execute_change_set(**change_set)

    def client(self, service: str) -> Any:
        return self.cloud.client(service, ACCOUNT, REGION)

    def id(self, logical_id: str) -> str:
        found = self.client("cloudformation").describe_stack_resource(
            StackName=self.stack, LogicalResourceId=logical_id
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def alias(self) -> tuple[str, dict[str, float]]:
        """The version that the alias points to, and those beside it with their weights."""
        found = self.client("lambda").get_alias(FunctionName=self.id("Function"), Name="live")
        return found["FunctionVersion"], found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})

    def wait_for_shift(self) -> None:
        until(self.alias, lambda found: bool(found[1]))

    def deployments(self) -> list[dict[str, Any]]:
        """All deployments, the newest first."""
        codedeploy = self.client("codedeploy")
        ids = codedeploy.list_deployments(applicationName=self.id("Application"), deploymentGroupName=self.id("Group"))
        return [codedeploy.get_deployment(deploymentId=each)["deploymentInfo"] for each in ids["deployments"]]

    def fire(self) -> None:
        """Let the alarm go off."""
        data = [{"MetricName": self.metric, "Value": 1}]
        self.client("cloudwatch").put_metric_data(Namespace="Tests", MetricData=data)
        described = self.client("cloudwatch").describe_alarms
        until(
            lambda: described(AlarmNames=[self.id("Alarm")])["MetricAlarms"][0]["StateValue"],
            lambda state: state == "ALARM",
        )

    def ended(self) -> Deployment:
        return ended(self.cloud, self.stack)


@pytest.fixture
def shifting(cloud: LocalCloud) -> Callable[..., Shifting]:
    """Makes a stack whose first version is deployed."""

    def make(**settings: Any) -> Shifting:
        made = Shifting(cloud, **settings)
        created = made.deploy()
        assert created.status == "CREATE_COMPLETE", created.events
        return made

    return make


# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html: "perform a
# CodeDeploy deployment when the version changes on an AWS::Lambda::Alias resource".
def test_an_update_shifts_a_part_and_then_the_rest(shifting: Callable[..., Shifting]) -> None:
    stack = shifting(routing=SHORT)
    assert stack.alias() == ("1", {})
    assert stack.deployments() == []
    stack.publish(2)
    stack.begin()
    stack.wait_for_shift()
    assert stack.alias() == ("1", {"2": 0.5})
    live, invoke = f"{stack.id('Function')}:live", stack.client("lambda").invoke
    answers = [invoke(FunctionName=live) for _ in range(20)]
    run = {(answer["ExecutedVersion"], json.loads(answer["Payload"].read())) for answer in answers}
    assert run == {("1", 1), ("2", 2)}
    assert stack.ended().status == "UPDATE_COMPLETE"
    assert stack.alias() == ("2", {})
    (done,) = stack.deployments()
    assert (done["status"], done["creator"], done["computePlatform"]) == ("Succeeded", "CloudFormation", "Lambda")


def test_an_hour_of_a_shift_goes_by_the_clouds_clock(shifting: Callable[..., Shifting], cloud: LocalCloud) -> None:
    stack = shifting(routing=LONG)
    stack.publish(2)
    with clock_at(cloud, USUAL):
        assert stack.deploy().status == "UPDATE_COMPLETE", "by the slow clock it would be under way for minutes"
    assert stack.alias() == ("2", {})


# https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-create-alarms.html: "CodeDeploy ... stops a
# deployment if any Amazon CloudWatch alarm you specify ... is activated"; SAM: "CodeDeploy will immediately flip the
# Alias back to old version and report a failure to CloudFormation".
def test_an_alarm_stops_a_shift_and_the_stack_goes_back(shifting: Callable[..., Shifting]) -> None:
    stack = shifting(routing=LONG)
    stack.publish(2)
    stack.begin()
    stack.wait_for_shift()
    stack.fire()
    failed = stack.ended()
    assert failed.status == "UPDATE_ROLLBACK_COMPLETE"
    assert "ALARM_ACTIVE" in failed.reason("Live")
    assert stack.alias() == ("1", {})
    back, stopped = stack.deployments()
    assert (stopped["status"], stopped["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
    assert stopped["rollbackInfo"] == {"rollbackDeploymentId": back["deploymentId"]}
    assert (back["status"], back["creator"]) == ("Succeeded", "codeDeployRollback")
    # SAM: an alarm that is on already "will cause code deploy to roll back any attempted deploys straight away".
    again = stack.deploy()
    assert again.status == "UPDATE_ROLLBACK_COMPLETE"
    assert "ALARM_ACTIVE" in again.reason("Live")
    assert stack.alias() == ("1", {})


# https://docs.aws.amazon.com/codedeploy/latest/userguide/troubleshooting-deployments-lambda.html: "A Lambda deployment
# fails after manually stopping a Lambda deployment that does not have configured rollbacks".
def test_a_stopped_deployment_without_rollback_leaves_the_weights(shifting: Callable[..., Shifting]) -> None:
    stack = shifting(routing=LONG, AutoRollbackConfiguration={"Enabled": False})
    stack.publish(2)
    stack.begin()
    stack.wait_for_shift()
    (running,) = stack.deployments()
    stop = stack.client("codedeploy").stop_deployment
    stop(deploymentId=running["deploymentId"])
    assert "MANUAL_STOP" in stack.ended().reason("Live")
    assert stack.alias() == ("1", {"2": 0.5})
    with pytest.raises(ClientError, match="DeploymentAlreadyCompletedException"):
        stop(deploymentId=running["deploymentId"])
    assert "references two versions" in stack.deploy().reason("Live")


def test_a_stopped_deployment_is_rolled_back_on_request(shifting: Callable[..., Shifting]) -> None:
    stack = shifting(routing=LONG, AutoRollbackConfiguration={"Enabled": False})
    stack.publish(2)
    stack.begin()
    stack.wait_for_shift()
    (running,) = stack.deployments()
    stack.client("codedeploy").stop_deployment(deploymentId=running["deploymentId"], autoRollbackEnabled=True)
    assert stack.ended().status == "UPDATE_ROLLBACK_COMPLETE"
    assert stack.alias() == ("1", {})


# DeploymentCreator in the API's model: "CloudFormationRollback".
def test_an_alias_goes_back_when_a_later_resource_fails(shifting: Callable[..., Shifting]) -> None:
    stack = shifting()
    stack.publish(2)
    again = dict(stack.resources["Live"]["Properties"])
    stack.resources["Taken"] = {"Type": "AWS::Lambda::Alias", "DependsOn": "Live", "Properties": again}
    assert stack.deploy().status == "UPDATE_ROLLBACK_COMPLETE"
    assert stack.alias() == ("1", {})
    assert [each["creator"] for each in stack.deployments()] == ["CloudFormationRollback", "CloudFormation"]


# https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html: "Both versions must have the same
# execution role."
def test_a_change_of_the_role_cannot_be_shifted(shifting: Callable[..., Shifting]) -> None:
    stack = shifting(routing=SHORT)
    stack.publish(2)
    other = role(stack.cloud, "other-worker", "lambda.amazonaws.com")
    stack.resources["Function"]["Properties"]["Role"] = other
    failed = stack.deploy()
    assert failed.status == "UPDATE_ROLLBACK_COMPLETE"
    assert "have not the same execution role" in failed.reason("Live")
    assert stack.alias() == ("1", {})


# https://docs.aws.amazon.com/codedeploy/latest/userguide/getting-started-create-service-role.html
@pytest.mark.parametrize(
    ("lacking", "routing"),
    [("lambda:UpdateAlias", AT_ONCE), ("cloudwatch:DescribeAlarms", AT_ONCE)],
)
def test_a_deployment_acts_in_the_role_of_its_group(
    shifting: Callable[..., Shifting], cloud: LocalCloud, lacking: str, routing: Any
) -> None:
    may = sorted({"lambda:GetAlias", "lambda:UpdateAlias", "cloudwatch:DescribeAlarms"} - {lacking})
    weak = role(cloud, f"shifts-without-{lacking.partition(':')[2]}", "codedeploy.amazonaws.com", Action=may)
    stack = shifting(routing=routing, ServiceRoleArn=weak)
    stack.publish(2)
    failed = stack.deploy().reason("Live")
    assert "IAM_ROLE_PERMISSIONS" in failed
    assert f"/CodeDeploy is not authorized to perform: {lacking}" in failed
    assert stack.alias() == ("1", {})


def test_a_stack_needs_permission_for_the_deployment(shifting: Callable[..., Shifting], cloud: LocalCloud) -> None:
    stack = shifting()
    stack.publish(2)
    weak = role(cloud, "no-deployments", "cloudformation.amazonaws.com", Action=["lambda:*", "iam:PassRole"])
    failed = stack.deploy(RoleARN=weak)
    assert "is not authorized to perform: codedeploy:GetDeploymentGroup on resource" in failed.reason("Live")
    assert f":deploymentgroup:{stack.id('Application')}/{stack.id('Group')}" in failed.reason("Live")


@pytest.mark.parametrize(
    ("resource", "changed", "said"),
    [
        ("Application", {"ComputePlatform": "Server"}, "does not deploy to the compute platform Server"),
        ("Group", {"DeploymentStyle": {"DeploymentType": "IN_PLACE"}}, "InvalidDeploymentStyleException"),
        ("Group", {"ServiceRoleArn": f"arn:aws:iam::{ACCOUNT}:role/none"}, "InvalidRoleException"),
        ("Group", {"TriggerConfigurations": [{"TriggerName": "t"}]}, "it tells no topics of deployments"),
        (
            "Group",
            {"AlarmConfiguration": {"Enabled": True, "Alarms": [{"Name": f"a{each}"} for each in range(11)]}},
            "The maximum number of alarms for a deployment group (10) was exceeded",
        ),
    ],
)
def test_what_cannot_be_deployed_with_is_refused(
    cloud: LocalCloud, resource: str, changed: dict[str, Any], said: str
) -> None:
    stack = Shifting(cloud)
    stack.resources[resource]["Properties"].update(changed)
    assert said in stack.deploy().reason(resource)


@pytest.mark.parametrize(
    ("policy", "group", "said"),
    [
        ({"BeforeAllowTrafficHook": "check"}, {}, "it runs no hooks"),
        ({}, {"AlarmConfiguration": {"Enabled": True, "Alarms": [{"Name": "none"}]}}, "AWS does not document"),
    ],
)
def test_what_aws_does_not_document_is_refused_by_name(
    shifting: Callable[..., Shifting], policy: dict[str, str], group: dict[str, Any], said: str
) -> None:
    stack = shifting(**group)
    stack.publish(2)
    stack.resources["Live"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"].update(policy)
    assert said in stack.deploy().reason("Live")


@pytest.fixture(scope="module")
def live(cloud: LocalCloud) -> str:
    """An alias whose weights send everything to the other version."""
    functions = Functions(cloud)
    name = functions.make("def handle(event, context): return context.invoked_function_arn")
    functions.lambda_.publish_version(FunctionName=name)
    functions.lambda_.update_function_configuration(FunctionName=name, Description="second")
    functions.lambda_.publish_version(FunctionName=name)
    weights = {"AdditionalVersionWeights": {"2": 1.0}}
    functions.lambda_.create_alias(FunctionName=name, Name="live", FunctionVersion="1", RoutingConfig=weights)
    functions.lambda_.add_permission(
        FunctionName=name,
        Qualifier="live",
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
    )
    return str(functions.lambda_.get_alias(FunctionName=name, Name="live")["AliasArn"])


# https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
def test_the_handler_sees_the_alias_and_the_caller_the_version(cloud: LocalCloud, live: str) -> None:
    answer = cloud.client("lambda", ACCOUNT, REGION).invoke(FunctionName=live)
    assert json.loads(answer["Payload"].read()) == live
    assert answer["ExecutedVersion"] == "2"


@pytest.mark.parametrize("way", ["Invoke", "SNS", "StepFunctions", "SQS"])
def test_every_way_of_invocation_is_routed_and_counted(cloud: LocalCloud, live: str, way: str) -> None:
    before = counted(cloud, live)
    WAYS[way](cloud, live)
    until(lambda: counted(cloud, live), lambda found: found > before)
    assert counted(cloud, live, version="1") == 0


# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html: the dimension ExecutedVersion is there "to
# compare error rates for two versions of a function that are both targets of a weighted alias".
def counted(cloud: LocalCloud, live: str, version: str = "2") -> float:
    """How often a version was invoked by the alias."""
    name, _, qualifier = live.partition(":function:")[2].partition(":")
    dimensions = {"FunctionName": name, "Resource": f"{name}:{qualifier}", "ExecutedVersion": version}
    query = {
        "Namespace": "AWS/Lambda",
        "MetricName": "Invocations",
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }
    stat = {"Metric": query, "Period": 60, "Stat": "Sum"}
    found = cloud.client("cloudwatch", ACCOUNT, REGION).get_metric_data(
        MetricDataQueries=[{"Id": "calls", "MetricStat": stat}],
        StartTime="2020-01-01T00:00:00Z",
        EndTime="2100-01-01T00:00:00Z",
    )
    return float(sum(found["MetricDataResults"][0]["Values"]))


def by_invoke(cloud: LocalCloud, live: str) -> None:
    cloud.client("lambda", ACCOUNT, REGION).invoke(FunctionName=live, InvocationType="Event")


def by_topic(cloud: LocalCloud, live: str) -> None:
    sns = cloud.client("sns", ACCOUNT, REGION)
    topic = sns.create_topic(Name=f"t-{uuid.uuid4().hex[:8]}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=live)
    sns.publish(TopicArn=topic, Message="x")


def by_workflow(cloud: LocalCloud, live: str) -> None:
    steps = cloud.client("stepfunctions", ACCOUNT, REGION)
    definition = {"StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": live, "End": True}}}
    machine = steps.create_state_machine(
        name=f"m-{uuid.uuid4().hex[:8]}",
        definition=json.dumps(definition),
        roleArn=role(cloud, "states", "states.amazonaws.com"),
    )
    steps.start_execution(stateMachineArn=machine["stateMachineArn"])


def by_queue(cloud: LocalCloud, live: str) -> None:
    sqs = cloud.client("sqs", ACCOUNT, REGION)
    url = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    mappings = cloud.client("lambda", ACCOUNT, REGION)
    mappings.create_event_source_mapping(FunctionName=live, EventSourceArn=arn)
    sqs.send_message(QueueUrl=url, MessageBody="x")


WAYS = {"Invoke": by_invoke, "SNS": by_topic, "StepFunctions": by_workflow, "SQS": by_queue}


@pytest.mark.soak  # two clouds of its own
def test_a_deployment_that_a_kill_cut_off_leaves_the_old_version(fresh_cloud: FreshCloud) -> None:
    stack = Shifting(fresh_cloud(), routing=LONG)
    stack.deploy()
    stack.publish(2)
    ask(stack.cloud.port, CLOCK, {"rate": SLOW}, of="clock")  # until the kill
    stack.begin()
    stack.wait_for_shift()
    stack.cloud.save()
    kill(stack.cloud)
    stack.cloud = fresh_cloud()
    assert stack.alias() == ("1", {})
    (stopped,) = stack.deployments()
    assert stopped["status"] == "Stopped"
    assert stack.ended().status == "UPDATE_ROLLBACK_COMPLETE"


@pytest.mark.soak
def test_without_the_service_there_is_nothing_to_deploy_with(fresh_cloud: FreshCloud) -> None:
    with pytest.raises(ClientError, match="AWS::CodeDeploy"):
        Shifting(fresh_cloud(without=("codedeploy",))).deploy()
