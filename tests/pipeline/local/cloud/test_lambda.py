"""Functions run, fail and are logged as Lambda documents it."""

import base64
import json
import os
import signal
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.lifecycle import LocalCloud
from pipeline.local.processes import process
from tests.testbed.functions import ACCOUNT, REGION, Functions, until, zipped
from tests.testbed.roles import role

pytestmark = pytest.mark.cloud


@pytest.fixture
def functions(cloud: LocalCloud) -> Functions:
    return Functions(cloud)


# https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html: "When your code raises an error, Lambda
# generates a JSON representation of the error", with errorMessage, errorType (`FileNotFoundError` there), requestId and
# stackTrace.
def test_an_exception_is_answered_with_the_name_of_its_class(functions: Functions) -> None:
    error, answer = functions.run(
        """
        class OutOfStock(Exception):
            pass

        def handle(event, context):
            raise OutOfStock("none left of " + event["item"])
        """,
        {"item": "x"},
    )
    assert answer["FunctionError"] == "Unhandled"
    assert answer["StatusCode"] == 200
    assert error["errorType"] == "OutOfStock"
    assert error["errorMessage"] == "none left of x"
    assert error["requestId"]
    (frame,) = error["stackTrace"]
    assert 'app.py", line 6, in handle' in frame


# https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html: a Catch names the error of a Lambda
# function by its class, "the name of the error" that the function raised.
def test_a_workflow_catches_a_function_error_by_its_class(functions: Functions) -> None:
    name = functions.make("class OutOfStock(Exception): pass\ndef handle(event, context): raise OutOfStock('none')")
    steps = functions.cloud.client("stepfunctions", ACCOUNT, REGION)
    definition = {
        "StartAt": "Call",
        "States": {
            "Call": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": name},
                "Catch": [{"ErrorEquals": ["OutOfStock"], "Next": "Caught"}],
                "End": True,
            },
            "Caught": {"Type": "Succeed"},
        },
    }
    states_role = role(functions.cloud, "states", "states.amazonaws.com")
    made = steps.create_state_machine(name=name, definition=json.dumps(definition), roleArn=states_role)
    machine = made["stateMachineArn"]
    execution = steps.start_execution(stateMachineArn=machine)["executionArn"]
    found = until(lambda: steps.describe_execution(executionArn=execution), lambda found: found["status"] != "RUNNING")
    assert found["status"] == "SUCCEEDED"


# https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html: "Unable to import module" is
# `Runtime.ImportModuleError`; https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html for the handler's name.
@pytest.mark.parametrize(
    ("code", "handler", "error_type", "message"),
    [
        ("import httpx_is_missing", "app.handle", "Runtime.ImportModuleError", "Unable to import module 'app'"),
        ("x = 1", "other.handle", "Runtime.ImportModuleError", "No module named 'other'"),
        (
            "def other(event, context): pass",
            "app.handle",
            "Runtime.HandlerNotFound",
            "'handle' missing on module 'app'",
        ),
        ("def handle(:", "app.handle", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("1 / 0", "app.handle", "ZeroDivisionError", "division by zero"),
        ("def handle(e, c): return {1, 2}", "app.handle", "Runtime.MarshalError", "set is not JSON serializable"),
        ("import os\ndef handle(e, c): os._exit(7)", "app.handle", "Runtime.ExitError", "exit status 7"),
        ("import sys\ndef handle(e, c): sys.exit(1)", "app.handle", "Runtime.ExitError", "exit status 1"),
        ("import os\ndef handle(e, c): os.kill(os.getpid(), 9)", "app.handle", "Runtime.ExitError", "signal: killed"),
    ],
)
def test_each_failure_of_the_runtime_has_its_documented_type(
    functions: Functions, code: str, handler: str, error_type: str, message: str
) -> None:
    error, answer = functions.run(code, handler=handler)
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == error_type
    assert message in error["errorMessage"]


# https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html: Lambda stops the function at its timeout.
def test_a_call_ends_at_the_timeout_and_the_next_one_starts_afresh(functions: Functions) -> None:
    name = functions.make(
        """
        import os, threading
        calls = 0

        def handle(event, context):
            global calls
            calls += 1
            if event == "hang":
                threading.Event().wait()
            return {"calls": calls, "process": os.getpid(), "left": context.get_remaining_time_in_millis()}
        """,
        Timeout=1,
    )
    before, _ = functions.call(name)
    assert 0 < before["left"] <= 1000
    began = time.monotonic()
    error, answer = functions.call(name, "hang")
    assert 1 <= time.monotonic() - began < 5
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in error["errorMessage"]
    after, _ = functions.call(name)
    assert after["calls"] == 1
    assert after["process"] != before["process"]


# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html: a warm environment is reused,
# and when one crashes the next invocation gets another.
def test_a_sandbox_that_was_killed_while_it_waited_is_replaced(functions: Functions) -> None:
    name = functions.make("import os\ndef handle(event, context): return os.getpid()")
    first, _ = functions.call(name)
    assert functions.call(name)[0] == first
    os.kill(first, signal.SIGKILL)
    until(lambda: process(first), lambda found: found is None)
    second, answer = functions.call(name)
    assert "FunctionError" not in answer
    assert second != first


def test_calls_at_the_same_time_have_sandboxes_of_their_own(functions: Functions, tmp_path: Path) -> None:
    name = functions.make(
        """
        import os, pathlib, threading

        def handle(event, context):
            mine = pathlib.Path(event["folder"], str(os.getpid()))
            mine.touch()
            while len(list(mine.parent.iterdir())) < 3:
                threading.Event().wait(0.01)
            return os.getpid()
        """
    )
    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(lambda _: functions.call(name, {"folder": str(tmp_path)})[0], range(3)))
    assert len(set(answers)) == 3


def test_new_code_and_new_variables_are_used_by_the_next_call(functions: Functions) -> None:
    code = "import os\ndef handle(event, context): return ['{}', os.environ.get('COLOUR')]"
    name = functions.make(code.format("old"))
    assert functions.call(name)[0] == ["old", None]
    functions.lambda_.update_function_code(FunctionName=name, ZipFile=zipped({"app.py": code.format("new")}))
    assert functions.call(name)[0] == ["new", None]
    functions.lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": {"COLOUR": "red"}})
    assert functions.call(name)[0] == ["new", "red"]


def test_a_call_that_runs_during_an_update_ends_as_it_began(functions: Functions, tmp_path: Path) -> None:
    code = """
        import pathlib, threading

        def handle(event, context):
            pathlib.Path(event, "{who}-began").touch()
            while not pathlib.Path(event, "go").exists():
                threading.Event().wait(0.01)
            return "{who}"
        """
    name = functions.make(code.format(who="old"))
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(functions.call, name, str(tmp_path))
        until((tmp_path / "old-began").exists, bool)
        content = zipped({"app.py": code.format(who="new")})
        functions.lambda_.update_function_code(FunctionName=name, ZipFile=content)
        (tmp_path / "go").touch()
        assert functions.call(name, str(tmp_path))[0] == "new"
        assert running.result()[0] == "old"


# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
def test_the_environment_is_the_functions_and_the_documented_one(functions: Functions) -> None:
    group = f"/shared/{uuid.uuid4().hex}"
    found, _ = functions.run(
        "import os\ndef handle(event, context): return dict(os.environ)",
        Environment={"Variables": {"TABLE": "t"}},
        MemorySize=256,
        LoggingConfig={"LogGroup": group, "LogFormat": "Text"},
        TracingConfig={"Mode": "Active"},
    )
    assert found["TABLE"] == "t"
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == REGION
    assert found["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.14"
    assert found["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert found["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert found["AWS_LAMBDA_LOG_GROUP_NAME"] == group
    assert found["AWS_ENDPOINT_URL"] == functions.cloud.endpoint
    assert found["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    local = {"AWS_ENDPOINT_URL", "AWS_DISABLE_HOST_PREFIX_INJECTION", "HOME", "TMPDIR"}
    local |= {"HTTPS_PROXY", "SSL_CERT_FILE"}  # the way to the partner, which stands in for other companies' systems
    documented = {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LANG",
        "TZ",
        "PATH",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
        "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS",
    }  # fmt: skip - as the page lists them
    assert found.keys() == documented | local | {"TABLE"}


# https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html: print, logging and errors are in the log group
def test_output_is_in_the_functions_log_group(functions: Functions) -> None:
    group = f"/shared/{uuid.uuid4().hex}"
    logs = functions.cloud.client("logs", ACCOUNT, REGION)
    logs.create_log_group(logGroupName=group)
    name = functions.make(
        """
        import logging, os, sys
        print("at start")

        def handle(event, context):
            print("printed")
            logging.getLogger().warning("logged %s", "it")
            sys.stderr.write("to stderr")
            os.system("echo from a process")
            raise ValueError("the end")
        """,
        LoggingConfig={"LogGroup": group, "LogFormat": "Text"},
    )
    error, answer = functions.call(name)
    tail = base64.b64decode(answer["LogResult"]).decode()
    written = "\n".join(event["message"] for event in logs.filter_log_events(logGroupName=group)["events"])
    for text in (tail, written):
        for expected in (
            "at start",
            "printed",
            "logged it",
            "to stderr",
            "from a process",
            "[ERROR] ValueError: the end",
        ):
            assert expected in text
    assert f"START RequestId: {error['requestId']}" in written
    again = base64.b64decode(functions.call(name)[1]["LogResult"]).decode()
    assert "at start" not in again
    assert again.count("printed") == 1
    logs.delete_log_group(logGroupName=group)
    functions.call(name)
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == [], "its role may not make one"


def test_results_arrive_as_they_were_returned(functions: Functions) -> None:
    name = functions.make("def handle(event, context): return event")
    events: tuple[Any, ...] = ({"a": [1, 2.5, None, True]}, "text", "ü€🎉", 7, None, [], "x" * 1_000_000)
    for event in events:
        assert functions.call(name, event)[0] == event


def test_a_decimal_is_returned_as_a_number(functions: Functions) -> None:
    assert functions.run("from decimal import Decimal\ndef handle(e, c): return {'n': Decimal('1.5')}")[0] == {"n": 1.5}


def test_sandboxes_end_with_the_emulator_that_started_them(
    fresh_cloud: Callable[..., LocalCloud], tmp_path: Path
) -> None:
    cloud = fresh_cloud()
    functions = Functions(cloud)
    idle, _ = functions.call(functions.make("import os\ndef handle(event, context): return os.getpid()"))
    busy_file = tmp_path / "busy"
    busy = functions.make(
        """
        import os, pathlib, threading

        def handle(event, context):
            pathlib.Path(event + ".new").write_text(str(os.getpid()))
            os.rename(event + ".new", event)
            threading.Event().wait()
        """
    )
    functions.lambda_.invoke(FunctionName=busy, InvocationType="Event", Payload=json.dumps(str(busy_file)).encode())
    until(busy_file.exists, bool)
    sandboxes = [process(idle), process(int(busy_file.read_text()))]
    os.kill(cloud.emulator_pid, signal.SIGKILL)
    until(lambda: [sandbox.is_running for sandbox in sandboxes if sandbox], lambda running: running == [False, False])
