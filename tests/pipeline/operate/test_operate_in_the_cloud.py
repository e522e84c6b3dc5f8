"""The commands against CodePipeline as the local cloud runs it."""

import dataclasses
import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import connection
from pipeline.cli.main import app
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate import approvals, next_step, rollback
from pipeline.operate.errors import OperateError
from pipeline.operate.follow import follow
from pipeline.operate.logs import choose, followed
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.rollback import LONGEST_BODY
from pipeline.operate.run import Action
from pipeline.operate.target import local_target
from pipeline.review.tests import assemblies
from pipeline.review.tests.assemblies import StackOf
from pipeline.settings import SETTINGS
from services.library.contract.names import PLATFORM_BOOTSTRAP
from tests.conftest import ROOT
from tests.testbed import async_api_template
from tests.testbed.pipelines import HOME, TOOLS, Tools, action, approval, parameter_template, stage, until
from tests.testbed.roles import role

pytestmark = pytest.mark.cloud
ALARM = {
    "Namespace": "Test",
    "MetricName": "wrong",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "ignore",
}
"""It stays as a test has set it."""
HOLD, STATUS, RESUME, HOTFIX, FOLLOW, LOOK_BACK, BACK = (
    shlex.split(line)[1:]
    for line in (ROOT / "docs/hotfix.md").read_text().splitlines()
    if line.startswith("    penstock ")
)
"""The commands of the page, in its order."""


@pytest.fixture
def tools(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """A tools account, whose pipeline is the one that `penstock` acts on."""
    made = Tools(cloud)
    settings = dataclasses.replace(SETTINGS, name=made.name, account=TOOLS, region=HOME)
    monkeypatch.setattr(connection, "SETTINGS", settings)
    monkeypatch.setattr(connection, "find", lambda _place: cloud)
    return made


def penstock(*arguments: str) -> Result:
    done = CliRunner().invoke(app, arguments, obj=ROOT)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def pipeline_of(tools: Tools) -> Pipeline:
    return Pipeline(
        target=local_target(tools.cloud.endpoint, secret=tools.cloud.root_secret, account=TOOLS, region=HOME),
        name=tools.name,
    )


def gate(tools: Tools) -> str:
    """A pipeline that waits at a gate."""
    tools.push({"a": "b"})
    execution = tools.create(stage("Gate", approval()))
    tools.approval_token("Gate", "Approve")
    return execution


def broken(tools: Tools) -> str:
    """A run that fails in CloudFormation."""
    template = json.loads(parameter_template(tools.name, "x"))
    template["Resources"]["Broken"] = {
        "Type": "Custom::Broken",
        "Properties": {"ServiceToken": f"arn:aws:lambda:{HOME}:{TOOLS}:function:nobody"},
    }
    tools.push({"template.json": json.dumps(template)})
    execution = tools.create(stage("Deploy", tools.deployment("Create", "CREATE_UPDATE")))
    assert tools.ended(execution) == "Failed"
    return execution


def test_review_of_what_runs_reads_it_in_the_cloud_and_a_run_by_its_id(tools: Tools, tmp_path: Path) -> None:
    template, other = (json.loads(parameter_template(tools.name, value)) for value in ("one", "two"))
    stack = StackOf(template=other, name=f"{tools.name}-stack", account=TOOLS, region=HOME)
    head = assemblies.write(tmp_path / "head", {"Deploy": {"orders": stack}})
    files = {str(file.relative_to(head)): file.read_text() for file in head.rglob("*.json")}
    tools.push({**files, "template.json": json.dumps(template)})
    execution = tools.create(stage("Deploy", tools.deployment("Create", "CREATE_UPDATE")))
    assert tools.ended(execution) == "Succeeded"
    for side in (str(head), execution):
        done = penstock("review", "--deployed", "Deploy", side, "--format", "json")
        (change,) = json.loads(done.stdout)["changes"]
        (value,) = change["properties"]
        assert (value["path"], value["old"], value["new"]) == ("Value", "one", "two")
    done = penstock("evidence", "Deploy", "--out", str(tmp_path / "evidence"), "--json")
    found = json.loads((tmp_path / "evidence/evidence.json").read_text())
    assert (done.exit_code, json.loads(done.stdout)) == (0, found)
    assert (found["execution"], found["deployed"]["execution"]) == (execution, execution)
    assert (found["review"]["changes"], found["review"]["is_empty"], found["unknown"]) == (1, False, [])
    assert "1 change." in (tmp_path / "evidence/summary.txt").read_text()
    assert "Value" in (tmp_path / "evidence/review.txt").read_text()


def test_page_says_who_may_approve_what(tools: Tools) -> None:
    tools.push({"a": "b"})
    tools.create(stage("prod-gate", approval("Approve-prod")), stage("qa-gate", approval("Approve-qa")))
    text = (ROOT / "docs/approve.md").read_text().partition("```json\n")[2].partition("```")[0]
    for example, ours in ((":penstock", f":{tools.name}"), ("eu-west-1", HOME), ("999999999999", TOOLS)):
        text = text.replace(example, ours)
    *looking, approving = json.loads(text)["Statement"]
    assert approving["Sid"] == "ApproveProduction"
    looks, approves = person(tools, "looks", *looking), person(tools, "approves", *looking, approving)
    tools.approval_token("prod-gate", "Approve-prod")
    with pytest.raises(OperateError, match="codepipeline:PutApprovalResult"):
        approvals.answer(looks, approvals.find(looks), approved=True)
    approvals.answer(approves, approvals.find(approves), approved=True)
    by = {each["actionName"]: each.get("updatedBy", "") for each in details_of(tools)}
    assert by["Approve-prod"] == f"arn:aws:sts::{TOOLS}:assumed-role/{tools.name}-approves/penstock"
    tools.approval_token("qa-gate", "Approve-qa")
    with pytest.raises(OperateError, match="codepipeline:PutApprovalResult"):
        approvals.answer(approves, approvals.find(approves), approved=True)


def details_of(tools: Tools) -> list[dict[str, Any]]:
    """What CodePipeline keeps of the pipeline's actions."""
    return list(tools.codepipeline.list_action_executions(pipelineName=tools.name)["actionExecutionDetails"])


def person(tools: Tools, name: str, *statements: Any) -> Pipeline:
    """The pipeline to somebody who may do this and no more."""
    arn = role(tools.cloud, f"{tools.name}-{name}", account=TOOLS, principals=(TOOLS,))
    tools.cloud.client("iam", TOOLS).put_role_policy(
        RoleName=arn.rpartition("/")[2],
        PolicyName="May",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
    )
    pipeline = pipeline_of(tools)
    target = pipeline.target

    def client(service: str, account: str, region: str) -> Any:
        return target.assumed(service, role=arn, account=account, region=region)

    return dataclasses.replace(pipeline, target=dataclasses.replace(target, _clients=client))


def test_waiting_answers_3_at_an_approval_and_0_once_it_is_given_and_the_run_succeeds(tools: Tools) -> None:
    execution = gate(tools)
    waiting = penstock("status", "--wait", "--json")
    assert waiting.exit_code == 3
    found = json.loads(waiting.stdout)
    assert (found["execution"], found["status"]) == (execution, "WaitingForApproval")
    assert [(each["name"], each["status"]) for each in found["stages"]] == [
        ("Source", "Succeeded"),
        ("Gate", "WaitingForApproval"),
    ]
    (action,) = found["stages"][1]["actions"]
    assert action.keys() >= {"name", "status", "started", "seconds", "summary", "error", "url", "log"}
    assert f"account {TOOLS}, region {HOME}, http://127.0.0.1" in waiting.stderr
    assert "penstock approve" in penstock("status").stdout
    given = penstock("approve", "--yes", "--why", "it looks good")
    assert (given.exit_code, "Approved Gate/Approve" in given.stdout) == (0, True)
    assert penstock("status", "--wait").exit_code == 0
    (run,) = (each for each in tools.stages()["Gate"]["actionStates"])
    assert run["latestExecution"]["summary"] == "it looks good"


def test_waiting_answers_1_after_a_rejection_and_a_retry_asks_again(tools: Tools) -> None:
    gate(tools)
    assert penstock("approve", "--reject", "--stage", "Gate", "--yes", "--why", "not today").exit_code == 0
    failed = penstock("status", "--wait")
    assert failed.exit_code == 1
    assert "penstock retry Gate" in failed.stdout
    retried = penstock("retry")
    assert (retried.exit_code, "Stage Gate goes on" in retried.stdout) == (0, True)
    assert penstock("status", "--wait").exit_code == 3


def test_without_wait_the_status_of_any_run_that_can_be_read_is_answered_with_0(tools: Tools) -> None:
    broken(tools)
    assert penstock("status").exit_code == 0


def test_a_run_behind_another_that_waits_for_approval_says_so_instead_of_waiting_for_ever(tools: Tools) -> None:
    first = gate(tools)
    second = tools.start()
    until(lambda: tools.stages()["Gate"].get("inboundExecution", {}).get("pipelineExecutionId"), lambda i: i == second)
    done = penstock("status", "--wait", "--json")
    assert done.exit_code == 3
    assert json.loads(done.stdout)["execution"] == second
    assert json.loads(done.stdout)["reason"] == f"execution {first} is before it in Gate and waits for approval"
    alive = {each["execution"]: each["status"] for each in json.loads(done.stdout)["alive"]}
    assert alive == {second: "Behind", first: "WaitingForApproval"}


def test_of_two_pushes_the_one_that_waits_is_approved_by_its_commit_and_the_newer_one_is_refused(tools: Tools) -> None:
    older = tools.push({"a": "older"})
    first = tools.create(stage("prod-gate", approval()), stage("prod", approval("Look")))
    tools.approval_token("prod-gate", "Approve")
    newer = tools.push({"a": "newer"})
    second = tools.start()
    inbound = until(lambda: tools.stages()["prod-gate"].get("inboundExecution", {}), bool)
    assert inbound["pipelineExecutionId"] == second
    refused = penstock("approve", newer)
    assert refused.exit_code == 2
    assert f"stands in front of prod-gate, execution {second}" in refused.stderr
    assert penstock("approve", "--yes").exit_code == 2
    assert tools.actions(first)["Approve"]["status"] == "InProgress"
    done = penstock("approve", older)
    assert (done.exit_code, f"execution {second}" in done.stderr) == (0, True), done.stderr
    assert tools.actions_done(first, "Approve")["status"] == "Succeeded"
    tools.approval_token("prod-gate", "Approve")
    assert "Approve" in tools.actions(second), "the newer one is asked about next"


def test_a_failed_deployment_shows_its_cause_and_what_to_type(tools: Tools) -> None:
    broken(tools)
    done = penstock("status", "--follow")
    assert done.exit_code == 1
    assert "Deploy/Create failed: " in done.stdout
    assert "Broken (Custom::Broken) CREATE_FAILED" in done.stdout
    assert "penstock logs Deploy/Create" in done.stdout
    assert "penstock retry Deploy" in done.stdout
    printed = penstock("logs", "Create", "--lines", "50")
    assert "Broken (Custom::Broken) CREATE_FAILED" in printed.stdout


def built(tools: Tools, *commands: str) -> str:
    """A run with one build of these commands."""
    codebuild: Any = tools.cloud.client("codebuild")
    codebuild.create_project(
        name=tools.name,
        serviceRole=tools.make_role("build"),
        source={
            "type": "CODEPIPELINE",
            "buildspec": json.dumps({"version": "0.2", "phases": {"build": {"commands": list(commands)}}}),
        },
        artifacts={"type": "CODEPIPELINE"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
    )
    tools.push({"a": "b"})
    return tools.create(
        stage("Test", action("Check", "Build/CodeBuild", {"ProjectName": tools.name}, inputs=["Code"])),
    )


def test_the_last_lines_of_a_failed_build_are_shown_and_its_whole_log_can_be(tools: Tools) -> None:
    execution = built(tools, "for n in $(seq 1 40); do echo line-$n; done", "echo the cause >&2; exit 7")
    assert tools.ended(execution) == "Failed"
    shown = penstock("status").stdout
    assert "Test/Check failed: " in shown
    assert "  | " in shown
    assert "the cause" in shown
    assert "| line-1\n" not in shown
    assert "[Container]" not in shown
    assert "penstock logs Test/Check" in shown
    lines = penstock("logs").stdout.splitlines()
    assert {"line-1", "line-40", "the cause"} <= {line.strip() for line in lines}
    assert len(penstock("logs", "Test/Check", "--lines", "3").stdout.splitlines()) == 3


def test_a_log_is_followed_while_it_is_written(tools: Tools, tmp_path: Path) -> None:
    sign = tmp_path / "seen"
    built(tools, "echo first", f"until [ -e {sign} ]; do sleep 0.1; done", "echo last")
    pipeline = pipeline_of(tools)

    def check() -> Action:
        return choose(pipeline.read(), "Check")

    until(lambda: check().status, lambda status: status == "InProgress")
    lines = []
    for line in followed(pipeline, pipeline.read(), check()):
        lines.append(line.strip())
        if line.strip() == "first":
            sign.touch()
    assert [line for line in lines if line in ("first", "last")] == ["first", "last"]
    assert check().status == "Succeeded"


def test_following_goes_on_with_the_execution_that_replaces_one_whose_pipeline_changed(tools: Tools) -> None:
    first = gate(tools)
    pipeline = pipeline_of(tools)
    started: list[str] = []

    def change_the_pipeline(_seconds: float) -> None:
        if not started:
            tools.codepipeline.update_pipeline(pipeline=tools.definition(stage("Other", approval("Ask"))))
            started.append(tools.start())
        elif "Other" in tools.stages() and tools.stages()["Other"].get("latestExecution"):
            tools.approve("Other", "Ask")

    seen = list(follow(pipeline, stops_for_approval=False, pause=change_the_pipeline))
    executions = list(dict.fromkeys(run.execution for run in seen))
    assert executions == [first, *started]
    assert [run.status for run in seen if run.execution == first][-1] == "Cancelled"
    assert seen[-1].status == "Succeeded"


def test_a_run_can_be_stopped_and_says_why(tools: Tools) -> None:
    execution = gate(tools)
    assert penstock("stop", "--abandon", "--reason", "a bad day").exit_code == 0
    assert tools.ended(execution) == "Stopped"
    assert penstock("status", "--wait").exit_code == 1
    nothing = penstock("stop")
    assert (nothing.exit_code, "nothing to stop" in nothing.stderr) == (2, True)


def test_start_starts_a_run_without_a_push(tools: Tools) -> None:
    gate(tools)
    done = penstock("start")
    assert done.exit_code == 0
    assert str(tools.executions()[0]["pipelineExecutionId"]) in done.stdout


def test_outputs_are_those_of_the_stacks_that_the_pipeline_deploys(tools: Tools) -> None:
    tools.push({"template.json": parameter_template(tools.name, "x", Url="https://somewhere")})
    execution = tools.create(stage("Deploy", tools.deployment("Create", "CREATE_UPDATE")))
    assert tools.ended(execution) == "Succeeded", tools.errors(execution)
    found: dict[str, Any] = json.loads(penstock("outputs", "--json").stdout)
    ((_, service),) = found["Deploy"].items()
    assert service["outputs"] == {"Url": "https://somewhere"}
    assert (service["account"], service["region"], service["status"]) == (TOOLS, HOME, "CREATE_COMPLETE")
    wrong = penstock("outputs", "nowhere")
    assert (wrong.exit_code, "has no stage nowhere; it has Source, Deploy" in wrong.stderr) == (2, True)


def test_a_call_is_answered_and_so_is_the_same_call_by_curl(tools: Tools) -> None:
    body = async_api_template.template()
    url = "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/v1/executions"
    body["Outputs"]["Url"] = {"Value": {"Fn::Sub": url}}
    tools.push({"template.json": json.dumps(body)})
    capable = {"Capabilities": "CAPABILITY_IAM"}
    execution = tools.create(stage("prod", tools.deployment("Create", "CREATE_UPDATE", configuration=capable)))
    assert tools.ended(execution) == "Succeeded", tools.errors(execution)
    payload = json.dumps({"patient": "O'Neill \\ söhne"})
    answer = penstock("call", "--body", payload, "--idempotency-key", "order-2026-11-23-000017", "--json")
    assert (answer.exit_code, json.loads(answer.stdout)["status"]) == (0, 202)
    line = penstock("call", "--body", payload, "--curl").stdout.strip()
    assert curl_status(line) == 202
    assert curl_status(line.replace(tools.cloud.root_secret, "wrong")) == 403
    assert penstock("call", "--body", "{}").exit_code == 1


def test_credentials_are_good_for_other_programs(tools: Tools) -> None:
    shown = penstock("credentials", "222222222222", "--region", "eu-west-1").stdout
    script = f"{shown} env -0"
    found = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, env={"AWS_PROFILE": "x"})
    variables = dict(line.split("=", 1) for line in found.stdout.split("\0") if line.startswith("AWS_"))
    assert variables == {
        "AWS_ACCESS_KEY_ID": "222222222222",
        "AWS_SECRET_ACCESS_KEY": tools.cloud.root_secret,
        "AWS_ENDPOINT_URL": tools.cloud.endpoint,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
    }
    process = json.loads(penstock("credentials", "222222222222", "--json").stdout)
    assert process == {"Version": 1, "AccessKeyId": "222222222222", "SecretAccessKey": tools.cloud.root_secret}
    assert "give 12 digits" in penstock("credentials", "dev").stderr


def curl_status(line: str) -> int:
    command = f"{line} --silent --output /dev/null --write-out '%{{http_code}}' --noproxy '*'"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("approve",), "No approval waits"),
        (("retry",), "nothing to retry"),
        (("retry", "Nowhere"), "has no stage Nowhere; it has Source, Deploy"),
        (("logs", "Nothing"), "has no action Nothing; it has Source/Fetch, Deploy/Create"),
        (("status", "--execution", "00000000-0000-0000-0000-000000000000"), "no such execution"),
        (("evidence", "Deplo", "--out", "/nowhere"), "it has Source, Deploy. Did you mean Deploy?"),
        (("call", "--stage", "Deploy"), "Nothing with an output Url is deployed"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(command: tuple[str, ...], said: str, tools: Tools) -> None:
    tools.push({"template.json": parameter_template(tools.name, "x")})
    execution = tools.create(stage("Deploy", tools.deployment("Create", "CREATE_UPDATE")))
    assert tools.ended(execution) == "Succeeded", tools.errors(execution)
    done = penstock(*command)
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.usefixtures("tools")
def test_a_pipeline_that_is_not_there_is_one_sentence() -> None:
    for command in ("status", "approve", "retry", "stop", "start", "logs", "outputs"):
        done = penstock(command)
        assert done.exit_code == 2, command
        assert "There is no pipeline" in done.stderr
        assert "`make up` deploys it" in done.stderr


def test_a_held_stage_waits_with_its_reason_and_goes_on_once_it_is_resumed(tools: Tools) -> None:
    tools.push({"a": "b"})
    execution = tools.create(stage("Gate", approval()), stage("prod", approval()))
    said = penstock(*HOLD)
    assert (said.exit_code, "prod is held" in said.stdout) == (0, True)
    tools.approve("Gate", "Approve")
    waiting = penstock("status", "--wait")
    assert waiting.exit_code == 3
    assert "(prod is held: the partner migrates until noon)" in waiting.stdout
    assert "penstock resume prod" in waiting.stdout
    assert "(prod is held: the partner migrates until noon)" in penstock(*STATUS).stdout
    found = json.loads(penstock("status", "--json").stdout)
    (gate_, prod) = found["stages"][1:]
    assert gate_["hold"] is None
    assert (prod["hold"]["why"], prod["status"]) == ("the partner migrates until noon", "NotStarted")
    assert prod["hold"]["by"] == f"arn:aws:iam::{TOOLS}:root"
    assert prod["hold"]["since"] is not None
    again = penstock("hold", "prod", "--why", "and now (until one)")
    assert "was held already: the partner migrates until noon" in again.stdout
    assert penstock(*RESUME).exit_code == 0
    tools.approve("prod", "Approve")
    assert tools.ended(execution) == "Succeeded"
    assert penstock(*RESUME).exit_code == 2, "there is nothing to resume"


def test_a_hold_outlives_an_update_of_the_pipeline(tools: Tools) -> None:
    tools.push({"a": "b"})
    tools.create(stage("Gate", approval()), stage("After", approval()))
    penstock("hold", "After", "--why", "wait")
    definition = tools.codepipeline.get_pipeline(name=tools.name)["pipeline"]
    definition["stages"][1]["name"] = "Door"
    tools.codepipeline.update_pipeline(pipeline=definition)
    stages = {state["stageName"]: state["inboundTransitionState"] for state in pipeline_of(tools).states()}
    assert (stages["After"]["enabled"], stages["Door"]["enabled"]) == (False, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("hold", "Nowhere", "--why", "wait"), "no stage Nowhere; it has Source, Gate"),
        (("hold", "Source", "--why", "wait"), "hold the one after it, Gate"),
        (("hold", "Gate", "--why", "a; b"), "1-300 letters, digits, spaces"),
        (("hold", "Gate", "--why", "x" * 301), "1-300 letters, digits, spaces"),
        (("resume", "Gate"), "Stage Gate is not held"),
    ],
)
def test_a_hold_that_cannot_be_is_refused(tools: Tools, arguments: tuple[str, ...], said: str) -> None:
    gate(tools)
    done = penstock(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr


WANTED = [
    {"name": "Stages", "defaultValue": "every"},
    {"name": "Reason", "defaultValue": "none: an ordinary run"},
]


def wanted(name: str) -> dict[str, Any]:
    """A stage as pipeline/definition/entry_conditions.py makes it, that waits for approval."""
    rule = {
        "name": "Wanted",
        "ruleTypeId": {"category": "Rule", "owner": "AWS", "provider": "VariableCheck", "version": "1"},
        "configuration": {
            "Variable": "#{variables.Stages}",
            "Operator": "MATCHES",
            "Value": f"^(every|(.*,)?{name}(,.*)?)$",
        },
    }
    return stage(name, approval(), beforeEntry={"conditions": [{"result": "SKIP", "rules": [rule]}]})


def test_a_hotfix_leaves_stages_out_and_says_why_and_the_next_push_enters_them_again(tools: Tools) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-conditions.html"""
    tools.push({"a": "b"})
    first = tools.create(wanted("qa"), wanted("staging"), wanted("prod"), variables=WANTED)
    for name in ("qa", "staging", "prod"):
        tools.approve(name, "Approve")
    assert tools.ended(first) == "Succeeded"
    done = penstock(*HOTFIX)
    assert (done.exit_code, "enters prod alone" in done.stdout) == (0, True)
    assert penstock("status", "--wait").exit_code == 3
    found = json.loads(penstock("status", "--json").stdout)
    assert found["hotfix"] == {"stages": ["prod"], "why": "the partner's certificate ends tonight"}
    assert [(each["name"], each["status"]) for each in found["stages"]] == [
        ("Source", "Succeeded"),
        ("qa", "Skipped"),
        ("staging", "Skipped"),
        ("prod", "WaitingForApproval"),
    ]
    assert "hotfix to prod alone: the partner's certificate ends tonight" in penstock("status").stdout
    tools.approve("prod", "Approve")
    assert penstock(*FOLLOW).exit_code == 0
    assert tools.ended(found["execution"]) == "Succeeded"
    ordinary = tools.start()
    tools.approval_token("qa", "Approve")
    assert json.loads(penstock("status", "--json").stdout)["hotfix"] is None
    old = json.loads(penstock("status", "--json", "--execution", found["execution"]).stdout)
    assert [each["status"] for each in old["stages"]] == ["Succeeded", "Skipped", "Skipped", "Succeeded"]
    assert tools.status(ordinary) == "InProgress"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "nowhere", "--why", "x" * 20), "no stage nowhere to deploy to; it has qa"),
        (("--to", "Source", "--why", "x" * 20), "no stage Source to deploy to; it has qa"),
        (("--to", "removals", "--why", "x" * 20), "no stage removals to deploy to; it has qa."),
        (("--to", "qa", "--why", "soon"), "give 20 to 1000 characters"),
        (("abc", "--to", "qa", "--why", "x" * 20), "leave COMMIT out"),
    ],
)
def test_a_hotfix_that_cannot_be_is_refused(tools: Tools, arguments: tuple[str, ...], said: str) -> None:
    tools.push({"a": "b"})
    tools.create(wanted("qa"), wanted("removals"), variables=WANTED)
    done = penstock("hotfix", *arguments)
    assert done.exit_code == 2
    assert said in done.stderr


def deployed_twice(tools: Tools) -> tuple[str, str]:
    """Two runs that deployed a parameter's value each; their executions."""
    tools.push({"template.json": parameter_template(tools.name, "first")})
    first = tools.create(stage("prod", tools.deployment("Deploy", "CREATE_UPDATE")))
    assert tools.ended(first) == "Succeeded"
    tools.push({"template.json": parameter_template(tools.name, "second")})
    second = tools.start()
    assert tools.ended(second) == "Succeeded"
    return first, second


def test_a_service_goes_back_to_what_an_earlier_run_deployed_and_its_stage_is_held(tools: Tools) -> None:
    first, _ = deployed_twice(tools)
    service = f"{tools.name}-stack"
    instead = {"intake": service, "3f2a9c1d": first}
    tried = penstock(*(instead.get(word, word) for word in LOOK_BACK))
    assert (tried.exit_code, tools.parameter()) == (0, "second"), tried.output
    done = penstock(*(instead.get(word, word) for word in BACK))
    assert (done.exit_code, tools.parameter()) == (0, "first"), done.output
    assert f"Revert the commit on the branch, push, and then:  {next_step.penstock('resume prod')}" in done.stdout
    held = json.loads(penstock("status", "--json").stdout)["stages"][1]["hold"]
    assert held["why"].startswith(f"{service} was rolled back to")
    assert held["why"].endswith("- the new handler refuses good payloads")
    record = tools.parameter(f"/penstock/rolled-back/{TOOLS}/{HOME}/{service}")
    assert (json.loads(record)["execution"], json.loads(record)["status"]) == (first, "DONE")
    again = penstock("rollback", service, "prod", "--to", first, "--why", "still wrong")
    assert (again.exit_code, "was that already" in again.stdout) == (0, True)
    assert "prod was held already" in again.stdout
    held = json.loads(penstock("status", "--json").stdout)["stages"][1]["hold"]
    assert "still wrong" in held["why"]
    assert "held before" in held["why"], "nobody's reason is forgotten"


def test_status_and_alarms_print_the_rollback_of_what_a_failed_run_has_changed_and_it_can_be_typed(
    tools: Tools,
) -> None:
    """The alarm is of the stack, so that each release after the first one changes it."""

    def pushed(value: str) -> None:
        template = json.loads(parameter_template(tools.name, value))
        template["Resources"]["Alarm"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": {**ALARM, "AlarmName": alarm}}
        tools.push({"template.json": json.dumps(template)})

    alarm = f"{tools.name}-alarm"
    service = f"{tools.name}-stack"
    pushed("first")
    looked_at = stage("prod", tools.deployment("Deploy", "CREATE_UPDATE"), approval("Look", 2))
    first = tools.create(stage("prod-gate", approval("Ask")), looked_at)
    for name, action_name in (("prod-gate", "Ask"), ("prod", "Look")):
        tools.approve(name, action_name)
    assert tools.ended(first) == "Succeeded"
    pushed("second")
    second = tools.start()
    tools.approve("prod-gate", "Ask")
    tools.approve("prod", "Look", "Rejected")
    assert tools.ended(second) == "Failed"

    cloudwatch: Any = tools.cloud.client("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="it is wrong")
    (found,) = json.loads(penstock("alarms", "--stage", "prod", "--json").stdout)
    assert shlex.split(found["rollback"])[1:4] == ["rollback", service, "prod"]
    (listed,) = json.loads(penstock("status", "--json").stdout)["rollbacks"]
    assert (listed["stage"], listed["service"], listed["execution"]) == ("prod", service, first)
    shown = penstock("status").stdout
    assert "Nothing rolls prod back by itself. What the run has changed there goes back so" in shown
    assert listed["command"] in shown
    _, *words = shlex.split(listed["command"])
    assert words[-1] == "Look failed"
    done = penstock(*words)
    assert (done.exit_code, tools.parameter()) == (0, "first"), done.output


def test_metrics_tell_of_deployments_a_rollback_and_a_hold_with_their_reasons(tools: Tools) -> None:
    first, _ = deployed_twice(tools)
    service = f"{tools.name}-stack"
    assert penstock("rollback", service, "prod", "--to", first, "--why", "it is wrong").exit_code == 0
    assert penstock("resume", "prod").exit_code == 0
    found = json.loads(penstock("metrics", "--stage", "prod", "--json").stdout)
    (measured,) = found["metrics"]
    assert (measured["stage"], measured["service"]) == ("prod", service)
    assert measured["deployment_frequency"] == {"count": 2, "per_week": None}
    assert measured["change_fail_rate"] == {"ratio": 0.5, "count": 1, "of": 2}
    assert measured["deployment_rework_rate"] == {"ratio": 0.3333, "count": 1, "of": 3}
    assert measured["failed_deployment_recovery_time"]["count"] == 1
    assert measured["change_lead_time"] is None
    assert measured["unknown"] == [
        "lead time of 2 deployments: the pipeline's source names no commit of it, or of the one before"
    ]
    assert [(each["kind"], each["why"].partition(" - ")[2] or each["why"]) for each in found["events"]] == [
        ("hold", "it is wrong"),
        ("rollback", "it is wrong"),
    ]
    assert all(each["until"] for each in found["events"])
    shown = penstock("metrics").stdout
    assert f"prod/{service}" in shown
    assert "Not known: what was before" in shown
    assert penstock("rollback", service, "prod", "--to", first, "--why", "still wrong").exit_code == 0
    again = json.loads(penstock("metrics", "--json").stdout)
    assert again["metrics"] == found["metrics"], "what was rolled back already is not rolled back again"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since", "soon"), "--since 'soon' is not allowed; give a day such as"),
        (("--since", "2999-01-01"), "--since '2999-01-01' is not over yet"),
        (("--service", "nobody"), "The pipeline has no service 'nobody'; it has"),
        (("--stage", "prd"), "The pipeline has no stage prd; it has Source, prod. Did you mean prod?"),
    ],
)
def test_metrics_of_what_there_is_not_are_refused(tools: Tools, arguments: tuple[str, ...], said: str) -> None:
    tools.push({"template.json": parameter_template(tools.name, "first")})
    tools.create(stage("prod", tools.deployment("Deploy", "CREATE_UPDATE")))
    done = penstock("metrics", *arguments)
    assert (done.exit_code, said in done.stderr) == (2, True), done.output


def bootstrapped(tools: Tools) -> None:
    """The bucket for files and the role that writes to it, as a bootstrap makes them."""
    bucket = PLATFORM_BOOTSTRAP.bucket(account=TOOLS, region=HOME)
    if bucket not in {each["Name"] for each in tools.s3.list_buckets()["Buckets"]}:
        tools.s3.create_bucket(Bucket=bucket)
        publishing = PLATFORM_BOOTSTRAP.role("file-publishing", account=TOOLS, region=HOME)
        role(tools.cloud, publishing, "cloudformation.amazonaws.com", account=TOOLS, principals=("*",))


def test_a_template_that_is_too_long_for_a_call_goes_back_from_the_accounts_bucket_by_the_roles_of_the_pipeline(
    tools: Tools,
) -> None:
    bootstrapped(tools)
    long = "a long sentence " * (LONGEST_BODY // 10)

    def template(value: str) -> str:
        return json.dumps({**json.loads(parameter_template(tools.name, value)), "Metadata": {"Long": long}})

    role = tools.make_role("deploy")
    tools.push({"template.json": template("first")})
    first = tools.create(stage("prod", tools.deployment("Deploy", "CREATE_UPDATE", roleArn=role)))
    assert tools.ended(first) == "Succeeded", tools.errors(first)
    tools.push({"template.json": template("second")})
    assert tools.ended(tools.start()) == "Succeeded"
    earlier = rollback.find(pipeline_of(tools), f"{tools.name}-stack", "prod", to=first)
    assert (earlier.deploy_role, earlier.execution_role) == (role, tools.role)
    done = penstock("rollback", f"{tools.name}-stack", "prod", "--to", first, "--why", "it is wrong")
    assert (done.exit_code, tools.parameter()) == (0, "first"), done.output


def test_a_way_back_to_files_that_are_gone_is_refused(tools: Tools) -> None:
    bootstrapped(tools)
    bucket = PLATFORM_BOOTSTRAP.bucket(account=TOOLS, region=HOME)
    keys = [f"{tools.name}-{name}.zip" for name in ("there", "gone")]
    tools.s3.put_object(Bucket=bucket, Key=keys[0], Body=b"code")
    own = {"source": {"path": "stack.template.json"}, "destinations": {"here": {"bucketName": "x", "objectKey": "y"}}}
    code = [
        {"source": {"path": f"asset.{key}"}, "destinations": {"here": {"bucketName": bucket, "objectKey": key}}}
        for key in keys
    ]
    files = {"stack.assets.json": json.dumps({"files": {str(n): each for n, each in enumerate([own, *code])}})}
    path = {"TemplatePath": "Code::stack.template.json"}
    tools.push({**files, "stack.template.json": parameter_template(tools.name, "first")})
    first = tools.create(stage("prod", tools.deployment("Deploy", "CREATE_UPDATE", configuration=path)))
    assert tools.ended(first) == "Succeeded", tools.errors(first)
    done = penstock("rollback", f"{tools.name}-stack", "prod", "--to", first, "--why", "it is wrong")
    assert done.exit_code == 2
    assert f"Files of that run are gone: s3://{bucket}/{keys[1]}. Revert the commit instead." in done.stderr


def test_a_way_back_that_loses_data_is_refused_and_changes_nothing(tools: Tools) -> None:
    table = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    }
    template = json.loads(parameter_template(tools.name, "first"))
    tools.push({"template.json": json.dumps(template)})
    first = tools.create(stage("prod", tools.deployment("Deploy", "CREATE_UPDATE")))
    assert tools.ended(first) == "Succeeded"
    template["Resources"]["Records"] = table
    tools.push({"template.json": json.dumps(template)})
    assert tools.ended(tools.start()) == "Succeeded"
    done = penstock("rollback", f"{tools.name}-stack", "prod", "--to", first, "--why", "it is wrong")
    assert done.exit_code == 2
    assert "blocked by its review, so nothing was changed" in done.stderr
    assert "Records" in done.stdout
    states = {state["stageName"]: state for state in pipeline_of(tools).states()}
    assert states["prod"]["inboundTransitionState"]["enabled"]


def test_a_way_back_waits_for_the_run_that_is_in_the_stage(tools: Tools) -> None:
    tools.push({"template.json": parameter_template(tools.name, "first")})
    first = tools.create(stage("prod", tools.deployment("Deploy", "CREATE_UPDATE"), approval("Look", 2)))
    tools.approve("prod", "Look")
    assert tools.ended(first) == "Succeeded"
    tools.push({"template.json": parameter_template(tools.name, "second")})
    second = tools.start()
    tools.approval_token("prod", "Look")
    done = penstock("rollback", f"{tools.name}-stack", "prod", "--to", first, "--why", "it is wrong")
    assert (done.exit_code, tools.parameter()) == (2, "second")
    assert f"Execution {second} is in stage prod and would deploy over it" in done.stderr
    assert "prod stays held" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody", "prod", "--to", "abcdefabcdef"), "Stage prod has no service 'nobody'; it has"),
        (("{service}", "nowhere", "--to", "abcdefabcdef"), "The pipeline has no stage nowhere; it has Source, prod."),
        (("{service}", "prod", "--to", "abcdefabcdef"), "is no execution and no commit"),
        (("{service}", "prod", "--to", "abc"), "at least 7 characters"),
        (("{service}", "prod", "--to", "abc", "--why", "no, not this"), "--why 'no, not this' is not allowed"),
    ],
)
def test_a_way_back_that_nobody_can_go_is_refused(tools: Tools, arguments: tuple[str, ...], said: str) -> None:
    tools.push({"template.json": parameter_template(tools.name, "first")})
    tools.ended(tools.create(stage("prod", tools.deployment("Deploy", "CREATE_UPDATE"))))
    named = [each.format(service=f"{tools.name}-stack") for each in arguments]
    done = penstock("rollback", "--why", "it is wrong", *named)
    assert done.exit_code == 2
    assert said in done.stderr
