"""`AWS::SecretsManager::Secret`, by its ARN, and `AWS::SecretsManager::RotationSchedule`.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secret.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-rotationschedule.html
"""

from pipeline.local.cloud.emulator import Emulator, Json, ResourceType
from pipeline.local.cloud.secretsmanager.patches import Rotations, name_of


def secret(emulator: Emulator) -> ResourceType:
    """Call secrets in templates by their ARNs, as `Ref` does on AWS; the emulator takes their names."""
    own = emulator.provided("AWS::SecretsManager::Secret")

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        _, attributes = own.create(logical_id, properties, stack_name)
        return attributes["Id"], attributes

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        _, attributes = own.update(name_of(physical_id), old, new, stack_name)
        return attributes["Id"], attributes

    def delete(physical_id: str, properties: Json) -> None:
        own.delete(name_of(physical_id), properties)

    return ResourceType(create=create, update=update, delete=delete)


def rotation_schedule(rotations: Rotations) -> ResourceType:
    """Rotate a secret when its schedule is made or changed."""

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        del logical_id, stack_name
        made = rotations.begin(
            properties["SecretId"],
            function=properties["RotationLambdaARN"],
            rules=properties.get("RotationRules"),
            immediately=str(properties.get("RotateImmediatelyOnUpdate", True)).lower() != "false",
        )
        return made["ARN"], {}

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        del old
        return create(physical_id, new, stack_name)

    def delete(physical_id: str, properties: Json) -> None:
        del properties
        rotations.end(physical_id)

    return ResourceType(create=create, update=update, delete=delete)
