"""Resource types that are taken without a behaviour: a record, a plausible Ref, plausible attributes."""

import hashlib

from pipeline.local.cloud.cloudformation.schema import schemas
from pipeline.local.cloud.emulator import Emulator, Json, ResourceType


def accepted(emulator: Emulator, type_name: str) -> ResourceType:
    """Records of one such type. The same resource gets the same Ref each time, so that a repetition changes nothing."""
    schema = schemas()[type_name]
    identifier = [path.removeprefix("/properties/") for path in schema.get("primaryIdentifier", [])]
    read_only = [path.removeprefix("/properties/").replace("/", ".") for path in schema.get("readOnlyProperties", [])]

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        token = hashlib.sha256(f"{stack_name}/{logical_id}".encode()).hexdigest()
        name = f"{stack_name}-{logical_id}-{token[:12]}"
        attributes = {attribute: _plausible(attribute, name, token) for attribute in read_only}
        parts = [str(properties.get(part) or attributes.get(part) or name) for part in identifier]
        return "|".join(parts) or name, attributes

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        del old, new
        token = hashlib.sha256(f"{stack_name}/{physical_id}".encode()).hexdigest()
        return physical_id, {attribute: _plausible(attribute, physical_id, token) for attribute in read_only}

    def delete(physical_id: str, properties: Json) -> None:
        del physical_id, properties

    def _plausible(attribute: str, name: str, token: str) -> str:
        if attribute.lower().endswith("arn"):
            account, region = emulator.here()
            _, service, kind = type_name.split("::")
            return f"arn:aws:{service.lower()}:{region}:{account}:{kind.lower()}/{name}"
        return token[:17] if attribute.lower().endswith("id") else name

    return ResourceType(create=create, update=update, delete=delete)
