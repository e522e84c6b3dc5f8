"""Which resources hold something, what keeps it when the resource goes, and what nobody knows."""

from pipeline.review.diff.data_classes import DataClass, data_class
from pipeline.review.model import Json
from services.library.cloudformation.template import Resource

SNAPSHOTS = frozenset(
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html, "Snapshot"
    {
        "AWS::DocDB::DBCluster",
        "AWS::EC2::Volume",
        "AWS::ElastiCache::CacheCluster",
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::Neptune::DBCluster",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
        "AWS::Redshift::Cluster",
    }
)
"""Types whose last state CloudFormation can keep."""

PROTECTIONS = frozenset(
    {"DeletionProtection", "DeletionProtectionEnabled", "DisableApiTermination", "TerminationProtectionEnabled"}
)
"""Properties that make a service refuse to delete; Cognito's is ACTIVE or INACTIVE, the others are true or false."""
KEEPS = frozenset({"Retain", "RetainExceptOnCreate"})

TRANSIENT = frozenset({DataClass.CACHE, DataClass.LOGS, DataClass.MESSAGES, DataClass.PROTECTION})
"""Classes of which a guard protects no more than what a deletion is a lesser finding for."""


def class_of(resource: Resource) -> DataClass:
    """Return what a resource holds. A member of an Aurora cluster holds nothing: the data are the cluster's."""
    if resource.type == "AWS::RDS::DBInstance" and "DBClusterIdentifier" in resource.properties:
        return DataClass.NONE
    return data_class(resource.type)


def is_store(resource: Resource) -> bool:
    """Return whether users' or machines' data are in it, and nowhere else."""
    return class_of(resource) is DataClass.DATA


def holds_data(resource: Resource) -> bool:
    """Return whether something goes with it: data, or a secret, messages, logs, an address, a disk, a cache."""
    return class_of(resource) not in {DataClass.NONE, DataClass.UNKNOWN}


def is_guarded(resource: Resource) -> bool:
    """Return whether it matters by itself that a guard against its deletion goes."""
    return holds_data(resource) and class_of(resource) not in TRANSIENT


def is_unknown(resource: Resource) -> bool:
    """Return whether nobody has said what it holds."""
    return class_of(resource) is DataClass.UNKNOWN


def is_lost_with_stack(resource: Resource) -> bool:
    """Return whether the data go with the stack. A snapshot that CloudFormation makes keeps them."""
    return is_store(resource) and on_deletion(resource) == "Delete"


def on_deletion(resource: Resource) -> str:
    """`Delete`, `Retain` or `Snapshot`, CloudFormation's default included."""
    if resource.deletion_policy in KEEPS:
        return "Retain"
    return resource.deletion_policy or ("Snapshot" if _snapshot_is_default(resource) else "Delete")


def on_replacement(resource: Resource) -> str:
    """Return what becomes of the old one: its default is `Delete` for every type."""
    return "Retain" if resource.update_replace_policy in KEEPS else resource.update_replace_policy or "Delete"


def lost_by_deletion(resource: Resource) -> bool:
    """Return whether something is lost when the resource leaves the template, or its stack is deleted."""
    return holds_data(resource) and on_deletion(resource) == "Delete" and not is_protected(resource)


def lost_by_replacement(old: Resource, new: Resource) -> bool:
    """Return whether something is lost when another resource takes its place: the new template's policy decides.

    What has others backed up holds nothing itself, and the one in its place goes on with that.
    """
    if class_of(old) is DataClass.PROTECTION and old.type == new.type:
        return False
    return holds_data(old) and on_replacement(new) == "Delete" and not is_protected(old)


def goes_unknown(old: Resource, new: Resource) -> bool:
    """Return whether a replacement deletes what nobody has classed."""
    return is_unknown(old) and on_replacement(new) == "Delete"


def is_protected(resource: Resource) -> bool:
    """Return whether the service itself would refuse to delete it."""
    return any(_is_on(resource.properties.get(name)) for name in PROTECTIONS)


def _snapshot_is_default(resource: Resource) -> bool:
    return resource.type == "AWS::RDS::DBCluster" or (
        resource.type == "AWS::RDS::DBInstance" and "DBClusterIdentifier" not in resource.properties
    )


def _is_on(value: Json) -> bool:
    return str(value).lower() in {"true", "active"}
