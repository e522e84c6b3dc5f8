"""The functions of a deployed service: which they are, a call of one, and code that takes the place of theirs."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from pipeline.operate.errors import OperateError, suggested
from pipeline.operate.outputs import DeployedStack, resources
from pipeline.operate.target import Target

FUNCTION = "AWS::Lambda::Function"
HASH = re.compile(r"(Function)?[0-9A-F]{8}$")
"""What the CDK and our construct add to the id of a function."""


@dataclass(frozen=True, kw_only=True)
class ServiceFunction:
    """One function of a service."""

    name: str
    """As its stack calls it, such as Keep."""
    physical: str
    """As Lambda calls it."""


@dataclass(frozen=True, kw_only=True)
class FunctionAnswer:
    """What a function answered."""

    payload: str
    error: str | None
    """Handled or Unhandled, if it failed."""
    log: str
    """The end of what it logged."""


def functions_of(target: Target, deployed: DeployedStack) -> list[ServiceFunction]:
    """Return a service's functions, sorted by their names."""
    try:
        found = list(resources(target, deployed, FUNCTION))
    except ClientError as error:
        message = error.response["Error"]["Message"]
        raise OperateError(f"{deployed.stack}: {message}. Is it deployed? `penstock status`.") from error
    named = (ServiceFunction(name=HASH.sub("", logical), physical=physical) for logical, physical in found)
    return sorted(named, key=lambda each: each.name)


def choose(found: Sequence[ServiceFunction], name: str, *, service: str) -> ServiceFunction:
    """Return the named function, or the only one where none is named."""
    names = [each.name for each in found]
    if not names:
        raise OperateError(f"{service} has no function.")
    if not name and len(names) > 1:
        raise OperateError(f"{service} has several functions: say which, as {service}/{names[0]}; {', '.join(names)}.")
    if name and name not in names:
        raise OperateError(f"{service} has no function {name}; it has {', '.join(names)}.{suggested(name, names)}")
    return found[names.index(name) if name else 0]


def invoke(target: Target, deployed: DeployedStack, function: ServiceFunction, payload: bytes) -> FunctionAnswer:
    """Call a function with an event, and wait for its answer."""
    client = _client(target, deployed)
    try:
        answer = client.invoke(FunctionName=function.physical, Payload=payload, LogType="Tail")
    except ClientError as error:
        raise OperateError(f"{function.physical}: {error.response['Error']['Message']}") from error
    return FunctionAnswer(
        payload=answer["Payload"].read().decode(errors="replace"),
        error=answer.get("FunctionError"),
        log=base64.b64decode(answer.get("LogResult", "")).decode(errors="replace"),
    )


def replace_code(
    target: Target, deployed: DeployedStack, found: Sequence[ServiceFunction], code: bytes, *, handlers: str
) -> list[str]:
    """Give each function whose handler begins so another package; return their names."""
    client = _client(target, deployed)
    replaced = []
    for each in found:
        if client.get_function_configuration(FunctionName=each.physical)["Handler"].startswith(handlers):
            client.update_function_code(FunctionName=each.physical, ZipFile=code)
            replaced.append(each.name)
    return replaced


def _client(target: Target, deployed: DeployedStack) -> Any:
    return target.client("lambda", account=deployed.account, region=deployed.region)
