"""`AWS::Kinesis::Stream` with its encryption, and `AWS::Kinesis::StreamConsumer`.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kinesis-stream.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kinesis-streamconsumer.html
"""

from pipeline.local.cloud.emulator import Emulator, Json, ResourceType
from pipeline.local.cloud.kinesis import patches

KMS, NONE = "KMS", "NONE"


def stream(emulator: Emulator) -> ResourceType:
    """Encrypt the emulator's streams as the template says."""
    theirs = emulator.provided("AWS::Kinesis::Stream")

    def encrypt(name: str, properties: Json) -> None:
        encryption = properties.get("StreamEncryption") or {}
        made = patches.stream(name)
        made["EncryptionType"] = encryption.get("EncryptionType", NONE)
        made.pop("KeyId", None)
        if made["EncryptionType"] == KMS:
            made["KeyId"] = encryption["KeyId"]

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        name, attributes = theirs.create(logical_id, properties, stack_name)
        encrypt(name, properties)
        return name, attributes

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        name, attributes = theirs.update(physical_id, old, new, stack_name)
        encrypt(name, new)
        return name, attributes

    return ResourceType(create=create, update=update, delete=theirs.delete)


def consumer() -> ResourceType:
    """Register consumers; they share the throughput with all others, as there is no limit to share."""

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        del logical_id, stack_name
        made = patches.register_consumer(properties)
        attributes = {**made, "ConsumerCreationTimestamp": str(made["ConsumerCreationTimestamp"])}
        return made["ConsumerARN"], {**attributes, "StreamARN": properties["StreamARN"]}

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        if any(old.get(name) != new.get(name) for name in ("ConsumerName", "StreamARN")):
            return create(physical_id, new, stack_name)  # CloudFormation deletes the one that is replaced
        return physical_id, {"ConsumerARN": physical_id, "StreamARN": new["StreamARN"]}

    def delete(physical_id: str, properties: Json) -> None:
        del properties
        patches.deregister_consumer(physical_id)

    return ResourceType(create=create, update=update, delete=delete)
