"""What the library shifts to its next version, a function or a workflow, is taken back when that one fails."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn

from pipeline.local.bootstrap import checkout_foundation
from pipeline.local.lifecycle import LocalCloud
from pipeline.local.stacks import bring_to
from services.library.constructs.api import ApiSettings
from services.library.constructs.async_api import AsyncApi
from services.library.constructs.function import Function, FunctionSettings
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.workflow import Workflow
from services.library.contract.deployment import permissions_boundary
from services.library.contract.environment import Environment
from services.library.contract.release import ALL_AT_ONCE, Canary, Linear, Traffic
from services.library.contract.service import ServiceStack
from tests.testbed import runtime_code
from tests.testbed.clock import SLOW, clock_at
from tests.testbed.functions import until
from tests.testbed.roles import role
from tests.testbed.signed import SignedApi, a_key
from tests.testbed.stacks import HERE, Deployed, deploy, update

ROOT = Path(__file__).parents[3]
FIRST = "def handle(event, context): return 1"
FAILS = "def handle(event, context): raise ValueError('second')"


def stack(scope: cdk.Stage, environment: Environment, code: str = FIRST) -> ServiceStack:
    """A stack with one function."""
    made = ServiceStack(scope, "Shifted", environment=environment, description="A function")
    alarms = NotificationTopic(made, "Alarms", environment=environment)
    settings = FunctionSettings(handler=runtime_code.HANDLER, description="Counts")
    with runtime_code.packaged():
        function = Function(made, "Code", environment=environment, settings=settings, alarms_to=alarms)
    cfn = function.function.node.default_child
    assert isinstance(cfn, lambda_.CfnFunction)
    cfn.code = lambda_.CfnFunction.CodeProperty(zip_file=code)
    cfn.handler = "index.handle"
    cdk.CfnOutput(made, "Name", value=function.function.function_name)
    return made


# https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
@pytest.mark.parametrize(
    ("traffic", "configuration"),
    [
        (ALL_AT_ONCE, "CodeDeployDefault.LambdaAllAtOnce"),
        (Canary(percent=10, minutes=5), "CodeDeployDefault.LambdaCanary10Percent5Minutes"),
        (Linear(percent=10, minutes=1), "CodeDeployDefault.LambdaLinear10PercentEvery1Minute"),
        (Linear(percent=10, minutes=3), "CodeDeployDefault.LambdaLinear10PercentEvery3Minutes"),
        (Canary(percent=20, minutes=5), {"TimeBasedCanary": {"CanaryInterval": 5, "CanaryPercentage": 20}}),
        (Linear(percent=10, minutes=5), {"TimeBasedLinear": {"LinearInterval": 5, "LinearPercentage": 10}}),
    ],
)
def test_traffic_is_a_predefined_configuration_where_there_is_one(
    tmp_path: Path, traffic: Traffic, configuration: Any
) -> None:
    environment = replace(HERE, traffic=traffic)
    stage = cdk.Stage(cdk.App(outdir=str(tmp_path)), "here", env=environment.to_cdk())
    template = assertions.Template.from_stack(stack(stage, environment))
    kind = "AWS::CodeDeploy::DeploymentConfig"
    if isinstance(configuration, str):
        template.resource_count_is(kind, 0)
        template.has_resource_properties("AWS::CodeDeploy::DeploymentGroup", {"DeploymentConfigName": configuration})
    else:
        template.has_resource_properties(kind, {"TrafficRoutingConfig": configuration})


SHIFTED = replace(HERE, name="shifts", traffic=Canary(percent=50, minutes=10))


def versions(folder: Path, layer: str) -> list[str]:
    """The logical ids of published versions, where the shared layers have this content."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    stage = cdk.Stage(cdk.App(outdir=str(folder), context=context), "here", env=SHIFTED.to_cdk())
    made = stack(stage, SHIFTED)
    for each in made.node.find_all():
        if isinstance(each, lambda_.CfnLayerVersion):
            each.content = lambda_.CfnLayerVersion.ContentProperty(s3_bucket="assets", s3_key=layer)
    return [*assertions.Template.from_stack(made).find_resources("AWS::Lambda::Version")]


def test_other_code_in_a_layer_is_another_version(tmp_path: Path) -> None:
    """Without a new version the alias would keep the old layer; cdk.json has the flag by which the CDK looks at it."""
    first = versions(tmp_path / "first", "one.zip")
    assert versions(tmp_path / "again", "one.zip") == first
    assert versions(tmp_path / "other", "two.zip") != first


@pytest.fixture(scope="module")
def execution_role(cloud: LocalCloud) -> str:
    """A role that may do what CloudFormation may in an account with the foundation."""
    parameters = {"HoldsPipeline": "false", "KeepsData": "true", "RoleNames": "shifts-*"}
    client = cloud.client("cloudformation", SHIFTED.account, SHIFTED.region)
    bring_to(client, "penstock-foundation", template=checkout_foundation(), parameters=parameters)
    arn = role(cloud, "shifts-execution", "cloudformation.amazonaws.com", Action="s3:GetObject")
    policy = f"arn:aws:iam::{SHIFTED.account}:policy/penstock-execution"
    cloud.client("iam", SHIFTED.account).attach_role_policy(RoleName="shifts-execution", PolicyArn=policy)
    return arn


def within_boundary(stage: cdk.Stage, code: str) -> None:
    made = stack(stage, SHIFTED, code)
    boundary = iam.ManagedPolicy.from_managed_policy_name(made, "Boundary", permissions_boundary(SHIFTED))
    iam.PermissionsBoundary.of(made).apply(boundary)


@pytest.fixture(scope="module")
def shifted(cloud: LocalCloud, execution_role: str, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """The first version, with half of the traffic for the next one for ten minutes; all roles as in production."""
    folder = tmp_path_factory.mktemp("shifted")
    made = deploy(
        cloud, folder, lambda stage: within_boundary(stage, FIRST), environment=SHIFTED, RoleARN=execution_role
    )
    return made["Shifted"]


def accepting(stage: cdk.Stage, environment: Environment, *, fails: bool = False) -> None:
    """An API that starts a workflow, whose executions last a second and may then fail."""
    made = ServiceStack(stage, "Accepting", environment=environment, description="A workflow behind an API")
    alarms = NotificationTopic(made, "Alarms", environment=environment)
    last = sfn.Fail(made, "Second", error="Second") if fails else sfn.Succeed(made, "First")
    workflow = Workflow(
        made,
        "Workflow",
        environment=environment,
        definition=sfn.Wait(made, "Later", time=sfn.WaitTime.duration(cdk.Duration.seconds(1))).next(last),
        timeout=cdk.Duration.minutes(1),
        alarms_to=alarms,
    )
    settings = ApiSettings(rate_limit=10_000, burst_limit=5_000, body_schema={"type": "object"})
    api = AsyncApi(made, "Api", environment=environment, workflow=workflow, settings=settings, alarms_to=alarms)
    cdk.CfnOutput(made, "Url", value=api.url)
    cdk.CfnOutput(made, "Machine", value=workflow.state_machine.state_machine_arn)
    boundary = iam.ManagedPolicy.from_managed_policy_name(made, "Boundary", permissions_boundary(environment))
    iam.PermissionsBoundary.of(made).apply(boundary)


@pytest.fixture
def slow_clock(cloud: LocalCloud) -> Iterator[None]:
    with clock_at(cloud, SLOW):
        yield


def calls(deployed: Deployed) -> Iterator[str]:
    """Call the function by its alias for ever, and yield which version ran."""
    client = deployed.client("lambda")
    while True:
        yield client.invoke(FunctionName=f"{deployed.outputs['Name']}:live")["ExecutedVersion"]


@pytest.mark.cloud
@pytest.mark.usefixtures("slow_clock")
def test_a_version_that_fails_is_taken_back_by_its_alarm(shifted: Deployed, tmp_path: Path) -> None:
    update(shifted.cloud, tmp_path, lambda stage: within_boundary(stage, FAILS), environment=SHIFTED)
    formation, executed, calling = shifted.client("cloudformation"), set[str](), calls(shifted)
    pause = threading.Event()

    def status() -> str:
        executed.add(next(calling))
        pause.wait(0.1)  # some calls a second are enough
        return str(formation.describe_stacks(StackName=shifted.name)["Stacks"][0]["StackStatus"])

    assert until(status, lambda found: found.endswith("_COMPLETE"), 60) == "UPDATE_ROLLBACK_COMPLETE"
    assert executed == {"1", "2"}
    assert {next(calling) for _ in range(5)} == {"1"}
    events = formation.describe_stack_events(StackName=shifted.name)["StackEvents"]
    reasons = [each.get("ResourceStatusReason", "") for each in events if each["ResourceType"] == "AWS::Lambda::Alias"]
    assert any("ALARM_ACTIVE" in each for each in reasons), json.dumps(reasons)


@dataclass(frozen=True)
class Client:
    """Submits something twice, while it is worked on, each time that it looks at the stack."""

    deployed: Deployed
    accepted: set[str] = field(default_factory=set)

    def status(self) -> str:
        key, api = a_key(), SignedApi(cloud=self.deployed.cloud, url=self.deployed.outputs["Url"])
        first, second = (api.post({"any": "thing"}, key=key) for _ in range(2))
        assert (first.status_code, second.status_code, first.json()) == (202, 202, second.json())
        self.accepted.add(first.json()["id"])
        threading.Event().wait(0.1)  # some a second are enough
        formation = self.deployed.client("cloudformation")
        return str(formation.describe_stacks(StackName=self.deployed.name)["Stacks"][0]["StackStatus"])

    def until_complete(self) -> str:
        return str(until(self.status, lambda found: found.endswith("_COMPLETE"), 60))


@pytest.mark.cloud
@pytest.mark.usefixtures("slow_clock")
def test_a_workflow_is_shifted_and_taken_back_while_each_submission_is_accepted_and_one_execution(
    cloud: LocalCloud, execution_role: str, tmp_path: Path
) -> None:
    """Without traffic, with it for the first time, and with a version that fails."""
    unshifted = replace(SHIFTED, traffic=None)
    made = deploy(
        cloud,
        tmp_path / "unshifted",
        lambda stage: accepting(stage, unshifted),
        environment=unshifted,
        RoleARN=execution_role,
    )["Accepting"]
    client, states = Client(made), made.client("stepfunctions")
    update(cloud, tmp_path / "first", lambda stage: accepting(stage, SHIFTED), environment=SHIFTED)
    assert client.until_complete() == "UPDATE_COMPLETE"
    update(cloud, tmp_path / "second", lambda stage: accepting(stage, SHIFTED, fails=True), environment=SHIFTED)
    assert client.until_complete() == "UPDATE_ROLLBACK_COMPLETE"
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=made.outputs["Machine"])
    executions = [each for page in pages for each in page["executions"]]
    assert sorted(each["name"] for each in executions) == sorted(client.accepted)
    by_alias = [each for each in executions if each.get("stateMachineAliasArn", "").endswith(":live")]
    assert {each["stateMachineVersionArn"].rpartition(":")[2] for each in by_alias} == {"1", "2"}
    alias = f"{made.outputs['Machine']}:live"
    (routed,) = states.describe_state_machine_alias(stateMachineAliasArn=alias)["routingConfiguration"]
    assert routed == {"stateMachineVersionArn": f"{made.outputs['Machine']}:1", "weight": 100}
