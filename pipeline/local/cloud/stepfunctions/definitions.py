"""State machines are refused for what is wrong with their definition or role, and definitions validated by the API.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
"""

import re

from pipeline.local.cloud.emulator import AwsError, Emulator, HttpResponse, Json, error_response, json_response
from pipeline.local.cloud.policies.grammar import trusts
from pipeline.local.cloud.policies.patches import trust_policy
from pipeline.local.cloud.stepfunctions import patches, versions
from pipeline.local.cloud.stepfunctions.definition.checks import problems

NOT_ASSUMED = (
    "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the "
    "provided role."
)
LONGEST = 1_048_576
""" "definition ... Length Constraints: Minimum length of 1. Maximum length of 1048576." """


def install(emulator: Emulator) -> None:
    """Check every definition and every role that is handed in."""

    def check(described: Json) -> None:
        versions.check(described)
        if "definition" in described:
            check_definition(described["definition"], described.get("type", "STANDARD"))
        if "roleArn" in described:
            check_role(emulator.here(), described["roleArn"])

    patches.check_state_machines(emulator, check)
    patches.replace_operation("validate_state_machine_definition", validate)


def check_definition(definition: str, type_: str) -> None:
    """Refuse a definition as CreateStateMachine and UpdateStateMachine do."""
    _check_length(definition)
    if found := problems(definition, express=type_ == "EXPRESS"):
        raise AwsError("InvalidDefinition", f"Invalid State Machine Definition: '{', '.join(map(str, found))}'")


def check_role(here: tuple[str, str], role: str) -> None:
    """Refuse a role that Step Functions could not assume, here: in this account and region."""
    account, region = here
    if not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/.+", role):
        raise AwsError("InvalidArn", f"Invalid Role Arn: '{role}'")
    trust = trust_policy(role) if role.split(":")[4] == account else None
    if not any(trusts(trust, principal) for principal in ("states.amazonaws.com", f"states.{region}.amazonaws.com")):
        raise AwsError("AccessDeniedException", NOT_ASSUMED)


def validate(request: Json) -> HttpResponse:
    """ValidateStateMachineDefinition: what is wrong is in the answer, which is no error."""
    definition = request.get("definition", "")
    try:
        _check_length(definition)
    except AwsError as error:
        return error_response(error.code, error.message)
    found = problems(definition, express=request.get("type") == "EXPRESS")
    diagnostics = [
        {"severity": "ERROR", "code": each.code, "message": each.message}
        | ({} if each.location is None else {"location": each.location})
        for each in found
    ]
    most = request.get("maxResults") or 100
    return json_response(
        {
            "result": "FAIL" if found else "OK",
            "diagnostics": diagnostics[:most],
            "truncated": len(diagnostics) > most,
        }
    )


def _check_length(definition: str) -> None:
    if not 0 < len(definition) <= LONGEST:
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value at 'definition' failed to satisfy constraint: "
            f"Member must have length between 1 and {LONGEST}",
        )
