"""What of the emulator's Lambda is replaced or needed."""

from collections.abc import Callable
from typing import Any

from ministack.services import cloudwatch_logs, lambda_svc

from pipeline.local.cloud.emulator import AwsError, Emulator, HttpResponse, Json, error_response, replace

Execute = Callable[[Json, Any, str], Json]


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
