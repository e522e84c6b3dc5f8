"""What StartExecution refuses before it looks for the state machine.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

from typing import Any

import pytest

from pipeline.local.cloud.stepfunctions.requests import INPUT_LIMIT_BYTES, RefusedError, check

GOOD = {"stateMachineArn": "arn:aws:states:us-east-1:111111111111:stateMachine:m", "name": "n", "input": "{}"}


@pytest.mark.parametrize(
    "request_",
    [{}, {"name": "a" * 80}, {"input": f'"{"e" * (INPUT_LIMIT_BYTES - 2)}"'}, {"input": "1"}, {"traceHeader": "x"}],
)
def test_a_good_request_is_accepted(request_: dict[str, Any]) -> None:
    check(GOOD | request_)


@pytest.mark.parametrize(
    ("request_", "type_"),
    [
        ({"stateMachineArn": "m"}, "InvalidArn"),
        ({"name": ""}, "InvalidName"),
        ({"name": "*"}, "InvalidName"),
        ({"name": "a\ud800"}, "InvalidName"),
        ({"name": "a" * 81}, "ValidationException"),
        ({"input": "{"}, "InvalidExecutionInput"),
        ({"input": "[" * 100_000}, "InvalidExecutionInput"),
        ({"input": f'"{"é" * (INPUT_LIMIT_BYTES // 2)}"'}, "ValidationException"),
        ({"input": {}}, "SerializationException"),
    ],
)
def test_a_bad_one_is_refused_by_its_type(request_: dict[str, Any], type_: str) -> None:
    with pytest.raises(RefusedError) as refused:
        check(GOOD | request_)
    assert refused.value.type == type_
