"""`AWS::Events::EventBus` with its key and its dead-letter queue, which the emulator's CloudFormation drops.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-eventbus.html
"""

from pipeline.local.cloud.emulator import Emulator, Json, ResourceType
from pipeline.local.cloud.eventbridge.patches import bus

KEPT = ("DeadLetterConfig", "KmsKeyIdentifier")


def event_bus(emulator: Emulator) -> ResourceType:
    """Complete the emulator's buses by what the template says of events that they cannot encrypt."""
    theirs = emulator.provided("AWS::Events::EventBus")

    def complete(name: str, properties: Json) -> None:
        its = bus(name)
        for each in KEPT:
            its.pop(each, None)
            if each in properties:
                its[each] = properties[each]

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        name, attributes = theirs.create(logical_id, properties, stack_name)
        complete(name, properties)
        return name, attributes

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        name, attributes = theirs.update(physical_id, old, new, stack_name)
        complete(name, new)
        return name, attributes

    return ResourceType(create=create, update=update, delete=theirs.delete)
