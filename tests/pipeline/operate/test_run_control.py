"""What `penstock approve`, `retry`, `stop`, `start`, `hold`, `resume` and `hotfix` refuse, and what they ask for."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from typer.testing import CliRunner, Result

from pipeline.cli import approve as approve_commands
from pipeline.cli import hold as hold_commands
from pipeline.cli import run as run_commands
from pipeline.cli.main import app
from services.library.contract.names import REMOVALS_STAGE
from tests.conftest import ROOT
from tests.testbed.code_pipeline import EXECUTION, CodePipeline, connected, refusal, state, waiting
from tests.testbed.repositories import IDENTITY

WHY = "the partner is down until Monday"
HELD: dict[str, Any] = {"inboundTransitionState": {"enabled": False, "disabledReason": "an audit"}}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> CodePipeline:
    """What the commands below ask."""
    client = CodePipeline(state("Source"), state("dev"), state("prod"))
    client.stages = [{"name": name, "actions": []} for name in ("Source", "dev", "qa", "prod-gate", "prod")]
    for module in (run_commands, approve_commands, hold_commands):
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
            ("approve", "--stage", "qa", "--yes"),
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
        ("approve", "--yes"),
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


@pytest.mark.parametrize("stage", ["prod", "prod-gate"])
def test_approve_answers_the_one_approval_of_the_stage(aws: CodePipeline, stage: str) -> None:
    aws.states = [waiting("qa", "A"), waiting("prod-gate", "B")]
    said = penstock("approve", "--reject", "--stage", stage, "--why", "not today", "--yes")
    assert "Rejected prod-gate/B" in said.stdout
    ((operation, asked),) = aws.changed
    assert (operation, asked["stageName"], asked["actionName"]) == ("put_approval_result", "prod-gate", "B")
    assert asked["result"] == {"status": "Rejected", "summary": "not today"}


OLDER, NEWER = "a" * 40, "b" * 40


@pytest.fixture
def race(aws: CodePipeline) -> CodePipeline:
    """A run that waits for its approval, and a newer one behind it."""
    aws.executions = [
        {**run, "sourceRevisions": [{"revisionId": commit, "revisionSummary": message}]}
        for run, commit, message in zip(
            runs("InProgress", "InProgress"), (NEWER, OLDER), ("a new price", "a new text"), strict=True
        )
    ]
    behind = {"inboundExecutions": [{"pipelineExecutionId": "e1"}]}
    aws.states = [state("dev", execution="e1"), {**waiting("prod-gate", "Approve", execution="e2"), **behind}]
    return aws


@pytest.mark.parametrize("meant", [(NEWER,), (NEWER[:7],), ("--execution", "e1")])
def test_approve_refuses_a_run_that_does_not_wait_and_says_which_does(race: CodePipeline, meant: tuple[str]) -> None:
    done = penstock("approve", *meant, "--yes")
    assert (done.exit_code, race.changed) == (2, [])
    assert (
        f"prod-gate/Approve asks about another run: {OLDER[:12]} a new text waits for approval of prod" in done.stderr
    )
    assert f"It is elsewhere: {NEWER[:12]} a new price stands in front of prod-gate, execution e1." in done.stderr


@pytest.mark.parametrize("meant", [(OLDER,), (OLDER[:7],), ("--execution", "e2")])
def test_approve_releases_the_run_that_is_named_and_says_what_is_newer(race: CodePipeline, meant: tuple[str]) -> None:
    done = penstock("approve", *meant)
    assert (done.exit_code, [asked["token"] for _, asked in race.changed]) == (0, ["t"])
    assert f"Approved prod-gate/Approve for {OLDER[:12]} a new text" in done.stdout
    assert f"not about {NEWER[:12]} a new price stands in front of prod-gate" in done.stderr
    assert "penstock review --deployed prod e2" in done.stderr


def test_approve_says_what_runs_in_the_stage_which_commits_came_since_and_whether_there_is_a_way_back(
    race: CodePipeline, tmp_path: Path
) -> None:
    def commit(message: str) -> str:
        git = ("git", "-C", str(tmp_path))
        subprocess.run([*git, "init", "--quiet"], check=True)
        subprocess.run([*git, *IDENTITY, "commit", "--quiet", "--allow-empty", "-m", message], check=True)
        return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()

    runs_now, waits = commit("The first price"), commit("A new text")
    race.executions[1]["sourceRevisions"][0]["revisionId"] = waits
    before = {"pipelineExecutionId": "e0", "status": "Succeeded", "sourceRevisions": [{"revisionId": runs_now}]}
    race.executions.append(before)
    deployed = {"stageName": "prod", "status": "Succeeded", "pipelineExecutionId": "e0"}
    race.details = [
        {
            **deployed,
            "stageName": "dev",
            "pipelineExecutionId": "e2",
            "input": {"actionTypeId": {"category": "Deploy"}},
        },
        {**deployed, "pipelineExecutionId": "e2", "input": {"actionTypeId": {"category": "Build"}}},
        {**deployed, "input": {"actionTypeId": {"category": "Deploy"}}},
    ]
    said = CliRunner().invoke(app, ["approve", waits], obj=tmp_path).stderr
    assert f"  prod runs {runs_now[:12]}, execution e0\n    {waits[:7]}  " in said
    assert "  A new text\n  if it fails, prod stays as it is then:  penstock rollback" in said
    race.stages[-1]["onFailure"] = {"result": "ROLLBACK"}
    assert "if it fails, prod is rolled back to execution e1" in penstock("approve", waits).stderr


def test_status_says_while_a_run_waits_whether_there_is_a_way_back(race: CodePipeline) -> None:
    kind = {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}
    gate = next(each for each in race.stages if each["name"] == "prod-gate")
    gate["actions"] = [{"name": "Approve", "actionTypeId": kind}]
    waits = {"stageName": "prod-gate", "actionName": "Approve", "status": "InProgress", "pipelineExecutionId": "e2"}
    began = datetime(2026, 11, 30, 8, tzinfo=UTC)
    race.details = [{**waits, "actionExecutionId": "a", "input": {"actionTypeId": kind}, "startTime": began}]

    def status(*words: str) -> str:
        return penstock("status", "--execution", "e2", *words).stdout

    assert "Way back: if it fails, prod stays as it is then:  penstock rollback SERVICE prod --to COMMIT" in status()
    race.stages[-1]["onFailure"] = {"result": "ROLLBACK"}
    assert "Way back: if it fails, prod is rolled back to execution e1" in status()
    found = json.loads(status("--json"))["ways_back"]
    assert found == {"prod": {"execution": "", "commit": "", "rolls_back": True, "way_back": "e1"}}
    window = {"hours": "Mon 00:00-00:01", "zone": "UTC", "who": "intake"}
    race.rules = json.dumps({"windows": [window, {**window, "hours": "Wed 00:00-00:01"}]})
    assert "Closed now: outside the window" in status()
    assert "closed now, so that its gate would say no: outside" in penstock("approve", OLDER).stderr
    race.executions = [{**each, "executionType": "ROLLBACK"} for each in race.executions]
    assert "nothing rolls prod back: no run has succeeded there since the pipeline's last update" in status()


def test_status_says_after_a_failed_deployment_to_production_what_goes_back(
    race: CodePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = {name: {"category": name, "owner": "AWS", "provider": "P", "version": "1"} for name in ("Deploy", "Build")}
    prod = next(each for each in race.stages if each["name"] == "prod")
    prod["actions"] = [
        {"name": "Deploy", "actionTypeId": kinds["Deploy"]},
        {"name": "Bake-prod", "actionTypeId": kinds["Build"]},
    ]

    def done(execution: str, action: str, kind: str, status: str) -> dict[str, Any]:
        times = dict.fromkeys(("startTime", "lastUpdateTime"), datetime(2026, 11, 30, 8, tzinfo=UTC))
        about = {"stageName": "prod", "actionName": action, "status": status, "pipelineExecutionId": execution}
        return {**about, **times, "actionExecutionId": action, "input": {"actionTypeId": kinds[kind]}}

    race.details = [
        done("e2", "Bake-prod", "Build", "Failed"),
        done("e2", "Deploy", "Deploy", "Succeeded"),
        done("e1", "Deploy", "Deploy", "Succeeded"),
    ]
    said = "Nothing rolls prod back by itself. What went wrong, one service at a time:  penstock rollback SERVICE prod"
    assert f"{said} --to {NEWER[:12]} --why ..." in penstock("status", "--execution", "e2").stdout
    prod["onFailure"] = {"result": "ROLLBACK"}
    rolled_back = "CodePipeline rolls prod back to execution e1, in a run of its own."
    assert rolled_back in penstock("status", "--execution", "e2").stdout
    race.stages = [each for each in race.stages if each["name"] != "prod-gate"]
    assert rolled_back in penstock("status", "--execution", "e2").stdout, "also where nobody is asked"
    cancelled = {"pipelineExecution": {"status": "Cancelled", "pipelineVersion": 1}}
    with monkeypatch.context() as patched:
        patched.setattr(race, "get_pipeline_execution", lambda **_asked: cancelled)
        assert said in penstock("status", "--execution", "e2").stdout, "an update of the pipeline starts no rollback"
    del prod["onFailure"]
    assert "back" not in penstock("status", "--execution", "e2").stdout


def test_approve_without_a_name_asks_and_with_yes_refuses_while_another_run_is_alive(race: CodePipeline) -> None:
    refused = penstock("approve", "--yes")
    assert f"penstock approve {OLDER[:12]}" in refused.stderr
    for answer, said in (("n\n", "Nothing was changed."), ("", "Nobody answered, so nothing was changed.")):
        done = CliRunner().invoke(app, ["approve"], obj=ROOT, input=answer)
        assert (done.exit_code, said in done.stderr) == (2, True)
    assert race.changed == []
    assert CliRunner().invoke(app, ["approve"], obj=ROOT, input="y\n").exit_code == 0
    assert len(race.changed) == 1
    race.changed.clear()
    race.executions.pop(0)
    assert penstock("approve", "--yes").exit_code == 0


def test_approve_takes_no_for_an_answer_with_its_reason_alone(race: CodePipeline) -> None:
    assert "--reject wants --why" in penstock("approve", OLDER, "--reject").stderr
    assert "--why has 513 characters" in penstock("approve", OLDER, "--why", "x" * 513).stderr
    assert "at least 7 characters" in penstock("approve", "aaa").stderr
    assert race.changed == []


@pytest.mark.parametrize("words", [("approve", OLDER), ("stop",)])
def test_commands_say_which_run_they_mean_when_they_ask_for_the_pipelines_name(
    race: CodePipeline, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    for module in (run_commands, approve_commands):
        monkeypatch.setattr(module, "connect", lambda *_words, **_named: connected(race, endpoint=None))
    done = CliRunner().invoke(app, words, obj=ROOT, input="something else\n")
    assert (done.exit_code, race.changed) == (2, [])
    assert "a new" in done.stderr
    assert "on AWS. Type the pipeline's name to go on" in done.stderr


def test_status_lists_every_run_that_is_alive_or_was_cancelled_by_an_update(race: CodePipeline) -> None:
    # e2 is the restart of the run that brought the update, and the one before a success is nobody's business any more.
    restarted = {**race.executions[1], "pipelineExecutionId": "e3", "status": "Cancelled"}
    race.executions += [restarted, *runs("Superseded", "Cancelled", "Succeeded", "Cancelled")]
    race.executions[4]["pipelineExecutionId"] = "e4"
    alive = json.loads(penstock("status", "--json", "--execution", "e2").stdout)["alive"]
    assert [(each["execution"], each["status"], each["stage"]) for each in alive] == [
        ("e1", "Behind", "prod-gate"),
        ("e2", "WaitingForApproval", "prod-gate"),
        ("e4", "Cancelled", ""),
    ]
    shown = penstock("status", "--execution", "e2").stdout
    assert f"Also: {NEWER[:12]} a new price stands in front of prod-gate, execution e1" in shown
    assert "Also: no source yet was cancelled by an update of the pipeline, execution e4" in shown


def test_retry_of_a_stage_whose_approval_was_rejected_asks_again(aws: CodePipeline) -> None:
    aws.states = [state("prod-gate", "Failed", execution="e2"), state("prod", execution="e1")]
    assert "Stage prod-gate goes on." in penstock("retry", "prod").stdout
    ((_, asked),) = aws.changed
    assert (asked["stageName"], asked["pipelineExecutionId"]) == ("prod-gate", "e2")


def test_hold_and_resume_take_a_stage_with_the_one_of_its_approval(aws: CodePipeline) -> None:
    aws.states = [state("Source"), state("dev"), state("prod-gate"), state("prod")]
    assert "prod is held" in penstock("hold", "prod", "--why", WHY).stdout
    assert [asked["stageName"] for _, asked in aws.changed] == ["prod", "prod-gate"]
    aws.changed.clear()
    aws.states[3] |= HELD
    assert "it was held: an audit" in penstock("resume", "prod").stdout
    assert [asked["stageName"] for _, asked in aws.changed] == ["prod"]
    aws.changed.clear()
    penstock("hold", "dev", "--why", WHY)
    assert [asked["stageName"] for _, asked in aws.changed] == ["dev"]


def test_retry_of_a_stage_is_refused_in_a_freeze_unless_it_is_told_otherwise(aws: CodePipeline) -> None:
    freeze = {"begins": "2020-01-01 00:00", "ends": "2999-01-01 00:00", "zone": "UTC", "why": WHY, "who": "stage prod"}
    aws.rules = json.dumps({"windows": [], "freezes": [freeze], "alarms": [], "bake": None})
    aws.states = [state("prod-gate", execution="e2"), state("prod", "Failed", execution="e2")]
    refused = penstock("retry", "prod")
    assert (refused.exit_code, aws.changed) == (2, [])
    assert f"prod may not be released to now: frozen until Tue 2999-01-01 00:00 UTC: {WHY} (wish of stage prod)." in (
        refused.stderr
    )
    assert "Stage prod goes on." in penstock("retry", "prod", "--despite-closed").stdout
    aws.states[0] |= {"latestExecution": {"pipelineExecutionId": "e2", "status": "Failed"}}
    aws.states[1] |= {"latestExecution": {"pipelineExecutionId": "e1", "status": "Succeeded"}}
    assert "Stage prod-gate goes on." in penstock("retry", "prod").stdout  # where it is judged


def test_retry_of_a_stage_whose_rules_cannot_be_read_is_refused_unless_it_is_told_otherwise(
    aws: CodePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.states = [state("prod-gate", execution="e2"), state("prod", "Failed", execution="e2")]

    def denied(**_asked: Any) -> None:
        raise refusal("AccessDeniedException")

    monkeypatch.setattr(aws, "get_parameter", denied)
    refused = penstock("retry", "prod")
    assert (refused.exit_code, aws.changed) == (2, [])
    assert "prod may not be released to now: whether a window is closed or a freeze holds cannot be read" in (
        refused.stderr
    )
    assert "Stage prod goes on." in penstock("retry", "prod", "--despite-closed").stdout


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
    aws.executions = runs("Superseded", "InProgress", "InProgress")
    aws.states = [state("dev", "InProgress", execution="e2"), waiting("prod", "Approve", execution="e3")]
    first = penstock("stop").stdout
    second = penstock("stop", "--execution", "e3", "--abandon", "--reason", "wrong").stdout
    assert "is in dev, execution e2: it stops once its current actions have ended." in first
    assert "Still alive: no source yet waits for approval of prod, execution e3" in first
    assert "waits for approval of prod, execution e3: it stops now." in second
    refused = penstock("stop", "--execution", "e1")
    assert refused.exit_code == 2
    assert "Execution e1 is not going on" in refused.stderr
    assert "is in dev, execution e2" in refused.stderr
    assert "--reason has 201 characters; CodePipeline keeps 200." in penstock("stop", "--reason", "x" * 201).stderr
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
        (("hotfix", "--to", "prod-gate", "--why", WHY), "no stage prod-gate to deploy to; it has dev, wave.1."),
        (("hotfix", "--to", REMOVALS_STAGE, "--why", WHY), "The pipeline has no stage removals to deploy to"),
        (("hotfix", "--to", "dev", "--why", "now"), "--why 'now' is not allowed; give 20 to 1000 characters"),
        (("hotfix", "--to", "dev", "--why", "x" * 1001), "give 20 to 1000 characters"),
        (("hotfix", "c0ffee", "--to", "dev", "--why", WHY), "A source in S3 has no commits to choose from"),
    ],
)
def test_holds_and_hotfixes_refuse_what_cannot_be(aws: CodePipeline, words: tuple[str, ...], said: str) -> None:
    source = {"name": "Source", "actions": [{"name": "S3", "actionTypeId": {"provider": "S3"}}]}
    aws.stages = [
        source,
        *({"name": name, "beforeEntry": {}} for name in ("dev", "wave.1", "prod-gate", REMOVALS_STAGE)),
    ]
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
    penstock("hotfix", "--to", "dev", "--why", WHY, "--despite-alarms")
    assert {"name": "Alarms", "value": "unheeded"} in aws.changed[-1][1]["variables"]


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
