"""Clients of AWS whose calls fail soon enough for a function to respond in time, and say about which resource."""

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.config import Config
from botocore.session import Session, get_session

from .failures import RESOURCE, AwsFailure

RESOURCES = (
    *("TableName", "Bucket", "StreamName", "StreamARN", "QueueUrl", "FunctionName", "EventBusName", "SecretId"),
    *("KeyId", "TopicArn", "stateMachineArn"),
)
"""Parameters that name a resource, and never what is in it."""
LISTS = ("TransactItems", "Entries")
"""Parameters whose elements do."""
CALL = "penstock_call"
"""Operation and resource, in botocore's context of a call."""


def client(service: str, *, connect_seconds: int = 1, read_seconds: int = 2) -> Any:
    """Return a client that gives up an attempt after these seconds, and makes two at most."""
    config = Config(
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    made: Any = _session().create_client(service, config=config)
    made.meta.events.register("provide-client-params", _remember)
    made.meta.events.register("after-call", _tell)
    made.meta.events.register("after-call-error", _tell_of_exception)
    return made


@functools.cache
def _session() -> Session:
    """Return the session of all clients. botocore's own: boto3's imports what moves files to S3, in each cold start."""
    return get_session()


def resource_of(parameters: Mapping[str, Any]) -> str:
    """Return the name of the resource that a call is about: the last part of an ARN or URL; empty if it names none."""
    found = next((parameters[name] for name in RESOURCES if isinstance(parameters.get(name), str)), None)
    if found is not None:
        return str(found).rpartition("/")[2]
    elements = [each for name in LISTS for each in _elements(parameters.get(name))]
    return next((name for each in elements if (name := resource_of(each))), "")


def _elements(value: object) -> Iterable[Mapping[str, Any]]:
    """Yield the elements of a list, or of a transaction what each of them does."""
    for each in value if isinstance(value, list | tuple) else ():
        yield from (each, *(part for part in each.values() if isinstance(part, Mapping)))


def _remember(params: Mapping[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
    context[CALL] = (str(model.name), resource_of(params))


def _tell(parsed: dict[str, Any], context: Mapping[str, Any], **_: Any) -> None:
    """Write the resource's name into the response, which an error carries."""
    if CALL in context:
        parsed.setdefault("ResponseMetadata", {})[RESOURCE] = context[CALL][1]


def _tell_of_exception(exception: Any, context: Mapping[str, Any], **_: Any) -> None:
    """Write what the call was about onto the exception of one that AWS did not answer."""
    operation, resource = context.get(CALL, ("", ""))
    exception.aws_failure = AwsFailure(code=type(exception).__name__, operation=operation, resource=resource)
