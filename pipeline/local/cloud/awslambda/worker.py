"""What runs inside a sandbox: the part of Lambda's Python runtime between the service and a handler.

The sandbox starts it in isolated mode, by path, and with nothing but the standard library to import; the package and
its layers come with the first line. Lines of JSON in on one pipe, one answer each out on another; stdout and stderr are
the function's log. It follows the client that AWS publishes for this (aws-lambda-python-runtime-interface-client).
"""

import importlib
import json
import logging
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TextIO

Handler = Callable[[Any, "Context"], Any]


class FaultError(Exception):
    """A failure that Lambda names itself, in place of an exception of the handler's."""

    def __init__(self, error_type: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.trace = trace or []


class Context:
    """The second argument of a handler."""

    def __init__(self, request_id: str, function_arn: str, deadline: float) -> None:
        self.aws_request_id = request_id
        self.invoked_function_arn = function_arn
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.client_context = None
        self.identity = None
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        """Say how long the handler may still run."""
        return max(0, int((self._deadline - time.time()) * 1000))

    def log(self, message: object) -> None:
        """Write to the function's log."""
        sys.stdout.write(str(message))


class RequestIds(logging.Filter):
    """Puts the current request's id into the lines of the standard library's logging."""

    current = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every line."""
        record.aws_request_id = self.current
        return True


def load(name: str) -> Handler:
    """Import the module of a handler, and find the handler in it."""
    module_name, _, function_name = name.rpartition(".")
    if not module_name:
        raise FaultError("Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise FaultError("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        message = f"Syntax error in module '{module_name}': {error}"
        raise FaultError("Runtime.UserCodeSyntaxError", message, trace) from error
    if not hasattr(module, function_name):
        raise FaultError("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'")
    found: Handler = getattr(module, function_name)
    return found


def answer(handler: Handler, request: dict[str, Any]) -> dict[str, Any]:
    """Run the handler once."""
    for variable, value in request["variables"].items():
        if value is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = value
    RequestIds.current = request["id"]
    try:
        result = handler(request["event"], Context(request["id"], request["arn"], request["deadline"]))
        return {"result": marshal(result)}
    except Exception as error:  # noqa: BLE001 - any exception of the handler's is its answer
        return {"error": failure(error, request["id"])}


def marshal(result: object) -> str:
    """Write what the handler returned as Lambda sends it."""
    try:
        return json.dumps(result, ensure_ascii=False, default=number)
    except (TypeError, ValueError) as error:
        raise FaultError("Runtime.MarshalError", f"Unable to marshal response: {error}") from error


def number(value: object) -> float:
    """Lambda writes decimals, which DynamoDB gives, as numbers."""
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def failure(error: Exception, request_id: str) -> dict[str, Any]:
    """Describe an exception as the caller gets it, and write it to the log."""
    if isinstance(error, FaultError):
        name, trace = error.error_type, error.trace
    else:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
        frames = [frame for frame in frames if not frame.filename.startswith("<frozen importlib")]
        name, trace = type(error).__name__, traceback.format_list(frames)
    sys.stdout.write(f"[ERROR] {name}: {error}\nTraceback (most recent call last):\n{''.join(trace)}\n")
    return {"errorMessage": str(error), "errorType": name, "requestId": request_id, "stackTrace": trace}


def receive(requests: TextIO, inbox: "queue.SimpleQueue[dict[str, Any]]") -> None:
    """Hand over requests until the local cloud closes the pipe, on purpose or by being killed: then end at once."""
    for line in requests:
        inbox.put(json.loads(line))
    os._exit(0)


def log_to_stdout() -> None:
    """Set the root logger up as Lambda does."""
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(RequestIds())
    layout = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
    handler.setFormatter(logging.Formatter(layout, "%Y-%m-%dT%H:%M:%S"))
    logging.Formatter.converter = time.gmtime
    logging.getLogger().addHandler(handler)


def main(requests: TextIO, answers: TextIO) -> None:
    """Load the handler, then answer requests one at a time."""
    inbox: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=receive, args=(requests, inbox), daemon=True).start()

    def send(message: dict[str, Any], mark: str) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(1, f"\0{mark}\n".encode())  # the log up to here belongs to this answer
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    start = inbox.get()
    if os.environ.get("LC_CTYPE") == "C.UTF-8":
        del os.environ["LC_CTYPE"]  # the interpreter's own doing, where this machine lacks the locale in LANG (PEP 538)
    sys.path[:0] = start["path"]
    log_to_stdout()
    try:
        handler = load(start["handler"])
    except Exception as error:  # noqa: BLE001 - whatever a module does when imported is the function's failure
        send({"error": failure(error, "")}, "start")
        return
    send({}, "start")
    while True:
        request = inbox.get()
        send(answer(handler, request), request["id"])


if __name__ == "__main__":
    for pipe in sys.argv[1:3]:
        os.set_inheritable(int(pipe), False)  # a process that the handler starts must not keep the sandbox open
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # the interpreter's own stream
    main(os.fdopen(int(sys.argv[1]), encoding="utf-8"), os.fdopen(int(sys.argv[2]), "w", encoding="utf-8"))
