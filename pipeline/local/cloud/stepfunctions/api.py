"""Executions, as the API starts and describes them: checked, idempotent, within their time, kept over a kill."""

import contextvars
import functools
import json
import logging
import threading
import uuid
from collections.abc import Iterable, Iterator

from pipeline.local.cloud import traces
from pipeline.local.cloud.emulator import Emulator, HttpResponse, Json, error_response, json_response
from pipeline.local.cloud.stepfunctions import express, failure_log, patches, records, routing
from pipeline.local.cloud.stepfunctions.deadlines import Deadlines
from pipeline.local.cloud.stepfunctions.journal import Journal
from pipeline.local.cloud.stepfunctions.requests import RefusedError, check
from pipeline.local.cloud.stepfunctions.versions import Versions

logger = logging.getLogger("penstock.stepfunctions")

_STORE = "stepfunctions-journal"
_NOWHERE = ("000000000000", "us-east-1")
"""Where our own store keeps what is of no account and region."""
_EXPRESS_SECONDS = 300
"""https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html: "Maximum duration: 5 minutes"."""


class Executions:
    """The executions of this cloud."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        # One at a time: events start executions from threads of their own.
        self.lock = threading.RLock()
        self.journal = Journal(emulator.folder / "executions")
        self.deadlines = Deadlines()
        self.versions = emulator.part(Versions)
        self.snapshot_number = 0
        self.start = patches.replace_operation("start_execution", self._start)
        self.describe = patches.replace_operation("describe_execution", self._describe)
        self.machine = patches.replace_operation("describe_state_machine_for_execution", self._describe_machine)
        self.list = patches.replace_operation("list_executions", self._list)
        patches.replace_operation("start_sync_execution", self._start_sync)
        self.fail = patches.replace_failure(self._fail)
        self.run = patches.replace_run(self._run)
        self.restore = patches.replace_restore(self._restore)

    def _start(self, request: Json) -> HttpResponse:
        try:
            check(request)
        except RefusedError as refused:
            return error_response(refused.type, refused.message)
        with self.lock:
            machine = patches.state_machine(request["stateMachineArn"])
            if machine is None:
                return self.start(request)  # which says that there is none
            named = request | {"name": request.get("name") or str(uuid.uuid4())}
            arn = records.execution_arn(machine, named)
            running = patches.executions().get(arn)
            if running is None:
                return self._accept(machine, named | self.versions.started_by(request["stateMachineArn"]), arn)
        # "StartExecution is idempotent for STANDARD workflows. For a STANDARD workflow, if you call StartExecution with
        # the same name and input as a running execution, the call succeeds and return the same response as the
        # original request. If the execution is closed or if the input is different, it returns a 400
        # ExecutionAlreadyExists error. You can reuse the name 90 days after it closes." Whether an alias routes to
        # another version by then is not asked. "StartExecution isn't idempotent for EXPRESS workflows."
        if running["status"] == "RUNNING" and running["input"] == request.get("input", "{}"):
            return _started(running)
        return error_response("ExecutionAlreadyExists", f"Execution Already Exists: '{running['executionArn']}'")

    def _accept(self, machine: Json, request: Json, arn: str) -> HttpResponse:
        account, region = self.emulator.here()
        try:
            self.journal.append({"account": account, "region": region, "arn": arn, "request": request})
        except OSError as error:
            logger.error("%s was not accepted, as it cannot be kept: %s", arn, error)
            return error_response("ServiceUnavailable", "The execution cannot be kept.", 503)
        return self._begin(machine, request, arn)

    @staticmethod
    def _begin(machine: Json, request: Json, arn: str) -> HttpResponse:
        execution = records.new_execution(machine, request, arn)
        patches.executions()[arn] = execution
        patches.tell_status(execution)
        patches.run_in_thread(arn)
        return _started(execution)

    def _start_sync(self, request: Json) -> HttpResponse:
        """Run an Express workflow to its end. Nobody waits for it after a kill, so it is not kept."""
        try:
            check(request)
        except RefusedError as refused:
            return error_response(refused.type, refused.message)
        machine = patches.state_machine(request["stateMachineArn"])
        if machine is None:
            return error_response(
                "StateMachineDoesNotExist", f"State Machine Does Not Exist: '{request['stateMachineArn']}'"
            )
        if not express.is_express(machine):
            return error_response(
                "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine"
            )
        named = request | {"name": request.get("name") or str(uuid.uuid4())}
        arn = records.execution_arn(machine, named)
        execution = records.new_execution(machine, named | self.versions.started_by(request["stateMachineArn"]), arn)
        patches.executions()[arn] = execution
        patches.tell_status(execution)
        try:
            patches.run_in_thread(arn).join(self._seconds(patches.machine_of(execution) or machine))
            self._expire(execution)
        finally:
            patches.executions().pop(arn, None)
        return json_response(express.outcome(execution))

    def _run(self, arn: str) -> None:
        execution = patches.executions()[arn]
        machine = patches.machine_of(execution)
        seconds = self._seconds(machine) if machine else None
        if seconds is not None:
            expire = functools.partial(self._expire, execution)
            self.deadlines.add(seconds, functools.partial(contextvars.copy_context().run, expire))
        with traces.belonging_to(execution.get("traceHeader")):
            self.run(arn)

    @staticmethod
    def _seconds(machine: Json) -> float | None:
        """Return the most that an execution may take: the definition's `TimeoutSeconds`, five minutes for Express."""
        try:
            wanted = json.loads(machine["definition"]).get("TimeoutSeconds")
        except (ValueError, AttributeError):
            wanted = None
        if express.is_express(machine):
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
            execution |= {"status": "TIMED_OUT", "error": "States.Timeout", "stopDate": patches.now()}
        patches.end_by_timeout(execution)

    def _fail(self, execution: Json, error: str, cause: str) -> None:
        with self.lock:
            if execution["status"] != "RUNNING":
                return  # it was stopped, or its time was over, while its last task still ran
            execution["status"] = "FAILED"
        self.fail(execution, error, cause)
        machine = patches.machine_of(execution) or {}
        failure_log.write(self.emulator, machine, execution, error=error, cause=cause)

    def _describe(self, request: Json) -> HttpResponse:
        arn = request.get("executionArn", "")
        if ":express:" in arn:
            # "This API action is not supported by EXPRESS state machines."
            return error_response(
                "InvalidArn", f"Invalid Arn: 'Resource type not valid in this context: express': '{arn}'"
            )
        status, headers, body = self.describe(request)
        execution = patches.executions().get(arn) or {}
        more = {name: execution[name] for name in (*records.STARTED_BY, "traceHeader") if execution.get(name)}
        if status == 200 and more:
            body = json.dumps(json.loads(body) | more).encode()
        return status, headers, body

    def _describe_machine(self, request: Json) -> HttpResponse:
        """Describe the state machine of an execution, as the version that it runs has it."""
        status, headers, body = self.machine(request)
        execution = patches.executions().get(request.get("executionArn", "")) or {}
        machine = patches.machine_of(execution) if patches.is_of_version(execution) else None
        if status == 200 and machine is not None:
            of_version = {name: machine[name] for name in ("definition", "roleArn")}
            body = json.dumps(json.loads(body) | of_version).encode()
        return status, headers, body

    def _list(self, request: Json) -> HttpResponse:
        """List executions: "You can also provide a state machine alias ARN or version ARN"."""
        wanted = request.get("stateMachineArn")
        machine = patches.state_machine(wanted) if wanted else None
        if machine is not None and express.is_express(machine):
            # "This operation is not supported by EXPRESS state machines."
            return error_response(
                "StateMachineTypeNotSupported", "This operation is not supported by EXPRESS state machines"
            )
        if machine is None:
            return self.list(request)
        arn = machine["stateMachineArn"]
        status, headers, body = self.list(request | {"stateMachineArn": arn})
        if status == 200:
            listed = json.loads(body)
            listed["executions"] = [*_associated(listed["executions"], "" if wanted == arn else str(wanted))]
            body = json.dumps(listed).encode()
        return status, headers, body

    def before_snapshot(self) -> None:
        """Note which accepted executions the snapshot has."""
        with self.lock, self.emulator.within(*_NOWHERE):
            self.snapshot_number = self.journal.begin_snapshot()
            self.emulator.store(_STORE)["next"] = self.snapshot_number

    def after_snapshot(self) -> None:
        """Forget accepted executions that every kept snapshot has."""
        with self.lock:
            self.journal.end_snapshot(self.snapshot_number)

    def _restore(self, state: Json) -> None:
        """Restore a snapshot's executions; those that were running the emulator gives up, and we do not."""
        running = [found for found in patches.saved_executions(state) if found["status"] == "RUNNING"]
        self.restore(state)
        for execution in running:
            for name in ("error", "cause"):
                execution.pop(name, None)
            execution |= {"status": "RUNNING", "stopDate": None, "events": execution["events"][:1], "mockAttempts": {}}

    def resume(self) -> None:
        """Go on with what was accepted: what the snapshot has as running, and what came after it."""
        again = 0
        for account, region, execution in patches.executions_everywhere():
            if execution["status"] == "RUNNING":
                with self.emulator.within(account, region):
                    patches.run_in_thread(execution["executionArn"])
                again += 1
        with self.emulator.within(*_NOWHERE):
            number = self.emulator.store(_STORE).get("next", 0)
        for entry in self.journal.since(number):
            with self.emulator.within(entry["account"], entry["region"]):
                again += self._begin_again(entry["arn"], entry["request"])
        if again:
            logger.info("Running %d executions that had been accepted", again)

    def _begin_again(self, arn: str, request: Json) -> bool:
        requested = request["stateMachineArn"]
        machine = patches.state_machine(requested) or patches.state_machine(routing.machine_of(requested))
        if arn in patches.executions():
            return False
        if machine is None:
            logger.warning("%s is lost: its state machine was made after the last snapshot", arn)
            return False
        if request.get("stateMachineVersionArn") not in (None, *patches.versions()):
            # Its version was published after the last snapshot: the alias, as it is now, says which one runs.
            kept = {name: value for name, value in request.items() if name not in records.STARTED_BY}
            request = kept | self.versions.started_by(requested)
        self._begin(machine, request, arn)
        return True


def _associated(listed: Iterable[Json], qualified: str) -> Iterator[Json]:
    """Say of each execution what it was started by, and leave out those that were not by this version or alias."""
    for each in listed:
        execution = patches.executions().get(each["executionArn"]) or {}
        started_by = {name: execution[name] for name in records.STARTED_BY if name in execution}
        if not qualified or qualified in started_by.values():
            yield each | started_by


def _started(execution: Json) -> HttpResponse:
    return json_response({"executionArn": execution["executionArn"], "startDate": execution["startDate"]})
