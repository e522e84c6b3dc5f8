"""Data that end while their resource stays: kept for less time, without a way back, or under a key that others share.

A kind of property is known by its name, in whichever type it stands (`retention`, `recovery`); what needs more than a
name to be judged has a function here.
"""

from collections.abc import Callable, Iterator, Mapping

from pipeline.review.diff import lifecycle_rules, recovery, retention
from pipeline.review.diff.data_classes import DataClass, data_class
from pipeline.review.model import EndingData, EndingKind, Json
from services.library.cloudformation.template import Resource
from services.library.cloudformation.values import is_same

Found = Iterator[EndingData]
Check = Callable[[Resource, Resource], Found]


def ending_data(old: Resource, new: Resource) -> tuple[EndingData, ...]:
    """Return what ends with this change of a resource that stays what it is."""
    checks: list[Check] = [*CHECKS.get(new.type, ())]
    if data_class(new.type) is not DataClass.NONE:
        checks += (retention.shortened, recovery.switched_off)
    return tuple(found for check in checks for found in check(old, new))


def _time_to_live(old: Resource, new: Resource) -> Found:
    """TTL that is switched on, or reads another attribute: items that exist are judged by it, too."""
    before, after = (_mapping(side.properties.get("TimeToLiveSpecification")) for side in (old, new))
    if str(after.get("Enabled")).lower() != "false" and after and not is_same(before, after):
        yield EndingData(
            path="TimeToLiveSpecification",
            kind=EndingKind.EXPIRY,
            what=f"items whose {after.get('AttributeName', 'attribute')} lies in the past are deleted",
            when="within a few days of the deployment, those that exist already included",
        )


def _regenerated(old: Resource, new: Resource) -> Found:
    before, after = (side.properties.get("GenerateSecretString") for side in (old, new))
    if after is not None and not is_same(before, after):
        yield EndingData(
            path="GenerateSecretString",
            kind=EndingKind.SECRET,
            what="the secret gets a new random value, and what uses the old one is refused",
            when="with the deployment",
        )


def _repository_lifecycle(old: Resource, new: Resource) -> Found:
    before, after = (_mapping(side.properties.get("LifecyclePolicy")) for side in (old, new))
    if after and not is_same(before, after):
        yield EndingData(
            path="LifecyclePolicy",
            kind=EndingKind.EXPIRY,
            what="the images that the policy selects are deleted, deployed ones included",
            when="within 24 hours of the deployment",
        )


def _dead_letters(old: Resource, new: Resource) -> Found:
    if "RedrivePolicy" in old.properties and "RedrivePolicy" not in new.properties:
        yield EndingData(
            path="RedrivePolicy",
            kind=EndingKind.RECOVERY,
            what="messages that cannot be handled do not reach the dead-letter queue any more",
            when="they are deleted when the queue's retention ends",
        )


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


CHECKS: Mapping[str, tuple[Check, ...]] = {
    "AWS::DynamoDB::GlobalTable": (_time_to_live,),
    "AWS::DynamoDB::Table": (_time_to_live,),
    "AWS::ECR::Repository": (_repository_lifecycle,),
    "AWS::S3::Bucket": (lifecycle_rules.expiring,),
    "AWS::SecretsManager::Secret": (_regenerated,),
    "AWS::SQS::Queue": (_dead_letters,),
}
"""What is looked at beside the kinds of property. Where it is written:

- https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
- https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
- https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-expire-general-considerations.html
- https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
- https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secret.html
"""
