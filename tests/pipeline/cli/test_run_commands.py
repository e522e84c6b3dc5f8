"""`penstock status --follow` and `logs` as a person sees them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import environments
from pipeline.cli import run as run_commands
from pipeline.cli.main import app
from pipeline.local.permissions import Denials
from pipeline.operate import logs, next_step, service_logs
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import FAILED, IN_PROGRESS, SUCCEEDED, Action, Run, Stage
from pipeline.operate.service_logs import Line
from tests.conftest import ROOT
from tests.testbed.code_pipeline import CodePipeline, connected

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
ACTION = Action(
    stage="dev",
    name="Test",
    provider="CodeBuild",
    category="Build",
    configuration={},
    region="eu-west-1",
    role=None,
    status=SUCCEEDED,
    started=AT,
    updated=AT,
)
RUN = Run(
    pipeline="penstock",
    execution="e1",
    status=SUCCEEDED,
    commit="c0ffee",
    message="Add a thing",
    started=AT,
    stages=(Stage(name="dev", status=SUCCEEDED, actions=(ACTION,)),),
)


@pytest.fixture(autouse=True)
def _no_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_commands, "connect", lambda *_words, **_named: connected(CodePipeline()))
    monkeypatch.setattr(Pipeline, "read", lambda *_words: RUN)


def penstock(*words: str) -> Result:
    done = CliRunner().invoke(app, words, obj=ROOT)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_status_of_a_failed_run_prints_what_was_denied_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    denial: dict[str, Any] = {
        "last": "2026-11-24T12:00:00+00:00",
        "times": 1,
        "who": "arn:aws:sts::1:assumed-role/deploy/codepipeline",
        "for": "",
        "action": "s3:GetObject",
        "resource": "arn:aws:s3:::b/k",
        "because": "no Allow in the policy Default of role deploy",
        "statement": None,
        "enforced": True,
    }
    monkeypatch.setattr(run_commands, "during", lambda *_asked: Denials(enforced=True, found=[denial]))
    count = f"1 call was denied.  {next_step.penstock('denied --execution e1')}"
    assert count in penstock("status").stdout
    assert denial["because"] not in penstock("status").stdout
    monkeypatch.setattr(Pipeline, "read", lambda *_words: replace(RUN, status=FAILED))
    failed = penstock("status").stdout
    assert (denial["because"] in failed, count in failed) == (True, True)


def test_status_of_a_release_that_baked_says_how_fast_the_clock_went(monkeypatch: pytest.MonkeyPatch) -> None:
    baked = replace(RUN, stages=(Stage(name="prod", status=SUCCEEDED, actions=(replace(ACTION, name="Bake-prod"),)),))
    said = "baked by this local cloud's clock, which goes 3,600 times as fast"
    monkeypatch.setattr(run_commands, "during", lambda *_asked: Denials(enforced=True, found=[]))
    monkeypatch.setattr(run_commands, "ask", lambda *_asked, **_named: {"rate": 3_600.0})
    assert said not in penstock("status").stdout
    monkeypatch.setattr(Pipeline, "read", lambda *_words: baked)
    assert said in penstock("status").stdout
    monkeypatch.setattr(run_commands, "ask", lambda *_asked, **_named: {"rate": 1.0})
    assert said not in penstock("status").stdout


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("Cancelled", "The pipeline updated itself and restarted."),
        ("Superseded", "A newer run has overtaken this one; following that."),
    ],
)
def test_status_follow_says_why_another_run_is_followed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: str, said: str
) -> None:
    runs = (replace(RUN, status=IN_PROGRESS), replace(RUN, status=status), replace(RUN, execution="e2"))
    monkeypatch.setattr(run_commands, "follow", lambda *_words, **_named: iter(runs))
    done = penstock("status", "--follow")
    assert (done.exit_code, done.stdout.count(said)) == (0, 1)
    assert run_commands._print_live(iter(runs)) == runs[-1]
    shown = capsys.readouterr().out
    assert (shown.count(said), "dev" in shown.partition(said)[2]) == (1, True)


def test_logs_follow_prints_lines_and_answers_130_to_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_words: Any) -> Iterator[str]:
        yield "one"
        raise KeyboardInterrupt

    monkeypatch.setattr(logs, "followed", lambda *_words: iter(["one", "two"]))
    done = penstock("logs", "--follow")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "one\ntwo\n", "dev/Test: Succeeded\n")
    monkeypatch.setattr(logs, "followed", interrupted)
    done = penstock("logs", "dev/Test", "--follow")
    assert (done.exit_code, done.stdout) == (130, "one\n")
    assert "Following ended; the action goes on." in done.stderr


def test_logs_for_machines_has_the_action_and_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "lines", lambda *_words, **_named: ["one", "two"])
    found = {"execution": "e1", "action": "dev/Test", "status": "Succeeded", "lines": ["one", "two"]}
    assert json.loads(penstock("logs", "--json").stdout) == found
    done = penstock("logs", "--json", "--follow")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--follow prints lines for people" in done.stderr


def test_logs_of_a_service_hides_frames_and_says_when_nothing_was_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    deployed = DeployedStack(
        stage="dev", service="x", stack="dev-x", account="1" * 12, region="eu-west-1", status="", outputs={}
    )
    found = [
        Line(at=AT, source="Worker", message="Busy"),
        Line(at=AT, source="Api", message='  File "x.py"'),
        Line(at=AT, source="Api", message='{"status": "202"}'),
    ]
    monkeypatch.setattr(environments, "find", lambda *_words: deployed)
    monkeypatch.setattr(service_logs, "read", lambda *_words, **_named: found)
    asked = ("logs", "x", "--stage", "dev")
    assert penstock(*asked).stdout == "12:00:00  Worker  Busy\n12:00:00  Api     status=202\n"
    assert penstock(*asked, "--frames", "--lines", "2").stdout.splitlines()[0] == '12:00:00  Api    File "x.py"'
    last = json.loads(penstock(*asked, "--lines", "1", "--json").stdout)["lines"]
    line = {"at": AT.isoformat(), "source": "Api", "message": '{"status": "202"}', "fields": {"status": "202"}}
    assert last == [line]
    found.clear()
    assert json.loads(penstock(*asked, "--json").stdout)["lines"] == []
    done = penstock(*asked)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        "dev-x, 111111111111 eu-west-1",
        "Nothing was logged in that time: --minutes goes further back.",
    ]
