"""No stack is left behind unnoticed, and none is deleted without somebody's word."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import assertions

from pipeline.catalogue import ledger
from pipeline.catalogue.model import Catalogue, Removal, Shipped, Tombstone, stages_of
from pipeline.review.diff.removals import removal_steps
from services.library.cloudformation.resolved_template import resolve
from services.library.cloudformation.template import Template
from services.library.contract.environment import Tier
from stages import accounts
from stages.catalogue import STAGES
from stages.removed import REMOVED
from tests.testbed import tiny

CATALOGUE: Catalogue = (tiny.stage("dev"), tiny.stage("prod", tier=Tier.PRODUCTION, account=accounts.PROD))
SHIPPED = ledger.ships(CATALOGUE)
GONE = Shipped(stage="dev", service="old", stack="dev-old", account=accounts.DEV, region=accounts.SECOND_REGION)
TOMBSTONE = Tombstone(
    stage="dev", service="old", why="Nobody has called it since the new one came", owner="@example/old"
)


def problems(
    catalogue: Catalogue = CATALOGUE, *, shipped: tuple[Shipped, ...] = SHIPPED, removed: tuple[Tombstone, ...] = ()
) -> list[str]:
    return [str(each) for each in ledger.problems_of(catalogue, shipped, removed)]


def test_committed_ledger_lists_every_stack_of_the_catalogue() -> None:
    assert list(ledger.problems_of(STAGES, ledger.read(), REMOVED)) == []
    assert {each.stage for each in ledger.read()} >= {stage.name for stage in stages_of(STAGES) if stage.services}


def test_ledger_reports_an_orphaned_stack_without_tombstone() -> None:
    (problem,) = problems(shipped=(*SHIPPED, GONE))
    assert problem.startswith(f"stages/deployed.json: dev-old in {GONE.account}, {GONE.region}, is deployed")
    assert "stages/dev.py" in problem
    assert "stages/removed.py" in problem
    assert problems(shipped=(*SHIPPED, GONE), removed=(TOMBSTONE,)) == []


@pytest.mark.parametrize(
    "moved",
    [replace(SHIPPED[0], account=accounts.QA), replace(SHIPPED[0], region="eu-west-2"), replace(SHIPPED[0], stack="x")],
    ids=["to another account", "to another region", "to another name"],
)
def test_ledger_counts_a_moved_stack_as_orphaned_where_it_was(moved: Shipped) -> None:
    (problem,) = problems(shipped=(*SHIPPED, moved))
    assert f"{moved.stack} in {moved.account}, {moved.region}" in problem


def test_ledger_reports_a_stack_that_it_does_not_list() -> None:
    (problem,) = problems(shipped=SHIPPED[:1])
    assert problem.startswith("stages/prod.py: prod-tiny")
    assert "penstock ledger" in problem


@pytest.mark.parametrize(
    ("tombstone", "said"),
    [
        (replace(TOMBSTONE, service="tiny"), "has nothing to remove"),
        (replace(TOMBSTONE, why="not needed"), "why='not needed'"),
        (replace(TOMBSTONE, owner="somebody"), "owner='somebody'"),
    ],
)
def test_ledger_refuses_a_tombstone_without_stack_reason_or_owner(tombstone: Tombstone, said: str) -> None:
    found = problems(shipped=(*SHIPPED, GONE), removed=(tombstone,))
    assert [each for each in found if said in each]


def test_ledger_has_one_line_for_each_stack_and_reads_back(tmp_path: Path) -> None:
    file = tmp_path / "deployed.json"
    assert ledger.read(file) == ()
    file.write_text(ledger.text_of([*SHIPPED, *SHIPPED, GONE]))
    assert ledger.read(file) == tuple(sorted({*SHIPPED, GONE}))
    assert len(file.read_text().splitlines()) == 3 + 2


def pipeline_of(folder: Path, *removals: Shipped) -> dict[str, Any]:
    removed = tuple(Removal(shipped=each, why=TOMBSTONE.why, owner=TOMBSTONE.owner) for each in removals)
    _, stack = tiny.app(folder, catalogue=CATALOGUE, removals=removed)
    return dict(assertions.Template.from_stack(stack).to_json())


def removing(template: dict[str, Any]) -> dict[str, list[str]]:
    """Stage of the pipeline -> what is removed in it."""
    (found,) = (each for each in template["Resources"].values() if each["Type"] == "AWS::CodePipeline::Pipeline")
    stages = found["Properties"]["Stages"]
    return {
        stage["Name"]: [action["Name"] for action in stage["Actions"] if action["Name"].startswith("Remove-")]
        for stage in stages
        if any(action["Name"].startswith("Remove-") for action in stage["Actions"])
    }


def test_pipeline_removes_a_stack_in_its_stage_or_in_a_last_one(tmp_path: Path) -> None:
    nowhere = replace(GONE, stage="demo", stack="demo-old")
    template = pipeline_of(tmp_path, GONE, nowhere)
    assert removing(template) == {"dev": ["Remove-dev-old"], "removals": ["Remove-demo-old"]}
    commands = json.dumps(template)
    said = f"--why '{TOMBSTONE.why}' --owner {TOMBSTONE.owner}"
    assert f"--keeps-data {said} demo-old" in commands
    assert f"{said} dev-old" in commands
    assert f"--keeps-data {said} dev-old" not in commands  # a sandbox


def test_review_reads_the_removal_steps_that_the_pipeline_has(tmp_path: Path) -> None:
    nowhere = replace(GONE, stage="demo", stack="demo-old")
    template = pipeline_of(tmp_path, GONE, nowhere)
    found = removal_steps(resolve(Template(template), account=accounts.TOOLS, region=accounts.TOOLS_REGION))
    assert {each.name: (step.why, step.owner, step.keeps_data) for each, step in found.items()} == {
        "dev-old": (TOMBSTONE.why, TOMBSTONE.owner, False),
        "demo-old": (TOMBSTONE.why, TOMBSTONE.owner, True),
    }
    assert {(each.account, each.region) for each in found} == {(GONE.account, GONE.region)}


def test_removal_step_may_assume_its_accounts_deploy_role_alone(tmp_path: Path) -> None:
    template = pipeline_of(tmp_path, GONE)
    (policy,) = (
        each["Properties"]["PolicyDocument"]["Statement"]
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::IAM::Policy" and "RemoveRole" in name
    )
    (assumes,) = (statement for statement in policy if statement["Action"] == "sts:AssumeRole")
    assert json.dumps(assumes["Resource"]).count(":role/") == 1
    assert accounts.DEV in json.dumps(assumes["Resource"])
    (writes,) = (statement for statement in policy if statement["Action"] == "ssm:PutParameter")
    assert "dev-old" in json.dumps(writes["Resource"])


def test_pipeline_without_removals_has_no_role_for_them(tmp_path: Path) -> None:
    template = pipeline_of(tmp_path)
    assert removing(template) == {}
    assert "RemoveRole" not in json.dumps(template)
