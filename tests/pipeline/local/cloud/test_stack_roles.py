"""CloudFormation operates a stack in its role, which needs what each resource's handlers call.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
"""

import itertools
import json
from typing import Any

import pytest

from pipeline.local.bootstrap import checkout_foundation
from pipeline.local.lifecycle import LocalCloud
from pipeline.local.permissions import denials
from pipeline.local.stacks import bring_to
from pipeline.operate.session import LocalClients
from tests.testbed.deployments import ACCOUNT, Deployment, deploy, ended
from tests.testbed.functions import REGION
from tests.testbed.roles import role

pytestmark = pytest.mark.cloud

SERVICE = "cloudformation.amazonaws.com"
QUEUES = ("sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SetQueueAttributes")
_numbers = itertools.count()


def queue(**properties: Any) -> dict[str, Any]:
    return {"Queue": {"Type": "AWS::SQS::Queue", "Properties": properties}}


def role_without(cloud: LocalCloud, *lacked: str, **statement: Any) -> str:
    """A role that may do what a queue needs, but for some of it."""
    actions = sorted({*QUEUES, "sqs:ListQueueTags"} - {*lacked})
    return role(cloud, f"stack-role-{next(_numbers)}", SERVICE, **{"Action": actions, **statement})


def denied(role_arn: str, action: str) -> str:
    session = role_arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")
    return f"User: {session}/AWSCloudFormation is not authorized to perform: {action} on resource: arn:aws:sqs:"


def delete(cloud: LocalCloud, stack: str) -> Deployment:
    client = cloud.client("cloudformation", ACCOUNT, REGION)
    stack_id = client.describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
    client.delete_stack(StackName=stack)
    return ended(cloud, stack_id)


def test_what_the_role_may_do_is_done(cloud: LocalCloud) -> None:
    made = deploy(cloud, queue(DelaySeconds=1), RoleARN=role_without(cloud))
    assert made.status == "CREATE_COMPLETE", made.reason("Queue")
    changed = deploy(cloud, queue(DelaySeconds=2), stack=made.name)
    assert changed.status == "UPDATE_COMPLETE", changed.reason("Queue")
    assert delete(cloud, made.name).status == "DELETE_COMPLETE"


def test_a_resource_that_the_role_may_not_make_fails_the_creation(cloud: LocalCloud) -> None:
    lacking = role_without(cloud, "sqs:CreateQueue")
    failed = deploy(cloud, queue(QueueName="made-by-nobody"), RoleARN=lacking)
    assert failed.status == "ROLLBACK_COMPLETE"
    reason = failed.reason("Queue")
    assert denied(lacking, "sqs:CreateQueue") in reason
    assert "made-by-nobody because no identity-based policy allows the sqs:CreateQueue action" in reason
    assert "HandlerErrorCode: AccessDenied" in reason
    listed = cloud.client("sqs", ACCOUNT, REGION).list_queues(QueueNamePrefix="made-by-nobody")
    assert not listed.get("QueueUrls")


def test_a_denial_is_listed_with_the_statement_that_would_allow_it(cloud: LocalCloud) -> None:
    lacking = role_without(cloud, "sqs:CreateQueue")
    deploy(cloud, queue(QueueName="listed"), RoleARN=lacking)
    (listed,) = (each for each in denials(cloud.port).found if f"/{lacking.rpartition('/')[2]}/" in each["who"])
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:listed"
    assert listed["statement"] == {"Effect": "Allow", "Action": "sqs:CreateQueue", "Resource": arn}


def test_a_change_that_the_role_may_not_make_is_rolled_back(cloud: LocalCloud) -> None:
    lacking = role_without(cloud, "sqs:SetQueueAttributes")
    made = deploy(cloud, queue(DelaySeconds=1), RoleARN=lacking)
    changed = deploy(cloud, queue(DelaySeconds=2), stack=made.name)
    assert (made.status, changed.status) == ("CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
    assert denied(lacking, "sqs:SetQueueAttributes") in changed.reason("Queue")


def test_what_stays_as_it_is_needs_no_permission(cloud: LocalCloud) -> None:
    topic = {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "new"}}}
    made = deploy(cloud, queue(DelaySeconds=1))
    lacking = role_without(cloud, Action=["sns:*"])
    assert deploy(cloud, queue(DelaySeconds=1) | topic, stack=made.name, RoleARN=lacking).status == "UPDATE_COMPLETE"


def test_a_resource_that_the_role_may_not_delete_stays(cloud: LocalCloud) -> None:
    """ "CloudFormation uses the role for all future operations on the stack": the deletion names none."""
    lacking = role_without(cloud, "sqs:DeleteQueue")
    failed = delete(cloud, deploy(cloud, queue(), RoleARN=lacking).name)
    assert failed.status == "DELETE_FAILED"
    assert denied(lacking, "sqs:DeleteQueue") in failed.reason("Queue")


def test_what_was_made_cannot_be_rolled_back_without_the_permission(cloud: LocalCloud) -> None:
    both = queue() | {"Topic": {"Type": "AWS::SNS::Topic", "DependsOn": "Queue"}}
    assert deploy(cloud, both, RoleARN=role_without(cloud, "sqs:DeleteQueue")).status == "ROLLBACK_FAILED"


def test_a_change_set_is_executed_in_the_role_that_it_was_made_with(cloud: LocalCloud) -> None:
    client, name = cloud.client("cloudformation", ACCOUNT, REGION), f"change-set-{next(_numbers)}"
    lacking = role_without(cloud, "sqs:CreateQueue")
    client.create_change_set(
        StackName=name,
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps({"Resources": queue()}),
        RoleARN=lacking,
    )
    client.get_waiter("change_set_create_complete").wait(StackName=name, ChangeSetName="first")
    client.execute_change_set(StackName=name, ChangeSetName="first")
    assert denied(lacking, "sqs:CreateQueue") in ended(cloud, name).reason("Queue")


def test_a_stack_without_a_role_acts_as_whoever_called(cloud: LocalCloud) -> None:
    deployer = role(
        cloud,
        f"stack-role-{next(_numbers)}",
        SERVICE,
        principals=(ACCOUNT,),
        Action=["cloudformation:*", "sqs:GetQueueUrl"],
    )
    sts = cloud.client("sts", ACCOUNT, REGION)
    session = sts.assume_role(RoleArn=deployer, RoleSessionName="me")["Credentials"]
    credentials = {
        "aws_access_key_id": session["AccessKeyId"],
        "aws_secret_access_key": session["SecretAccessKey"],
        "aws_session_token": session["SessionToken"],
    }
    client, name = LocalClients(cloud.endpoint).create("cloudformation", REGION, credentials), f"by-{next(_numbers)}"
    client.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": queue()}))
    reason = ended(cloud, name).reason("Queue")
    assert "/me is not authorized to perform: sqs:CreateQueue" in reason


def test_a_nested_stack_acts_in_the_role_of_the_one_around_it(cloud: LocalCloud) -> None:
    s3, bucket = cloud.client("s3", ACCOUNT, REGION), f"stack-roles-{next(_numbers)}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="inner.json", Body=json.dumps({"Resources": queue()}).encode())
    properties = {"TemplateURL": f"{cloud.endpoint}/{bucket}/inner.json"}
    nested = {"Inner": {"Type": "AWS::CloudFormation::Stack", "Properties": properties}}
    failed = deploy(cloud, nested, RoleARN=role_without(cloud, Action=["cloudformation:*"]))
    assert "is not authorized to perform: sqs:CreateQueue" in failed.reason("Inner")


def test_a_policy_may_name_what_the_stack_will_name(cloud: LocalCloud) -> None:
    """ "AWS CloudFormation generates a unique physical ID": it begins with the stack's name."""
    mine = role_without(cloud, Resource=f"arn:aws:sqs:*:{ACCOUNT}:s-*")
    others = role_without(cloud, Resource=f"arn:aws:sqs:*:{ACCOUNT}:others-*")
    assert deploy(cloud, queue(), RoleARN=mine).status == "CREATE_COMPLETE"
    assert deploy(cloud, queue(), RoleARN=others).status == "ROLLBACK_COMPLETE"


def test_a_condition_on_what_a_template_does_not_tell_may_hold(cloud: LocalCloud) -> None:
    unknown = {"StringLike": {"sqs:Anything": "here-*"}}
    wrong = {"StringLike": {"aws:RequestTag/team": "others-*"}}
    tagged = queue(Tags=[{"Key": "team", "Value": "ours"}])
    actions = ["sqs:*"]
    made = deploy(cloud, tagged, RoleARN=role_without(cloud, Action=actions, Condition=unknown))
    assert made.status == "CREATE_COMPLETE"
    failed = deploy(cloud, tagged, RoleARN=role_without(cloud, Action=actions, Condition=wrong))
    assert failed.status == "ROLLBACK_COMPLETE"


def test_a_role_is_passed_as_the_stacks_role(cloud: LocalCloud) -> None:
    passed = role(cloud, f"stack-role-{next(_numbers)}", "states.amazonaws.com")
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    properties = {"DefinitionString": definition, "RoleArn": passed}
    workflow = {"Workflow": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}
    failed = deploy(cloud, workflow, RoleARN=role_without(cloud, Action=["states:*"]))
    assert f"iam:PassRole on resource: {passed}" in failed.reason("Workflow")
    may = role_without(cloud, Action=["states:*", "iam:PassRole"])
    assert deploy(cloud, workflow, RoleARN=may).status == "CREATE_COMPLETE"


@pytest.fixture(scope="module")
def execution_role(cloud: LocalCloud) -> tuple[str, str]:
    """A role with the foundation's execution policy, and the foundation's boundary, in an account that keeps data."""
    account = "141414141414"
    parameters = {"HoldsPipeline": "false", "KeepsData": "true", "RoleNames": "s-*"}
    client = cloud.client("cloudformation", account, REGION)
    bring_to(client, "penstock-foundation", template=checkout_foundation(), parameters=parameters)
    arn = role(cloud, "execution", SERVICE, account=account, Action="none:None")
    policies = f"arn:aws:iam::{account}:policy"
    cloud.client("iam", account).attach_role_policy(RoleName="execution", PolicyArn=f"{policies}/penstock-execution")
    return arn, f"{policies}/penstock-boundary"


def a_role(**properties: Any) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [trust]}
    return {"Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document, **properties}}}


def test_the_foundation_lets_a_role_be_made_within_the_boundary_alone(
    cloud: LocalCloud, execution_role: tuple[str, str]
) -> None:
    arn, boundary = execution_role
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}
    policy = {"PolicyName": "Default", "PolicyDocument": allow, "Roles": [{"Ref": "Role"}]}
    within = a_role(PermissionsBoundary=boundary) | {"Policy": {"Type": "AWS::IAM::Policy", "Properties": policy}}
    account = arn.split(":")[4]
    assert deploy(cloud, within, account=account, RoleARN=arn).status == "CREATE_COMPLETE"
    without = deploy(cloud, a_role(), account=account, RoleARN=arn)
    assert without.status == "ROLLBACK_COMPLETE"
    assert f"iam:CreateRole on resource: arn:aws:iam::{account}:role/{without.name}-Role" in without.reason("Role")
    named = deploy(cloud, a_role(PermissionsBoundary=boundary, RoleName="another"), account=account, RoleARN=arn)
    assert named.status == "ROLLBACK_COMPLETE"


def test_role_that_comes_within_the_boundary_stays_the_same_role(
    cloud: LocalCloud, execution_role: tuple[str, str]
) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html."""
    arn, boundary = execution_role
    account = arn.split(":")[4]
    client = cloud.client("cloudformation", account)
    made = deploy(cloud, a_role(), account=account)
    (before,) = client.describe_stack_resources(StackName=made.name)["StackResources"]
    changed = deploy(cloud, a_role(PermissionsBoundary=boundary), stack=made.name, account=account, RoleARN=arn)
    assert changed.status == "UPDATE_COMPLETE", changed.reason("Role")
    (after,) = client.describe_stack_resources(StackName=made.name)["StackResources"]
    assert after["PhysicalResourceId"] == before["PhysicalResourceId"]
    role_made = cloud.client("iam", account).get_role(RoleName=after["PhysicalResourceId"])["Role"]
    assert role_made["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary


def test_the_foundation_keeps_productions_data(cloud: LocalCloud, execution_role: tuple[str, str]) -> None:
    arn, _ = execution_role
    account = arn.split(":")[4]
    made = deploy(cloud, queue(DelaySeconds=1), account=account, RoleARN=arn)
    client = cloud.client("cloudformation", account)
    stack_id = client.describe_stacks(StackName=made.name)["Stacks"][0]["StackId"]
    client.delete_stack(StackName=made.name)
    kept = ended(cloud, stack_id, account=account)
    assert kept.status == "DELETE_FAILED"
    assert "with an explicit deny in an identity-based policy" in kept.reason("Queue")
