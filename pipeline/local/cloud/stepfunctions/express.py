"""What Express workflows have otherwise than Standard ones, as which the emulator runs them.

https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html
"""

import uuid

from pipeline.local.cloud.emulator import Json


def is_express(machine: Json) -> bool:
    """Tell whether a state machine is of the type EXPRESS."""
    return machine.get("type") == "EXPRESS"


def execution_arn(machine: Json, request: Json) -> str:
    """Return the ARN of a new execution. It ends with an id of its own: names may come back."""
    arn = machine["stateMachineArn"].replace(":stateMachine:", ":express:")
    return f"{arn}:{request['name']}:{uuid.uuid4()}"


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
