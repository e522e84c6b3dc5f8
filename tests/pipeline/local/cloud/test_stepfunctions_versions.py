"""Versions and aliases of state machines in the local cloud, and how CloudFormation deploys them gradually.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-cd-aliasing-versioning.html
https://docs.aws.amazon.com/step-functions/latest/dg/version-rolling-deployment.html
"""

import itertools
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.client import CLOCK, ask
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate.session import LocalClients
from tests.conftest import FreshCloud
from tests.testbed.clock import SLOW, USUAL, clock_at
from tests.testbed.deployments import Deployment, deploy, ended
from tests.testbed.functions import ACCOUNT, REGION, until
from tests.testbed.killing import kill
from tests.testbed.roles import role

pytestmark = pytest.mark.cloud

_numbers = itertools.count()
LONG = {"Type": "CANARY", "Percentage": 50, "Interval": 60}
SHORT = {"Type": "CANARY", "Percentage": 50, "Interval": 1}
AT_ONCE = {"Type": "ALL_AT_ONCE"}
STARTS = "states:StartExecution"


@pytest.fixture(scope="module", autouse=True)
def _slow_clock(cloud: LocalCloud) -> Iterator[None]:
    with clock_at(cloud, SLOW):
        yield


def definition(number: int) -> str:
    """A definition that says which it is, after some seconds that its input can change."""
    states = {
        "Given": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.wait", "IsPresent": True, "Next": "Wait"}],
            "Default": "Say",
        },
        "Wait": {"Type": "Wait", "SecondsPath": "$.wait", "Next": "Say"},
        "Say": {"Type": "Pass", "Result": number, "End": True},
    }
    return json.dumps({"StartAt": "Given", "States": states, "TimeoutSeconds": 600})


class Machine:
    """A state machine with the alias `live` of its first version, made by the API."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.client: Any = cloud.client("stepfunctions", ACCOUNT, REGION)
        made = self.client.create_state_machine(
            name=f"versioned-{uuid.uuid4().hex[:8]}",
            definition=definition(1),
            roleArn=role(cloud, "states", "states.amazonaws.com"),
        )
        self.arn = str(made["stateMachineArn"])
        self.first = self.publish()
        routing = [{"stateMachineVersionArn": self.first, "weight": 100}]
        self.live = self.client.create_state_machine_alias(name="live", routingConfiguration=routing)[
            "stateMachineAliasArn"
        ]

    def publish(self, number: int = 0) -> str:
        """Publish the latest definition, or another one."""
        if number:
            self.client.update_state_machine(stateMachineArn=self.arn, definition=definition(number))
        return str(self.client.publish_state_machine_version(stateMachineArn=self.arn)["stateMachineVersionArn"])

    def route(self, *versions: tuple[str, int]) -> None:
        routing = [{"stateMachineVersionArn": version, "weight": weight} for version, weight in versions]
        self.client.update_state_machine_alias(stateMachineAliasArn=self.live, routingConfiguration=routing)

    def start(self, arn: str, **request: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.client.start_execution(stateMachineArn=arn, **request)
        return found

    def closed(self, execution: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = until(
            lambda: self.client.describe_execution(executionArn=execution["executionArn"]),
            lambda each: each["status"] != "RUNNING",
        )
        return found


@pytest.fixture(scope="module")
def machine(cloud: LocalCloud) -> Machine:
    """A state machine that tests may start, and whose alias stays as it is."""
    return Machine(cloud)


def refused(call: Callable[..., object], *given: Any, **more: Any) -> str:
    with pytest.raises(ClientError) as failure:
        call(*given, **more)
    return str(failure.value.response["Error"]["Code"])


class TestVersions:
    def test_a_revision_has_one_version_and_numbers_never_come_again(self, cloud: LocalCloud) -> None:
        """ "It doesn't create a duplicate state machine version if it already exists for the current revision."
        "Version numbers aren't reused for a given state machine." "descending order of the version creation time".

        https://docs.aws.amazon.com/step-functions/latest/apireference/API_PublishStateMachineVersion.html
        """
        made = Machine(cloud)
        assert made.publish() == made.first == f"{made.arn}:1"
        second = made.publish(2)
        made.client.delete_state_machine_version(stateMachineVersionArn=second)
        third = made.publish(3)
        listed = made.client.list_state_machine_versions(stateMachineArn=made.arn)["stateMachineVersions"]
        assert (
            [each["stateMachineVersionArn"] for each in listed] == [third, made.first] == [f"{made.arn}:3", made.first]
        )
        stale = {"stateMachineArn": made.arn, "revisionId": str(uuid.uuid4())}
        assert refused(made.client.publish_state_machine_version, **stale) == "ConflictException"

    def test_a_version_is_deleted_without_its_executions(self, cloud: LocalCloud) -> None:
        """ "Deleting a state machine version won't terminate its in-progress executions. You can't delete a state
        machine version currently referenced by one or more aliases."

        https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachineVersion.html
        """
        made = Machine(cloud)
        started = made.start(made.first, input='{"wait": 1}')
        delete = made.client.delete_state_machine_version
        with pytest.raises(ClientError, match=r"Current list of aliases referencing this version: \[live\]"):
            delete(stateMachineVersionArn=made.first)
        made.route((made.publish(2), 100))
        delete(stateMachineVersionArn=made.first)
        assert refused(made.start, made.first) == "StateMachineDoesNotExist"
        goes_on = made.client.describe_state_machine_for_execution(executionArn=started["executionArn"])
        assert goes_on["definition"] == definition(1)
        assert made.closed(started)["output"] == "1"

    def test_a_state_machine_takes_its_versions_and_aliases_along(self, cloud: LocalCloud) -> None:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html"""
        made = Machine(cloud)
        made.client.delete_state_machine(stateMachineArn=made.arn)
        for arn in (made.live, made.first):
            assert refused(made.start, arn) == "StateMachineDoesNotExist"

    def test_publishing_with_a_definition_is_refused_by_name(self, machine: Machine) -> None:
        with pytest.raises(ClientError, match="publishes a version by PublishStateMachineVersion alone"):
            machine.client.update_state_machine(stateMachineArn=machine.arn, publish=True, definition=definition(9))
        described = {"definition": definition(9), "roleArn": role(machine.cloud, "states", "states.amazonaws.com")}
        with pytest.raises(ClientError, match="and not as a state machine is made"):
            machine.client.create_state_machine(name="published", publish=True, **described)


class TestAliases:
    def test_an_alias_is_made_once(self, machine: Machine) -> None:
        """ "Requests that contain the same values for these parameters return a successful idempotent response."

        https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachineAlias.html
        """
        same = {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": machine.first, "weight": 100}]}
        create = machine.client.create_state_machine_alias
        assert create(**same)["stateMachineAliasArn"] == machine.live == f"{machine.arn}:live"
        with pytest.raises(ClientError, match="an alias with the same name and a different routing configuration"):
            create(**same, description="another")

    def test_an_alias_is_described_listed_and_deleted(self, cloud: LocalCloud) -> None:
        made = Machine(cloud)
        second = made.publish(2)
        made.route((made.first, 90), (second, 10))
        found = made.client.describe_state_machine_alias(stateMachineAliasArn=made.live)
        assert [(each["stateMachineVersionArn"], each["weight"]) for each in found["routingConfiguration"]] == [
            (made.first, 90),
            (second, 10),
        ]
        third = made.publish(3)
        for arn, aliases in ((made.arn, [made.live]), (second, [made.live]), (third, [])):
            listed = made.client.list_state_machine_aliases(stateMachineArn=arn)["stateMachineAliases"]
            assert [each["stateMachineAliasArn"] for each in listed] == aliases
        made.client.delete_state_machine_alias(stateMachineAliasArn=made.live)
        assert refused(made.start, made.live) == "StateMachineDoesNotExist"
        update = {"stateMachineAliasArn": made.live, "description": "gone"}
        assert refused(made.client.update_state_machine_alias, **update) == "ResourceNotFound"


class TestExecutions:
    """https://docs.aws.amazon.com/step-functions/latest/dg/execution-alias-version-associate.html"""

    def test_an_execution_runs_and_names_what_it_was_started_by(self, cloud: LocalCloud) -> None:
        """ "If your qualified ARN refers to an alias, Step Functions associates the execution with that alias and the
        version to which the alias points." "If you start an execution with an unqualified ARN, Step Functions doesn't
        associate that execution with a version". Its ARN has no version and no alias, as the page's example shows:
        "arn:aws:states:region:account-id:execution:myStateMachine:myFirstExecution".
        """
        made = Machine(cloud)
        second = made.publish(2)
        expected = {made.live: ("1", made.first, made.live), second: ("2", second, None), made.arn: ("2", None, None)}
        for number, (arn, (output, version, alias)) in enumerate(expected.items()):
            name = f"e-{number}"
            found = made.closed(made.start(arn, name=name))
            assert found["executionArn"] == f"{made.arn.replace(':stateMachine:', ':execution:')}:{name}"
            assert (found["output"], found["stateMachineArn"]) == (output, made.arn)
            assert (found.get("stateMachineVersionArn"), found.get("stateMachineAliasArn")) == (version, alias)
        for arn, names in ((made.live, {"e-0"}), (second, {"e-1"}), (made.arn, {"e-0", "e-1", "e-2"})):
            listed = made.client.list_executions(stateMachineArn=arn)["executions"]
            assert {each["name"] for each in listed} == names

    def test_weights_decide_which_version_runs(self, cloud: LocalCloud) -> None:
        """ "Step Functions randomly chooses which version runs a given execution based on the percentage"."""
        made = Machine(cloud)
        made.route((made.first, 50), (made.publish(2), 50))
        started = [made.start(made.live) for _ in range(20)]
        assert {made.closed(each)["output"] for each in started} == {"1", "2"}

    def test_a_name_is_the_state_machines_whatever_it_is_started_by(self, cloud: LocalCloud) -> None:
        """ "For STANDARD workflows, this name must be unique for your Amazon Web Services account, region, and state
        machine." "If you call StartExecution with the same name and input as a running execution, the call succeeds".

        https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
        """
        made = Machine(cloud)
        same = {"name": "same", "input": '{"wait": 2}'}
        first = made.start(made.live, **same)
        second = made.publish(2)
        made.route((second, 100))
        for arn in (made.live, second, made.arn):
            assert made.start(arn, **same)["executionArn"] == first["executionArn"]
            assert refused(made.start, arn, name="same") == "ExecutionAlreadyExists"
        assert made.closed(first)["output"] == "1"
        for arn in (made.live, made.arn):
            assert refused(made.start, arn, **same) == "ExecutionAlreadyExists"

    def test_a_rule_and_a_workflow_start_an_alias(self, cloud: LocalCloud, machine: Machine) -> None:
        before = counted(cloud, machine, "ExecutionsStarted")
        starter = role(cloud, "starts", "events.amazonaws.com", "states.amazonaws.com", Action=STARTS)
        events, name = cloud.client("events", ACCOUNT, REGION), f"r-{uuid.uuid4().hex[:8]}"
        events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
        events.put_targets(Rule=name, Targets=[{"Id": "alias", "Arn": machine.live, "RoleArn": starter}])
        events.put_events(Entries=[{"Source": name, "DetailType": "x", "Detail": "{}"}])
        task = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "End": True}
        nested = {"StartAt": "Start", "States": {"Start": {**task, "Parameters": {"StateMachineArn": machine.live}}}}
        outer = machine.client.create_state_machine(name=name, definition=json.dumps(nested), roleArn=starter)
        assert machine.closed(machine.start(outer["stateMachineArn"]))["status"] == "SUCCEEDED"
        until(lambda: counted(cloud, machine, "ExecutionsStarted"), lambda found: found == before + 2)


# https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html, "Dimensions for executions with an
# alias": StateMachineArn and Alias.
def counted(cloud: LocalCloud, machine: Machine, metric: str) -> float:
    """How many executions that the alias started were counted."""
    dimensions = {"StateMachineArn": machine.arn, "Alias": "live"}
    found = cloud.client("cloudwatch", ACCOUNT, REGION).get_metric_statistics(
        Namespace="AWS/States",
        MetricName=metric,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime="2020-01-01T00:00:00Z",
        EndTime="2100-01-01T00:00:00Z",
        Period=86_400,
        Statistics=["Sum"],
    )
    return float(sum(each["Sum"] for each in found["Datapoints"]))


# https://docs.aws.amazon.com/step-functions/latest/dg/auth-version-alias.html: "Step Functions uses the state machine's
# ARN instead of using the version ARN or alias ARN." "You scope down the permissions using the optional context key".
@pytest.mark.parametrize(
    ("resource", "qualifiers", "allowed"),
    [
        ("{arn}", None, {"live", "1", ""}),
        ("{arn}", ["live"], {"live"}),
        ("{arn}", ["1"], {"1"}),
        ("{arn}:live", None, set()),
    ],
)
def test_permissions_are_of_the_state_machine_and_its_qualifier(
    cloud: LocalCloud, machine: Machine, resource: str, qualifiers: list[str] | None, allowed: set[str]
) -> None:
    condition = {"Condition": {"ForAnyValue:StringEquals": {"states:StateMachineQualifier": qualifiers}}}
    statement: dict[str, Any] = {"Resource": resource.format(arn=machine.arn), **(condition if qualifiers else {})}
    arn = role(
        cloud, f"starter-{next(_numbers)}", principals=[f"arn:aws:iam::{ACCOUNT}:root"], Action=STARTS, **statement
    )
    given = cloud.client("sts", ACCOUNT, REGION).assume_role(RoleArn=arn, RoleSessionName="starter")["Credentials"]
    credentials = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    acting = LocalClients(cloud.endpoint).create("stepfunctions", REGION, credentials)

    def may_start(qualifier: str) -> bool:
        try:
            acting.start_execution(stateMachineArn=f"{machine.arn}:{qualifier}".removesuffix(":"))
        except acting.exceptions.ClientError as error:
            return str(error.response["Error"]["Code"]) != "AccessDeniedException"
        return True

    started = {qualifier for qualifier in ("live", "1", "") if may_start(qualifier)}
    assert started == allowed


class Stack:
    """A stack with a state machine, a version of its revision and an alias, and its template, which tests change."""

    def __init__(self, cloud: LocalCloud, preference: dict[str, Any] | None = None) -> None:
        self.cloud = cloud
        self.stack = ""
        self.metric = uuid.uuid4().hex
        self.resources: dict[str, Any] = {
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "DefinitionString": definition(1),
                    "RoleArn": role(cloud, "states", "states.amazonaws.com"),
                },
            },
            "Version": {
                "Type": "AWS::StepFunctions::StateMachineVersion",
                "UpdateReplacePolicy": "Retain",
                "Properties": {
                    "StateMachineArn": {"Ref": "Machine"},
                    "StateMachineRevisionId": {"Fn::GetAtt": ["Machine", "StateMachineRevisionId"]},
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
            "Live": {
                "Type": "AWS::StepFunctions::StateMachineAlias",
                "Properties": {
                    "Name": "live",
                    "DeploymentPreference": {
                        "StateMachineVersionArn": {"Ref": "Version"},
                        "Alarms": [{"Ref": "Alarm"}],
                        **(AT_ONCE if preference is None else preference),
                    },
                },
            },
        }

    def define(self, number: int) -> None:
        """Have the template's state machine be another one."""
        self.resources["Machine"]["Properties"]["DefinitionString"] = definition(number)

    def deploy(self, **more: Any) -> Deployment:
        """Create the stack, or update it."""
        done = deploy(self.cloud, self.resources, stack=self.stack, **more)
        self.stack = done.name
        return done

    def begin(self, number: int) -> None:
        """Update the stack with another definition, without waiting for the end."""
        self.define(number)
        body = json.dumps({"Resources": self.resources})
        self.client("cloudformation").update_stack(StackName=self.stack, TemplateBody=body)

    def ended(self) -> Deployment:
        return ended(self.cloud, self.stack)

    def client(self, service: str) -> Any:
        return self.cloud.client(service, ACCOUNT, REGION)

    def id(self, logical_id: str) -> str:
        found = self.client("cloudformation").describe_stack_resource(
            StackName=self.stack, LogicalResourceId=logical_id
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def routing(self) -> dict[str, int]:
        """The numbers of the versions that the alias routes to, with their weights."""
        found = self.client("stepfunctions").describe_state_machine_alias(stateMachineAliasArn=self.id("Live"))
        return {
            each["stateMachineVersionArn"].rpartition(":")[2]: each["weight"] for each in found["routingConfiguration"]
        }

    def wait_for_shift(self) -> None:
        until(self.routing, lambda found: len(found) > 1)

    def fire(self) -> None:
        """Let the alarm go off."""
        data = [{"MetricName": self.metric, "Value": 1}]
        self.client("cloudwatch").put_metric_data(Namespace="Tests", MetricData=data)

    def versions(self) -> list[str]:
        found = self.client("stepfunctions").list_state_machine_versions(stateMachineArn=self.id("Machine"))
        return [each["stateMachineVersionArn"].rpartition(":")[2] for each in found["stateMachineVersions"]]


@pytest.fixture
def stack(cloud: LocalCloud) -> Callable[..., Stack]:
    """Makes a stack whose first version is deployed."""

    def make(preference: dict[str, Any] | None = None) -> Stack:
        made = Stack(cloud, preference)
        created = made.deploy()
        assert created.status == "CREATE_COMPLETE", created.events
        return made

    return make


class TestDeployments:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-stepfunctions-statemachinealias-deploymentpreference.html"""

    def test_the_first_deployment_shifts_nothing_and_the_next_a_part_and_then_the_rest(
        self, stack: Callable[..., Stack]
    ) -> None:
        """ "CloudFormation automatically shifts traffic from the version the alias currently points to, to a new state
        machine version that you specify."
        """
        made = stack(SHORT)
        assert made.routing() == {"1": 100}
        made.begin(2)
        made.wait_for_shift()
        assert made.routing() == {"2": 50, "1": 50}
        assert made.ended().status == "UPDATE_COMPLETE"
        assert made.routing() == {"2": 100}
        assert made.versions() == ["2", "1"], "UpdateReplacePolicy: Retain"
        # The template that was there before is another revision, and so another version.
        made.define(1)
        made.resources["Live"]["Properties"]["DeploymentPreference"].update(AT_ONCE)
        del made.resources["Version"]["UpdateReplacePolicy"]
        assert made.deploy().status == "UPDATE_COMPLETE"
        assert made.routing() == {"3": 100}
        assert made.versions() == ["3", "1"], "the clean-up deletes what was replaced"

    def test_an_alarm_stops_a_deployment_and_the_stack_goes_back(self, stack: Callable[..., Stack]) -> None:
        """ "The deployment fails and rolls back if any of these alarms go into the ALARM state." """
        made = stack(LONG)
        made.begin(2)
        made.wait_for_shift()
        made.fire()
        failed = made.ended()
        assert failed.status == "UPDATE_ROLLBACK_COMPLETE"
        assert f"Alarms in the state ALARM: {made.id('Alarm')}" in failed.reason("Live")
        assert made.routing() == {"1": 100}
        # All at once, and the alarm still fires.
        made.resources["Live"]["Properties"]["DeploymentPreference"] = {
            "StateMachineVersionArn": {"Ref": "Version"},
            "Alarms": [{"Ref": "Alarm"}],
            **AT_ONCE,
        }
        assert made.deploy().status == "UPDATE_ROLLBACK_COMPLETE"
        assert made.routing() == {"1": 100}

    def test_an_hour_of_a_deployment_goes_by_the_clouds_clock(
        self, stack: Callable[..., Stack], cloud: LocalCloud
    ) -> None:
        made = stack(LONG)
        made.define(2)
        with clock_at(cloud, USUAL):
            assert made.deploy().status == "UPDATE_COMPLETE", "by the slow clock it would be under way for minutes"
        assert made.routing() == {"2": 100}

    def test_a_cancelled_update_goes_back(self, stack: Callable[..., Stack]) -> None:
        """ "If the call completes successfully, the stack rolls back the update and reverts to the previous stack
        configuration." https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CancelUpdateStack.html
        """
        made = stack(LONG)
        made.begin(2)
        made.wait_for_shift()
        made.client("cloudformation").cancel_update_stack(StackName=made.stack)
        assert made.ended().status == "UPDATE_ROLLBACK_COMPLETE"
        assert made.routing() == {"1": 100}

    def test_an_alias_goes_back_when_a_later_resource_fails(self, stack: Callable[..., Stack]) -> None:
        made = stack()
        made.define(2)
        again = {
            "Name": "live",
            "RoutingConfiguration": [{"StateMachineVersionArn": {"Ref": "Version"}, "Weight": 100}],
        }
        made.resources["Taken"] = {**made.resources["Live"], "DependsOn": "Live", "Properties": again}
        failed = made.deploy()
        assert (failed.status, "already exists" in failed.reason("Taken")) == ("UPDATE_ROLLBACK_COMPLETE", True)
        assert made.routing() == {"1": 100}

    def test_an_alarm_that_does_not_exist_stops_nothing(self, stack: Callable[..., Stack]) -> None:
        """ "Amazon CloudWatch considers nonexistent alarms to have an OK state." """
        made = stack()
        made.define(2)
        made.resources["Live"]["Properties"]["DeploymentPreference"]["Alarms"] = ["none"]
        assert made.deploy().status == "UPDATE_COMPLETE"
        assert made.routing() == {"2": 100}

    def test_weights_are_given_in_place_of_a_preference(self, stack: Callable[..., Stack]) -> None:
        """ "To explicitly set version weights in a CloudFormation template, use RoutingConfiguration instead." """
        made = stack()
        first = made.id("Version")
        made.define(2)
        made.resources["Live"]["Properties"] = {
            "Name": "live",
            "RoutingConfiguration": [
                {"StateMachineVersionArn": first, "Weight": 30},
                {"StateMachineVersionArn": {"Ref": "Version"}, "Weight": 70},
            ],
        }
        assert made.deploy().status == "UPDATE_COMPLETE"
        assert made.routing() == {"1": 30, "2": 70}
        # What a gradual deployment does from here is not documented.
        made.define(3)
        preference = {"StateMachineVersionArn": {"Ref": "Version"}, **LONG}
        made.resources["Live"]["Properties"] = {"Name": "live", "DeploymentPreference": preference}
        assert "AWS does not document what happens then" in made.deploy().reason("Live")

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"DeploymentPreference": {"Type": "CANARY", "Percentage": 10}}, "needs Percentage and Interval"),
            (
                {"RoutingConfiguration": [{"StateMachineVersionArn": {"Ref": "Version"}, "Weight": 100}]},
                "exclude each other",
            ),
        ],
    )
    def test_a_preference_that_does_not_say_how_is_refused(
        self, cloud: LocalCloud, changed: dict[str, Any], said: str
    ) -> None:
        made = Stack(cloud)
        properties = made.resources["Live"]["Properties"]
        for name, value in changed.items():
            more = {"StateMachineVersionArn": {"Ref": "Version"}} if name == "DeploymentPreference" else {}
            properties[name] = {**more, **value} if isinstance(value, dict) else value
        assert said in made.deploy().reason("Live")

    @pytest.mark.parametrize("lacking", ["cloudwatch:DescribeAlarms", "states:UpdateStateMachineAlias"])
    def test_a_stack_needs_what_the_alias_is_updated_with(
        self, stack: Callable[..., Stack], cloud: LocalCloud, lacking: str
    ) -> None:
        """Both are permissions of the type's handler; the second is asked for on the state machine."""
        made = stack()
        made.define(2)
        weak = role(cloud, f"deploys-{next(_numbers)}", "cloudformation.amazonaws.com")
        on = made.id("Machine") if lacking.startswith("states:") else "*"
        denied = {"Effect": "Deny", "Action": lacking, "Resource": on}
        document = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
        cloud.client("iam", ACCOUNT).put_role_policy(
            RoleName=weak.rpartition("/")[2], PolicyName="Lacks", PolicyDocument=document
        )
        assert f"is not authorized to perform: {lacking} on resource: {on}" in made.deploy(RoleARN=weak).reason("Live")

    def test_a_stack_that_is_deleted_leaves_no_version(self, stack: Callable[..., Stack]) -> None:
        made = stack()
        made.define(2)
        made.deploy()
        first, machine = made.id("Version"), made.id("Machine")
        made.client("cloudformation").delete_stack(StackName=made.stack)
        listed = made.client("stepfunctions").list_state_machine_versions
        until(lambda: listed(stateMachineArn=machine)["stateMachineVersions"], lambda found: found == [])
        assert (
            refused(made.client("stepfunctions").start_execution, stateMachineArn=first) == "StateMachineDoesNotExist"
        )


@pytest.mark.soak  # two clouds of its own
def test_a_kill_takes_a_deployment_back_and_leaves_executions_their_version(fresh_cloud: FreshCloud) -> None:
    made = Stack(fresh_cloud(), LONG)
    made.deploy()
    ask(made.cloud.port, CLOCK, {"rate": SLOW}, of="clock")  # until the kill
    made.begin(2)
    made.wait_for_shift()
    made.cloud.save()
    version, states = made.id("Version").rpartition(":")[0], made.client("stepfunctions")
    started = states.start_execution(stateMachineArn=f"{version}:2", input='{"wait": 1}')["executionArn"]
    kill(made.cloud)
    made.cloud = fresh_cloud()
    assert made.routing() == {"1": 100}
    assert made.ended().status == "UPDATE_ROLLBACK_COMPLETE"
    describe = made.client("stepfunctions").describe_execution
    found = until(lambda: describe(executionArn=started), lambda each: each["status"] != "RUNNING")
    assert (found["output"], found["stateMachineVersionArn"]) == ("2", f"{version}:2")
