"""Functions run with their own package and its locked dependencies, and with nothing of the emulator's."""

import hashlib
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.lifecycle import LocalCloud
from services.library.packaging import package
from services.library.packaging.dependencies import Dependencies
from tests.testbed import runtime_code
from tests.testbed.functions import ACCOUNT, REGION, Functions, zipped

pytestmark = pytest.mark.cloud

SERVICE = """
import boto3

from services.library.runtime.configuration import Configuration


class Settings(Configuration):
    table_name: str


class InvalidNote(Exception):
    pass


def handle(event, context):
    if not event["text"]:
        raise InvalidNote(event["id"])
    table = Settings.from_environment().table_name
    item = {"id": {"S": event["id"]}, "text": {"S": event["text"]}}
    boto3.client("dynamodb").put_item(TableName=table, Item=item)
    return {"id": event["id"]}
"""
ROOT = Path(__file__).parents[4]
PREPARED = (ROOT / ".venv/functions").resolve()


@pytest.fixture
def functions(cloud: LocalCloud) -> Functions:
    return Functions(cloud)


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
    for module in ("ministack", "boto3", "yaml", "hypercorn", "pipeline", "pip"):
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


def test_a_locked_dependency_with_a_wrong_hash_is_refused(functions: Functions) -> None:
    requirements = f"six==1.17.0 --hash=sha256:{hashlib.sha256(b'other').hexdigest()}\n"
    error, _ = functions.run({"app.py": "def handle(e, c): pass", "requirements.lock.txt": requirements})
    assert error["errorType"] == "Runtime.InitError"
    assert "make setup" in error["errorMessage"]


def test_a_service_runs_from_the_very_package_that_aws_gets(functions: Functions, tmp_path: Path) -> None:
    dependencies = Dependencies.load(PREPARED, ROOT / "uv.lock")
    root = runtime_code.repository(tmp_path / "repository", runtime_code.HANDLER)
    (root / "services/sample/runtime/handler.py").write_text(SERVICE)
    package.function(root, "sample", dependencies).write(tmp_path / "function")
    package.layer(ROOT, dependencies).write(tmp_path / "layer")
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
        handler=runtime_code.HANDLER,
        Layers=layers,
        Environment={"Variables": {"TABLE_NAME": table}},
    )
    answer, _ = functions.call(name, {"id": "n-1", "text": "one"})
    assert answer == {"id": "n-1"}
    assert tables.get_item(TableName=table, Key={"id": {"S": "n-1"}})["Item"]["text"] == {"S": "one"}
    error, _ = functions.call(name, {"id": "n-2", "text": ""})
    assert error["errorType"] == "InvalidNote"


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
                    "Role": functions.role,
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


def test_without_the_service_these_contracts_do_not_hold(fresh_cloud: Callable[..., LocalCloud]) -> None:
    functions = Functions(fresh_cloud(without=("lambda",)))
    error, _ = functions.run("def handle(event, context): raise KeyError('x')")
    assert error["errorType"] == "Runtime.HandlerError"
    answer, _ = functions.run("import ministack\ndef handle(event, context): return 'imported'")
    assert answer == "imported"
