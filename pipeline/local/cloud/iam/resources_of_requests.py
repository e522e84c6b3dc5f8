"""The ARN that a request to a service of ours is about, which the emulator does not know.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Callable, Mapping

from pipeline.local.cloud.emulator import Json

ANY = "*"


def resource_of_request(service: str, parameters: Json, place: str) -> str:
    """Return the ARN, and `*` for what names no resource. `place`: the region and the account, as ARNs have them."""
    named = parameters.get("resourceArn") or parameters.get("ResourceArn") or parameters.get("ConnectionArn")
    resource = RESOURCES[service](parameters)
    return str(named) if named else f"arn:aws:{service}:{place}:{resource}" if resource else ANY


def _pipeline(parameters: Json) -> str:
    """Return a pipeline, a stage of one, or an action of that."""
    nested = parameters.get("pipeline")
    pipeline = parameters.get("pipelineName") or parameters.get("name") or (nested or {}).get("name")
    parts = (pipeline, parameters.get("stageName"), parameters.get("actionName"))
    return "/".join(str(part) for part in parts if part)


def _build(parameters: Json) -> str:
    ids = parameters.get("ids") or [parameters.get("id") or ""]
    project = parameters.get("projectName") or parameters.get("name") or str(ids[0]).partition(":")[0]
    return f"project/{project}" if project else ""


def _deployment(parameters: Json) -> str:
    """Return an application or a group; a deployment's request has its id alone, which says neither."""
    application, group = (parameters.get(name, "") for name in ("applicationName", "deploymentGroupName"))
    if application:
        return f"deploymentgroup:{application}/{group}" if group else f"application:{application}"
    configuration = parameters.get("deploymentConfigName")
    return f"deploymentconfig:{configuration}" if configuration else ""


def _datastore(parameters: Json) -> str:
    return f"datastore/fhir/{parameters['DatastoreId']}" if "DatastoreId" in parameters else ""


RESOURCES: Mapping[str, Callable[[Json], str]] = {
    "codebuild": _build,
    "codecommit": lambda parameters: str(parameters.get("repositoryName") or ""),
    "codeconnections": lambda _parameters: "",
    "codedeploy": _deployment,
    "codepipeline": _pipeline,
    "codestar-connections": lambda _parameters: "",
    "healthlake": _datastore,
    "xray": lambda _parameters: "",
}
