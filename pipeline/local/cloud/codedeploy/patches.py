"""What CodeDeploy needs of the emulator's Lambda and CloudFormation."""

import json

from ministack.services import cloudformation, lambda_svc

from pipeline.local.cloud.emulator import AwsError, Json


def function_of(reference: str) -> str:
    """Return the name of the function of `here` that a name or an ARN names."""
    return str(lambda_svc._resolve_name(reference))  # noqa: SLF001 - the emulator offers no other way


def alias(function: str, name: str) -> Json | None:
    """Return the emulator's own record of an alias of `here`; None if there is none."""
    found: Json | None = (lambda_svc._functions.get(function) or {}).get("aliases", {}).get(name)  # noqa: SLF001 - as above
    return found


def update_alias(function: str, name: str, version: str, weights: dict[str, float]) -> None:
    """UpdateAlias: what an alias of `here` points to, and what it routes to besides."""
    request = {"FunctionVersion": version, "RoutingConfig": {"AdditionalVersionWeights": weights}}
    status, _, body = lambda_svc._update_alias(function, name, request)  # noqa: SLF001 - as above
    if status >= 400:
        said = json.loads(body)
        raise AwsError(str(said.get("__type", "Error")), str(said.get("message") or said.get("Message", "")))


def is_rolling_back(stack_name: str) -> bool:
    """Tell whether a stack of `here` is being brought back to what it was."""
    return "ROLLBACK" in str((cloudformation._stacks.get(stack_name) or {}).get("StackStatus", ""))  # noqa: SLF001 - as above
