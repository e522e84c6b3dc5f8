"""What of the emulator's Lambda is replaced or needed."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack.services import cloudwatch_logs, lambda_svc

from pipeline.local.cloud.emulator import AwsError, Emulator, HttpResponse, Json, error_response, replace

Execute = Callable[[Json, Any, str], Json]

_executed: ContextVar[list[str] | None] = ContextVar("executed", default=None)
"""Where the versions are noted that a call of the Invoke API runs."""


def replace_execution(execute: Execute) -> Execute:
    """Replace the one place where the emulator runs a function in a warm process."""
    return replace(lambda_svc, "_execute_function_warm", execute)


def check_functions(emulator: Emulator, check: Callable[[str, Json], None]) -> None:
    """Have a function's settings checked before it is created or changed, by the API or by CloudFormation."""

    def refusal(request: Json) -> HttpResponse | None:
        try:
            check(emulator.here()[0], request)
        except AwsError as error:
            return error_response(error.code, error.message, error.status)
        return None

    def create(request: Json) -> HttpResponse:
        return refusal({"Role": None, **request}) or creation(request)

    def change(name: str, request: Json) -> HttpResponse:
        exists = name in lambda_svc._functions  # noqa: SLF001 - the emulator offers no other way
        return (refusal(request) if exists else None) or update(name, request)

    creation = replace(lambda_svc, "_create_function", create)
    update = replace(lambda_svc, "_update_config", change)
    emulator.check_resource("AWS::Lambda::Function", lambda properties: check(emulator.here()[0], properties))


def route_aliases(choose: Callable[[Json], str]) -> None:
    """Have each invocation of an alias, whoever makes it, run the version that is chosen for it: `choose(alias)`."""
    run: Callable[[Json, Any], Json] = lambda_svc._execute_function  # noqa: SLF001 - the emulator offers no other way

    def execute(function: Json, event: Any) -> Json:
        config = function.get("config") or function
        if lambda_svc._function_config_scope_mismatch(config):  # noqa: SLF001 - as above
            return run(function, event)  # which comes back here, in the function's own account and region
        return run(_routed(function, config, choose), event)

    lambda_svc._execute_function = execute  # noqa: SLF001 - as above
    _keep_names_of_aliases()
    _tell_executed_versions()


def check_aliases(refusal: Callable[[Json, dict[str, Json]], str | None]) -> None:
    """Refuse an alias that points where it cannot: `refusal(alias, configurations)`, those of versions by number."""

    def checking(own: Callable[..., HttpResponse], named: Callable[..., Json]) -> Callable[..., HttpResponse]:
        def handle(function: str, *rest: Any) -> HttpResponse:
            whole = lambda_svc._functions.get(function)  # noqa: SLF001 - as above
            if whole is None:
                return own(function, *rest)
            versions = {number: each["config"] for number, each in whole["versions"].items()}
            if refused := refusal(named(whole, *rest), versions):
                return error_response("InvalidParameterValueException", refused)
            return own(function, *rest)

        return handle

    def changed(whole: Json, name: str, request: Json) -> Json:
        return {**whole["aliases"].get(name, {}), **request}

    lambda_svc._create_alias = checking(lambda_svc._create_alias, lambda _whole, request: request)  # noqa: SLF001 - as above
    lambda_svc._update_alias = checking(lambda_svc._update_alias, changed)  # noqa: SLF001 - as above


def _keep_names_of_aliases() -> None:
    """Let what is found by an alias have the alias's ARN: it decides the version, the metrics and what handlers see."""
    found: Callable[..., tuple[Any, Any]] = lambda_svc._effective_func_record_for_qualifier  # noqa: SLF001 - as above

    def find(function: Json | None, qualifier: str | None) -> tuple[Any, Any]:
        record, config = found(function, qualifier)
        alias = function["aliases"].get(qualifier) if function else None
        if function is None or alias is None or config is None:
            return record, config
        config = {**config, "FunctionArn": alias["AliasArn"]}
        return {**function, "code_zip": record["code_zip"], "config": config}, config

    lambda_svc._effective_func_record_for_qualifier = find  # noqa: SLF001 - as above


def _tell_executed_versions() -> None:
    """Answer an invocation with the version that was run."""
    invoke: Callable[..., Any] = lambda_svc._invoke  # noqa: SLF001 - as above

    async def invoked(*rest: Any, **more: Any) -> HttpResponse:
        versions: list[str] = []
        token = _executed.set(versions)
        try:
            status, headers, body = await invoke(*rest, **more)
        finally:
            _executed.reset(token)
        executed = {"X-Amz-Executed-Version": versions[-1]} if versions and "X-Amz-Executed-Version" in headers else {}
        return status, headers | executed, body

    lambda_svc._invoke = invoked  # noqa: SLF001 - as above


def _routed(function: Json, config: Json, choose: Callable[[Json], str]) -> Json:
    """Return what an invocation runs: of an alias, the chosen version under the alias's name."""
    name, qualifier = lambda_svc._lambda_function_name_and_qualifier_from_arn(config.get("FunctionArn", ""))  # noqa: SLF001 - as above
    whole = lambda_svc._functions.get(name)  # noqa: SLF001 - as above
    alias = whole["aliases"].get(qualifier) if whole else None
    if whole is None or alias is None:
        return function
    version = choose(alias)
    record = whole["versions"].get(version, whole)
    if (versions := _executed.get()) is not None:
        versions.append(version)
    # The rest is the function's: reserved concurrency is shared by all of its versions.
    return {**whole, "code_zip": record["code_zip"], "config": {**record["config"], "FunctionArn": alias["AliasArn"]}}


def write_logs_into_groups_that_exist(may_write: Callable[[Json], bool]) -> None:
    """Write no log of a function whose log group was deleted, or whose role may not write there.

    Lambda makes the log group that a function names only if its role may, and ours may not: deleted, it stays so.
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html
    """

    def emitted(function: Json, *rest: Any, **more: Any) -> None:
        config = function.get("config") or function
        named = (config.get("LoggingConfig") or {}).get("LogGroup")
        if (named is None or named in cloudwatch_logs._log_groups) and may_write(config):  # noqa: SLF001 - as above
            emit(function, *rest, **more)

    emit = replace(lambda_svc, "_emit_lambda_logs", emitted)


def check_destinations(may_send: Callable[[Json, str], bool]) -> None:
    """Send what an asynchronous call came to only where the function's role may: `may_send(function, destination)`."""

    def route(target: str, name: str, *rest: Any) -> None:
        function = (lambda_svc._functions.get(name) or {}).get("config")  # noqa: SLF001 - as above
        if function is None or may_send(function, target):
            routed(target, name, *rest)

    routed = replace(lambda_svc, "_route_async_failure", route)


def trace_id(config: Json, header: str | None) -> str | None:
    """Return `_X_AMZN_TRACE_ID` of an invocation, as the emulator decides it from the trace that it belongs to."""
    found: str | None = lambda_svc._xray_trace_id_for_invocation(config, header)  # noqa: SLF001 - as above
    return found


def layer_content(layer: Json | str) -> bytes | None:
    """Return the zip file of an attached layer version."""
    found: bytes | None = lambda_svc._resolve_layer_zip(layer)  # noqa: SLF001 - as above
    return found
