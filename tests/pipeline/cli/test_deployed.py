"""`penstock outputs` as a person reads it, and what `penstock call` posts to where."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

from pipeline.cli import deployed
from pipeline.cli.connection import Connection
from pipeline.cli.main import app
from pipeline.operate import call as called
from pipeline.operate import outputs as operated
from pipeline.operate.call import Call, ServiceResponse
from pipeline.operate.errors import OperateError
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.target import Target, local_target
from tests.conftest import ROOT
from tests.testbed.code_pipeline import connected


def outputs(monkeypatch: pytest.MonkeyPatch, *found: DeployedStack) -> str:
    target = local_target("http://127.0.0.1:1", secret="secret", account="9" * 12, region="eu-west-1")
    connection = Connection(pipeline=Pipeline(target=target, name="penstock"), approves_by_itself=False)
    monkeypatch.setattr(deployed, "connect", lambda *_arguments, **_named: connection)
    monkeypatch.setattr(operated, "read", lambda *_arguments: list(found))
    done = CliRunner().invoke(app, ["outputs"], obj=ROOT)
    assert done.exit_code == 0, done.output
    return done.output


def stack(service: str, status: str, **named: str) -> DeployedStack:
    return DeployedStack(
        stage="dev",
        service=service,
        stack=f"dev-{service}",
        account="1" * 12,
        region="eu-west-1",
        status=status,
        outputs=named,
    )


def test_outputs_lists_each_stack_with_its_state_and_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    said = outputs(monkeypatch, stack("orders", "UPDATE_COMPLETE", Url="https://one"), stack("parcels", ""))
    assert said.splitlines() == [
        "dev/orders  111111111111 eu-west-1  UPDATE_COMPLETE",
        "    Url  https://one",
        "dev/parcels  111111111111 eu-west-1  not deployed yet",
    ]


def test_outputs_says_how_a_service_ships_when_nothing_is_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "The pipeline deploys nothing yet: a service ships by a line in its stage" in outputs(monkeypatch)


def test_outputs_has_an_api_of_the_local_cloud_where_this_machine_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://a1b2c3.execute-api.eu-west-1.amazonaws.com/v1/orders"
    api = stack("orders", "UPDATE_COMPLETE", Url=url)
    assert "    Url  http://127.0.0.1:1/_aws/execute-api/a1b2c3/v1/orders" in outputs(monkeypatch, api)
    assert api.usable_outputs(connected(Mock(), endpoint=None).pipeline.target) == {"Url": url}


DEV = stack("intake", "UPDATE_COMPLETE", Url="https://one")
PROD = replace(DEV, stage="prod", asks_approval=True)


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was posted to AWS."""
    found: list[Any] = []

    def send(_target: Target, request: Call) -> ServiceResponse:
        found.append(request)
        return ServiceResponse(status=202, headers={}, body="")

    monkeypatch.setattr(deployed, "connect", lambda *_arguments, **_named: connected(Mock(), endpoint=None))
    monkeypatch.setattr(operated, "read", lambda _pipeline, stage=None: [PROD] if stage else [PROD, DEV])
    monkeypatch.setattr(called, "send", send)
    return found


def call(*words: str, typed: str = "") -> Any:
    return CliRunner().invoke(app, ["call", *words, "--json"], obj=ROOT, input=typed)


def test_call_posts_to_the_first_stage_without_approval_and_asks_for_the_name_on_aws(posted: list[Any]) -> None:
    assert call(typed="penstok\n").exit_code == 2
    assert posted == []
    done = call(typed=f"{connected(Mock()).pipeline.name}\n")
    assert (done.exit_code, [each.url for each in posted]) == (0, ["https://one"])
    assert "This will post to intake in dev on AWS." in done.stderr
    assert "This will post to intake in prod on AWS." in call("--stage", "prod", typed="x\n").stderr
    assert call("--get").exit_code == 0
    assert call("--yes", "--body", "{}").exit_code == 0
    assert len(posted) == 3


def test_call_posts_the_example_to_nobody_but_the_service_that_takes_it(
    posted: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [DEV, stack("orders", "UPDATE_COMPLETE", Url="https://two")]
    monkeypatch.setattr(operated, "read", lambda _pipeline, _stage=None: both)
    refused = call("orders", "--yes")
    assert (refused.exit_code, posted) == (2, [])
    assert "Nothing says what orders takes: give --body JSON or --body @FILE, or --get." in refused.output
    assert call("orders", "--yes", "--body", "{}").exit_code == 0
    assert call("--yes").exit_code == 0
    assert len(posted) == 2


def action(provider: str, **configuration: str) -> dict[str, Any]:
    return {"actionTypeId": {"provider": provider}, "configuration": configuration}


def test_a_stage_behind_an_approval_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = [
        {"name": "dev", "actions": [action("CloudFormation", StackName="dev-orders")]},
        {"name": "qa", "actions": [action("Manual"), action("CloudFormation", StackName="qa-orders")]},
        {"name": "prod-gate", "actions": [action("Manual")]},
        {"name": "prod.1", "actions": [action("CloudFormation", StackName="prod-orders")]},
    ]
    monkeypatch.setattr(Pipeline, "definition", lambda _self: declared)
    monkeypatch.setattr(operated, "_describe", lambda _pipeline, stage, *_place: replace(DEV, stage=stage))
    found = operated.read(connected(Mock()).pipeline)
    assert {each.stage: each.asks_approval for each in found} == {"dev": False, "qa": True, "prod.1": True}


def test_call_refuses_production_that_nobody_named() -> None:
    with pytest.raises(OperateError, match="intake is in prod alone so far: say so with --stage"):
        called.first_stage([PROD], service=None, output="Url")


def test_call_reads_its_body_from_a_file_or_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "body.json").write_text("{}")
    assert deployed._read(f"@{tmp_path}/body.json") == "{}"
    with pytest.raises(OperateError, match=rf"--body @{tmp_path}/none cannot be read: "):
        deployed._read(f"@{tmp_path}/none")
