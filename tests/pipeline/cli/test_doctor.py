"""`penstock doctor` as a person reads it; what it finds is in tests/pipeline/operate/test_operate.py."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import readiness
from pipeline.cli.main import app
from pipeline.local.cloud.cloudformation.support import ACCEPTED_ONLY, EMULATED
from tests.conftest import ROOT
from tests.testbed import tiny


def doctor(*options: str, exit_code: int, root: Path = ROOT) -> str:
    done = CliRunner().invoke(app, ["doctor", *options], obj=root)
    assert done.exit_code == exit_code, done.output
    return done.output


def test_doctor_lists_what_is_left_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    left = readiness.OpenItem(
        file="stages/accounts.py", field="DEV", problem="is an example", remedy="Give your account."
    )
    monkeypatch.setattr(readiness, "left_to_do", lambda _root: [left])
    said = doctor(exit_code=1)
    assert "to do  stages/accounts.py DEV: is an example\n       Give your account.\n" in said
    assert f"emulates {len(EMULATED)} resource types, only accepts {len(ACCEPTED_ONLY)} and refuses" in said


def test_doctor_says_ready_and_answers_0_when_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "left_to_do", lambda _root: [])
    assert "Ready for the first deployment on AWS" in doctor(exit_code=0)


def test_doctor_says_how_much_of_its_quotas_the_last_synth_uses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(readiness, "left_to_do", lambda _root: [])
    assert "synthesized last" not in doctor(exit_code=0, root=tmp_path)
    app, _ = tiny.app(tmp_path / "cdk.out", catalogue=(tiny.stage("dev"),))
    app.synth()
    said = doctor(exit_code=0, root=tmp_path)
    assert "The pipeline, as synthesized last, has 5 of 50 stages, 6 of 1,000 actions, " in said
    found = json.loads(doctor("--json", exit_code=0, root=tmp_path))["pipeline"]
    assert [each["what"] for each in found] == ["stages", "actions", "resources", "bytes"]


def test_doctor_types_names_every_resource_type_once() -> None:
    lines = doctor("--types", exit_code=0).splitlines()
    accepted = lines.index("Accepted only: a record without effect")
    emulated = {f"{line.split()[0]}::{each}" for line in lines[1:accepted] for each in line.split()[1:]}
    assert emulated == set(EMULATED)
    assert {line.split()[0] for line in lines[accepted + 1 : -1]} == set(ACCEPTED_ONLY)
    as_json = json.loads(doctor("--types", "--json", exit_code=0))
    assert as_json == {"emulated": sorted(EMULATED), "accepted_only": ACCEPTED_ONLY}
