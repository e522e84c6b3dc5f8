"""Functions run as Lambda documents it: with their own package and nothing of the emulator's."""

import base64
import hashlib
import io
import json
import os
import signal
import textwrap
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from pipeline.local.processes import process
from services.library import packaging
from services.library.dependencies import Dependencies

pytestmark = pytest.mark.cloud

ACCOUNT = "111111111111"
REGION = "us-east-1"
ROOT = Path(__file__).parents[2]
PREPARED = (ROOT / ".venv/functions").resolve()
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"

Answer = tuple[Any, dict[str, Any]]
"""What Invoke answered: the payload, and the rest."""


def zipped(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, textwrap.dedent(text))
    return buffer.getvalue()


class Functions:
    """Makes functions in one cloud and calls them."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.lambda_ = cloud.client("lambda", ACCOUNT, REGION)

    def make(self, code: str | Mapping[str, str] | bytes, handler: str = "app.handle", **settings: Any) -> str:
        files = {"app.py": code} if isinstance(code, str) else code
        content = files if isinstance(files, bytes) else zipped(files)
        name = f"f-{uuid.uuid4().hex[:12]}"
        chosen: dict[str, Any] = {"Runtime": "python3.14", "Timeout": 20, "Role": ROLE, **settings}
        self.lambda_.create_function(FunctionName=name, Handler=handler, Code={"ZipFile": content}, **chosen)
        return name

    def call(self, name: str, event: Any = None) -> Answer:
        answer = self.lambda_.invoke(FunctionName=name, Payload=json.dumps(event).encode(), LogType="Tail")
        return json.loads(answer["Payload"].read()), dict(answer)

    def run(self, code: str | Mapping[str, str] | bytes, event: Any = None, **settings: Any) -> Answer:
        return self.call(self.make(code, **settings), event)


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
    machine = steps.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]
    execution = steps.start_execution(stateMachineArn=machine)["executionArn"]
    found = until(lambda: steps.describe_execution(executionArn=execution), lambda found: found["status"] != "RUNNING")
    assert found["status"] == "SUCCEEDED"


def until(read: Callable[[], Any], done: Callable[[Any], bool], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not done(found := read()):
        assert time.monotonic() < deadline, f"still {found}"
        pause.wait(0.02)
    return found


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
    }  # fmt: skip - as the page lists them
    assert found.keys() == documented | local | {"TABLE"}


# https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html: "Lambda assumes your function's
# execution role when your function is invoked."
def test_a_function_acts_as_its_role(functions: Functions) -> None:
    name = functions.make(
        {
            "app.py": """
            import boto3

            def handle(event, context):
                return [boto3.client("sts").get_caller_identity()["Arn"], boto3.__version__, boto3.__file__]
            """,
            "requirements.lock.txt": (PREPARED / "runtime.txt").read_text(),
        }
    )
    (arn, version, file), _ = functions.call(name)
    assert arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/{name}"
    assert f"boto3=={version} " in (PREPARED / "runtime.txt").read_text()
    assert Path(file).is_relative_to(PREPARED)


def test_nothing_of_the_emulator_can_be_imported(functions: Functions) -> None:
    for module in ("ministack", "boto3", "yaml", "airspeed", "pipeline", "pip"):
        error, _ = functions.run(f"import {module}\ndef handle(event, context): pass")
        assert error["errorType"] == "Runtime.ImportModuleError", module
        assert f"No module named '{module}'" in error["errorMessage"]


def test_a_layer_is_importable_and_the_function_comes_first(functions: Functions) -> None:
    layer = functions.lambda_.publish_layer_version(
        LayerName=f"l-{uuid.uuid4().hex[:8]}",
        Content={"ZipFile": zipped({"python/shared.py": "who = 'layer'", "python/both.py": "who = 'layer'"})},
    )
    code = {
        "app.py": "import shared, both\ndef handle(e, c): return [shared.who, both.who]",
        "both.py": "who = 'function'",
    }
    assert functions.run(code, Layers=[layer["LayerVersionArn"]])[0] == ["layer", "function"]


# https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html: print, logging and errors are in the log group
def test_output_is_in_the_functions_log_group(functions: Functions) -> None:
    group = f"/shared/{uuid.uuid4().hex}"
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
    logs = functions.cloud.client("logs", ACCOUNT, REGION)
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


def test_results_arrive_as_they_were_returned(functions: Functions) -> None:
    name = functions.make("def handle(event, context): return event")
    events: tuple[Any, ...] = ({"a": [1, 2.5, None, True]}, "text", "ü€🎉", 7, None, [], "x" * 1_000_000)
    for event in events:
        assert functions.call(name, event)[0] == event


def test_a_decimal_is_returned_as_a_number(functions: Functions) -> None:
    assert functions.run("from decimal import Decimal\ndef handle(e, c): return {'n': Decimal('1.5')}")[0] == {"n": 1.5}


def test_a_locked_dependency_with_a_wrong_hash_is_refused(functions: Functions) -> None:
    requirements = f"six==1.17.0 --hash=sha256:{hashlib.sha256(b'other').hexdigest()}\n"
    error, _ = functions.run({"app.py": "def handle(e, c): pass", "requirements.lock.txt": requirements})
    assert error["errorType"] == "Runtime.InitError"
    assert "make setup" in error["errorMessage"]


def test_a_service_runs_from_the_very_package_that_aws_gets(functions: Functions, tmp_path: Path) -> None:
    dependencies = Dependencies.load(PREPARED, ROOT / "uv.lock")
    packaging.function(ROOT, "intake", dependencies).write(tmp_path / "function")
    packaging.layer(ROOT, dependencies).write(tmp_path / "layer")
    layers = [
        functions.lambda_.publish_layer_version(
            LayerName=f"l-{uuid.uuid4().hex[:8]}", Content={"ZipFile": file.read_bytes()}
        )["LayerVersionArn"]
        for file in (tmp_path / "layer", dependencies.groups["runtime"].archive)
    ]
    table = f"t-{uuid.uuid4().hex}"
    tables = functions.cloud.client("dynamodb", ACCOUNT, REGION)
    tables.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    name = functions.make(
        (tmp_path / "function").read_bytes(),
        handler="services.intake.runtime.handler.handle",
        Layers=layers,
        Environment={"Variables": {"TABLE_NAME": table}},
    )
    event = {"id": "s-1", "payload": {"patient": "p-1", "resource": {"resourceType": "Basic"}}}
    answer, _ = functions.call(name, event)
    assert answer == {"id": "s-1", "first_time": True}
    assert tables.get_item(TableName=table, Key={"id": {"S": "s-1"}})["Item"]["patient"] == {"S": "p-1"}
    error, _ = functions.call(name, {"id": "s-2", "payload": {"patient": "!"}})
    assert error["errorType"] == "InvalidSubmission"


def test_a_stack_update_of_code_or_layer_reaches_the_next_call(functions: Functions) -> None:
    name = f"s-{uuid.uuid4().hex[:12]}"
    s3 = functions.cloud.client("s3", ACCOUNT, REGION)
    s3.create_bucket(Bucket=name)
    stacks = functions.cloud.client("cloudformation", ACCOUNT, REGION)

    def deploy(who: str, layer: str, change: Callable[..., Any], waiter: str) -> Any:
        for key, files in (
            (f"f-{who}", {"app.py": f"import shared\ndef handle(e, c): return ['{who}', shared.who]"}),
            (f"l-{layer}", {"python/shared.py": f"who = '{layer}'"}),
        ):
            s3.put_object(Bucket=name, Key=key, Body=zipped(files))
        resources = {
            "Layer": {
                "Type": "AWS::Lambda::LayerVersion",
                "Properties": {"LayerName": name, "Content": {"S3Bucket": name, "S3Key": f"l-{layer}"}},
            },
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "FunctionName": name,
                    "Runtime": "python3.14",
                    "Handler": "app.handle",
                    "Role": ROLE,
                    "Code": {"S3Bucket": name, "S3Key": f"f-{who}"},
                    "Layers": [{"Ref": "Layer"}],
                },
            },
        }
        change(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
        stacks.get_waiter(waiter).wait(StackName=name, WaiterConfig={"Delay": 1})
        return functions.call(name)[0]

    assert deploy("one", "first", stacks.create_stack, "stack_create_complete") == ["one", "first"]
    assert deploy("two", "first", stacks.update_stack, "stack_update_complete") == ["two", "first"]
    assert deploy("two", "second", stacks.update_stack, "stack_update_complete") == ["two", "second"]


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


def test_without_the_filler_these_contracts_do_not_hold(fresh_cloud: Callable[..., LocalCloud]) -> None:
    functions = Functions(fresh_cloud(without=("lambda",)))
    error, _ = functions.run("def handle(event, context): raise KeyError('x')")
    assert error["errorType"] == "Runtime.HandlerError"
    answer, _ = functions.run("import ministack\ndef handle(event, context): return 'imported'")
    assert answer == "imported"


def test_a_missing_function_is_not_found(functions: Functions) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        functions.call("no-such-function")
