"""CloudFormation refuses here what it refuses on AWS."""

import json
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.cloud.cloudformation.support import ACCEPTED_ONLY, EMULATED
from pipeline.local.lifecycle import LocalCloud

pytestmark = pytest.mark.cloud

FreshCloud = Callable[..., LocalCloud]
ACCOUNT = "333333333333"
POLLING = {"Delay": 0.05, "MaxAttempts": 400}


def create(cloud: LocalCloud, name: str, resources: dict[str, Any], **parts: Any) -> str:
    """Create a stack and wait for its end; returns its status."""
    formation = cloud.client("cloudformation", account=ACCOUNT)
    template = json.dumps({"Resources": resources, **parts})
    stack = formation.create_stack(StackName=name, TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"])
    formation.get_waiter("stack_exists").wait(StackName=name, WaiterConfig=POLLING)
    pause = threading.Event()
    for _ in range(1500):
        status = str(formation.describe_stacks(StackName=stack["StackId"])["Stacks"][0]["StackStatus"])
        if not status.endswith("_IN_PROGRESS"):
            return status
        pause.wait(0.02)
    pytest.fail(f"{name} is still in progress")


def update(cloud: LocalCloud, name: str, resources: dict[str, Any]) -> None:
    """Update a stack, which must succeed."""
    formation = cloud.client("cloudformation", account=ACCOUNT)
    formation.update_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    formation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig=POLLING)


BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "an unknown property": ("AWS::SQS::Queue", {"VisibilityTimeOut": 5}, "unsupported property VisibilityTimeOut"),
    "a nested unknown property": (
        "AWS::S3::Bucket",
        {"VersioningConfiguration": {"State": "Enabled"}},
        "unsupported property State",
    ),
    "a missing property": ("AWS::Lambda::Function", {"Handler": "a.b"}, "required property Role is missing"),
    "a list in the place of text": ("AWS::SNS::Topic", {"TopicName": ["x"]}, "is not of type string"),
    "text in the place of an object": ("AWS::S3::Bucket", {"VersioningConfiguration": "Enabled"}, "not of type object"),
    "text in the place of a number": ("AWS::SQS::Queue", {"DelaySeconds": "soon"}, '"soon" is not of type integer'),
    "a value outside the enumeration": (
        "AWS::DynamoDB::Table",
        {"KeySchema": [{"AttributeName": "id", "KeyType": "PRIMARY"}]},
        "'PRIMARY' is not one of HASH, RANGE",
    ),
    "a read-only property": ("AWS::SNS::Topic", {"TopicArn": "arn:aws:sns:x"}, "unsupported property TopicArn"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_template_with_bad_properties_is_refused_before_anything_is_made(cloud: LocalCloud, case: str) -> None:
    """ "If you include properties that aren't valid for a resource, the template is rejected": "Before CloudFormation
    creates the stack, the template is validated" against the resource type's schema.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
    """
    type_name, properties, reason = BAD[case]
    resources = {"Good": {"Type": "AWS::SQS::Queue"}, "Bad": {"Type": type_name, "Properties": properties}}
    with pytest.raises(ClientError, match=rf"Bad \({type_name}\) Properties.*{reason}"):
        create(cloud, "bad-properties", resources)
    stacks = cloud.client("cloudformation", account=ACCOUNT).list_stacks()["StackSummaries"]
    assert "bad-properties" not in {stack["StackName"] for stack in stacks}


def test_a_change_set_with_bad_properties_is_refused(cloud: LocalCloud) -> None:
    formation = cloud.client("cloudformation", account=ACCOUNT)
    template = {"Resources": {"Bad": {"Type": "AWS::SQS::Queue", "Properties": {"Delay": 1}}}}
    with pytest.raises(ClientError, match="unsupported property Delay"):
        formation.create_change_set(
            StackName="bad", ChangeSetName="bad", ChangeSetType="CREATE", TemplateBody=json.dumps(template)
        )


def test_a_value_known_only_at_deployment_is_checked_then_and_rolls_back(cloud: LocalCloud) -> None:
    """ "If you create the stack and a resource can't be created, CloudFormation rolls back".
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
    """
    resources = {
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": {"Ref": "Topic"}}},
    }
    assert create(cloud, "late", resources) == "ROLLBACK_COMPLETE"
    events = cloud.client("cloudformation", account=ACCOUNT).describe_stack_events(StackName="late")["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events if event["LogicalResourceId"] == "Queue"]
    assert any("DelaySeconds" in reason and "is not of type integer" in reason for reason in reasons)


def test_scalars_that_read_as_each_other_are_taken(cloud: LocalCloud) -> None:
    properties = {"DelaySeconds": "5", "FifoQueue": "true", "QueueName": "scalars.fifo"}
    assert (
        create(cloud, "scalars", {"Queue": {"Type": "AWS::SQS::Queue", "Properties": properties}}) == "CREATE_COMPLETE"
    )


def test_a_property_left_out_by_a_condition_counts_as_absent(cloud: LocalCloud) -> None:
    left_out = {"Fn::If": ["Never", 5, {"Ref": "AWS::NoValue"}]}
    resources = {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": left_out}},
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {"VersioningConfiguration": {"Status": "Enabled"}, "LoggingConfiguration": left_out},
        },
    }
    conditions = {"Never": {"Fn::Equals": ["a", "b"]}}
    assert create(cloud, "absent", resources, Conditions=conditions) == "CREATE_COMPLETE"


IGNORED: dict[str, dict[str, Any]] = {
    "DeploymentConfig": {"DeploymentConfig": {"Mode": "EXPRESS"}},
    "DeploymentMode": {"DeploymentMode": "REVERT_DRIFT"},
    "NotificationARNs": {"NotificationARNs": ["arn:aws:sns:us-east-1:333333333333:topic"]},
    "ResourceTypes": {"ResourceTypes": ["AWS::SNS::*"]},
}
"""Options of https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html"""


@pytest.mark.parametrize("option", IGNORED)
def test_an_option_that_means_nothing_here_is_refused_by_name(cloud: LocalCloud, option: str) -> None:
    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    with pytest.raises(ClientError, match=f"The local cloud does not take {option}"):
        cloud.client("cloudformation", account=ACCOUNT).create_change_set(
            StackName="options", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=template, **IGNORED[option]
        )


def test_options_that_say_nothing_are_taken(cloud: LocalCloud) -> None:
    client = cloud.client("cloudformation", account=ACCOUNT)
    client.create_stack(
        StackName="unsaid",
        TemplateBody=json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}),
        DeploymentConfig={"Mode": "STANDARD"},
        NotificationARNs=[],
        RollbackConfiguration={},
        TimeoutInMinutes=30,
    )


def test_a_member_called_condition_is_kept_as_it_is(cloud: LocalCloud) -> None:
    """A condition is referred to by `Condition` "as part of" Fn::And, Fn::Not and Fn::Or; anywhere else, it is a name.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-conditions.html
    """
    pattern = {"detail": {"Condition": [{"prefix": "x"}]}, "source": ["s"]}
    rule = {"Type": "AWS::Events::Rule", "Properties": {"Name": "conditions", "EventPattern": pattern}}
    assert create(cloud, "members", {"Rule": rule}) == "CREATE_COMPLETE"
    found = cloud.client("events", account=ACCOUNT).describe_rule(Name="conditions")["EventPattern"]
    assert json.loads(found) == pattern


def test_conditions_refer_to_each_other_at_any_depth(cloud: LocalCloud) -> None:
    yes, no = {"Fn::Equals": ["a", "a"]}, {"Fn::Equals": ["a", "b"]}
    deep = {"Fn::Or": [{"Condition": "No"}, {"Fn::And": [{"Condition": "Yes"}, {"Fn::Not": [{"Condition": "No"}]}]}]}
    resources = {
        "Made": {"Type": "AWS::SNS::Topic", "Condition": "Deep"},
        "Left": {"Type": "AWS::SNS::Topic", "Condition": "No"},
    }
    conditions = {"Deep": deep, "Yes": yes, "No": no}
    assert create(cloud, "deep", resources, Conditions=conditions) == "CREATE_COMPLETE"
    found = cloud.client("cloudformation", account=ACCOUNT).list_stack_resources(StackName="deep")
    assert [each["LogicalResourceId"] for each in found["StackResourceSummaries"]] == ["Made"]


def test_a_resource_has_a_condition_by_its_name_alone(cloud: LocalCloud) -> None:
    """ "Template format error: Every Condition member must be a string."

    https://github.com/aws/serverless-application-model/issues/1230
    """
    with pytest.raises(ClientError, match="Every Condition member must be a string"):
        create(cloud, "no-name", {"Topic": {"Type": "AWS::SNS::Topic", "Condition": {"Fn::Equals": ["a", "a"]}}})


@pytest.mark.parametrize("type_name", ["AWS::SQS::Queues", "AWS::EC2::Instance", "Some::Thing"])
def test_an_unknown_type_is_refused_by_name(cloud: LocalCloud, type_name: str) -> None:
    """ "Template format error: Unrecognized resource types": the format of a type and its existence are checked first.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html
    """
    with pytest.raises(ClientError, match=rf"Unrecognized resource types: \[{type_name}\]"):
        create(cloud, "unknown", {"Thing": {"Type": type_name}})


def test_every_type_of_the_table_is_known(cloud: LocalCloud) -> None:
    names = sorted(EMULATED | ACCEPTED_ONLY.keys())
    resources = {f"R{number}": {"Type": name} for number, name in enumerate(names)}
    with pytest.raises(ClientError) as refused:
        cloud.client("cloudformation", account=ACCOUNT).validate_template(
            TemplateBody=json.dumps({"Resources": resources})
        )
    assert "Unrecognized" not in str(refused.value)


def test_an_accepted_type_has_a_ref_and_attributes_and_can_be_changed_and_deleted(cloud: LocalCloud) -> None:
    alarm = {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmRule": "FALSE", "AlarmName": "any"}}
    outputs = {"Name": {"Value": {"Ref": "Alarm"}}, "Arn": {"Value": {"Fn::GetAtt": ["Alarm", "Arn"]}}}
    assert create(cloud, "accepted", {"Alarm": alarm}, Outputs=outputs) == "CREATE_COMPLETE"
    formation = cloud.client("cloudformation", account=ACCOUNT)
    found = formation.describe_stacks(StackName="accepted")["Stacks"][0]["Outputs"]
    values = {output["OutputKey"]: output["OutputValue"] for output in found}
    assert values["Name"] == "any"
    assert values["Arn"].startswith(f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:")
    alarm["Properties"] = {"AlarmRule": "TRUE", "AlarmName": "any"}
    template = json.dumps({"Resources": {"Alarm": alarm}, "Outputs": outputs})
    formation.update_stack(StackName="accepted", TemplateBody=template)
    formation.get_waiter("stack_update_complete").wait(StackName="accepted", WaiterConfig=POLLING)
    changed = formation.describe_stacks(StackName="accepted")["Stacks"][0]["Outputs"]
    assert {output["OutputKey"]: output["OutputValue"] for output in changed} == values
    formation.delete_stack(StackName="accepted")
    formation.get_waiter("stack_delete_complete").wait(StackName="accepted", WaiterConfig=POLLING)


def test_creation_fails_over_a_name_that_is_taken(cloud: LocalCloud) -> None:
    formation, name = cloud.client("cloudformation", account=ACCOUNT), f"n{uuid.uuid4().hex[:8]}"
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}, "DeletionPolicy": "Retain"}
    assert create(cloud, name, {"Group": group}) == "CREATE_COMPLETE"
    assert create(cloud, f"{name}-again", {"Group": group}) == "ROLLBACK_COMPLETE"
    events = formation.describe_stack_events(StackName=f"{name}-again")["StackEvents"]
    reasons = [each.get("ResourceStatusReason", "") for each in events]
    assert f"Resource of type 'AWS::Logs::LogGroup' with identifier '{name}' already exists." in reasons
    group["Properties"] = {"LogGroupName": name, "RetentionInDays": 7}
    update(cloud, name, {"Group": group})


def test_generated_name_is_another_for_each_creation_and_stays_with_its_resource(cloud: LocalCloud) -> None:
    formation, name = cloud.client("cloudformation", account=ACCOUNT), f"n{uuid.uuid4().hex[:8]}"
    queue = {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain", "Properties": {"VisibilityTimeout": 1}}

    def url() -> str:
        detail = formation.describe_stack_resource(StackName=name, LogicalResourceId="Queue")["StackResourceDetail"]
        return str(detail["PhysicalResourceId"])

    create(cloud, name, {"Queue": queue})
    first = url()
    update(cloud, name, {"Queue": {**queue, "Properties": {"VisibilityTimeout": 2}}})
    assert url() == first
    formation.delete_stack(StackName=name)
    formation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=POLLING)
    create(cloud, name, {"Queue": queue})
    assert url() != first


def test_a_parameter_of_systems_manager_is_shown_by_its_name_and_with_its_value(cloud: LocalCloud) -> None:
    """ "ResolvedValue: Read-only. The value that corresponds to a Systems Manager parameter key."
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html
    """
    where, name = "/shown/<where>", f"shown-{uuid.uuid4().hex[:8]}"
    cloud.client("ssm", account=ACCOUNT).put_parameter(Name=where, Value="here & there", Type="String", Overwrite=True)
    parameters = {
        "Where": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": where},
        "Plain": {"Type": "String", "Default": where},
    }
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Where"}}}
    formation = cloud.client("cloudformation", account=ACCOUNT)
    assert create(cloud, name, {"Topic": topic}, Parameters=parameters) == "CREATE_COMPLETE"
    pages = formation.get_paginator("describe_stacks")
    for asked in ({"StackName": name}, {}):
        (stack,) = (each for page in pages.paginate(**asked) for each in page["Stacks"] if each["StackName"] == name)
        shown = {each.pop("ParameterKey"): each for each in stack["Parameters"]}
        assert shown == {
            "Where": {"ParameterValue": where, "ResolvedValue": "here & there"},
            "Plain": {"ParameterValue": where},
        }


def test_without_the_service_bad_properties_go_through(fresh_cloud: FreshCloud) -> None:
    bad = {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeOut": 5}}}
    assert create(fresh_cloud(without=("cloudformation",)), "bad", bad) == "CREATE_COMPLETE"
