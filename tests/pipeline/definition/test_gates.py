"""The stage in front of a stage that a person agrees to, as it is synthesised and as the local engine runs it."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import assertions

from pipeline.catalogue.model import Catalogue, Removal, Shipped, Stage, Wave
from pipeline.catalogue.release import has_gate
from pipeline.definition.gate_evidence import EVIDENCE
from pipeline.definition.gates import APPROVED, COMMANDS, JUDGING, NOT_ASKED_YET
from pipeline.local.cloud.codepipeline.declaration import parse
from pipeline.local.cloud.codepipeline.executions import (
    FAILED,
    IN_PROGRESS,
    SKIPPED,
    SUCCEEDED,
    ActionOutcome,
    Execution,
)
from services.library.contract.environment import Tier
from services.library.contract.release import Freeze, Release, Window
from services.library.contract.steps import Command
from stages import accounts
from tests.testbed import tiny
from tests.testbed.executor_bench import BAD, GOOD, Bench

RELEASED = tiny.Tiny(release=Release(roll_back=True), after=(Command(name="Look", commands=("true",)),))
CATALOGUE: Catalogue = (tiny.stage("dev"), tiny.stage("prod", RELEASED, tier=Tier.PRODUCTION))


def synthesised(folder: Path, catalogue: Catalogue, *removals: Removal) -> list[dict[str, Any]]:
    """The pipeline's stages as the template has them."""
    _, stack = tiny.app(folder, catalogue=catalogue, removals=removals)
    (found,) = assertions.Template.from_stack(stack).find_resources("AWS::CodePipeline::Pipeline").values()
    stages: list[dict[str, Any]] = found["Properties"]["Stages"]
    return stages


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return synthesised(tmp_path_factory.mktemp("assembly"), CATALOGUE)


@pytest.fixture
def bench(stages: list[dict[str, Any]]) -> Bench:
    return bench_of(stages)


def bench_of(stages: list[dict[str, Any]]) -> Bench:
    """The synthesised pipeline, without what its actions do."""
    return Bench.of(
        parse(
            {
                "name": "penstock",
                "roleArn": "role",
                "artifactStore": {"type": "S3", "location": "bucket"},
                "variables": [{"name": "Stages", "defaultValue": "every"}],
                "stages": [_as_the_api_has_it(stage) for stage in stages],
            }
        )
    )


def _as_the_api_has_it(stage: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": stage["Name"],
        "actions": [
            {
                "name": each["Name"],
                "actionTypeId": {key.lower(): value for key, value in each["ActionTypeId"].items()},
                "runOrder": each["RunOrder"],
            }
            for each in stage["Actions"]
        ],
    }
    if "OnFailure" in stage:
        made["onFailure"] = {"result": stage["OnFailure"]["Result"]}
    if "BeforeEntry" in stage:
        rules = [
            {"configuration": rule["Configuration"]}
            for condition in stage["BeforeEntry"]["Conditions"]
            for rule in condition["Rules"]
        ]
        made["beforeEntry"] = {"conditions": [{"rules": rules}]}
    return made


def until(bench: Bench, stage: str, *, stages: str = "every") -> Execution:
    """A run that has come to the first action of a stage, everything before it having succeeded."""
    execution = bench.start(Stages=stages)
    while not any(begin.stage.name == stage for begin in bench.running.values()):
        begin = next(each for each in bench.running.values() if each.execution is execution)
        bench.end(begin.action.name, GOOD, execution)
    return execution


def finish(bench: Bench, execution: Execution) -> None:
    while going_on := [each for each in bench.running.values() if each.execution is execution]:
        bench.end(going_on[0].action.name, GOOD, execution)


def agreed_to(bench: Bench, *names: str) -> None:
    """End these actions of a gate, which succeed one after the other."""
    for name in names:
        bench.end(name)


def test_the_approval_of_a_stage_is_a_stage_of_its_own_that_is_never_rolled_back(stages: list[dict[str, Any]]) -> None:
    *_, dev, gate, prod = stages
    assert [dev["Name"], gate["Name"], prod["Name"]] == ["dev", "prod-gate", "prod"]
    in_order = sorted(gate["Actions"], key=lambda each: each["RunOrder"])
    assert [(each["Name"], each["RunOrder"]) for each in in_order] == [
        ("Evidence-prod", 1),
        ("Digest-prod", 2),
        ("Approve-prod", 3),
        ("Check-prod", 4),
    ]
    asked = in_order[2]["Configuration"]
    assert asked["CustomData"] == "#{prod-gate-evidence.SUMMARY} Digest: #{prod-gate.DIGEST}"
    assert asked["ExternalEntityLink"] == "https://#{prod-gate-evidence.LINK}"
    assert "Approval" not in {each["ActionTypeId"]["Category"] for each in prod["Actions"]}
    assert ("OnFailure" in gate, prod["OnFailure"]) == (False, {"Result": "ROLLBACK"})
    assert gate["BeforeEntry"] == prod["BeforeEntry"] != dev["BeforeEntry"]


@pytest.mark.parametrize("no", [BAD, replace(BAD, error_code="TimeoutError")], ids=["rejected", "timed out"])
def test_an_approval_that_is_rejected_or_times_out_starts_no_rollback(bench: Bench, no: ActionOutcome) -> None:
    finish(bench, until(bench, "prod"))
    rejected = until(bench, "prod-gate")
    agreed_to(bench, "Evidence-prod", "Digest-prod")
    bench.end("Approve-prod", no)
    assert (rejected.status, rejected.stages["prod-gate"]) == (FAILED, FAILED)
    assert "prod" not in rejected.stages
    assert {each.kind for each in bench.executor.executions} == {"STANDARD"}


EMPTY = replace(tiny.stage("prod", tier=Tier.PRODUCTION), services=())


OTHERS = (tiny.stage("one", RELEASED), tiny.stage("two", RELEASED))


@pytest.mark.parametrize(
    "entry",
    [EMPTY, Wave(name="both", stages=(EMPTY, OTHERS[0])), Wave(name="all", stages=(EMPTY, *OTHERS))],
    ids=["a stage", "one of a wave", "two of a wave"],
)
def test_a_no_to_the_removal_of_a_stages_last_stack_starts_no_rollback(tmp_path: Path, entry: Stage | Wave) -> None:
    shipped = Shipped(stage="prod", service="old", stack="prod-old", account=accounts.PROD, region="eu-west-1")
    removal = Removal(shipped=shipped, why="It is of no use any more", owner="@example/old")
    bench = bench_of(synthesised(tmp_path, (tiny.stage("dev"), entry), removal))
    finish(bench, bench.start(Stages="every"))
    rejected = bench.start(Stages="every")
    while not (asked := {each for each in bench.names() if each.startswith("Approve-")}):
        bench.end(sorted(bench.names())[0])
    bench.end(asked.pop(), BAD)
    assert (rejected.status, bench.names()) == (FAILED, set())
    assert {each.kind for each in bench.executor.executions} == {"STANDARD"}


def test_a_rollback_runs_the_deployments_alone_and_waits_for_nobody(bench: Bench) -> None:
    first = until(bench, "prod")
    finish(bench, first)
    failed = until(bench, "prod")
    (deployment,) = bench.names()
    bench.end(deployment, BAD)
    assert failed.status == FAILED
    rollback = bench.executor.executions[-1]
    assert (rollback.kind, rollback.rollback_target) == ("ROLLBACK", first.id)
    assert bench.names() == {deployment}
    finish(bench, rollback)
    assert rollback.status == SUCCEEDED
    assert set(rollback.stages) == {"prod"}


def test_a_failing_probe_in_the_second_region_takes_the_whole_wave_back(tmp_path: Path) -> None:
    wave = Wave(name="both", stages=(tiny.stage("one", RELEASED), tiny.stage("two", RELEASED)))
    bench = bench_of(synthesised(tmp_path, (tiny.stage("dev"), wave)))
    first = until(bench, "both")
    finish(bench, first)
    failed = until(bench, "both")
    while not (probes := {each for each in bench.names() if "two" in each and "Look" in each}):
        bench.end(sorted(bench.names())[0], GOOD, failed)
    bench.end(probes.pop(), BAD)
    finish(bench, failed)
    rollback = bench.executor.executions[-1]
    assert (failed.status, rollback.rollback_target, set(rollback.stages)) == (FAILED, first.id, {"both"})
    finish(bench, rollback)
    assert rollback.status == SUCCEEDED


def test_a_hotfix_to_production_waits_for_its_approval(bench: Bench) -> None:
    hotfix = until(bench, "prod-gate", stages="prod")
    assert (hotfix.stages["dev"], hotfix.stages["prod-gate"]) == (SKIPPED, IN_PROGRESS)
    agreed_to(bench, "Evidence-prod", "Digest-prod")
    assert bench.names() == {"Approve-prod"}


def test_a_hotfix_to_another_stage_passes_the_gate_as_it_passes_the_stage(bench: Bench) -> None:
    hotfix = until(bench, "dev", stages="dev")
    finish(bench, hotfix)
    assert hotfix.status == SUCCEEDED
    assert (hotfix.stages["prod-gate"], hotfix.stages["prod"]) == (SKIPPED, SKIPPED)


def test_the_gate_refuses_another_assembly_and_other_evidence_than_were_approved(tmp_path: Path) -> None:
    assembly, evidence = tmp_path / "assembly", tmp_path / "evidence"

    def judged(approved: str, *, artifact: str = "Evidence_prod") -> subprocess.CompletedProcess[str]:
        script = "\n".join(["set -e", *COMMANDS])
        environment = {"PATH": os.defpath, APPROVED: approved, EVIDENCE: artifact}
        environment["CODEBUILD_SRC_DIR_Evidence_prod"] = str(evidence)
        return subprocess.run(
            ["sh", "-c", script], cwd=assembly, env=environment, capture_output=True, text=True, check=False
        )

    template, document = assembly / "assembly-Pipeline-prod/prod.template.json", evidence / "evidence.json"
    for file in (template, document):
        file.parent.mkdir(parents=True)
        file.write_text("{}")
    before = judged(NOT_ASKED_YET)
    assert before.returncode == 0
    digest = before.stdout.split()[4].rstrip(".")
    assert len(digest) == 64
    assert judged(digest).returncode == 0
    unknown = judged("")
    assert (unknown.returncode, "What was approved is unknown." in unknown.stdout) == (1, True)
    for file in (template, document):
        file.write_text('{"More": {}}')
        refused = judged(digest)
        assert (refused.returncode, f"What was approved is {digest}." in refused.stdout) == (1, True)
        file.write_text("{}")
    assert judged(digest).returncode == 0
    assert judged(digest, artifact="Evidence_qa").returncode != 0


def test_a_refusal_of_the_gate_deploys_nothing_and_rolls_nothing_back(bench: Bench) -> None:
    finish(bench, until(bench, "prod"))
    refused = until(bench, "prod-gate")
    agreed_to(bench, "Evidence-prod", "Digest-prod", "Approve-prod")
    bench.end("Check-prod", BAD)
    assert (refused.status, "prod" in refused.stages) == (FAILED, False)
    assert {each.kind for each in bench.executor.executions} == {"STANDARD"}


def test_a_window_gives_a_stage_that_nobody_is_asked_about_a_gate_which_judges_alone(tmp_path: Path) -> None:
    window = Release(window=Window(hours="Mon-Fri 09:00-16:30", zone="Europe/Berlin"))
    _, stack = tiny.app(tmp_path, catalogue=(tiny.stage("dev", tiny.Tiny(release=window)),))
    template = assertions.Template.from_stack(stack)
    (found,) = template.find_resources("AWS::CodePipeline::Pipeline").values()
    *_, gate, _dev = found["Properties"]["Stages"]
    assert (gate["Name"], [each["Name"] for each in gate["Actions"]]) == ("dev-gate", ["Check-dev", "UnitTests"])
    variables = {each["name"]: each["value"] for each in json.loads(_variables_of(gate["Actions"][0]))}
    assert variables == {
        APPROVED: NOT_ASKED_YET,
        "RULES": "/penstock/release/penstock/dev",
        "PIPELINE": "penstock",
        "STAGE": "dev",
        "EXECUTION": "#{codepipeline.PipelineExecutionId}",
    }
    rules = {
        each["Properties"]["Name"]: json.loads(each["Properties"]["Value"])
        for each in template.find_resources("AWS::SSM::Parameter").values()
    }
    office = {"hours": "Mon-Fri 09:00-16:30", "zone": "Europe/Berlin", "who": "tiny"}
    assert rules == {"/penstock/release/penstock/dev": {"windows": [office], "freezes": [], "alarms": []}}


def _variables_of(action: dict[str, Any]) -> str:
    text: str = action["Configuration"]["EnvironmentVariables"]
    return text


def test_a_freeze_changes_no_action_of_the_pipeline(tmp_path: Path) -> None:
    def made(release: Release | None) -> list[dict[str, Any]]:
        stage = replace(tiny.stage("prod", tier=Tier.PRODUCTION), release=release)
        return synthesised(tmp_path / str(release is None), (stage,))

    freeze = Freeze(begins="2026-12-23 18:00", ends="2027-01-04 08:00", zone="UTC", why="Nobody is there to mend it")
    assert made(Release(freeze=(freeze,))) == made(None)


def test_the_gate_judges_without_a_checkout(tmp_path: Path) -> None:
    script = "\n".join(["set -e", *JUDGING])
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "RULES": "rules", "STAGE": "prod"}
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    # Without a region no API can be asked; what it needs of ours it has.
    assert (done.returncode, "NoRegionError" in done.stderr) == (1, True), done.stderr
    assert list(tmp_path.iterdir()) == []
    before_the_approval = subprocess.run(["sh", "-c", script], cwd=tmp_path, env={"PATH": os.defpath}, check=False)
    assert before_the_approval.returncode == 0


def test_a_wave_has_one_gate_and_a_stage_without_services_none(tmp_path: Path) -> None:
    production = {"tier": Tier.PRODUCTION}
    wave = Wave(name="both", stages=(tiny.stage("one", **production), tiny.stage("two", **production)))
    names = [stage["Name"] for stage in synthesised(tmp_path, (tiny.stage("dev"), wave))]
    assert names[-3:] == ["dev", "both-gate", "both"]
    empty = tiny.stage("prod", **production)
    assert has_gate(empty)
    assert not has_gate(type(empty)(environment=empty.environment, services=()))


def test_a_wave_of_which_one_stage_has_services_keeps_its_name_and_conditions(tmp_path: Path) -> None:
    wave = Wave(name="both", stages=(replace(OTHERS[0], approval=True), replace(OTHERS[1], services=())))
    *_, gate, both = synthesised(tmp_path, (tiny.stage("dev"), wave))
    assert (gate["Name"], both["Name"], both["OnFailure"]) == ("both-gate", "both", {"Result": "ROLLBACK"})
    assert both["BeforeEntry"] == gate["BeforeEntry"]


def test_evidence_may_look_at_each_stage_and_write_nothing_but_itself(tmp_path: Path) -> None:
    catalogue = (tiny.stage("dev"), tiny.stage("prod", account="4" * 12, tier=Tier.PRODUCTION))
    _, stack = tiny.app(tmp_path, catalogue=catalogue)
    template = assertions.Template.from_stack(stack).to_json()["Resources"]
    ((role,),) = (
        [each["Ref"] for each in found["Properties"]["Roles"]]
        for name, found in template.items()
        if name.startswith("StepBuildsEvidenceRoleDefaultPolicy")
    )
    (policy,) = (
        each["Properties"]["PolicyDocument"]["Statement"]
        for each in template.values()
        if each["Type"] == "AWS::IAM::Policy" and {"Ref": role} in each["Properties"]["Roles"]
    )
    allowed = {action: each for each in policy for action in _listed(each["Action"])}
    assumed = [str(each) for each in _listed(allowed["sts:AssumeRole"]["Resource"])]
    assert len(assumed) == 2
    assert all("-lookup-role-" in each for each in assumed)
    assert str(allowed["s3:PutObject"]["Resource"]).endswith("/penstock/Evidence_*']]}")
    writes = {each for each in allowed if each.startswith("codepipeline:") and "Get" not in each and "List" not in each}
    assert writes == set()


def test_rule_for_unchanged_runs_stands_beside_the_approval_and_may_answer_no_other(tmp_path: Path) -> None:
    prod = replace(tiny.stage("prod", tier=Tier.PRODUCTION), approves_unchanged=True)
    catalogue: Catalogue = (tiny.stage("dev"), prod, tiny.stage("last", tier=Tier.PRODUCTION))
    _, stack = tiny.app(tmp_path, catalogue=catalogue)
    template = assertions.Template.from_stack(stack)
    (found,) = template.find_resources("AWS::CodePipeline::Pipeline").values()
    gates = {each["Name"]: each["Actions"] for each in found["Properties"]["Stages"] if "-gate" in each["Name"]}
    orders = {each["Name"]: each["RunOrder"] for each in gates["prod-gate"]}
    assert orders["Unchanged-prod"] == orders["Approve-prod"] == orders["Check-prod"] - 1
    assert [each["Name"] for each in gates["last-gate"] if "Unchanged" in each["Name"]] == []
    answers = [
        each["Resource"]
        for policy in template.find_resources("AWS::IAM::Policy").values()
        for each in policy["Properties"]["PolicyDocument"]["Statement"]
        if each["Action"] == "codepipeline:PutApprovalResult"
    ]
    assert [json.dumps(each).rpartition(":")[2] for each in answers] == ['penstock/prod-gate/Approve-prod"']


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
