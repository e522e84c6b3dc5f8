"""A creation overwrites nothing: a name that is taken fails it, and a generated name is another each time.

The emulator generates the same names whenever a stack of the same name is created, and puts the new resource in the
place of one that an earlier creation left behind.
"""

import uuid
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from ministack.services import cloudwatch_logs, dynamodb, kinesis
from ministack.services.cloudformation import provisioners, stacks

NAMED: Mapping[str, tuple[str, MutableMapping[str, Any]]] = {
    "AWS::DynamoDB::Table": ("TableName", dynamodb._tables),  # noqa: SLF001 - the emulator offers no other way
    "AWS::Kinesis::Stream": ("Name", kinesis._streams),  # noqa: SLF001 - as above
    "AWS::Logs::LogGroup": ("LogGroupName", cloudwatch_logs._log_groups),  # noqa: SLF001 - as above
}
"""Types that the emulator makes whatever there is -> the property with the name, and what there is."""
GENERATED = frozenset({"AWS::DynamoDB::Table", "AWS::Kinesis::Stream", "AWS::SQS::Queue"})
"""Types whose generated names are the stack's and the logical id's alone."""


def overwrite_nothing() -> None:
    """Look at names before a stack makes a resource. An update that makes it again goes by another way."""
    make: Callable[..., tuple[str, Any]] = stacks._provision_resource  # noqa: SLF001 - as above

    def provision(type_name: str, logical_id: str, properties: Any, stack_name: str) -> tuple[str, Any]:
        name, there = NAMED.get(type_name, ("", {}))
        given = (properties or {}).get(name)
        if given in there:
            raise ValueError(f"Resource of type '{type_name}' with identifier '{given}' already exists.")
        if type_name in GENERATED:
            provisioners._NAME_SEED.set(uuid.uuid4().hex[:8])  # noqa: SLF001 - as above; kept with the resource
        return make(type_name, logical_id, properties, stack_name)

    stacks._provision_resource = provision  # noqa: SLF001 - as above
