"""Where rollback triggers act in the emulator: before each resource of an operation, and after its last one.

"CloudFormation monitors the specified alarms during the stack create or update operation, and for the specified amount
of time after all resources have been deployed. If any of the alarms goes to ALARM state during the stack operation or
the monitoring period, CloudFormation rolls back the entire stack operation."
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-rollback-triggers.html
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any

from ministack.services import cloudformation, cloudwatch
from ministack.services.cloudformation import changesets, handlers, stacks

from pipeline.local.cloud.clock import CloudClock
from pipeline.local.cloud.cloudformation.patches import change_set_of, given, is_cancelled
from pipeline.local.cloud.cloudformation.rollback_triggers import (
    ALARM,
    OPTION,
    RollbackConfiguration,
    Watch,
    from_record,
    requested,
)
from pipeline.local.cloud.cloudwatch.patches import alarm_state
from pipeline.local.cloud.emulator import AwsError, Emulator, HttpResponse, Json, replace

CONFIGURATION = "_rollback_configuration"
"""Where the record of a stack or a change set has it."""
EACH_SECONDS = 0.1
MINUTE_SECONDS = 60.0

_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)
"""Of the operation that is under way; none in a nested stack's, whose alarms are those of the stack around it."""


class Changes:
    """How often each alarm went to ALARM since this cloud began; get it by `emulator.part(Changes)`."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._times: Counter[tuple[str, str, str]] = Counter()
        self._record = replace(cloudwatch, "_record_history", self._note)

    def times(self, alarm_name: str) -> int:
        """Return it of an alarm of `here`."""
        return self._times[(*self._emulator.here(), alarm_name)]

    def _note(self, name: str, before: str, after: str, *rest: Any, **more: Any) -> None:
        if after == ALARM != before:
            self._times[(*self._emulator.here(), name)] += 1
        self._record(name, before, after, *rest, **more)


def obey_rollback_triggers(emulator: Emulator) -> None:
    """Roll back what an alarm says. Comes after everything else that looks at resources."""
    _keep_configurations(emulator)
    _describe_configurations()
    _watch_operations(emulator)
    _look_before_resources()
    _count_resources()
    _monitor_after_the_last(emulator)
    _look_at_the_end()


def _keep_configurations(emulator: Emulator) -> None:
    """Keep what requests say, of stacks and of change sets until they are executed."""
    actions: dict[str, Callable[[Any], HttpResponse]] = handlers._ACTION_HANDLERS  # noqa: SLF001 - the emulator offers no other way
    create, execute = actions["CreateChangeSet"], actions["ExecuteChangeSet"]

    def wanted(parameters: Any) -> RollbackConfiguration:
        account, region = emulator.here()
        stack = handlers._resolve_stack(given(parameters, "StackName")) or {}  # noqa: SLF001 - as above
        living = {} if stack.get("StackStatus") == "DELETE_COMPLETE" else stack
        values = {name: str(each[0] if each else "") for name, each in parameters.items()}
        return requested(values, from_record(living.get(CONFIGURATION) or {}), f"{region}:{account}")

    def refusing(own: Callable[[Any, RollbackConfiguration], HttpResponse]) -> Callable[[Any], HttpResponse]:
        def handle(parameters: Any) -> HttpResponse:
            try:
                configuration = wanted(parameters)
            except AwsError as error:
                refused: HttpResponse = handlers._error(error.code, error.message)  # noqa: SLF001 - as above
                return refused
            return own(parameters, configuration)

        return handle

    def keeping(own: Callable[[Any], HttpResponse]) -> Callable[[Any], HttpResponse]:
        def handle(parameters: Any, configuration: RollbackConfiguration) -> HttpResponse:
            answer = own(parameters)  # what it begins runs later
            _note(answer, handlers._resolve_stack(given(parameters, "StackName")), configuration.as_record())  # noqa: SLF001 - as above
            return answer

        return refusing(handle)

    def create_change_set(parameters: Any, configuration: RollbackConfiguration) -> HttpResponse:
        answer = create(parameters)
        _note(answer, change_set_of(parameters), configuration.as_record())
        return answer

    def execute_change_set(parameters: Any) -> HttpResponse:
        change_set = change_set_of(parameters) or {}
        answer = execute(parameters)
        stack = cloudformation._stacks.get(change_set.get("StackName"))  # noqa: SLF001 - as above
        _note(answer, stack, change_set.get(CONFIGURATION) or {})
        return answer

    actions |= {name: keeping(actions[name]) for name in ("CreateStack", "UpdateStack")}
    actions |= {"CreateChangeSet": refusing(create_change_set), "ExecuteChangeSet": execute_change_set}


def _note(answer: HttpResponse, record: Json | None, configuration: Json) -> None:
    if answer[0] == 200 and record is not None:
        record[CONFIGURATION] = configuration


def _describe_configurations() -> None:
    """Have stacks and change sets described with what they have."""
    actions: dict[str, Callable[[Any], HttpResponse]] = handlers._ACTION_HANDLERS  # noqa: SLF001 - as above
    describe_stacks, describe_change_set = actions["DescribeStacks"], actions["DescribeChangeSet"]

    def of_stack(stack_id: re.Match[bytes]) -> bytes:
        record = handlers._resolve_stack(stack_id[1].decode()) or {}  # noqa: SLF001 - as above
        return stack_id[0] + _as_xml(record.get(CONFIGURATION))

    def stacks_described(parameters: Any) -> HttpResponse:
        status, headers, body = describe_stacks(parameters)
        return status, headers, re.sub(rb"<StackId>([^<]+)</StackId>", of_stack, body)

    def change_set_described(parameters: Any) -> HttpResponse:
        status, headers, body = describe_change_set(parameters)
        said = _as_xml((change_set_of(parameters) or {}).get(CONFIGURATION))
        return status, headers, re.sub(rb"(<StackId>[^<]+</StackId>)", lambda found: found[1] + said, body, count=1)

    actions |= {"DescribeStacks": stacks_described, "DescribeChangeSet": change_set_described}


def _as_xml(record: Json | None) -> bytes:
    configuration = from_record(record or {})
    if not configuration:
        return f"<{OPTION}></{OPTION}>".encode()
    listed = "".join(
        f"<member><Arn>{handlers._esc(each.arn)}</Arn><Type>{each.type_name}</Type></member>"  # noqa: SLF001 - as above
        for each in configuration.triggers
    )
    return (
        f"<{OPTION}><RollbackTriggers>{listed}</RollbackTriggers>"
        f"<MonitoringTimeInMinutes>{configuration.minutes}</MonitoringTimeInMinutes></{OPTION}>"
    ).encode()


def _watch_operations(emulator: Emulator) -> None:
    """Look at a stack's triggers from an operation's begin to its end, and no more once it is rolled back."""
    deploy: Callable[..., Coroutine[Any, Any, None]] = stacks._deploy_stack_async  # noqa: SLF001 - as above
    roll_back: Callable[..., Coroutine[Any, Any, None]] = stacks._roll_back_operation  # noqa: SLF001 - as above
    changes = emulator.part(Changes)

    async def deployed(name: str, *rest: Any, **more: Any) -> None:
        record = (cloudformation._stacks.get(name) or {}).get(CONFIGURATION)  # noqa: SLF001 - as above
        configuration = from_record(record or {})
        watch = Watch(configuration, state=alarm_state, alarms=changes.times, is_cancelled=lambda: is_cancelled(name))
        token = _watch.set(watch if configuration else None)
        try:
            await deploy(name, *rest, **more)
        finally:
            _watch.reset(token)

    async def rolled_back(name: str, stack_id: str, stack: Json, operation: Json, reason_override: str = "") -> None:
        watch = _watch.get()
        reason = reason_override
        if watch is not None:
            reason = reason or watch.ended_by
            watch.is_over = True
        await roll_back(name, stack_id, stack, operation, reason)

    for module in (stacks, handlers, changesets):
        if hasattr(module, "_deploy_stack_async"):
            module._deploy_stack_async = deployed  # noqa: SLF001 - as above
    stacks._roll_back_operation = rolled_back  # noqa: SLF001 - as above


def _look_before_resources() -> None:
    """Begin no resource of an operation that an alarm has ended."""
    make: Callable[..., tuple[str, Any]] = stacks._provision_resource  # noqa: SLF001 - as above
    change: Callable[..., tuple[str, Any]] = stacks._update_resource  # noqa: SLF001 - as above

    def looking(own: Callable[..., tuple[str, Any]], doing: str) -> Callable[..., tuple[str, Any]]:
        def handle(*arguments: Any) -> tuple[str, Any]:
            watch = _watch.get()
            if watch is not None and watch.look():
                raise ValueError(f"Resource {doing} cancelled")
            return own(*arguments)

        return handle

    stacks._provision_resource = looking(make, "creation")  # noqa: SLF001 - as above
    stacks._update_resource = looking(change, "update")  # noqa: SLF001 - as above


def _monitor_after_the_last(emulator: Emulator) -> None:
    """Wait behind the last resource, on a thread of its own: the loop goes on, and nothing is removed yet."""
    make: Callable[..., Any] = stacks._provision_keeping_seed  # noqa: SLF001 - as above
    change: Callable[..., Any] = stacks._update_keeping_seed  # noqa: SLF001 - as above
    clock = emulator.part(CloudClock)

    def monitoring(own: Callable[..., Any]) -> Callable[..., Any]:
        def handle(*arguments: Any) -> Any:
            made = own(*arguments)
            watch = _watch.get()
            if watch is not None and watch.is_at_last and not watch.is_over:
                _monitor(watch, clock.real_seconds(watch.configuration.minutes * MINUTE_SECONDS))
            return made

        return handle

    stacks._provision_keeping_seed = monitoring(make)  # noqa: SLF001 - as above
    stacks._update_keeping_seed = monitoring(change)  # noqa: SLF001 - as above


def _count_resources() -> None:
    """Know the last resource, and make it on a thread."""
    order: Callable[..., list[str]] = stacks._topological_sort  # noqa: SLF001 - as above
    on_thread: Callable[[str], bool] = stacks._runs_on_worker_thread  # noqa: SLF001 - as above

    def ordered(*arguments: Any) -> list[str]:
        found = order(*arguments)
        watch = _watch.get()
        if watch is not None and watch.resources is None:
            watch.resources = len(found)
        return found

    def runs_on_thread(type_name: str) -> bool:
        watch = _watch.get()
        if watch is None or watch.is_over:
            return on_thread(type_name)
        watch.begun += 1
        return watch.is_at_last or on_thread(type_name)

    stacks._topological_sort = ordered  # noqa: SLF001 - as above
    stacks._runs_on_worker_thread = runs_on_thread  # noqa: SLF001 - as above


def _look_at_the_end() -> None:
    """Let what ended the monitoring fail the operation, where outputs would be read next."""
    resolve: Callable[..., Any] = stacks._resolve_stack_outputs  # noqa: SLF001 - as above

    def resolved(*arguments: Any) -> Any:
        watch = _watch.get()
        if watch is not None and (reason := watch.look()):
            raise ValueError(reason)
        return resolve(*arguments)

    stacks._resolve_stack_outputs = resolved  # noqa: SLF001 - as above


def _monitor(watch: Watch, seconds: float) -> None:
    """Look until the time is over, something fires or somebody cancels."""
    end = time.monotonic() + seconds
    while not watch.look_for_cancellation() and time.monotonic() < end:
        time.sleep(min(EACH_SECONDS, max(end - time.monotonic(), 0.0)))
