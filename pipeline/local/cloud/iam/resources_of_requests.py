"""The ARN that a request to a service of ours is about, which the emulator does not know.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Parameters = Mapping[str, Any]

ANY = "*"
_QUALIFIED = re.compile(r"(arn:[^:]+:states:[^:]*:\d{12}:stateMachine:[^:]+):([^:]+)")


def resource_of_request(service: str, parameters: Parameters, place: str) -> str:
    """Return the ARN, and `*` for what names no resource. `place`: the region and the account, as ARNs have them."""
    named = parameters.get("resourceArn") or parameters.get("ResourceArn") or parameters.get("ConnectionArn")
    resource = RESOURCES[service](parameters)
    return str(named) if named else f"arn:aws:{service}:{place}:{resource}" if resource else ANY


def state_machine_of_request(parameters: Parameters) -> str:
    """Return the version or alias that a request to Step Functions is about; empty for all others."""
    routed: Parameters = next(iter(parameters.get("routingConfiguration") or ()), {})
    if "stateMachineAliasArn" not in parameters and routed:
        return f"{unqualified(str(routed.get('stateMachineVersionArn', '')))[0]}:{parameters.get('name', '')}"
    return str(parameters.get("stateMachineAliasArn") or parameters.get("stateMachineVersionArn") or "")


def unqualified(arn: str) -> tuple[str, str]:
    """Return the state machine of a version or an alias, and which that is; any other ARN as it is.

    "To authorize a version or an alias to invoke an API action, Step Functions uses the state machine's ARN instead of
    using the version ARN or alias ARN." "You scope down the permissions using the optional context key named
    states:StateMachineQualifier."
    https://docs.aws.amazon.com/step-functions/latest/dg/auth-version-alias.html
    """
    found = _QUALIFIED.fullmatch(arn)
    return (found[1], found[2]) if found else (arn, "")


def _pipeline(parameters: Parameters) -> str:
    """Return a pipeline, a stage of one, or an action of that."""
    nested = parameters.get("pipeline")
    pipeline = parameters.get("pipelineName") or parameters.get("name") or (nested or {}).get("name")
    parts = (pipeline, parameters.get("stageName"), parameters.get("actionName"))
    return "/".join(str(part) for part in parts if part)


def _build(parameters: Parameters) -> str:
    """Return the project of a request; nothing of one about several, which whoever may do it to any may."""
    ids = parameters.get("ids") or [parameters.get("id") or ""]
    of_builds = {str(each).partition(":")[0] for each in ids}
    of_one = of_builds.pop() if len(of_builds) == 1 else ""
    project = parameters.get("projectName") or parameters.get("name") or of_one
    return f"project/{project}" if project else ""


def _deployment(parameters: Parameters) -> str:
    """Return an application or a group; a deployment's request has its id alone, which says neither."""
    application, group = (parameters.get(name, "") for name in ("applicationName", "deploymentGroupName"))
    if application:
        return f"deploymentgroup:{application}/{group}" if group else f"application:{application}"
    configuration = parameters.get("deploymentConfigName")
    return f"deploymentconfig:{configuration}" if configuration else ""


def _datastore(parameters: Parameters) -> str:
    return f"datastore/fhir/{parameters['DatastoreId']}" if "DatastoreId" in parameters else ""


RESOURCES: Mapping[str, Callable[[Parameters], str]] = {
    "codebuild": _build,
    "codecommit": lambda parameters: str(parameters.get("repositoryName") or ""),
    "codeconnections": lambda _parameters: "",
    "codedeploy": _deployment,
    "codepipeline": _pipeline,
    "codestar-connections": lambda _parameters: "",
    "healthlake": _datastore,
    "xray": lambda _parameters: "",
}
