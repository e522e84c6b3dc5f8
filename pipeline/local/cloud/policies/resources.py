"""Resource types of CloudFormation that have policies, or attach them."""

from collections.abc import Mapping

from pipeline.local.cloud.emulator import Emulator, Json, ResourceCheck
from pipeline.local.cloud.policies import checks
from pipeline.local.cloud.policies.patches import policy_exists, principal_exists


def check_resources(emulator: Emulator) -> None:
    """Check them before anything is made or changed."""
    for type_name, check in TYPES.items():
        emulator.check_resource(type_name, check)


def _role(properties: Json) -> None:
    checks.check_trust(properties["AssumeRolePolicyDocument"], principal_exists)
    _entity(properties)


def _entity(properties: Json) -> None:
    for policy in properties.get("Policies") or ():
        checks.check_identity(policy.get("PolicyDocument"))
    for arn in properties.get("ManagedPolicyArns") or ():
        checks.check_attached(arn, policy_exists)


def _key(properties: Json) -> None:
    if properties.get("KeyPolicy"):
        checks.check_key(properties["KeyPolicy"], principal_exists)


TYPES: Mapping[str, ResourceCheck] = {
    "AWS::IAM::ManagedPolicy": lambda properties: checks.check_identity(properties["PolicyDocument"], managed=True),
    "AWS::IAM::Policy": lambda properties: checks.check_identity(properties["PolicyDocument"]),
    "AWS::IAM::Role": _role,
    "AWS::IAM::RolePolicy": lambda properties: checks.check_identity(properties.get("PolicyDocument")),
    "AWS::IAM::User": _entity,
    "AWS::KMS::Key": _key,
    "AWS::S3::BucketPolicy": lambda properties: checks.check_bucket(
        properties["Bucket"], properties["PolicyDocument"], principal_exists
    ),
    "AWS::SNS::TopicPolicy": lambda properties: checks.check_topic(properties["PolicyDocument"], principal_exists),
    "AWS::SQS::QueuePolicy": lambda properties: checks.check_queue(properties["PolicyDocument"], principal_exists),
}
