"""How a commit moves from stage to stage: approvals, probes, deployments that fail, and how it goes on."""

import json
import re
from typing import Any

import pytest

from tests.end_to_end.clone import Clone

pytestmark = pytest.mark.cloud
QA = ("222222222222", "eu-west-1")
STAGING = ("333333333333", "us-east-1")
ADA = {
    "resourceType": "Patient",
    "id": "ada",
    "name": [{"family": "Lovelace", "given": ["Ada"]}],
    "birthDate": "1815-12-10",
}
"""As docs/walk-through.md submits her, and nobody afterwards may change her."""


def test_the_first_run_is_approved_by_make_up_which_says_so(clone: Clone) -> None:
    assert clone.said.count("because this is the first run; later ones wait for `penstock approve`") == 1
    assert "deployed in" in clone.said


def test_a_second_make_up_changes_nothing(clone: Clone) -> None:
    emulator, executions = clone.cloud.emulator_pid, executions_of(clone)
    done = clone.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "was deployed by an earlier run, and is where it was" in done.stdout
    assert clone.cloud.emulator_pid == emulator
    assert executions_of(clone) == executions


def test_demo_finds_what_the_walk_through_says(clone: Clone) -> None:
    done = clone.penstock("demo", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    played = json.loads(done.stdout)
    assert (played["passed"], len(played["steps"]), {each["missing"] for each in played["steps"]}) == (True, 28, {""})
    read = clone.penstock("call", "records", "--stage", "staging", "--get", "--path", "Patient/ada")
    ada_read = json.loads(read.stdout)
    assert ada_read.pop("meta")["versionId"] == "1"
    assert ada_read == ADA
    # What the partner brought about once, and what was undone once, as the table has it and not as the demo says.
    formation = clone.client("cloudformation", *STAGING)
    resources = formation.describe_stack_resources(StackName="staging-enrichment")["StackResources"]
    (table,) = [each["PhysicalResourceId"] for each in resources if each["ResourceType"] == "AWS::DynamoDB::Table"]
    key = {"id": {"S": "patient#ada"}}
    ada = clone.client("dynamodb", *STAGING).get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
    assert (ada["released"], ada["applied"]) == ({"N": "1"}, {"N": "2"})
    assert "pending" not in ada
    assert "It is well." in clone.penstock("partner").stdout


def executions_of(clone: Clone) -> list[str]:
    found = clone.client("codepipeline").list_pipeline_executions(pipelineName="penstock")
    return [each["pipelineExecutionId"] for each in found["pipelineExecutionSummaries"]]


def authorize(clone: Clone, how: str) -> None:
    """Have qa's API ask for signatures or not, past its stack: as somebody does in the console."""
    gateway: Any = clone.client("apigateway", *QA)
    api = clone.intake_resource("AWS::ApiGateway::RestApi", "qa", *QA)
    resource = next(each for each in gateway.get_resources(restApiId=api)["items"] if each["path"] == "/")
    gateway.update_method(
        restApiId=api,
        resourceId=resource["id"],
        httpMethod="POST",
        patchOperations=[{"op": "replace", "path": "/authorizationType", "value": how}],
    )
    gateway.create_deployment(restApiId=api, stageName="v1")


NONSENSE = """
def break_the_table(stack: IntakeStack, environment: Environment) -> None:
    table = stack.submissions.table.node.default_child
    table.add_property_override("BillingMode", "PAY_PER_DREAM")


DEV = Stage("""


def test_cloudformation_a_probe_and_a_person_stop_what_is_pushed_and_it_goes_on_once_they_agree(clone: Clone) -> None:
    """One way to production for all three, since each takes half a minute."""
    a_template_that_cloudformation_refuses_is_one_clear_error(clone)
    execution = a_failing_probe_stops_the_run_until_its_cause_is_gone(clone)
    a_person_says_no_and_thinks_again(clone)
    assert clone.wait().execution == execution
    metrics_tell_what_failed_where(clone)


def a_template_that_cloudformation_refuses_is_one_clear_error(clone: Clone) -> None:
    clone.edit(
        "stages/dev.py",
        ("import Intake\n", "import Intake, IntakeStack\n"),
        ("DEV = Stage(", NONSENSE),
        ("Intake(claim_check=True)", "Intake(claim_check=True, override=break_the_table)"),
    )
    clone.commit("Break the template")
    clone.push()
    failed = clone.wait()
    assert failed.exit_code == 1
    assert [failed.stages[stage] for stage in ("dev", "qa")] == ["Failed", "NotStarted"]
    shown = clone.penstock("status").stdout
    cause = r"^dev/(?:intake\.)?Deploy failed: .* Properties/BillingMode: 'PAY_PER_DREAM' is not one of "
    assert len(re.findall(cause, shown, re.MULTILINE)) == 1, shown
    assert "  | " not in shown  # nothing else is to be said
    clone.undo()


def a_failing_probe_stops_the_run_until_its_cause_is_gone(clone: Clone) -> str:
    """The next good push deploys, and meets an open door in qa; its execution, which goes on."""
    authorize(clone, "NONE")
    printed = clone.push()
    failed = clone.wait()
    assert failed.exit_code == 1
    assert [failed.stages[stage] for stage in ("dev", "qa", "staging", "prod")] == [
        "Succeeded",
        "Failed",
        "NotStarted",
        "NotStarted",
    ]
    assert failed.intake("qa", "RefusesUnsigned") == "Failed"
    assert "and the probe expects 403" in printed
    assert "penstock retry qa" in printed
    authorize(clone, "AWS_IAM")
    assert clone.penstock("retry").returncode == 0
    return failed.execution


def a_person_says_no_and_thinks_again(clone: Clone) -> None:
    """The run waits for one before production."""
    waiting = clone.wait()
    assert waiting.exit_code == 3
    assert waiting.found["status"] == "WaitingForApproval"
    assert waiting.stages["staging"] == "Succeeded"
    assert waiting.intake("prod", "Deploy") == "NotStarted"
    assert "penstock approve" in clone.penstock("status").stdout

    assert clone.penstock("approve", "--reject", "--why", "Not today", "--yes").returncode == 0
    rejected = clone.wait()
    assert rejected.exit_code == 1
    assert rejected.actions["prod-gate/Approve-prod"] == "Failed"
    assert rejected.intake("prod", "Deploy") == "NotStarted"
    assert "Not today" in clone.penstock("status").stdout

    assert clone.penstock("retry").returncode == 0
    assert clone.wait().exit_code == 3
    approved = clone.penstock("approve", waiting.found["commit"])
    assert approved.returncode == 0
    assert "checks of earlier stages succeeded" in approved.stderr
    assert ("review: " in approved.stderr, "not known: " in approved.stderr) == (True, False), approved.stderr
    run = clone.wait()
    assert (run.exit_code, set(run.stages.values())) == (0, {"Succeeded"})


def metrics_tell_what_failed_where(clone: Clone) -> None:
    """Two commits came to production after the first run: the broken template, and its revert."""
    found = json.loads(clone.penstock("metrics", "--service", "intake", "--json").stdout)
    by_stage = {each["stage"]: each for each in found["metrics"]}
    fails = {stage: each["change_fail_rate"] for stage, each in by_stage.items()}
    assert [(fails[stage]["count"], fails[stage]["of"]) for stage in ("dev", "qa", "prod")] == [(1, 3), (1, 2), (0, 2)]
    assert [by_stage[stage]["failed_deployment_recovery_time"]["count"] for stage in ("dev", "qa")] == [1, 1]
    assert by_stage["prod"]["failed_deployment_recovery_time"] is None
    assert by_stage["prod"]["change_lead_time"]["count"] == 2
    assert (
        by_stage["prod"]["change_lead_time"]["longest_seconds"] > by_stage["dev"]["change_lead_time"]["median_seconds"]
    )
    assert by_stage["prod"]["approval_wait"]["count"] == 2
    assert by_stage["dev"]["approval_wait"] is None
