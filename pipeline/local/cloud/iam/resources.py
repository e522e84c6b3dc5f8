"""What the emulator's CloudFormation drops: boundaries of roles and users, policies and keys of tables."""

from pipeline.local.cloud.emulator import Emulator, Json, ResourceType
from pipeline.local.cloud.iam.principal_patches import keep_boundary
from pipeline.local.cloud.iam.request_patches import keep_table_key, keep_table_policy

ENTITIES = ("AWS::IAM::Role", "AWS::IAM::User")
TABLE = "AWS::DynamoDB::Table"


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


def with_policy(emulator: Emulator) -> ResourceType:
    """Complete tables by their resource-based policy and the key that they are encrypted with."""
    own = emulator.provided(TABLE)

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        made = own.create(logical_id, properties, stack_name)
        keep_table_key(made[0], properties.get("SSESpecification"))
        keep_table_policy(made[0], (properties.get("ResourcePolicy") or {}).get("PolicyDocument"))
        return made

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        made = own.update(physical_id, old, new, stack_name)
        keep_table_key(made[0], new.get("SSESpecification"))
        keep_table_policy(made[0], (new.get("ResourcePolicy") or {}).get("PolicyDocument"))
        return made

    return ResourceType(create=create, update=update, delete=own.delete)
