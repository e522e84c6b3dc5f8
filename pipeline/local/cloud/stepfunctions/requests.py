"""What StartExecution accepts, as documented.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

import json
import re
from typing import Any, NoReturn

INPUT_LIMIT_BYTES = 262_144
NAME_LIMIT = 80
# White space, brackets, wildcards, the special characters that are listed there, control characters, surrogates and
# U+10FFFF.
_NEVER_IN_A_NAME = re.compile(
    '[\\s<>{}\\[\\]?*"#%\\\\^|~`$&,;:/\\x00-\\x1f\\x7f-\\x9f\ufffe-\uffff\ud800-\udfff\U0010ffff]'
)
_ARN = re.compile(r"arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:stateMachine:[^:]+(:[^:]+)?")


class RefusedError(Exception):
    """A request that StartExecution refuses: the error's type and message."""

    def __init__(self, type_: str, message: str) -> None:
        super().__init__(f"{type_}: {message}")
        self.type = type_
        self.message = message


def check(request: dict[str, Any]) -> None:
    """Refuse what the service refuses before it looks for the state machine."""
    arn, name, text = request.get("stateMachineArn"), request.get("name"), request.get("input", "{}")
    if not isinstance(arn, str) or not _ARN.fullmatch(arn):
        raise RefusedError("InvalidArn", f"Invalid Arn: '{arn}'")
    if name is not None:
        _check_name(name)
    _check_input(text)


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name or _NEVER_IN_A_NAME.search(name):
        raise RefusedError("InvalidName", f"Invalid Name: '{name}'")
    if len(name) > NAME_LIMIT:
        raise RefusedError("ValidationException", _constraint("name", NAME_LIMIT))


def _check_input(text: object) -> None:
    if not isinstance(text, str):
        raise RefusedError("SerializationException", "STRING_VALUE expected at 'input'")
    if len(text.encode("utf-8", "surrogatepass")) > INPUT_LIMIT_BYTES:
        raise RefusedError("ValidationException", _constraint("input", INPUT_LIMIT_BYTES))
    try:
        json.loads(text, parse_constant=_not_json)
    except (ValueError, RecursionError):
        raise RefusedError("InvalidExecutionInput", "Invalid State Machine Execution Input: it is not JSON") from None


def _constraint(field: str, limit: int) -> str:
    return (
        f"1 validation error detected: Value at '{field}' failed to satisfy constraint: "
        f"Member must have length less than or equal to {limit}"
    )


def _not_json(word: str) -> NoReturn:
    raise ValueError(word)
