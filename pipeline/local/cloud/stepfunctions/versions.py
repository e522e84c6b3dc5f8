"""Versions and aliases of state machines are refused by name: every execution runs the latest revision here.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-cd-aliasing-versioning.html
"""

from pipeline.local.cloud.emulator import AwsError, HttpResponse, Json, error_response
from pipeline.local.cloud.stepfunctions import patches

REFUSED = ("create_state_machine_alias", "publish_state_machine_version")
MESSAGE = "The local cloud has no versions and aliases of state machines: an execution runs the latest revision"


def install() -> None:
    """Refuse what makes one."""
    for operation in REFUSED:
        patches.replace_operation(operation, refuse)


def refuse(_request: Json) -> HttpResponse:
    """Answer whoever asks for a version or an alias."""
    return error_response("ValidationException", MESSAGE)


def check(described: Json) -> None:
    """Refuse a state machine that is to be published as it is made or changed."""
    if described.get("publish"):
        raise AwsError("ValidationException", MESSAGE)
