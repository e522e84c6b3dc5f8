"""What Lambda asks of a function's execution role and its variables before it takes them.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
"""

import re
from collections.abc import Iterable

from pipeline.local.cloud.emulator import AwsError, Json
from pipeline.local.cloud.policies.grammar import trusts
from pipeline.local.cloud.policies.patches import trust_policy

PRINCIPAL = "lambda.amazonaws.com"
PATTERN = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
"""As the API's model has it."""


RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime"""


def check_function(account: str, settings: Json) -> None:
    """Refuse what a function is to be made with, or changed to, if Lambda would."""
    if "Role" in settings:
        check_role(account, settings["Role"])
    check_variables((settings.get("Environment") or {}).get("Variables") or {})


def check_variables(names: Iterable[str]) -> None:
    """Refuse environment variables that Lambda sets itself."""
    reserved = ", ".join(sorted(RESERVED.intersection(names)))
    if reserved:
        raise AwsError(
            "InvalidParameterValueException",
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {reserved}",
        )


def check_role(account: str, role: object) -> None:
    """Refuse an execution role that Lambda could not assume in this account."""
    if not isinstance(role, str) or not re.fullmatch(PATTERN, role):
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '{role}' at 'role' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {PATTERN}",
        )
    owner = role.split(":")[4]
    if owner != account:
        raise AwsError("AccessDeniedException", "Cross-account pass role is not allowed.", status=403)
    if not trusts(trust_policy(role), PRINCIPAL):
        raise AwsError(
            "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."
        )
