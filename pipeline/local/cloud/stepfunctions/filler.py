"""Completes the emulator's Step Functions: what a start refuses, its idempotency, Express, time limits, error logs.

Accepted executions outlive a kill, as they do on AWS: see `journal.py`. One that was cut off is run again from its
first state, so its tasks are called at least once.
"""

import contextvars
import functools
import json
import logging
import threading
from collections.abc import Callable
from types import ModuleType

from ministack.core import responses

from pipeline.local.cloud import traces
from pipeline.local.cloud.emulator import Emulator, Json
from pipeline.local.cloud.stepfunctions import failure_log
from pipeline.local.cloud.stepfunctions.deadlines import Deadlines
from pipeline.local.cloud.stepfunctions.express import Express, is_express
from pipeline.local.cloud.stepfunctions.journal import Journal
from pipeline.local.cloud.stepfunctions.requests import RefusedError, check

logger = logging.getLogger("penstock.stepfunctions")

Answer = tuple[int, dict[str, str], bytes]
_Operation = Callable[[Json], Answer]

_STORE = "stepfunctions-journal"
_NOWHERE = ("000000000000", "us-east-1")
"""Where our own store keeps what is of no account and region."""
_EXPRESS_SECONDS = 300
"""https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html: "Maximum duration: 5 minutes"."""


def install(emulator: Emulator) -> None:
    """Complete Step Functions."""
    _Executions(emulator, emulator.module("stepfunctions"))


class _Executions:
    def __init__(self, emulator: Emulator, states: ModuleType) -> None:
        self.emulator = emulator
        self.states = states
        # One at a time: events start executions from threads of their own.
        self.lock = threading.RLock()
        self.journal = Journal(emulator.folder / "executions")
        self.deadlines = Deadlines()
        self.express = Express(states)
        self.snapshot_number = 0
        self.traces: dict[str, str] = {}
        replace = emulator.replace
        self.start: _Operation = replace(states, "_start_execution", self._start)
        self.describe: _Operation = replace(states, "_describe_execution", self._describe)
        self.list: _Operation = replace(states, "_list_executions", self._list)
        self.fail: Callable[..., None] = replace(states, "_fail_execution", self._fail)
        self.run: Callable[[str], None] = replace(states, "_run_execution", self._run)
        self.restore: Callable[[Json], None] = replace(states, "load_persisted_state", self._restore)
        replace(states, "_start_sync_execution", self._start_sync)
        emulator.at_start.append(self._resume)
        emulator.before_snapshot.append(self._before_snapshot)
        emulator.after_snapshot.append(self._after_snapshot)

    def _start(self, request: Json) -> Answer:
        try:
            check(request)
        except RefusedError as refused:
            return _error(refused.type, refused.message)
        with self.lock:
            machine = self._machine(request)
            if machine is None:
                return self.start(request)  # which says that there is none
            named = request | {"name": request.get("name") or responses.new_uuid()}
            if is_express(machine):
                # "StartExecution is not idempotent for EXPRESS workflows."
                execution = self.express.record(machine, named)
                return self._accept(named, execution["executionArn"], lambda: self._begin_express(execution))
            arn = f"{machine['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{named['name']}"
            running = self._executions().get(arn)
            if running is None:
                return self._accept(named, arn, lambda: self._begin_standard(named))
        # "StartExecution is idempotent for STANDARD workflows. For a STANDARD workflow, if you call StartExecution with
        # the same name and input as a running execution, the call succeeds and return the same response as the
        # original request. If the execution is closed or if the input is different, it returns a 400
        # ExecutionAlreadyExists error. You can reuse names after 90 days."
        if running["status"] == "RUNNING" and running["input"] == request.get("input", "{}"):
            return _started(running)
        return _error("ExecutionAlreadyExists", f"Execution Already Exists: '{running['executionArn']}'")

    def _accept(self, request: Json, arn: str, begin: Callable[[], Answer]) -> Answer:
        account, region = self.emulator.here()
        try:
            self.journal.append({"account": account, "region": region, "arn": arn, "request": request})
        except OSError as error:
            logger.error("%s was not accepted, as it cannot be kept: %s", arn, error)
            return _error("ServiceUnavailable", "The execution cannot be kept.", 503)
        if request.get("traceHeader"):
            self.traces[arn] = request["traceHeader"]  # before it begins, which is sooner than its start returns
        return begin()

    def _begin_standard(self, request: Json) -> Answer:
        status, headers, body = self.start(request)
        if status == 200 and request.get("traceHeader"):
            self._executions()[json.loads(body)["executionArn"]]["traceHeader"] = request["traceHeader"]
        return status, headers, body

    def _begin_express(self, execution: Json) -> Answer:
        self._executions()[execution["executionArn"]] = execution
        self._run_aside(execution["executionArn"])
        return _started(execution)

    def _start_sync(self, request: Json) -> Answer:
        """Run an Express workflow to its end. Nobody waits for it after a kill, so it is not kept."""
        try:
            check(request)
        except RefusedError as refused:
            return _error(refused.type, refused.message)
        machine = self._machine(request)
        if machine is None:
            return _error("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{request['stateMachineArn']}'")
        if not is_express(machine):
            return _error(
                "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine"
            )
        execution = self.express.record(machine, request | {"name": request.get("name") or responses.new_uuid()})
        arn = execution["executionArn"]
        self._executions()[arn] = execution
        try:
            self._run_aside(arn).join(self._seconds(machine))
            self._expire(execution)
        finally:
            self._executions().pop(arn, None)
        answer: Answer = responses.json_response(self.express.outcome(execution))
        return answer

    def _run_aside(self, arn: str) -> threading.Thread:
        """Run an execution on a thread of its own, in this account and region."""
        run = functools.partial(contextvars.copy_context().run, self.states._run_execution, arn)  # noqa: SLF001 - no other seam
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def _run(self, arn: str) -> None:
        execution = self._executions()[arn]
        machine = self.states._state_machines.get(execution["stateMachineArn"])  # noqa: SLF001 - as above
        seconds = self._seconds(machine) if machine else None
        if seconds is not None:
            expire = functools.partial(self._expire, execution)
            self.deadlines.add(seconds, functools.partial(contextvars.copy_context().run, expire))
        with traces.belonging_to(self.traces.pop(arn, None) or execution.get("traceHeader")):
            self.run(arn)

    @staticmethod
    def _seconds(machine: Json) -> float | None:
        """The most that an execution may take: `TimeoutSeconds` of the definition, and five minutes for Express."""
        try:
            wanted = json.loads(machine["definition"]).get("TimeoutSeconds")
        except (ValueError, AttributeError):
            wanted = None
        if is_express(machine):
            return min(float(wanted or _EXPRESS_SECONDS), _EXPRESS_SECONDS)
        return None if wanted is None else float(wanted)

    def _expire(self, execution: Json) -> None:
        """ "TimeoutSeconds: The maximum number of seconds an execution of the state machine can run. If it runs longer
        than the specified time, the execution fails with a States.Timeout Error name."

        https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html
        """
        with self.lock:
            if execution["status"] != "RUNNING":
                return
            execution |= {"status": "TIMED_OUT", "error": "States.Timeout", "stopDate": responses.now_iso()}
        self.states._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})  # noqa: SLF001 - as above
        self.states._emit_execution_status_event(execution)  # noqa: SLF001 - as above

    def _fail(self, execution: Json, error: str, cause: str) -> None:
        with self.lock:
            if execution["status"] != "RUNNING":
                return  # it was stopped, or its time was over, while its last task still ran
            execution["status"] = "FAILED"
        self.fail(execution, error, cause)
        machine = self.states._state_machines.get(execution["stateMachineArn"]) or {}  # noqa: SLF001 - as above
        failure_log.write(self.emulator, machine, execution, error=error, cause=cause)

    def _describe(self, request: Json) -> Answer:
        arn = request.get("executionArn", "")
        if ":express:" in arn:
            # "This API action is not supported by EXPRESS state machines."
            return _error("InvalidArn", f"Invalid Arn: 'Resource type not valid in this context: express': '{arn}'")
        status, headers, body = self.describe(request)
        trace = (self._executions().get(arn) or {}).get("traceHeader")
        if status == 200 and trace:
            body = json.dumps(json.loads(body) | {"traceHeader": trace}).encode()
        return status, headers, body

    def _list(self, request: Json) -> Answer:
        machine = self._machine(request) if request.get("stateMachineArn") else None
        if machine is not None and is_express(machine):
            # "This operation is not supported by EXPRESS state machines."
            return _error("StateMachineTypeNotSupported", "This operation is not supported by EXPRESS state machines")
        return self.list(request)

    def _before_snapshot(self) -> None:
        with self.lock, self.emulator.within(*_NOWHERE):
            self.snapshot_number = self.journal.begin_snapshot()
            self.emulator.store(_STORE)["next"] = self.snapshot_number

    def _after_snapshot(self) -> None:
        with self.lock:
            self.journal.end_snapshot(self.snapshot_number)

    def _restore(self, state: Json) -> None:
        """The emulator gives up whatever was running when it ended."""
        held = state.get("executions")
        running = [found for found in held.all_values() if found["status"] == "RUNNING"] if held is not None else []
        self.restore(state)
        for execution in running:
            for name in ("error", "cause"):
                execution.pop(name, None)
            execution |= {"status": "RUNNING", "stopDate": None, "events": execution["events"][:1], "mockAttempts": {}}

    def _resume(self) -> None:
        """Go on with what was accepted: what the snapshot has as running, and what came after it."""
        again = 0
        for (account, region, arn), execution in list(self._executions().all_items()):  # type: ignore[attr-defined]  # the emulator's own kind of dict
            if execution["status"] == "RUNNING":
                with self.emulator.within(account, region):
                    self._run_aside(arn)
                again += 1
        with self.emulator.within(*_NOWHERE):
            number = self.emulator.store(_STORE).get("next", 0)
        for entry in self.journal.since(number):
            with self.emulator.within(entry["account"], entry["region"]):
                again += self._begin_again(entry["arn"], entry["request"])
        if again:
            logger.info("Running %d executions that had been accepted", again)

    def _begin_again(self, arn: str, request: Json) -> bool:
        machine = self._machine(request)
        if arn in self._executions():
            return False
        if machine is None:
            logger.warning("%s is lost: its state machine was made after the last snapshot", arn)
            return False
        if is_express(machine):
            self._begin_express(self.express.record(machine, request) | {"executionArn": arn})
        else:
            self._begin_standard(request)
        return True

    def _machine(self, request: Json) -> Json | None:
        arn = self.states._resolve_state_machine_arn(request["stateMachineArn"])  # noqa: SLF001 - as above
        found: Json | None = self.states._state_machines.get(arn) if arn else None  # noqa: SLF001 - as above
        return found

    def _executions(self) -> dict[str, Json]:
        found: dict[str, Json] = self.states._executions  # noqa: SLF001 - as above
        return found


def _started(execution: Json) -> Answer:
    answer: Answer = responses.json_response(
        {"executionArn": execution["executionArn"], "startDate": execution["startDate"]}
    )
    return answer


def _error(type_: str, message: str, status: int = 400) -> Answer:
    answer: Answer = responses.error_response_json(type_, message, status)
    return answer
