"""State machines are refused for what is wrong with their definition, and definitions validated by the API.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
"""

from pipeline.local.cloud.emulator import AwsError, Emulator, HttpResponse, Json, error_response, json_response
from pipeline.local.cloud.stepfunctions import patches
from pipeline.local.cloud.stepfunctions.definition.checks import problems

LONGEST = 1_048_576
""" "definition ... Length Constraints: Minimum length of 1. Maximum length of 1048576." """


def install(emulator: Emulator) -> None:
    """Check every definition that is handed in."""
    patches.check_definitions(emulator, refusal)
    patches.replace_operation("validate_state_machine_definition", validate)


def refusal(definition: str, type_: str) -> AwsError | None:
    """Return the error by which CreateStateMachine and UpdateStateMachine refuse a definition."""
    if (outside := _outside(definition)) is not None:
        return outside
    found = problems(definition, express=type_ == "EXPRESS")
    if not found:
        return None
    return AwsError("InvalidDefinition", f"Invalid State Machine Definition: '{', '.join(map(str, found))}'")


def validate(request: Json) -> HttpResponse:
    """ValidateStateMachineDefinition: what is wrong is in the answer, which is no error."""
    definition = request.get("definition", "")
    if (outside := _outside(definition)) is not None:
        return error_response(outside.code, outside.message)
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


def _outside(definition: str) -> AwsError | None:
    if 0 < len(definition) <= LONGEST:
        return None
    return AwsError(
        "ValidationException",
        f"1 validation error detected: Value at 'definition' failed to satisfy constraint: "
        f"Member must have length between 1 and {LONGEST}",
    )
