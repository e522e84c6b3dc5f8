"""`penstock outputs` as a person reads it, and a body for `penstock call` that cannot be read."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import deployed
from pipeline.cli.connection import Connection
from pipeline.cli.main import app
from pipeline.operate import outputs as operated
from pipeline.operate.errors import OperateError
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.target import local_target
from tests.conftest import ROOT


def outputs(monkeypatch: pytest.MonkeyPatch, *found: DeployedStack) -> str:
    target = local_target("http://127.0.0.1:1", secret="secret", account="9" * 12, region="eu-west-1")
    connected = Connection(pipeline=Pipeline(target=target, name="penstock"), approves_by_itself=False)
    monkeypatch.setattr(deployed, "connect", lambda *_arguments, **_named: connected)
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


def test_call_reads_its_body_from_a_file_or_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "body.json").write_text("{}")
    assert deployed._read(f"@{tmp_path}/body.json") == "{}"
    with pytest.raises(OperateError, match=rf"--body @{tmp_path}/none cannot be read: "):
        deployed._read(f"@{tmp_path}/none")
