"""`AWS::Events::EventBus` with its key and its dead-letter queue, which the emulator drops, and `EventBusPolicy`.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-eventbus.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-eventbuspolicy.html
"""

import json

from pipeline.local.cloud.emulator import Emulator, Json, ResourceType
from pipeline.local.cloud.eventbridge.patches import bus, put_statement, remove_statement

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


def event_bus_policy() -> ResourceType:
    """Keep statements of a bus's policy: whole ones, or what an account or organisation may put there."""

    def put(properties: Json) -> tuple[str, Json]:
        name, sid = properties.get("EventBusName", "default"), properties["StatementId"]
        given = properties.get("Statement")
        if given is None:
            principal = properties.get("Principal", "*")
            given = {
                "Effect": "Allow",
                "Action": properties.get("Action", "events:PutEvents"),
                "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
            }
            if organisation := properties.get("Condition"):
                given["Condition"] = {organisation["Type"]: {organisation["Key"]: organisation["Value"]}}
        put_statement(name, sid, json.loads(given) if isinstance(given, str) else dict(given))
        return f"{name}|{sid}", {}

    def create(_logical_id: str, properties: Json, _stack_name: str) -> tuple[str, Json]:
        return put(properties)

    def update(physical_id: str, _old: Json, new: Json, _stack_name: str) -> tuple[str, Json]:
        if physical_id != f"{new.get('EventBusName', 'default')}|{new['StatementId']}":
            delete(physical_id, {})
        return put(new)

    def delete(physical_id: str, _properties: Json) -> None:
        name, _, sid = physical_id.partition("|")
        remove_statement(name, sid)

    return ResourceType(create=create, update=update, delete=delete)
