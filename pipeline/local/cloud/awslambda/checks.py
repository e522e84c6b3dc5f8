"""What Lambda asks of a function's execution role before it takes it.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
"""

import re

from pipeline.local.cloud.emulator import AwsError
from pipeline.local.cloud.policies.grammar import trusts
from pipeline.local.cloud.policies.patches import trust_policy

PRINCIPAL = "lambda.amazonaws.com"
PATTERN = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
"""As the API's model has it."""


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
