"""`AWS::HealthLake::FHIRDatastore`.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-healthlake-fhirdatastore.html
"""

from pipeline.local.cloud.emulator import AwsError, Emulator, Json, ResourceType
from pipeline.local.cloud.healthlake.datastores import CHANGEABLE, Datastores

CREATE_ONLY = ("DatastoreTypeVersion", "PreloadDataConfig", "SseConfiguration")


def datastore(emulator: Emulator) -> ResourceType:
    """Make, change, replace and remove datastores."""
    datastores = emulator.part(Datastores)

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        del logical_id, stack_name
        if "PreloadDataConfig" in properties:
            raise ValueError("PreloadDataConfig is not emulated: the local HealthLake begins empty")
        made = datastores.create(properties)
        return made["DatastoreId"], _attributes(made)

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        if any(old.get(name) != new.get(name) for name in CREATE_ONLY):
            return create("", new, stack_name)  # CloudFormation deletes the one that is replaced, unless it is retained
        changed = {name: new[name] for name in CHANGEABLE if name in new}
        return physical_id, _attributes(datastores.update(physical_id, {**changed, "Tags": new.get("Tags", [])}))

    def delete(physical_id: str, properties: Json) -> None:
        del properties
        try:
            datastores.delete(physical_id)
        except AwsError:
            return  # somebody was quicker

    return ResourceType(create=create, update=update, delete=delete)


def _attributes(record: Json) -> Json:
    seconds = record["CreatedAt"]
    return {
        **{name: record[name] for name in ("DatastoreArn", "DatastoreEndpoint", "DatastoreId", "DatastoreStatus")},
        "CreatedAt.Seconds": str(int(seconds)),
        "CreatedAt.Nanos": str(int(seconds % 1 * 1_000_000_000)),
    }
