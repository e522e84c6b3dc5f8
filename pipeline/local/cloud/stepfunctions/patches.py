"""What of the emulator's Step Functions is replaced or needed."""

import contextvars
import functools
import json
import threading
from collections.abc import Callable, Iterable, MutableMapping
from types import FunctionType
from typing import Any

from ministack.core import responses
from ministack.services import stepfunctions as states
from ministack.services.cloudformation import provisioners

from pipeline.local.cloud.emulator import AwsError, Emulator, HttpResponse, Json, error_response, replace

Operation = Callable[[Json], HttpResponse]


def replace_operation(name: str, by: Operation) -> Operation:
    """Replace an operation of the API: `start_execution`, `describe_execution`, ..."""
    return replace(states, f"_{name}", by)


def check_state_machines(emulator: Emulator, check: Callable[[Json], None]) -> None:
    """Have what a state machine is to be checked before it is taken, by the API or by CloudFormation.

    `check` gets the type, and the definition and the role where they are given.
    """

    def checking(own: Operation, described: Callable[[Json], Json]) -> Operation:
        def handle(request: Json) -> HttpResponse:
            try:
                check(described(request))
            except AwsError as error:
                return error_response(error.code, error.message, error.status)
            return own(request)

        return handle

    def update(request: Json) -> Json:
        machine = state_machine(request.get("stateMachineArn", ""))
        return {} if machine is None else {**request, "type": machine["type"]}

    def of_template(properties: Json) -> Json:
        definition = provisioners._sfn_definition(properties)  # noqa: SLF001 - the emulator offers no other way
        type_ = properties.get("StateMachineType", "STANDARD")
        return {"definition": definition, "type": type_, "roleArn": properties["RoleArn"]}

    for operation, described in (("create_state_machine", dict), ("update_state_machine", update)):
        own: Operation = getattr(states, f"_{operation}")
        replace_operation(operation, checking(own, described))
    emulator.check_resource("AWS::StepFunctions::StateMachine", lambda properties: check(of_template(properties)))


def replace_run(run: Callable[[str], None]) -> Callable[[str], None]:
    """Replace what runs an execution to its end, given its ARN; what is returned runs that of a version as its version.

    The emulator knows the latest revision of a state machine alone. So it is shown the version in its place, by its
    own function with other globals: a change of what is there would be seen by other executions as well.
    """
    own = replace(states, "_run_execution", run)
    assert isinstance(own, FunctionType)  # noqa: S101 - what every function of a module is

    def run_as_started(arn: str) -> None:
        execution = states._executions.get(arn)  # noqa: SLF001 - as above
        machine = machine_of(execution) if execution and is_of_version(execution) else None
        if machine is None:
            own(arn)
        else:
            FunctionType(own.__code__, {**vars(states), "_state_machines": {machine["stateMachineArn"]: machine}})(arn)

    return run_as_started


def is_of_version(execution: Json) -> bool:
    """Tell whether an execution was started by a version or an alias."""
    return "stateMachineVersionArn" in execution


def replace_failure(fail: Callable[..., None]) -> Callable[..., None]:
    """Replace what fails an execution: `fail(execution, error, cause)`."""
    return replace(states, "_fail_execution", fail)


def replace_restore(restore: Callable[[Json], None]) -> Callable[[Json], None]:
    """Replace what restores the state of a snapshot."""
    return replace(states, "load_persisted_state", restore)


def check_tasks(refusal: Callable[[Json, str, Any], tuple[str, str] | None]) -> None:
    """Fail each task that is refused: `refusal(execution, resource, parameters)` is None, or an error and its cause."""
    current: contextvars.ContextVar[Json | None] = contextvars.ContextVar("execution", default=None)

    def execute(state: Json, given: Any, execution: Json, context: Json) -> Any:
        token = current.set(execution)
        try:
            return task(state, given, execution, context)
        finally:
            current.reset(token)

    def checked(invoke: Callable[..., Any]) -> Callable[..., Any]:
        def invoke_checked(resource: str, parameters: Any, *rest: Any) -> Any:
            execution = current.get()
            refused = refusal(execution, resource, parameters) if execution else None
            if refused:
                raise states._ExecutionError(*refused)  # noqa: SLF001 - as above
            token = current.set(None)  # one of these functions calls another
            try:
                return invoke(resource, parameters, *rest)
            finally:
                current.reset(token)

        return invoke_checked

    task = replace(states, "_execute_task", execute)
    for name in ("_invoke_resource", "_invoke_resource_with_timeout", "_invoke_with_callback"):
        setattr(states, name, checked(getattr(states, name)))


def function_arn(reference: str) -> str:
    """Return the ARN of a function that a task names in full, in part or by its name; of `here`."""
    name = str(states._extract_lambda_ref(reference) or reference)  # noqa: SLF001 - as above
    if name.startswith("arn:"):
        return name
    account, region = responses.get_account_id(), responses.get_region()
    return f"arn:aws:lambda:{region}:{account}:function:{name}"


def run_in_thread(arn: str) -> threading.Thread:
    """Run an execution on a thread of its own, in the account and region of `here`."""
    run = functools.partial(contextvars.copy_context().run, states._run_execution, arn)  # noqa: SLF001 - as above
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def executions() -> MutableMapping[str, Any]:
    """Return the emulator's own records of the executions of `here`, by their ARNs."""
    found: MutableMapping[str, Any] = states._executions  # noqa: SLF001 - as above
    return found


def executions_everywhere() -> Iterable[tuple[str, str, Json]]:
    """List the account, the region and the emulator's own record of each execution."""
    for (account, region, _), execution in list(states._executions.all_items()):  # noqa: SLF001 - as above
        yield account, region, execution


def saved_executions(state: Json) -> list[Json]:
    """List the executions in a snapshot's state."""
    held = state.get("executions")
    return [] if held is None else list(held.all_values())


def state_machine(arn: str) -> Json | None:
    """Return the emulator's own record of a state machine of `here`, by its ARN or that of a version or an alias."""
    resolved = states._resolve_state_machine_arn(arn)  # noqa: SLF001 - as above
    found: Json | None = states._state_machines.get(resolved) if resolved else None  # noqa: SLF001 - as above
    return found


def machine_of(execution: Json) -> Json | None:
    """Return an execution's state machine, as the version that it runs has it; None if it is gone."""
    found: Json | None = states._state_machines.get(execution["stateMachineArn"])  # noqa: SLF001 - as above
    if found is None or not is_of_version(execution):
        return found
    version = versions().get(execution["stateMachineVersionArn"]) or execution.get("deletedVersion") or {}
    return found | version


def versions() -> MutableMapping[str, Any]:
    """Return the emulator's own records of the versions of `here`, by their ARNs."""
    found: MutableMapping[str, Any] = states._state_machine_versions  # noqa: SLF001 - as above
    return found


def aliases() -> MutableMapping[str, Any]:
    """Return the emulator's own records of the aliases of `here`, by their ARNs."""
    found: MutableMapping[str, Any] = states._state_machine_aliases  # noqa: SLF001 - as above
    return found


def publisher() -> Callable[[Json], Json]:
    """Return what publishes the latest revision of a state machine, whether there is a version of it or not."""
    own: Operation = states._publish_state_machine_version  # noqa: SLF001 - as above

    def publish(request: Json) -> Json:
        found: Json = json.loads(own(request)[2])
        return found

    return publish


def tell_status(execution: Json) -> None:
    """Tell EventBridge, and who measures, that an execution has another status."""
    states._emit_execution_status_event(execution)  # noqa: SLF001 - as above


def end_by_timeout(execution: Json) -> None:
    """Write into its history, and tell EventBridge, that the time of an execution is over."""
    states._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})  # noqa: SLF001 - as above
    tell_status(execution)


def now() -> str:
    """Return this moment as the API writes it."""
    return str(responses.now_iso())
