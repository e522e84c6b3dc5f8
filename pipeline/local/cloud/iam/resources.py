"""`AWS::IAM::Role` and `AWS::IAM::User` keep their permissions boundary, which the emulator's CloudFormation drops."""

from pipeline.local.cloud.emulator import Emulator, Json, ResourceType
from pipeline.local.cloud.iam.patches import keep_boundary

ENTITIES = ("AWS::IAM::Role", "AWS::IAM::User")


def bounded(emulator: Emulator, type_name: str) -> ResourceType:
    """Complete a resource type by its boundary."""
    own = emulator.provided(type_name)

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        made = own.create(logical_id, properties, stack_name)
        keep_boundary(type_name, made[0], properties.get("PermissionsBoundary"))
        return made

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        made = own.update(physical_id, old, new, stack_name)
        keep_boundary(type_name, made[0], new.get("PermissionsBoundary"))
        return made

    return ResourceType(create=create, update=update, delete=own.delete)
