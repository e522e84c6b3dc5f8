"""Releases in which something goes wrong while traffic is shifted: what is moved, what stops it, what goes back."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from unittest import mock

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from pipeline.catalogue.model import Stage
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate.errors import OperateError
from pipeline.rehearsal import assembly_files, faults
from pipeline.rehearsal.faults import ErrorRate, FiringAlarm, Moment, Phase
from pipeline.rehearsal.rehearsal import Left, Outcome, Rehearsal
from pipeline.rehearsal.script import Script
from pipeline.rehearsal.shifted_aliases import publish_new_versions, shifted_aliases
from pipeline.rehearsal.single_stage import StackTemplate
from pipeline.rehearsal.traffic import MINUTE, TrafficChange
from pipeline.rehearsal.watched_stage import put_requests
from services.library.constructs.function import Function, FunctionSettings
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.workflow import Workflow
from services.library.contract.environment import Environment, Tier
from services.library.contract.release import Canary, Release
from services.library.contract.service import Service, ServiceStack
from services.library.contract.steps import Command
from tests.pipeline.rehearsal.prepared import ignore, prepared, synthesised
from tests.testbed import runtime_code

TOOLS, TARGET = "310000000005", "310000000006"
AWAY = "us-east-1"
STACK = StackTemplate(stack="prod-orders", file="orders.json")


def template(configuration: Any, preference: dict[str, Any]) -> dict[str, Any]:
    """A stack with a function and a workflow, each behind an alias, as the library makes them."""
    policy = {"CodeDeployLambdaAliasUpdate": {"DeploymentGroupName": {"Ref": "Group"}}}
    version = {"Fn::GetAtt": ["CodeVersion0123", "Version"]}
    definition = {"Fn::Join": ["", ['{"StartAt":"Call","States":{"Call":{"Resource":"', {"Ref": "Live"}, '"}}}']]}
    return {
        "Resources": {
            "Function": {"Type": "AWS::Lambda::Function", "Properties": {"Description": "Counts"}},
            "CodeVersion0123": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Function"}}},
            "Live": {
                "Type": "AWS::Lambda::Alias",
                "Properties": {"FunctionName": {"Ref": "Function"}, "FunctionVersion": version},
                "UpdatePolicy": policy,
                "Metadata": {"aws:cdk:path": "Pipeline/prod/orders/Code/Live/Alias/Resource"},
            },
            "Group": {
                "Type": "AWS::CodeDeploy::DeploymentGroup",
                "Properties": {
                    "DeploymentConfigName": configuration,
                    "AlarmConfiguration": {"Alarms": [{"Name": {"Ref": "Failures"}}]},
                },
            },
            "Failures": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Dimensions": [{"Value": version}]}},
            "Speed": {
                "Type": "AWS::CodeDeploy::DeploymentConfig",
                "Properties": {
                    "TrafficRoutingConfig": {"TimeBasedLinear": {"LinearPercentage": 30, "LinearInterval": 7}}
                },
            },
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {"DefinitionString": definition},
            },
            "FlowLive": {
                "Type": "AWS::StepFunctions::StateMachineAlias",
                "Properties": {"StateMachineArn": {"Ref": "Machine"}, "DeploymentPreference": preference},
            },
        }
    }


@pytest.mark.parametrize(
    ("configuration", "preference", "minutes"),
    [
        (
            "CodeDeployDefault.LambdaCanary10Percent15Minutes",
            {"Type": "CANARY", "Percentage": 10, "Interval": 15, "Alarms": [{"Ref": "FlowFailures"}]},
            {"orders.Code": 15, "orders.FlowLive": 15},
        ),
        (
            {"Ref": "Speed"},
            {"Type": "LINEAR", "Percentage": 10, "Interval": 1, "Alarms": [{"Ref": "FlowFailures"}]},
            {"orders.Code": 21, "orders.FlowLive": 9},
        ),
        (
            "CodeDeployDefault.LambdaLinear10PercentEvery1Minute",
            {"Type": "CANARY", "Percentage": 1, "Interval": 1},
            {"orders.Code": 9},
        ),
        ("CodeDeployDefault.LambdaAllAtOnce", {"Type": "ALL_AT_ONCE"}, {}),
    ],
)
def test_how_long_an_alias_is_shifted_is_read_from_its_stack(
    configuration: Any, preference: dict[str, Any], minutes: dict[str, int]
) -> None:
    found = list(shifted_aliases(STACK, template(configuration, preference)))
    assert {each.name: each.minutes for each in found} == minutes
    assert [each.alarms for each in found if each.construct == "Code"] in ([("Failures",)], [])


def test_another_release_has_a_new_version_of_each_function_and_workflow_that_is_shifted() -> None:
    before = template("CodeDeployDefault.LambdaAllAtOnce", {"Type": "ALL_AT_ONCE"})
    after = publish_new_versions(before)["Resources"]
    version = {"Fn::GetAtt": ["CodeVersion0123Rehearsed", "Version"]}
    assert "CodeVersion0123" not in after
    assert after["Live"]["Properties"]["FunctionVersion"] == version
    assert after["Failures"]["Properties"]["Dimensions"] == [{"Value": version}]
    assert (
        after["Function"]["Properties"]["Description"] != before["Resources"]["Function"]["Properties"]["Description"]
    )
    parts = after["Machine"]["Properties"]["DefinitionString"]["Fn::Join"][1]
    text = "".join(each if isinstance(each, str) else "live" for each in parts)
    assert json.loads(text)["Comment"]
    assert publish_new_versions({"Resources": {}}) == {"Resources": {}}


def test_a_fault_in_a_shift_has_its_own_moment() -> None:
    assert faults.parse(["orders@shift", "orders.Code@shift+4m", "error-rate=7%@shift+1h"]) == [
        FiringAlarm(alarm="orders", at=Moment(phase=Phase.SHIFT)),
        FiringAlarm(alarm="orders.Code", at=Moment(phase=Phase.SHIFT, after=timedelta(minutes=4))),
        ErrorRate(percent=7, at=Moment(phase=Phase.SHIFT, after=timedelta(hours=1))),
    ]


def test_failing_requests_are_so_many_of_a_hundred_for_a_function_an_api_and_a_workflow() -> None:
    names = ("Invocations", "Errors", "Count", "5XXError", "ExecutionsSucceeded", "ExecutionsFailed")
    stats = [{"Metric": {"Namespace": "AWS", "MetricName": each, "Dimensions": []}} for each in names]
    silent = {"Metric": {"Namespace": "AWS", "MetricName": "ExecutionsTimedOut", "Dimensions": []}}
    metrics = [{"Expression": "rate"}, *({"MetricStat": each} for each in (*stats, silent))]
    cloudwatch = mock.Mock()
    cloudwatch.describe_alarms.return_value = {"MetricAlarms": [{"Metrics": metrics}]}
    put_requests(cloudwatch, ["alarm"], 1_000, 4)
    put = [each.kwargs["MetricData"][0] for each in cloudwatch.put_metric_data.call_args_list]
    assert [each["MetricName"] for each in put] == [*names]
    assert [each["Value"] for each in put] == [1_000, 40, 1_000, 40, 960, 40]


@dataclass(frozen=True, kw_only=True)
class Orders(Service[ServiceStack]):
    """A function and a workflow."""

    name: ClassVar[str] = "orders"
    owner: ClassVar[str] = "@example/orders"
    handles_personal_data: ClassVar[bool] = False

    def build(self, scope: Construct, environment: Environment) -> ServiceStack:
        made = ServiceStack(scope, self.name, environment=environment, description="A function and a workflow")
        alarms = NotificationTopic(made, "Alarms", environment=environment)
        settings = FunctionSettings(handler=runtime_code.HANDLER, description="Counts")
        with runtime_code.packaged():
            function = Function(made, "Code", environment=environment, settings=settings, alarms_to=alarms)
        cfn = function.function.node.default_child
        assert isinstance(cfn, lambda_.CfnFunction)
        cfn.code = lambda_.CfnFunction.CodeProperty(zip_file="def handle(event, context): return 1")
        cfn.handler = "index.handle"
        Workflow(
            made,
            "Flow",
            environment=environment,
            definition=sfn.Pass(made, "Nothing"),
            timeout=cdk.Duration.minutes(1),
            alarms_to=alarms,
        )
        return made


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A stage without a gate and a bake, whose service has its traffic shifted."""

    rehearsal: Rehearsal
    first: Outcome
    """What came of its first release ever, of which an action was to fail."""


@pytest.fixture(scope="module")
def begun(equipped_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Begun:
    """The stage, once it has had a release that went through."""
    release = Release(traffic=Canary(percent=10, minutes=10), roll_back=True)
    orders = Orders(release=release, after=(Command(name="Look", commands=("true",)),))
    environment = Environment(name="prod", tier=Tier.SANDBOX, account=TARGET, region=AWAY)
    stage = Stage(environment=environment, services=(orders,))
    first = Script(failing=["orders.Look"])
    made = prepared(
        equipped_cloud,
        synthesised(tmp_path_factory.mktemp("shift") / "assembly", stage, tools=TOOLS),
        "prod",
        tools=TOOLS,
        places={"prod": (TARGET, AWAY)},
        home=tmp_path_factory.mktemp("home"),
        is_first_judged=False,
        first=first,
    )
    failed = made.first_release(first, ignore)
    outcome = made.release(Script(), ignore)
    assert outcome.went_through, outcome.reasons
    return Begun(rehearsal=made, first=failed)


@pytest.fixture
def rehearsal(begun: Begun) -> Rehearsal:
    """The stage, to be released to."""
    return begun.rehearsal


@pytest.mark.soak
@pytest.mark.cloud
def test_an_action_that_fails_in_the_first_release_ever_leaves_it_deployed(begun: Begun) -> None:
    assert list(begun.first.reasons) == ["prod/orders.Look"]
    assert (begun.first.rollback, begun.first.left) == (None, {"prod-orders": Left.RELEASED})
    assert begun.first.shifts == [], "the first deployment makes the aliases and shifts nothing"


def released(rehearsal: Rehearsal, number: str, *given: str) -> tuple[Outcome, list[str]]:
    """Release other versions, and what the timeline says of the traffic."""
    replaced = {}
    for file, text in assembly_files.changed(rehearsal.assembly, rehearsal.stacks).items():
        replaced[file] = text.replace("Rehearsed", f"Rehearsed{number}")
    seen: list[str] = []

    def show(change: object) -> None:
        if isinstance(change, TrafficChange):
            seen.append(f"{change.alias}: {change.said}")

    timed = [each for each in faults.parse(given) if isinstance(each, FiringAlarm | ErrorRate)]
    return rehearsal.release(Script(faults=timed, replaced=replaced), show), seen


@pytest.mark.soak
@pytest.mark.cloud
@pytest.mark.parametrize(("alias", "number"), [("orders.Code", "A"), ("orders.Flow", "B")])
def test_an_alarm_in_the_canary_takes_the_traffic_and_the_stage_back(
    rehearsal: Rehearsal, alias: str, number: str
) -> None:
    outcome, seen = released(rehearsal, number, f"{alias}@shift+4m")
    assert list(outcome.reasons) == ["prod/orders.Deploy"]
    assert "ALARM" in "\n".join(outcome.reasons["prod/orders.Deploy"])
    (shift,) = [each for each in outcome.shifts if each.alias.name == alias][:1]
    assert (shift.went_back, 4 <= shift.lasted // MINUTE < 10) == (True, True)
    assert all(each.went_back for each in outcome.shifts), "the function that was moved before its workflow, too"
    assert any(each.startswith(f"{alias}: 10 % of the traffic to version") for each in seen), seen
    assert any(each.startswith(f"{alias}: all of the traffic back to version {shift.old}") for each in seen), seen
    assert outcome.rollback is not None
    assert (outcome.rollback.status, outcome.left) == ("Succeeded", {"prod-orders": Left.BEFORE})


@pytest.mark.soak
@pytest.mark.cloud
@pytest.mark.parametrize(("rate", "stops"), [(4, False), (50, True)])
def test_failures_of_the_new_version_stop_its_canary_above_what_the_alarm_allows(
    rehearsal: Rehearsal, rate: int, *, stops: bool
) -> None:
    outcome, seen = released(rehearsal, f"Rate{rate}", f"error-rate={rate}%@shift")
    assert list(outcome.reasons) == (["prod/orders.Deploy"] if stops else []), seen
    assert any(each.went_back for each in outcome.shifts) == stops
    assert outcome.left == {"prod-orders": Left.BEFORE if stops else Left.RELEASED}


@pytest.mark.soak
@pytest.mark.cloud
def test_a_release_that_nothing_goes_wrong_in_shifts_its_function_and_then_its_workflow(rehearsal: Rehearsal) -> None:
    outcome, seen = released(rehearsal, "Good")
    assert (outcome.went_through, outcome.left) == (True, {"prod-orders": Left.RELEASED}), outcome.reasons
    assert {each.alias.name: each.went_back for each in outcome.shifts} == {"orders.Code": False, "orders.Flow": False}
    assert all("back" not in each for each in seen)
    assert len(workflow_versions(rehearsal)) == 1, "the old one is deleted: there are at most 1,000 of a state machine"


def workflow_versions(rehearsal: Rehearsal) -> list[str]:
    """The versions that there are of the workflow."""
    states: Any = rehearsal.cloud.client("stepfunctions", TARGET, AWAY)
    (machine,) = states.list_state_machines()["stateMachines"]
    found = states.list_state_machine_versions(stateMachineArn=machine["stateMachineArn"])
    return [each["stateMachineVersionArn"] for each in found["stateMachineVersions"]]


@pytest.mark.soak
@pytest.mark.cloud
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("order@shift", r"that is orders, orders\.Code, orders\.Flow\. Did you mean orders\?"),
        ("orders@shift+10m", "is too late: the shift lasts 10 minutes"),
        ("error-rate=5%@shift+1h", "is too late"),
    ],
)
def test_a_fault_that_would_never_happen_in_a_shift_is_refused(rehearsal: Rehearsal, given: str, said: str) -> None:
    with pytest.raises(OperateError, match=said):
        released(rehearsal, "Never", given)
