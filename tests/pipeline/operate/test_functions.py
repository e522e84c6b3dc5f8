"""Which function of a service is meant, what it answered, and which functions get other code."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli import environments
from pipeline.cli import invoke as invoke_command
from pipeline.cli.main import app
from pipeline.operate import functions
from pipeline.operate.errors import OperateError
from pipeline.operate.functions import ServiceFunction
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.target import Target
from tests.conftest import ROOT
from tests.testbed.code_pipeline import connected

DEPLOYED = DeployedStack(
    stage="dev", service="orders", stack="dev-orders", account="1" * 12, region="eu-west-1", status="x", outputs={}
)
KEEP, SEND = (ServiceFunction(name=name, physical=f"dev-orders-{name}") for name in ("Keep", "Send"))


class Account:
    """CloudFormation and Lambda at once."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.error: dict[str, str] = {}

    def get_paginator(self, _operation: str) -> "Account":
        return self

    def paginate(self, **_asked: Any) -> list[dict[str, Any]]:
        found = {"SendFunction0A1B2C3D": SEND, "Keep0A1B2C3D": KEEP}
        return [
            {
                "StackResourceSummaries": [
                    {"LogicalResourceId": id_, "PhysicalResourceId": each.physical, "ResourceType": functions.FUNCTION}
                    for id_, each in found.items()
                ]
            }
        ]

    def invoke(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        log = base64.b64encode(b"said so").decode()
        return {"Payload": io.BytesIO(b'{"id": 1}'), "LogResult": log, **self.error}

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, str]:  # noqa: N803 - as Lambda has it
        name = "orders" if FunctionName == KEEP.physical else "library"
        return {"Handler": f"services.{name}.runtime.handler.handle"}

    def update_function_code(self, **asked: Any) -> None:
        self.asked.append(asked)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    monkeypatch.setattr(environments, "stack_of", lambda _ctx, _service, _stage: DEPLOYED)
    monkeypatch.setattr(invoke_command, "connect_to_stack", lambda *_given, **_named: target_of(made, endpoint=None))
    return made


def target_of(account: Account, *, endpoint: str | None = "http://127.0.0.1:1") -> Target:
    return connected(account, endpoint=endpoint).pipeline.target


@pytest.mark.parametrize(
    ("found", "name", "said"),
    [
        ([], "", "orders has no function."),
        ([KEEP, SEND], "", "orders has several functions: say which, as orders/Keep; Keep, Send."),
        ([KEEP, SEND], "Kep", "orders has no function Kep; it has Keep, Send. Did you mean Keep?"),
    ],
)
def test_a_function_that_is_not_meant_clearly_is_refused(found: list[ServiceFunction], name: str, said: str) -> None:
    with pytest.raises(OperateError) as refused:
        functions.choose(found, name, service="orders")
    assert str(refused.value) == said


def test_functions_go_by_their_names_in_the_stack(account: Account) -> None:
    found = functions.functions_of(target_of(account), DEPLOYED)
    assert found == [KEEP, SEND]
    assert functions.choose(found[:1], "", service="orders") == KEEP


def test_code_goes_to_functions_of_the_service_alone(account: Account) -> None:
    handlers = "services.orders.runtime."
    assert functions.replace_code(target_of(account), DEPLOYED, [KEEP, SEND], b"zip", handlers=handlers) == ["Keep"]
    assert account.asked == [{"FunctionName": KEEP.physical, "ZipFile": b"zip"}]


def invoked(*words: str, typed: str = "") -> Any:
    return CliRunner().invoke(app, ["invoke", *words], obj=ROOT, input=typed)


def test_invoke_prints_the_answer_and_its_log_and_answers_1_if_the_function_raised(
    account: Account, tmp_path: Path
) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"a": 1}')
    done = invoked("orders/Keep", "--event", str(event), "--yes")
    assert (done.exit_code, done.stdout) == (0, '{"id": 1}\n')
    assert "said so" in done.stderr
    assert account.asked == [{"FunctionName": KEEP.physical, "Payload": b'{"a": 1}', "LogType": "Tail"}]
    account.error = {"FunctionError": "Unhandled"}
    done = invoked("orders/Keep", "--yes", "--json")
    assert (done.exit_code, json.loads(done.stdout)["error"]) == (1, "Unhandled")


def test_invoke_asks_for_the_stack_on_aws_and_reads_its_event_first(account: Account) -> None:
    assert "call Keep of orders on AWS. Type the stack's name" in invoked("orders/Keep", typed="prod-orders\n").stderr
    assert "--event nowhere cannot be read as JSON" in invoked("orders/Keep", "--event", "nowhere").stderr
    assert "--event - cannot be read as JSON" in invoked("orders/Keep", "--event", "-", typed="{").stderr
    assert account.asked == []
