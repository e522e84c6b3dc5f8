"""On what CloudFormation calls an action for a resource, as far as a template says it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.local.cloud.cloudformation.handler_calls import Operation, arns_of
from pipeline.local.cloud.cloudformation.made_calls import tags_of
from pipeline.local.cloud.iam.policies import matches

Keys = Mapping[str, str | list[str]]

ANYWHERE = ""
"""Nobody here knows the resource: an Allow counts on whatever it is."""
NO_RESOURCE = ("*",)
"""What IAM's list has for an action that it asks about no resource for."""

NAMES: Mapping[str, tuple[str, str]] = {
    "AWS::CloudWatch::Alarm": ("AlarmName", "cloudwatch:{place}:alarm:{name}"),
    "AWS::CodeDeploy::Application": ("ApplicationName", "codedeploy:{place}:application:{name}"),
    "AWS::CodeDeploy::DeploymentConfig": ("DeploymentConfigName", "codedeploy:{place}:deploymentconfig:{name}"),
    "AWS::DynamoDB::Table": ("TableName", "dynamodb:{place}:table/{name}"),
    "AWS::Events::EventBus": ("Name", "events:{place}:event-bus/{name}"),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", "iam::{account}:policy{path}{name}"),
    "AWS::IAM::Role": ("RoleName", "iam::{account}:role{path}{name}"),
    "AWS::IAM::User": ("UserName", "iam::{account}:user{path}{name}"),
    "AWS::Kinesis::Stream": ("Name", "kinesis:{place}:stream/{name}"),
    "AWS::Lambda::Function": ("FunctionName", "lambda:{place}:function:{name}"),
    "AWS::S3::Bucket": ("BucketName", "s3:::{name}"),
    "AWS::SNS::Topic": ("TopicName", "sns:{place}:{name}"),
    "AWS::SQS::Queue": ("QueueName", "sqs:{place}:{name}"),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", "states:{place}:stateMachine:{name}"),
}
"""The property that names a resource, and its ARN. Without a name CloudFormation gives one that begins with the
stack's."""
OF_STATE_MACHINES = ("AWS::StepFunctions::StateMachineAlias", "AWS::StepFunctions::StateMachineVersion")
"""What is of a state machine, which IAM is asked about, and named by its own ARN."""
IN_SMALL_LETTERS = "AWS::S3::Bucket"

WITH_ROLES: Mapping[str, str] = {
    "AWS::IAM::ManagedPolicy": "Roles",
    "AWS::IAM::Policy": "Roles",
    "AWS::IAM::RolePolicy": "RoleName",
}
"""Policies, with the property that names the roles that have them."""

PASSED: Mapping[str, tuple[str, ...]] = {
    "AWS::ApiGateway::Account": ("apigateway", "CloudWatchRoleArn"),
    "AWS::ApiGateway::Authorizer": ("apigateway", "AuthorizerCredentials"),
    "AWS::ApiGateway::Method": ("apigateway", "Integration.Credentials"),
    "AWS::ApplicationAutoScaling::ScalableTarget": ("application-autoscaling", "RoleARN"),
    "AWS::Backup::BackupSelection": ("backup", "BackupSelection.IamRoleArn"),
    "AWS::Chatbot::SlackChannelConfiguration": ("chatbot", "IamRoleArn"),
    "AWS::CloudTrail::Trail": ("cloudtrail", "CloudWatchLogsRoleArn"),
    "AWS::CodeBuild::Project": ("codebuild", "ServiceRole", "BuildBatchConfig.ServiceRole", "ResourceAccessRole"),
    "AWS::CodeDeploy::DeploymentGroup": ("codedeploy", "ServiceRoleArn"),
    "AWS::CodePipeline::Pipeline": ("codepipeline", "RoleArn"),
    "AWS::Events::Rule": ("events", "RoleArn", "Targets.RoleArn"),
    "AWS::IAM::InstanceProfile": ("ec2", "Roles"),
    "AWS::Lambda::Function": ("lambda", "Role"),
    "AWS::Logs::SubscriptionFilter": ("logs", "RoleArn"),
    "AWS::Pipes::Pipe": ("pipes", "RoleArn"),
    "AWS::S3::Bucket": ("s3", "ReplicationConfiguration.Role"),
    "AWS::SNS::Subscription": ("sns", "SubscriptionRoleArn"),
    "AWS::SNS::Topic": (
        "sns",
        "DeliveryStatusLogging.FailureFeedbackRoleArn",
        "DeliveryStatusLogging.SuccessFeedbackRoleArn",
    ),
    "AWS::Scheduler::Schedule": ("scheduler", "Target.RoleArn"),
    "AWS::SecretsManager::RotationSchedule": ("secretsmanager", "ExternalSecretRotationRoleArn"),
    "AWS::StepFunctions::StateMachine": ("states", "RoleArn"),
    "AWS::Synthetics::Canary": ("lambda", "ExecutionRoleArn"),
}
"""To which service a type passes roles, and where its properties name them: by ARN, an instance profile by name. The
roles of actions are assumed, not passed."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What an operation does to one resource."""

    type_name: str
    operation: Operation
    account: str
    region: str
    stack_name: str
    logical_id: str
    physical_id: str = ""
    """Empty for a resource that is still to be made."""
    old: Mapping[str, Any]
    new: Mapping[str, Any]

    @property
    def properties(self) -> Mapping[str, Any]:
        """What it has afterwards, or had before it is deleted."""
        return self.old if self.operation == "delete" else self.new


BoundaryOf = Callable[[str], tuple[str, str]]
"""A role's name -> its ARN and the ARN of its boundary, each empty without one."""


def called_on(change: Change, action: str, boundary_of: BoundaryOf) -> Iterator[tuple[str, Keys]]:
    """List the resources that an action is called on, with the condition keys of each."""
    properties = change.properties
    if action == "iam:PassRole":
        yield from _passed(change, boundary_of)
    elif "ServiceToken" in properties:
        token = str(properties["ServiceToken"])
        if f":{action.partition(':')[0]}:" in token:
            yield token, {}
    elif change.type_name in WITH_ROLES and "RolePolicy" in action:
        named = properties.get(WITH_ROLES[change.type_name]) or []
        for role in [named] if isinstance(named, str) else named:
            arn, boundary = boundary_of(role)
            yield arn, _boundary(boundary)
    elif arns_of(action) == NO_RESOURCE:
        yield "*", _tags(properties)
    else:
        own = _own_arn(change)
        is_own = any(matches(pattern, own) for pattern in arns_of(action))
        yield (own if is_own else ANYWHERE), _tags(properties) | _boundary(properties.get("PermissionsBoundary"))


def _passed(change: Change, boundary_of: BoundaryOf) -> Iterator[tuple[str, Keys]]:
    service, *paths = PASSED.get(change.type_name, ("",))
    for role in sorted({role for path in paths for role in _values(change.properties, path)}):
        if not role.startswith("arn:"):
            yield boundary_of(role)[0], {"iam:PassedToService": f"{service}.amazonaws.com"}
        elif ":role/" in role:  # API Gateway takes its caller's own credentials, too
            yield role, {"iam:PassedToService": f"{service}.amazonaws.com"}


def _values(properties: Any, path: str) -> Iterator[str]:
    """Yield what stands at the end of a path, in each entry of a list on its way."""
    if isinstance(properties, list):
        for each in properties:
            yield from _values(each, path)
    elif not path:
        yield str(properties)
    elif isinstance(properties, Mapping) and (name := path.partition(".")[0]) in properties:
        yield from _values(properties[name], path.partition(".")[2])


def _own_arn(change: Change) -> str:
    if change.type_name in OF_STATE_MACHINES:
        return change.physical_id or next(_values(change.properties, "StateMachineArn"), ANYWHERE)
    if change.type_name not in NAMES:
        return ANYWHERE
    property_name, pattern = NAMES[change.type_name]
    given = change.physical_id.rpartition("/")[2].rpartition(":")[2]
    name = given or str(change.properties.get(property_name) or f"{change.stack_name}-{change.logical_id}")
    return f"arn:aws:{pattern}".format(
        account=change.account,
        name=name.lower() if change.type_name == IN_SMALL_LETTERS else name,
        path=change.properties.get("Path") or "/",
        place=f"{change.region}:{change.account}",
    )


def _tags(properties: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """Return the condition keys of the tags that a request has."""
    tags = tags_of(properties)
    return (
        {"aws:TagKeys": list(tags), **{f"aws:RequestTag/{key}": value for key, value in tags.items()}} if tags else {}
    )


def _boundary(arn: str | None) -> dict[str, str | list[str]]:
    """Return the condition key of a boundary: known to be absent without one."""
    return {"iam:PermissionsBoundary": [arn] if arn else []}
