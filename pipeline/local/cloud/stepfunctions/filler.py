"""Completes the emulator's Step Functions: what StartExecution refuses, its idempotency, error logs."""

import json
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ministack.core import responses

from pipeline.local.cloud.emulator import Emulator, Json
from pipeline.local.cloud.stepfunctions.requests import RefusedError, check

Answer = tuple[int, dict[str, str], bytes]
_Operation = Callable[[Json], Answer]


def install(emulator: Emulator) -> None:
    """Complete Step Functions."""
    _Executions(emulator, emulator.module("stepfunctions"))


class _Executions:
    def __init__(self, emulator: Emulator, states: ModuleType) -> None:
        self.emulator = emulator
        self.states = states
        # One at a time: events start executions from threads of their own.
        self.lock = threading.Lock()
        self.start: _Operation = emulator.replace(states, "_start_execution", self._start)
        self.describe: _Operation = emulator.replace(states, "_describe_execution", self._describe)
        self.fail: Callable[..., None] = emulator.replace(states, "_fail_execution", self._fail)

    def _start(self, request: Json) -> Answer:
        try:
            check(request)
        except RefusedError as refused:
            return _error(refused.type, refused.message)
        with self.lock:
            running = self._same_name(request)
            if running is None:
                status, headers, body = self.start(request)
                if status == 200 and request.get("traceHeader"):
                    self._executions()[json.loads(body)["executionArn"]]["traceHeader"] = request["traceHeader"]
                return status, headers, body
        # "StartExecution is idempotent for STANDARD workflows. For a STANDARD workflow, if you call StartExecution with
        # the same name and input as a running execution, the call succeeds and return the same response as the
        # original request. If the execution is closed or if the input is different, it returns a 400
        # ExecutionAlreadyExists error. You can reuse names after 90 days."
        if running["status"] == "RUNNING" and running["input"] == request.get("input", "{}"):
            answer: Answer = responses.json_response(
                {"executionArn": running["executionArn"], "startDate": running["startDate"]}
            )
            return answer
        return _error("ExecutionAlreadyExists", f"Execution Already Exists: '{running['executionArn']}'")

    def _same_name(self, request: Json) -> Json | None:
        machine = self.states._resolve_state_machine_arn(request["stateMachineArn"])  # noqa: SLF001 - no other seam
        if machine is None or not request.get("name"):
            return None
        prefix, _, name = machine.rpartition(":stateMachine:")
        found: Json | None = self._executions().get(f"{prefix}:execution:{name}:{request['name']}")
        return found

    def _describe(self, request: Json) -> Answer:
        status, headers, body = self.describe(request)
        trace = (self._executions().get(request.get("executionArn", "")) or {}).get("traceHeader")
        if status == 200 and trace:
            body = json.dumps(json.loads(body) | {"traceHeader": trace}).encode()
        return status, headers, body

    def _fail(self, execution: Json, error: str, cause: str) -> None:
        self.fail(execution, error, cause)
        machine = self.states._state_machines.get(execution["stateMachineArn"]) or {}  # noqa: SLF001 - as above
        # CloudFormation's properties begin with a capital, the API's fields do not; the emulator keeps either.
        logging = _uncapitalised(machine.get("loggingConfiguration") or {})
        if logging.get("level") not in ("ALL", "ERROR", "FATAL"):
            return
        details = {"error": error} | ({"cause": cause} if logging.get("includeExecutionData") else {})
        event = {
            "id": str(len(execution["events"])),
            "type": "ExecutionFailed",
            "details": details,
            "event_timestamp": str(int(time.time() * 1000)),
            "execution_arn": execution["executionArn"],
        }
        logs = self.emulator.module("cloudwatch_logs")
        for destination in logging.get("destinations") or []:
            arn = (destination.get("cloudWatchLogsLogGroup") or {}).get("logGroupArn") or ""
            group = arn.partition(":log-group:")[2].removesuffix(":*")
            stream = {"logGroupName": group, "logStreamName": f"states/{machine['name']}"}
            line = {"timestamp": int(time.time() * 1000), "message": json.dumps(event)}
            logs._create_log_stream(stream)  # noqa: SLF001 - no other seam; one that exists is left as it is
            logs._put_log_events({**stream, "logEvents": [line]})  # noqa: SLF001 - as above

    def _executions(self) -> dict[str, Json]:
        found: dict[str, Json] = self.states._executions  # noqa: SLF001 - as above
        return found


def _uncapitalised(value: Any) -> Any:
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _uncapitalised(inner) for name, inner in value.items()}
    return [_uncapitalised(inner) for inner in value] if isinstance(value, list) else value


def _error(type_: str, message: str) -> Answer:
    answer: Answer = responses.error_response_json(type_, message, 400)
    return answer
