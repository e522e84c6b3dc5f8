"""A workflow is started by itself or, where traffic is shifted, by an alias that CloudFormation moves."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_events as events
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Match, Template

from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.role import Role
from services.library.constructs.schedule import Schedule, ScheduleSettings
from services.library.constructs.workflow import Workflow
from services.library.contract.environment import Environment, Tier
from services.library.contract.release import ALL_AT_ONCE, Canary, Linear, Traffic
from services.library.contract.service import ServiceStack

PRODUCTION = Environment(name="prod", tier=Tier.PRODUCTION, account="111111111111", region="eu-west-1")
ALIAS, VERSION = "AWS::StepFunctions::StateMachineAlias", "AWS::StepFunctions::StateMachineVersion"
POLICY = "AWS::IAM::ManagedPolicy"


def synthesise(folder: Path, traffic: Traffic | None) -> Template:
    return Template.from_stack(build(folder, traffic))


def build(
    folder: Path, traffic: Traffic | None, environment: Environment = PRODUCTION, *, vended_logs: bool = False
) -> ServiceStack:
    """A stack with a workflow that a schedule and a role may start."""
    environment = replace(environment, traffic=traffic)
    stage = cdk.Stage(cdk.App(outdir=str(folder)), "prod", env=environment.to_cdk())
    stack = ServiceStack(stage, "Some", environment=environment, description="A workflow")
    alarms = NotificationTopic(stack, "Alarms", environment=environment)
    workflow = Workflow(
        stack,
        "Steps",
        environment=environment,
        definition=sfn.Succeed(stack, "Done"),
        timeout=cdk.Duration.minutes(1),
        alarms_to=alarms,
        vended_logs=vended_logs,
    )
    key = Key(stack, "Key", environment=environment, description="Events")
    daily = ScheduleSettings(expression="rate(1 day)")
    Schedule(stack, "Daily", settings=daily, target=workflow, encryption_key=key, alarms_to=alarms)
    workflow.grant_start_sync(Role(stack, "Waits", service="lambda.amazonaws.com"))
    return stack


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return synthesise(tmp_path_factory.mktemp("shifted"), Canary(percent=10, minutes=7))


@pytest.fixture(scope="module")
def unshifted(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return synthesise(tmp_path_factory.mktemp("unshifted"), None)


def granted(template: Template, action: str) -> list[dict[str, Any]]:
    """The statements that allow an action."""
    policies = template.find_resources(POLICY).values()
    statements = [each for policy in policies for each in policy["Properties"]["PolicyDocument"]["Statement"]]
    return [each for each in statements if each["Action"] == action]


# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-stepfunctions-statemachinealias-deploymentpreference.html
@pytest.mark.parametrize(
    ("traffic", "preference"),
    [
        (ALL_AT_ONCE, {"Type": "ALL_AT_ONCE", "Percentage": Match.absent(), "Interval": Match.absent()}),
        (Linear(percent=20, minutes=3), {"Type": "LINEAR", "Percentage": 20, "Interval": 3}),
    ],
)
def test_traffic_is_the_preference_of_the_alias(tmp_path: Path, traffic: Traffic, preference: dict[str, Any]) -> None:
    synthesise(tmp_path, traffic).has_resource_properties(ALIAS, {"DeploymentPreference": preference})


def test_the_alias_is_moved_to_the_version_of_each_revision_watched_by_its_alarm(shifted: Template) -> None:
    (machine,) = shifted.find_resources("AWS::StepFunctions::StateMachine")
    (version,) = shifted.find_resources(VERSION)
    revision = {"Fn::GetAtt": [machine, "StateMachineRevisionId"]}
    shifted.has_resource_properties(VERSION, {"StateMachineArn": {"Ref": machine}, "StateMachineRevisionId": revision})
    (alarm,) = (each for each in shifted.find_resources("AWS::CloudWatch::Alarm") if "LiveFailures" in each)
    shifted.has_resource_properties(
        ALIAS,
        {
            "Name": "live",
            "DeploymentPreference": {
                "StateMachineVersionArn": {"Fn::GetAtt": [version, "Arn"]},
                "Type": "CANARY",
                "Percentage": 10,
                "Interval": 7,
                "Alarms": [{"Ref": alarm}],
            },
        },
    )


def test_the_old_version_is_deleted_a_minute_after_the_shift_at_the_earliest(shifted: Template) -> None:
    """CloudFormation deletes what is replaced once everything else is updated: another alias takes that long."""
    (version,) = shifted.find_resources(VERSION)
    (live,) = shifted.find_resources(ALIAS, {"Properties": {"Name": "live"}})
    shifted.has_resource(VERSION, {"UpdateReplacePolicy": Match.absent(), "DeletionPolicy": Match.absent()})
    preference = {"Type": "CANARY", "Percentage": 1, "Interval": 1, "Alarms": Match.absent()}
    versioned = {"StateMachineVersionArn": {"Fn::GetAtt": [version, "Arn"]}}
    shifted.has_resource(
        ALIAS,
        {"DependsOn": [live], "Properties": {"Name": "settled", "DeploymentPreference": {**versioned, **preference}}},
    )


def test_the_alarm_counts_what_the_alias_started_and_what_ended(shifted: Template) -> None:
    (machine,) = shifted.find_resources("AWS::StepFunctions::StateMachine")
    dimensions = [{"Name": "Alias", "Value": "live"}, {"Name": "StateMachineArn", "Value": {"Ref": machine}}]
    (alarm,) = (
        each["Properties"] for name, each in shifted.find_resources("AWS::CloudWatch::Alarm").items() if "Live" in name
    )
    rate, *counted = sorted(alarm["Metrics"], key=lambda each: "Expression" not in each)
    failed = "FILL(executionsFailed, 0) + FILL(executionsTimedOut, 0)"
    assert rate["Expression"] == f"100 * ({failed}) / ({failed} + FILL(executionsSucceeded, 0))"
    assert all(each["MetricStat"]["Metric"]["Dimensions"] == dimensions for each in counted)
    assert len(counted) == 3


def test_callers_name_the_alias_and_are_let_in_for_it_alone(shifted: Template) -> None:
    (machine,) = shifted.find_resources("AWS::StepFunctions::StateMachine")
    (alias,) = shifted.find_resources(ALIAS, {"Properties": {"Name": "live"}})
    target = Match.object_like({"Arn": {"Fn::GetAtt": [alias, "Arn"]}})
    shifted.has_resource_properties("AWS::Events::Rule", {"Targets": [target]})
    for action in ("states:StartExecution", "states:StartSyncExecution"):
        assert granted(shifted, action) == [
            {
                "Action": action,
                "Effect": "Allow",
                "Resource": {"Ref": machine},
                "Condition": {"ForAnyValue:StringEquals": {"states:StateMachineQualifier": ["live"]}},
            }
        ]


def test_without_traffic_the_workflow_is_called_by_its_name(unshifted: Template) -> None:
    (machine,) = unshifted.find_resources("AWS::StepFunctions::StateMachine")
    unshifted.resource_count_is(ALIAS, 0)
    unshifted.resource_count_is(VERSION, 0)
    unshifted.has_resource_properties("AWS::Events::Rule", {"Targets": [Match.object_like({"Arn": {"Ref": machine}})]})
    for action in ("states:StartExecution", "states:StartSyncExecution"):
        assert granted(unshifted, action) == [{"Action": action, "Effect": "Allow", "Resource": {"Ref": machine}}]


def test_shifting_keeps_every_resource_but_the_permissions_of_callers(shifted: Template, unshifted: Template) -> None:
    """Those are others, so that the old ones hold until the update's clean-up."""
    before, after = (template.to_json()["Resources"] for template in (unshifted, shifted))
    assert {before[each]["Type"] for each in before.keys() - after.keys()} == {POLICY}
    changed = {each for each in before.keys() & after.keys() if before[each] != after[each]}
    assert {before[each]["Type"] for each in changed} == {"AWS::Events::Rule"}


def test_a_rule_of_an_alias_warns_of_nothing(tmp_path: Path) -> None:
    made = build(tmp_path, ALL_AT_ONCE)
    (rule,) = (each for each in made.node.find_all() if isinstance(each, events.Rule))
    assert [each.data for each in rule.node.metadata if each.type == "aws:cdk:warning"] == []


@pytest.mark.parametrize("traffic", [Canary(percent=10, minutes=2_101), Linear(percent=10, minutes=241)])
def test_a_shift_that_step_functions_does_not_take_is_refused(tmp_path: Path, traffic: Traffic) -> None:
    with pytest.raises(ValueError, match=r"is not allowed for a service with workflows; give at most 2,100 minutes"):
        synthesise(tmp_path, traffic)


@pytest.mark.parametrize(
    ("environment", "retained"),
    [
        (PRODUCTION, True),
        (replace(PRODUCTION, name="dev", tier=Tier.SANDBOX), False),
    ],
    ids=["production", "sandbox"],
)
def test_vended_logs_of_a_workflow_take_nothing_of_the_accounts_resource_policy(
    environment: Environment, *, retained: bool, tmp_path: Path
) -> None:
    """Step Functions writes every log group into it whose name begins in another way, until it is full."""
    template = Template.from_stack(build(tmp_path, None, environment, vended_logs=True))
    (name,) = (each["Properties"]["LogGroupName"] for each in template.find_resources("AWS::Logs::LogGroup").values())
    begins = name["Fn::Join"][1][0] if retained else name
    assert begins.startswith("/aws/vendedlogs/states/")
    assert isinstance(name, dict) == retained, "what a failed creation has left must not be in the way of the next"


def test_log_group_of_a_branchs_workflow_begins_with_the_prefix_that_its_roles_ask_for(tmp_path: Path) -> None:
    branch = Environment(
        name="dev", tier=Tier.SANDBOX, account="1" * 12, region="eu-west-1", prefix="branch-orders-aaaaaa"
    )
    template = Template.from_stack(build(tmp_path, None, branch, vended_logs=True))
    (group,) = template.find_resources("AWS::Logs::LogGroup").values()
    assert "LogGroupName" not in group["Properties"]
