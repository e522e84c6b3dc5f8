"""Data that end while their resource stays: kept for less time, without a way back, or under a key that others share.

A kind of property is known by its name, in whichever type it stands (`retention`, `recovery`); what needs more than a
name to be judged has a function here.
"""

from collections.abc import Callable, Iterator, Mapping

from pipeline.review.diff import lifecycle_rules, locks, recovery, retention, secret_values
from pipeline.review.diff.data_classes import DataClass, data_class
from pipeline.review.model import EndingData, EndingKind, Json
from services.library.cloudformation.template import Resource
from services.library.cloudformation.values import is_same

DEAD_LETTERS = frozenset({"DeadLetterConfig", "RedrivePolicy"})
"""What a property is called that says where messages go that cannot be handled."""
Found = Iterator[EndingData]
Check = Callable[[Resource, Resource], Found]


def ending_data(old: Resource, new: Resource) -> tuple[EndingData, ...]:
    """Return what ends with this change of a resource that stays what it is."""
    checks: list[Check] = [*CHECKS.get(new.type, ()), secret_values.regenerated]
    if data_class(new.type) is DataClass.NONE:
        checks.append(recovery.under_a_shared_key)
    else:
        checks += (retention.shortened, recovery.switched_off, locks.weakened)
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
    for name in DEAD_LETTERS & old.properties.keys() - new.properties.keys():
        yield EndingData(
            path=name,
            kind=EndingKind.RECOVERY,
            what="messages that cannot be handled do not reach the dead-letter queue any more",
            when="they are deleted once their time, or their tries, are over",
        )


def _stream(old: Resource, new: Resource) -> Found:
    before, after = (_mapping(side.properties.get("StreamSpecification")) for side in (old, new))
    if before and not is_same(before.get("StreamViewType"), after.get("StreamViewType")):
        yield EndingData(
            path="StreamSpecification",
            kind=EndingKind.EXPIRY,
            what="the table's stream ends, and with it the changes in it that are not consumed yet",
            when="with the deployment",
        )


def _disabled_key(old: Resource, new: Resource) -> Found:
    before, after = (str(side.properties.get("Enabled", True)).lower() for side in (old, new))
    if before == "true" and after != "true":
        yield EndingData(
            path="Enabled",
            kind=EndingKind.RECOVERY,
            what="what the key encrypts cannot be read until it is enabled again",
            when="with the deployment",
        )


def _backup_rules(old: Resource, new: Resource) -> Found:
    before, after = (_rule_names(side) for side in (old, new))
    if gone := sorted(before - after):
        yield EndingData(
            path="BackupPlan.BackupPlanRule",
            kind=EndingKind.RECOVERY,
            what=f"no backups are made any more by the rule {', '.join(gone)}",
            when="from the deployment on",
        )


def _rule_names(plan: Resource) -> set[str]:
    rules = _mapping(plan.properties.get("BackupPlan")).get("BackupPlanRule")
    return {str(_mapping(rule).get("RuleName")) for rule in rules} if isinstance(rules, list) else set()


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


CHECKS: Mapping[str, tuple[Check, ...]] = {
    "AWS::Backup::BackupPlan": (_backup_rules,),
    "AWS::DynamoDB::GlobalTable": (_time_to_live, _stream),
    "AWS::DynamoDB::Table": (_time_to_live, _stream),
    "AWS::ECR::Repository": (_repository_lifecycle,),
    "AWS::KMS::Key": (_disabled_key,),
    "AWS::Lambda::Function": (_dead_letters,),
    "AWS::S3::Bucket": (lifecycle_rules.expiring,),
    "AWS::SNS::Subscription": (_dead_letters,),
    "AWS::SQS::Queue": (_dead_letters,),
}
"""What is looked at beside the kinds of property. Where it is written:

- https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
- https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
- https://docs.aws.amazon.com/aws-backup/latest/devguide/updating-a-backup-plan.html
- https://docs.aws.amazon.com/kms/latest/developerguide/enabling-keys.html
- https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
- https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-expire-general-considerations.html
- https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
- https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
- https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
"""
