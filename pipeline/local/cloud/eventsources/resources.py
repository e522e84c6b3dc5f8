"""`AWS::Lambda::EventSourceMapping`, through the same calls as the API's.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventsourcemapping.html
"""

import json
from typing import Protocol

from pipeline.local.cloud.emulator import AwsError, Emulator, HttpResponse, Json, ResourceType
from pipeline.local.cloud.eventsources.mapping import LEFT_OUT, defaults

REPLACING = ("EventSourceArn", "StartingPosition", "StartingPositionTimestamp")


class Operations(Protocol):
    """The API's calls."""

    def create(self, request: Json, /) -> HttpResponse:
        """CreateEventSourceMapping."""

    def update(self, uuid: str, request: Json, /) -> HttpResponse:
        """UpdateEventSourceMapping."""

    def delete(self, uuid: str, /) -> HttpResponse:
        """DeleteEventSourceMapping."""


def mapping(emulator: Emulator, operations: Operations) -> ResourceType:
    """Make mappings through the API's operations."""

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        del logical_id, stack_name
        return identity(answered(operations.create(request(properties))))

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        if any(old.get(name) != new.get(name) for name in REPLACING):
            return create(physical_id, new, stack_name)  # CloudFormation deletes the one that is replaced
        initial = LEFT_OUT | defaults(new["EventSourceArn"])
        left_out = {name: initial[name] for name in old if name not in new and name in initial}
        return identity(answered(operations.update(physical_id, left_out | request(new))))

    def delete(physical_id: str, properties: Json) -> None:
        del properties
        operations.delete(physical_id)

    def identity(made: Json) -> tuple[str, Json]:
        account, region = emulator.here()
        arn = f"arn:aws:lambda:{region}:{account}:event-source-mapping:{made['UUID']}"
        return made["UUID"], {"Id": made["UUID"], "EventSourceMappingArn": arn}

    return ResourceType(create=create, update=update, delete=delete)


def request(properties: Json) -> Json:
    """Return a template's properties as the API takes them."""
    found = dict(properties)
    if isinstance(found.get("Tags"), list):
        found["Tags"] = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    return found


def answered(answer: HttpResponse) -> Json:
    """Return what an API call answered; its refusal fails the resource."""
    status, _, body = answer
    said: Json = json.loads(body)
    if status >= 400:
        raise AwsError(str(said.get("__type", "Error")), str(said.get("message", said.get("Message", ""))))
    return said
