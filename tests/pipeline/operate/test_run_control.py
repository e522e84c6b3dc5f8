"""What `penstock approve`, `retry`, `stop`, `start`, `hold`, `resume` and `hotfix` refuse, and what they ask for."""

import json
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from typer.testing import CliRunner, Result

from pipeline.cli import hold as hold_commands
from pipeline.cli import run as run_commands
from pipeline.cli.main import app
from services.library.contract.names import REMOVALS_STAGE
from tests.conftest import ROOT
from tests.testbed.code_pipeline import EXECUTION, CodePipeline, connected, refusal, state, waiting

WHY = "the partner is down until Monday"
HELD: dict[str, Any] = {"inboundTransitionState": {"enabled": False, "disabledReason": "an audit"}}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> CodePipeline:
    """What the commands below ask."""
    client = CodePipeline(state("Source"), state("dev"), state("prod"))
    for module in (run_commands, hold_commands):
        monkeypatch.setattr(module, "connect", lambda *_words, **_named: connected(client))
    return client


def penstock(*words: str) -> Result:
    done = CliRunner().invoke(app, words, obj=ROOT)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def runs(*statuses: str) -> list[dict[str, Any]]:
    return [{"pipelineExecutionId": f"e{number}", "status": status} for number, status in enumerate(statuses, start=1)]


@pytest.mark.parametrize(
    ("states", "words", "said"),
    [
        ((state("dev"),), ("approve",), "No approval waits. `penstock status` shows where the run is."),
        (
            (waiting("qa", "A"), waiting("prod", "A")),
            ("approve", "--stage", "dev"),
            "No approval waits in stage dev, but one does in prod, qa.",
        ),
        (
            (waiting("qa", "A"), waiting("prod", "A")),
            ("approve",),
            "Approvals wait in prod, qa: say which with --stage.",
        ),
        (
            (waiting("qa", "A", "B"),),
            ("approve", "--stage", "qa"),
            "Several approvals wait in stage qa: A, B. Answer them in CodePipeline's console.",
        ),
        ((state("dev"), state("qa")), ("retry", "prod"), "The pipeline has no stage prod; it has dev, qa."),
        ((state("dev"), state("qa")), ("retry", "de"), "it has dev, qa. Did you mean dev?"),
        ((state("dev"),), ("retry",), "No stage has failed, so there is nothing to retry."),
        (
            (state("dev"), state("qa", "Failed")),
            ("retry", "dev"),
            "Stage dev has not failed, but qa has.",
        ),
        (
            (state("qa", "Failed"), state("prod", "Stopped")),
            ("retry",),
            "Stages qa, prod have failed: say which, as in `penstock retry prod`.",
        ),
        ((state("dev"),), ("stop",), "No run is going on, so there is nothing to stop."),
    ],
)
def test_run_control_refuses_what_there_is_nothing_to_do_about(
    aws: CodePipeline, states: tuple[dict[str, Any], ...], words: tuple[str, ...], said: str
) -> None:
    aws.states, aws.executions = list(states), runs("Succeeded")
    done = penstock(*words)
    assert (done.exit_code, aws.changed) == (2, [])
    assert said in done.stderr


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("InvalidApprovalTokenException", "penstock: said AWS\n"),
        (
            "PipelineNotFoundException",
            f"There is no pipeline 'penstock' in account {'9' * 12}, region eu-west-1, http://127.0.0.1:1. `make up`",
        ),
        ("PipelineExecutionNotFoundException", "Pipeline penstock has no such execution: said AWS"),
    ],
)
@pytest.mark.parametrize(
    "words",
    [
        ("approve",),
        ("retry",),
        ("stop",),
        ("start",),
        ("hold", "prod", "--why", WHY),
        ("resume", "dev"),
        ("hotfix", "--to", "prod", "--why", WHY),
    ],
    ids=lambda words: words[0],
)
def test_run_control_says_what_aws_answers(aws: CodePipeline, words: tuple[str, ...], code: str, said: str) -> None:
    aws.states = [state("Source"), state("dev", "Failed", **HELD), waiting("prod", "Approve")]
    aws.executions, aws.stages = runs("InProgress"), [{"name": "prod", "beforeEntry": {}}]
    aws.fails = refusal(code)
    done = penstock(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("words", "document"),
    [
        (("start",), {"execution": EXECUTION}),
        (("stop", "--execution", "e1"), {"execution": "e1", "abandoned": False}),
        (("hold", "prod", "--why", WHY), {"stage": "prod", "held": True, "why": WHY, "before": None}),
        (("resume", "qa"), {"stage": "qa", "held": False, "why": None, "before": "an audit"}),
        (("retry", "dev"), {"stage": "dev", "execution": "e1"}),
    ],
)
def test_what_was_done_is_one_document_for_machines(
    aws: CodePipeline, words: tuple[str, ...], document: dict[str, Any]
) -> None:
    failed = {"latestExecution": {"status": "Failed", "pipelineExecutionId": "e1"}}
    aws.states = [state("Source"), state("dev") | failed, state("qa") | HELD, state("prod")]
    done = penstock(*words, "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, document)


def test_approve_answers_the_one_approval_of_the_stage(aws: CodePipeline) -> None:
    aws.states = [waiting("qa", "A"), waiting("prod", "B")]
    assert "Rejected prod/B" in penstock("approve", "--reject", "--stage", "prod", "--note", "not today").stdout
    ((operation, asked),) = aws.changed
    assert (operation, asked["stageName"], asked["actionName"]) == ("put_approval_result", "prod", "B")
    assert asked["result"] == {"status": "Rejected", "summary": "not today"}


def test_retry_takes_the_failed_stage_of_the_latest_run(aws: CodePipeline) -> None:
    aws.states = [state("qa", "Failed", execution="e1"), state("prod", "Failed", execution="e2")]
    aws.executions = runs("Failed", "Failed")
    assert "Stage qa goes on." in penstock("retry").stdout
    assert "Stage prod goes on." in penstock("retry", "prod").stdout
    assert [(asked["stageName"], asked["pipelineExecutionId"]) for _, asked in aws.changed] == [
        ("qa", "e1"),
        ("prod", "e2"),
    ]


def test_stop_takes_the_newest_run_that_goes_on_or_the_one_that_is_named(aws: CodePipeline) -> None:
    aws.executions = runs("Succeeded", "InProgress", "InProgress")
    assert "Execution e2 stops once its current actions have ended." in penstock("stop").stdout
    assert "Execution e3 stops now." in penstock("stop", "--execution", "e3", "--abandon", "--reason", "wrong").stdout
    assert [(asked["pipelineExecutionId"], asked["abandon"], asked["reason"]) for _, asked in aws.changed] == [
        ("e2", False, "Stopped with penstock"),
        ("e3", True, "wrong"),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("hold", "prod", "--why", "tax & law"), "--why 'tax & law' is not allowed; give 1-300 letters, digits"),
        (("hold", "qa", "--why", WHY), "The pipeline has no stage qa; it has Source, dev, prod."),
        (("hold", "prd", "--why", WHY), "it has Source, dev, prod. Did you mean prod?"),
        (("hold", "Source", "--why", WHY), "Source is where executions begin: hold the one after it, dev."),
        (("resume", "prod"), "Stage prod is not held (none is), so there is nothing to resume."),
        (("hotfix", "--to", "qa", "--why", WHY), "The pipeline has no stage qa to deploy to; it has dev, wave.1."),
        (("hotfix", "--to", "wave1", "--why", WHY), "it has dev, wave.1. Did you mean wave.1?"),
        (("hotfix", "--to", REMOVALS_STAGE, "--why", WHY), "The pipeline has no stage removals to deploy to"),
        (("hotfix", "--to", "dev", "--why", "now"), "--why 'now' is not allowed; give 20 to 1000 characters"),
        (("hotfix", "--to", "dev", "--why", "x" * 1001), "give 20 to 1000 characters"),
        (("hotfix", "c0ffee", "--to", "dev", "--why", WHY), "A source in S3 has no commits to choose from"),
    ],
)
def test_holds_and_hotfixes_refuse_what_cannot_be(aws: CodePipeline, words: tuple[str, ...], said: str) -> None:
    source = {"name": "Source", "actions": [{"name": "S3", "actionTypeId": {"provider": "S3"}}]}
    aws.stages = [source, *({"name": name, "beforeEntry": {}} for name in ("dev", "wave.1", REMOVALS_STAGE))]
    done = penstock(*words)
    assert (done.exit_code, aws.changed) == (2, [])
    assert said in done.stderr


def test_resume_names_the_stages_that_are_held(aws: CodePipeline) -> None:
    aws.states[1] |= HELD
    assert "Stage prod is not held (dev), so there is nothing to resume." in penstock("resume", "prod").stderr
    assert "dev was held already: an audit" in penstock("hold", "dev", "--why", WHY).stdout
    assert "dev goes on; it was held: an audit" in penstock("resume", "dev").stdout
    assert [operation for operation, _ in aws.changed] == ["disable_stage_transition", "enable_stage_transition"]


def test_hotfix_starts_a_run_of_the_commit_that_enters_its_stages_alone(aws: CodePipeline) -> None:
    source = {"name": "Source", "actions": [{"name": "Git", "actionTypeId": {"provider": "CodeStarSourceConnection"}}]}
    aws.stages = [source, *({"name": name, "beforeEntry": {}} for name in ("dev", "wave.1"))]
    done = penstock("hotfix", "c0ffee", "--to", "wave", "--to", "dev", "--to", "wave", "--why", WHY)
    assert f"Execution {EXECUTION} has started; it enters wave, dev" in done.stdout
    ((_, asked),) = aws.changed
    assert [each["value"] for each in asked["variables"]] == ["wave,dev", WHY]
    assert asked["sourceRevisions"] == [{"actionName": "Git", "revisionType": "COMMIT_ID", "revisionValue": "c0ffee"}]


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("http://127.0.0.1:1", "http://127.0.0.1:1 does not answer. `make up` starts the local cloud.\n"),
        (None, 'AWS does not answer: Could not connect to the endpoint URL: "https://x"\n'),
    ],
)
def test_run_control_says_that_a_cloud_does_not_answer(
    aws: CodePipeline, monkeypatch: pytest.MonkeyPatch, endpoint: str | None, said: str
) -> None:
    aws.fails = EndpointConnectionError(endpoint_url="https://x")
    monkeypatch.setattr(run_commands, "connect", lambda *_words, **_named: connected(aws, endpoint=endpoint))
    done = penstock("start", "--yes")
    assert (done.exit_code, done.stderr) == (2, f"penstock: {said}")
