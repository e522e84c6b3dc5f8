"""Calls that a resource type's schema lists and that CloudFormation does not make for what we deploy, each with why."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from services.library.cloudformation.template import Json

Test = Callable[[Json], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class UnusedCall:
    """Actions that need not be allowed for a resource of this type, unless its properties ask for them after all."""

    type: str
    actions: tuple[str, ...]
    """`*` at the end stands for anything."""
    is_used: Test
    reason: str


def has(*names: str) -> Test:
    """Test whether one of these properties is there."""
    return lambda properties: any(name in properties for name in names)


def lacks(name: str) -> Test:
    """Test whether a property is not there."""
    return lambda properties: name not in properties


def differs(name: str, value: object) -> Test:
    """Test whether a property is anything but this value."""
    return lambda properties: properties.get(name) != value


def is_elsewhere(name: str, *, service: str) -> Test:
    """Test whether a property's ARNs may be of another service than this one."""
    return lambda properties: f":{service}:" not in json.dumps(properties.get(name))


ASSOCIATED = ("amplify:*", "apprunner:*", "appsync:*", "bedrock-agentcore:*", "cognito-idp:*", "ec2:*")

UNUSED_CALLS = (
    UnusedCall(
        type="AWS::Backup::BackupVault",
        actions=("backup:DeleteBackupVaultLockConfiguration",),
        is_used=lacks("LockConfiguration"),
        reason="A vault that has a lock has none taken away.",
    ),
    UnusedCall(
        type="AWS::CodeDeploy::DeploymentGroup",
        actions=("codedeploy:RegisterOnPremisesInstance",),
        is_used=has("OnPremisesInstanceTagFilters", "OnPremisesTagSet"),
        reason="Functions are no instances that anybody registers.",
    ),
    UnusedCall(
        type="AWS::DynamoDB::Table",
        actions=("iam:CreateServiceLinkedRole",),
        is_used=has("ContributorInsightsSpecification", "KinesisStreamSpecification"),
        reason="DynamoDB has roles of its own for replicas, contributor insights and Kinesis alone:"
        " https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/using-service-linked-roles.html",
    ),
    UnusedCall(
        type="AWS::Events::EventBus",
        actions=("events:PutPermission", "events:RemovePermission"),
        is_used=has("Policy"),
        reason="Who else may write to a bus is said in a policy.",
    ),
    UnusedCall(
        type="AWS::IAM::ManagedPolicy",
        actions=("iam:AttachGroupPolicy", "iam:DetachGroupPolicy"),
        is_used=has("Groups"),
        reason="Roles have policies here; there are no groups.",
    ),
    UnusedCall(
        type="AWS::IAM::ManagedPolicy",
        actions=("iam:AttachUserPolicy", "iam:DetachUserPolicy"),
        is_used=has("Users"),
        reason="Roles have policies here; there are no users.",
    ),
    UnusedCall(
        type="AWS::IAM::Policy",
        actions=("iam:DeleteGroupPolicy", "iam:GetGroupPolicy", "iam:PutGroupPolicy"),
        is_used=has("Groups"),
        reason="Roles have policies here; there are no groups.",
    ),
    UnusedCall(
        type="AWS::IAM::Policy",
        actions=("iam:DeleteUserPolicy", "iam:GetUserPolicy", "iam:PutUserPolicy"),
        is_used=has("Users"),
        reason="Roles have policies here; there are no users.",
    ),
    UnusedCall(
        type="AWS::IAM::Role",
        actions=("iam:DeleteRolePermissionsBoundary",),
        is_used=lacks("PermissionsBoundary"),
        reason="A role that keeps its boundary has none taken away, and nobody may take one away.",
    ),
    UnusedCall(
        type="AWS::Kinesis::Stream",
        actions=("kinesis:DecreaseStreamRetentionPeriod",),
        is_used=lacks("RetentionPeriodHours"),
        reason="A stream that says how long it keeps records keeps them shorter by a change of that alone, which a"
        " review shows and a production account refuses.",
    ),
    UnusedCall(
        type="AWS::Kinesis::Stream",
        actions=("kinesis:DisableEnhancedMonitoring", "kinesis:EnableEnhancedMonitoring"),
        is_used=has("DesiredShardLevelMetrics"),
        reason="Metrics of single shards are asked for by name.",
    ),
    UnusedCall(
        type="AWS::Kinesis::Stream",
        actions=("kinesis:UpdateShardCount", "kinesis:UpdateStreamMode"),
        is_used=differs("StreamModeDetails", {"StreamMode": "ON_DEMAND"}),
        reason="A stream on demand has no number of shards to change, and has been on demand from the beginning.",
    ),
    UnusedCall(
        type="AWS::KMS::Key",
        actions=("kms:DisableKey",),
        is_used=has("Enabled"),
        reason="A key is enabled from the beginning, and stays so unless something says otherwise.",
    ),
    UnusedCall(
        type="AWS::Lambda::Function",
        actions=("ec2:Describe*",),
        is_used=has("VpcConfig"),
        reason="Subnets and security groups are looked at for a function in a VPC alone:"
        " https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html",
    ),
    UnusedCall(
        type="AWS::Lambda::Function",
        actions=("elasticfilesystem:*", "s3files:*"),
        is_used=has("FileSystemConfigs"),
        reason="Mount targets are looked at for a function that mounts a file system alone.",
    ),
    UnusedCall(
        type="AWS::Lambda::Function",
        actions=("lambda:GetCodeSigningConfig",),
        is_used=has("CodeSigningConfigArn"),
        reason="The signing of code is looked at where it is asked for.",
    ),
    UnusedCall(
        type="AWS::Lambda::Function",
        actions=("lambda:PassCapacityProvider",),
        is_used=has("CapacityProviderConfig"),
        reason="A function without a provider of its own runs on Lambda's capacity.",
    ),
    UnusedCall(
        type="AWS::Logs::LogGroup",
        actions=("firehose:*",),
        is_used=has("LogGroupClass"),
        reason="A group of the standard class delivers to no stream.",
    ),
    UnusedCall(
        type="AWS::Logs::LogGroup",
        actions=("logs:DeleteIndexPolicy", "logs:PutIndexPolicy"),
        is_used=has("FieldIndexPolicies"),
        reason="Fields are indexed where a policy names them.",
    ),
    UnusedCall(
        type="AWS::Logs::LogGroup",
        actions=("logs:CreateLogDelivery", "logs:DeleteResourcePolicy", "logs:PutResourcePolicy"),
        is_used=has("ResourcePolicyDocument"),
        reason="Who else may write to a group is said in a policy.",
    ),
    UnusedCall(
        type="AWS::SNS::Topic",
        actions=("sns:Unsubscribe",),
        is_used=has("Subscription"),
        reason="A topic's subscriptions are resources of their own.",
    ),
    UnusedCall(
        type="AWS::S3::Bucket",
        actions=("s3tables:*",),
        is_used=has("MetadataConfiguration", "MetadataTableConfiguration"),
        reason="Tables are made for a bucket whose metadata are kept in some.",
    ),
    UnusedCall(
        type="AWS::WAFv2::LoggingConfiguration",
        actions=("firehose:*", "iam:*"),
        is_used=is_elsewhere("LogDestinationConfigs", service="logs"),
        reason="A log group is written to by CloudWatch Logs' own policy; a stream needs a role of the firewall's:"
        " https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html",
    ),
    UnusedCall(
        type="AWS::WAFv2::WebACL",
        actions=("payments:*",),
        is_used=has("MonetizationConfig"),
        reason="Accounts that are paid are looked at where requests are sold.",
    ),
    UnusedCall(
        type="AWS::WAFv2::WebACLAssociation",
        actions=(*ASSOCIATED, "elasticloadbalancing:*"),
        is_used=is_elsewhere("ResourceArn", service="apigateway"),
        reason="The service whose resource is named is called, and of ours that is API Gateway's.",
    ),
)


def is_used(type_: str, action: str, properties: Json) -> bool:
    """Return whether CloudFormation may make the call for a resource of these properties."""
    return not any(not each.is_used(properties) for each in _about(type_, action))


def _about(type_: str, action: str) -> Iterator[UnusedCall]:
    for each in UNUSED_CALLS:
        if each.type == type_ and any(fnmatchcase(action, pattern) for pattern in each.actions):
            yield each
