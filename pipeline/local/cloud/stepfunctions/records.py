"""The emulator's record of an execution, made as it is accepted.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
"""

from pipeline.local.cloud.emulator import Json
from pipeline.local.cloud.stepfunctions import express, patches

STARTED_BY = ("stateMachineVersionArn", "stateMachineAliasArn")
"""What an execution is associated with, if it was started by a version or an alias."""


def execution_arn(machine: Json, request: Json) -> str:
    """Return the ARN of a new execution, in which no version or alias is: a name is one of the state machine's.

    "For STANDARD workflows, this name must be unique for your Amazon Web Services account, region, and state machine."
    https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
    """
    if express.is_express(machine):
        return express.execution_arn(machine, request)
    return f"{machine['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{request['name']}"


def new_execution(machine: Json, request: Json, arn: str) -> Json:
    """Make the record. `request`: with what the execution is associated with, if it is with anything."""
    started, text = patches.now(), request.get("input", "{}")
    execution: Json = {
        "executionArn": arn,
        "stateMachineArn": machine["stateMachineArn"],
        **{name: request[name] for name in STARTED_BY if name in request},
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
        "traceHeader": request.get("traceHeader"),
    }
    role = (patches.machine_of(execution) or machine)["roleArn"]
    details = {"input": text, "roleArn": role}
    event = {"id": 1, "type": "ExecutionStarted", "timestamp": started, "executionStartedEventDetails": details}
    execution["events"] = [event]
    if express.is_express(machine):
        # What the emulator calls sync has no events on EventBridge: Express workflows have none.
        execution["sync"] = True
    return execution
