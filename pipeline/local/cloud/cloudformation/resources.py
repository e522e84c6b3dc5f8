"""Resource types that are taken without a behaviour: a record, a plausible Ref, plausible attributes."""

import hashlib

from pipeline.local.cloud.cloudformation.schema import schemas
from pipeline.local.cloud.emulator import Emulator, Json, ResourceType


def accepted(emulator: Emulator, type_name: str) -> ResourceType:
    """Keep records of one such type; a resource gets the same Ref each time, so that a repetition changes nothing."""
    schema = schemas()[type_name]
    identifier = [path.removeprefix("/properties/") for path in schema.get("primaryIdentifier", [])]
    read_only = [path.removeprefix("/properties/").replace("/", ".") for path in schema.get("readOnlyProperties", [])]

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        given = next((str(properties[part]) for part in identifier if part in properties), None)
        name = given or f"{stack_name}-{logical_id}-{_token(f'{stack_name}/{logical_id}')[:12]}"
        attributes = attributes_of(name)
        return "|".join(str(properties.get(part) or attributes.get(part) or name) for part in identifier), attributes

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        del old, new, stack_name
        return physical_id, attributes_of(physical_id.rpartition("/")[2])

    def delete(physical_id: str, properties: Json) -> None:
        del physical_id, properties

    def attributes_of(name: str) -> Json:
        account, region = emulator.here()
        _, service, kind = type_name.split("::")
        arn = f"arn:aws:{service.lower()}:{region}:{account}:{kind.lower()}/{name}"
        endings = {"arn": arn, "id": _token(name)[:17]}
        return {
            attribute: next((value for ending, value in endings.items() if attribute.lower().endswith(ending)), name)
            for attribute in read_only
        }

    return ResourceType(create=create, update=update, delete=delete)


def _token(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
