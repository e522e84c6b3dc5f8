"""Tasks call other services as the state machine's role.

https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from pipeline.local.cloud.emulator import AwsError, Emulator, Json
from pipeline.local.cloud.iam.permissions import Permissions
from pipeline.local.cloud.iam.request_patches import permissions_of
from pipeline.local.cloud.stepfunctions import patches

SERVICE = "states.amazonaws.com"
INTEGRATION = "arn:aws:states:::"
NAMESPACES: Mapping[str, str] = {"sfn": "states", "eventbridge": "events", "cloudwatchlogs": "logs"}
"""Services that an integration calls otherwise than IAM does."""
OF_BUCKETS: Mapping[str, str] = {
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListBuckets": "ListAllMyBuckets",
    "HeadObject": "GetObject",
    "CopyObject": "PutObject",
}
"""S3's operations that need an action of another name."""


class TaskPermissions:
    """Holds each task against what its state machine's role may do."""

    def __init__(self, emulator: Emulator) -> None:
        self._permissions = emulator.part(Permissions)

    def refusal(self, execution: Json, resource: str, parameters: Any) -> tuple[str, str] | None:
        """Return the error and the cause with which a task fails, if its role may not do what it does."""
        machine = patches.machine_of(execution)
        if machine is None:
            return None
        wanted = permissions(resource, parameters if isinstance(parameters, dict) else {})
        name = execution["executionArn"].rpartition(":")[2]
        try:
            calls = self._permissions.call_as_role(
                machine["roleArn"], name, service=SERVICE, source=machine["stateMachineArn"]
            )
            causes = ((action, calls.refusal(action, target)) for action, target in wanted)
            return next(((_error(action), cause) for action, cause in causes if cause), None)
        except AwsError as error:
            return (_error(wanted[0][0]), error.message) if wanted else None


def permissions(resource: str, parameters: Json) -> list[tuple[str, str]]:
    """Return the actions that a task needs, each with its resource; none for an activity, which calls nobody."""
    if ":activity:" in resource:
        return []
    if not resource.startswith(INTEGRATION):
        return [("lambda:InvokeFunction", patches.function_arn(resource))]
    plain = resource.removeprefix(INTEGRATION).removeprefix("aws-sdk:")
    service, _, operation = plain.removesuffix(".waitForTaskToken").partition(".sync")[0].partition(":")
    if (service, operation) == ("lambda", "invoke"):
        return [("lambda:InvokeFunction", patches.function_arn(str(parameters.get("FunctionName", ""))))]
    namespace = NAMESPACES.get(service, service)
    action = operation[:1].upper() + operation[1:]
    if namespace == "s3":
        return [(f"s3:{OF_BUCKETS.get(action, action)}", _object(parameters)), *_source(parameters)]
    if namespace == "states" and parameters.get("StateMachineArn"):
        return [(f"states:{action}", str(parameters["StateMachineArn"]))]
    return permissions_of(namespace, action, parameters)


def _object(parameters: Json) -> str:
    """Return the ARN of an object, or of a bucket: S3's requests name them in their path."""
    named = "/".join(str(parameters[name]) for name in ("Bucket", "Key") if parameters.get(name))
    return f"arn:aws:s3:::{named}" if named else "*"


def _source(parameters: Json) -> Iterator[tuple[str, str]]:
    """Yield what reading the source of a copy needs."""
    source, _, version = unquote(str(parameters.get("CopySource") or "")).lstrip("/").partition("?versionId=")
    if source:
        yield "s3:GetObjectVersion" if version else "s3:GetObject", f"arn:aws:s3:::{source}"


def _error(action: str) -> str:
    """Name the error as an integration does: a function's has a name of its own."""
    service = action.partition(":")[0]
    if service == "lambda":
        return "Lambda.AWSLambdaException"
    names = {"dynamodb": "DynamoDB", "sqs": "SQS", "sns": "SNS", "states": "StepFunctions", "events": "EventBridge"}
    return f"{names.get(service, service.capitalize())}.AccessDeniedException"
