"""Which of the calls that a type's schema lists are made for one resource.

No source says which property needs which call. Read by hand, type by type: what is not here is made whatever the
properties are. Like the guardrail's `unused_calls.py`, which judges templates; here it is one operation, whose earlier
properties are known.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, NamedTuple, TypeVar

from pipeline.local.cloud.cloudformation.handler_calls import Operation, calls_of

Properties = Mapping[str, Any]
Value = TypeVar("Value")

OWN_SERVICES: Mapping[str, tuple[str, ...]] = {
    "ApplicationAutoScaling": ("application-autoscaling",),
    "Backup": ("backup", "backup-storage"),
    "CodeStarConnections": ("codestar-connections",),
    "CodeStarNotifications": ("codestar-notifications",),
    "HealthLake": ("healthlake", "glue", "ram"),  # it shares its tables with the account
    "ResourceGroups": ("resource-groups",),
    "StepFunctions": ("states",),
}
"""The services that are called for all of a service's types, where that is not its name in small letters alone."""

NAMED_BY: Mapping[str, str] = {
    "cloudwatch": '"Alarms":|:cloudwatch:',
    "ec2": "SubnetIds",
    "iam": ":role/",
    "kms": '"[A-Za-z]*(K(ms|MS)|EncryptionKey)[A-Za-z]*":',
    "s3": "S3Bucket|S3Location|:s3:",
}
"""How properties name something of another service, as a pattern; any other is named by an ARN of its own."""

NEVER: Mapping[str, tuple[str, ...]] = {
    # A change of a table makes no other table; what a table holds is not written.
    "AWS::DynamoDB::*": ("dynamodb:*Item", "dynamodb:Query", "dynamodb:Scan"),
    "AWS::DynamoDB::Table": ("dynamodb:*TableReplica",),
    # The objects of a bucket are not a template's.
    "AWS::S3::Bucket": ("s3:*Object", "s3:ListBucket", "s3:GetBucketAcl", "s3:PutObjectAcl"),
}
"""Calls that are not made for what is emulated here, by the type."""
MADE_ONCE = "iam:CreateServiceLinkedRole"
"""What a service needs once in an account is there, and the guardrail asks for it in every template."""

BY_PROPERTY: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "AWS::ApiGateway::RestApi": {"Policy": ("apigateway:UpdateRestApiPolicy",)},
    "AWS::Backup::BackupVault": {
        "AccessPolicy": ("*AccessPolicy",),
        "LockConfiguration": ("*LockConfiguration",),
        "Notifications": ("*Notifications",),
    },
    "AWS::CloudTrail::Trail": {"EventSelectors": ("*EventSelectors",), "InsightSelectors": ("*InsightSelectors",)},
    "AWS::CodeBuild::Project": {"Triggers": ("*Webhook",), "Visibility": ("*ProjectVisibility",)},
    "AWS::CodeCommit::Repository": {
        "Code": ("*CreateCommit",),
        "KmsKeyId": ("*EncryptionKey",),
        "RepositoryDescription": ("*Description",),
        "RepositoryName": ("*UpdateRepositoryName",),
        "Triggers": ("*Triggers",),
    },
    "AWS::CodeDeploy::DeploymentGroup": {
        "Deployment": ("*ApplicationRevision", "*Deployment", "*Deployments"),
        "OnPremisesInstanceTagFilters": ("*OnPremisesInstance",),
        "OnPremisesTagSet": ("*OnPremisesInstance",),
    },
    "AWS::CodePipeline::Pipeline": {
        "DisableInboundStageTransitions": ("*StageTransition",),
        "RestartExecutionOnUpdate": ("*StartPipelineExecution",),
    },
    "AWS::DynamoDB::*": {
        "ContributorInsightsSpecification": ("*ContributorInsights",),
        "ImportSourceSpecification": ("*Import*", "logs:*", "s3:*"),
        "KinesisStreamSpecification": ("*KinesisStreamingDestination", "kinesis:*"),
        "PointInTimeRecoverySpecification": ("*ContinuousBackups",),
        "ResourcePolicy": ("*ResourcePolicy",),
        "TimeToLiveSpecification": ("*TimeToLive",),
    },
    "AWS::ECR::Repository": {
        "ImageScanningConfiguration": ("*ImageScanningConfiguration",),
        "ImageTagMutability": ("*ImageTagMutability",),
        "LifecyclePolicy": ("*LifecyclePolicy",),
        "RepositoryPolicyText": ("*RepositoryPolicy",),
    },
    "AWS::Events::EventBus": {"Policy": ("*Permission",)},
    "AWS::IAM::ManagedPolicy": {
        "Groups": ("*GroupPolicy",),
        "PolicyDocument": ("*PolicyVersion", "*PolicyVersions"),
        "Roles": ("*RolePolicy",),
        "Users": ("*UserPolicy",),
    },
    "AWS::IAM::Policy": {"Groups": ("*GroupPolicy",), "Roles": ("*RolePolicy",), "Users": ("*UserPolicy",)},
    "AWS::IAM::Role": {
        "AssumeRolePolicyDocument": ("*UpdateAssumeRolePolicy",),
        "Description": ("*UpdateRoleDescription",),
        "ManagedPolicyArns": ("*AttachRolePolicy", "*DetachRolePolicy", "*ListAttachedRolePolicies"),
        "MaxSessionDuration": ("*UpdateRole",),
        "PermissionsBoundary": ("*PermissionsBoundary",),
        "Policies": ("*DeleteRolePolicy", "*GetRolePolicy", "*ListRolePolicies", "*PutRolePolicy"),
    },
    "AWS::IAM::User": {
        "Groups": ("*UserToGroup", "*UserFromGroup", "*ListGroupsForUser"),
        "LoginProfile": ("*LoginProfile",),
        "ManagedPolicyArns": ("*AttachUserPolicy", "*DetachUserPolicy", "*ListAttachedUserPolicies"),
        "PermissionsBoundary": ("*PermissionsBoundary",),
        "Policies": ("*DeleteUserPolicy", "*GetUserPolicy", "*ListUserPolicies", "*PutUserPolicy"),
    },
    "AWS::KMS::Key": {
        "Description": ("*UpdateKeyDescription",),
        "EnableKeyRotation": ("*KeyRotation",),
        "Enabled": ("*DisableKey", "*EnableKey"),
        "KeyPolicy": ("*PutKeyPolicy",),
    },
    "AWS::Kinesis::Stream": {
        "DesiredShardLevelMetrics": ("*EnhancedMonitoring",),
        "MaxRecordSizeInKiB": ("*MaxRecordSize",),
        "RetentionPeriodHours": ("*StreamRetentionPeriod",),
        "ShardCount": ("*UpdateShardCount",),
        "StreamEncryption": ("*StreamEncryption",),
        "StreamModeDetails": ("*UpdateStreamMode",),
        "StreamRecordDistributionStrategy": ("*StreamRecordDistributionStrategy",),
        "WarmThroughputMiBps": ("*WarmThroughput",),
    },
    "AWS::Lambda::Alias": {"ProvisionedConcurrencyConfig": ("*ProvisionedConcurrencyConfig",)},
    "AWS::Lambda::Function": {
        "CapacityProviderConfig": ("*PassCapacityProvider", "*PublishVersion"),
        "Code": ("*UpdateFunctionCode", "s3:*"),
        "CodeSigningConfigArn": ("*CodeSigningConfig",),
        "FileSystemConfigs": ("elasticfilesystem:*", "s3files:*"),
        "FunctionScalingConfig": ("*FunctionScalingConfig",),
        "Layers": ("*GetLayerVersion",),
        "RecursiveLoop": ("*RecursionConfig",),
        "ReservedConcurrentExecutions": ("*FunctionConcurrency",),
        "RuntimeManagementConfig": ("*RuntimeManagementConfig", "*RuntimeAlias"),
        "VpcConfig": ("ec2:*",),
    },
    "AWS::Lambda::Version": {
        "FunctionScalingConfig": ("*FunctionScalingConfig",),
        "ProvisionedConcurrencyConfig": ("*ProvisionedConcurrencyConfig",),
        "RuntimePolicy": ("*RuntimeManagementConfig",),
    },
    "AWS::Logs::LogGroup": {
        "BearerTokenAuthenticationEnabled": ("*BearerTokenAuthentication",),
        "DataProtectionPolicy": ("*DataProtectionPolicy",),
        "DeletionProtectionEnabled": ("*DeletionProtection",),
        "FieldIndexPolicies": ("*IndexPolicy", "*IndexPolicies"),
        "KmsKeyId": ("*KmsKey",),
        "ResourcePolicyDocument": ("*ResourcePolicy", "*ResourcePolicies", "*CreateLogDelivery"),
        "RetentionInDays": ("*RetentionPolicy",),
    },
    "AWS::S3::Bucket": {
        "AbacStatus": ("*BucketAbac",),
        "AccelerateConfiguration": ("*AccelerateConfiguration",),
        "AccessControl": ("*PutBucketAcl",),
        "AnalyticsConfigurations": ("*AnalyticsConfiguration",),
        "BucketEncryption": ("*EncryptionConfiguration", "*BucketEncryption"),
        "CorsConfiguration": ("*BucketCORS", "*BucketCors"),
        "IntelligentTieringConfigurations": ("*IntelligentTieringConfiguration",),
        "InventoryConfigurations": ("*InventoryConfiguration",),
        "LifecycleConfiguration": ("*LifecycleConfiguration", "*BucketLifecycle"),
        "LoggingConfiguration": ("*BucketLogging",),
        "MetadataConfiguration": ("*BucketMetadata*", "s3tables:*"),
        "MetadataTableConfiguration": ("*BucketMetadata*", "s3tables:*"),
        "MetricsConfigurations": ("*MetricsConfiguration",),
        "NotificationConfiguration": ("*BucketNotification",),
        "ObjectLockConfiguration": ("*ObjectLockConfiguration",),
        "OwnershipControls": ("*OwnershipControls",),
        "PublicAccessBlockConfiguration": ("*PublicAccessBlock",),
        "ReplicationConfiguration": ("*Replication", "*ReplicationConfiguration"),
        "VersioningConfiguration": ("*BucketVersioning",),
        "WebsiteConfiguration": ("*BucketWebsite",),
    },
    "AWS::SNS::Topic": {
        "DataProtectionPolicy": ("*DataProtectionPolicy",),
        "Subscription": ("*Subscribe", "*Unsubscribe", "*ListSubscriptionsByTopic"),
    },
    "AWS::SecretsManager::Secret": {
        "GenerateSecretString": ("*GetRandomPassword", "*GetSecretValue"),
        "ReplicaRegions": ("*ReplicateSecretToRegions", "*RemoveRegionsFromReplication"),
    },
}
"""Calls that one property causes: made where it is there or changes, and not without it."""

TAKES_AWAY = re.compile(r"[a-z0-9-]+:(Delete|Detach|Disassociate|Remove|Stop|Unsubscribe)")
"""Made where a property, or an entry of one that is a list, is taken away, and not where it has another value."""
SHORTENS = "kinesis:DecreaseStreamRetentionPeriod"
"""Production accounts deny it, so an update that keeps records longer must not need it."""
USUAL_HOURS = 24
RESERVED = "aws:"
"""How the tags begin that AWS gives itself."""


class Call(NamedTuple):
    """A call that a type's schema lists, with what decides whether it is made."""

    action: str
    other_service: str
    """Empty for a call of the type's own service, and of what a custom resource is made by."""
    causes: tuple[str, ...]
    """The properties that cause it; empty where none does."""


def made_calls(type_name: str, operation: Operation, old: Properties, new: Properties) -> Iterator[str]:
    """List what is called. `old` is empty where a resource is made, `new` where it is deleted."""
    text = json.dumps([old, new], default=str)
    for call in _calls(type_name, operation):
        if call.other_service and not _names(call.other_service, text):
            continue
        if _is_about_tags(call) and (operation == "delete" or tags_of(old) == tags_of(new)):
            continue
        if call.causes and not any(_causes(call.action, old.get(each), new.get(each)) for each in call.causes):
            continue
        if call.action != SHORTENS or _hours(new) < _hours(old):
            yield call.action


@cache
def _calls(type_name: str, operation: Operation) -> tuple[Call, ...]:
    is_custom = type_name.startswith("Custom::") or type_name == "AWS::CloudFormation::CustomResource"
    name = "" if is_custom else type_name.split("::")[1]
    own = OWN_SERVICES.get(name, (name.lower(),))
    never = [pattern for its in _of_type(NEVER, type_name) for pattern in its]
    by_property = [each for its in _of_type(BY_PROPERTY, type_name) for each in its.items()]
    found: list[Call] = []
    for action in calls_of(type_name, operation):
        service = action.partition(":")[0]
        other_service = "" if is_custom or service in own else service
        if not _is_one_of(action, never) and not (other_service and action == MADE_ONCE):
            causes = tuple(cause for cause, patterns in by_property if _is_one_of(action, patterns))
            found.append(Call(action, other_service, causes))
    return tuple(found)


def _of_type(by_type: Mapping[str, Value], type_name: str) -> Iterator[Value]:
    return (value for pattern, value in by_type.items() if fnmatchcase(type_name, pattern))


def _is_one_of(action: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(action, pattern) for pattern in patterns)


def _causes(action: str, old: Any, new: Any) -> bool:
    """Tell whether a change of one property causes a call."""
    if not TAKES_AWAY.match(action):
        return bool(old != new)
    if isinstance(old, list) and isinstance(new, list):
        return any(each not in new for each in old)
    return old is not None and new is None


def _names(service: str, text: str) -> bool:
    return re.search(NAMED_BY.get(service, f":{service}:"), text) is not None


def _is_about_tags(call: Call) -> bool:
    return re.search("Tag|Untag", call.action) is not None and not call.causes


def tags_of(properties: Properties) -> dict[str, str]:
    """Return a resource's tags. CloudFormation's own are no reason for a call: a role without it makes none."""
    found: Any = next((value for name, value in properties.items() if name.endswith("Tags") and value), {})
    tags = found if isinstance(found, Mapping) else {each["Key"]: each["Value"] for each in found}
    return {key: str(value) for key, value in tags.items() if not key.startswith(RESERVED)}


def _hours(properties: Properties) -> int:
    return int(properties.get("RetentionPeriodHours") or USUAL_HOURS)
