"""Executions of Express workflows, which the emulator runs as if they were Standard ones.

https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html
"""

import uuid
from typing import Any

from pipeline.local.cloud.emulator import Json
from pipeline.local.cloud.stepfunctions import patches


def is_express(machine: Json) -> bool:
    """Tell whether a state machine is of the type EXPRESS."""
    return machine.get("type") == "EXPRESS"


def record(machine: Json, request: Json) -> dict[str, Any]:
    """Make the emulator's record of a new execution. Its ARN ends with an id of its own: names may come back."""
    arn = machine["stateMachineArn"].replace(":stateMachine:", ":express:")
    started, text = patches.now(), request.get("input", "{}")
    details = {"input": text, "roleArn": machine["roleArn"]}
    return {
        "executionArn": f"{arn}:{request['name']}:{uuid.uuid4()}",
        "stateMachineArn": machine["stateMachineArn"],
        "name": request["name"],
        "status": "RUNNING",
        "startDate": started,
        "stopDate": None,
        "input": text,
        "inputDetails": {"included": True},
        "output": None,
        "outputDetails": {"included": True},
        "testCase": "",
        "mockAttempts": {},
        # What the emulator calls sync has no events on EventBridge: Express workflows have none.
        "sync": True,
        "traceHeader": request.get("traceHeader"),
        "events": [
            {"id": 1, "type": "ExecutionStarted", "timestamp": started, "executionStartedEventDetails": details}
        ],
    }


def outcome(execution: Json) -> Json:
    """Make what StartSyncExecution answers, "200 OK ... even if your execution fails"."""
    told = ("executionArn", "stateMachineArn", "name", "startDate", "stopDate", "status", "input", "inputDetails")
    answer = {name: execution[name] for name in told}
    # As documented, "this field is set only if the execution succeeds".
    if execution["status"] == "SUCCEEDED":
        answer |= {"output": execution["output"], "outputDetails": execution["outputDetails"]}
    for name in ("error", "cause", "traceHeader"):
        if execution.get(name):
            answer[name] = execution[name]
    return answer
