"""A stack whose first creation failed is replaced by the next try where no data is kept, and nowhere else."""

import re
from pathlib import Path

from aws_cdk import assertions

from pipeline.catalogue.model import Catalogue, Wave
from pipeline.local import bootstrap
from services.library.contract.environment import Tier
from services.library.contract.names import GATE_SUFFIX
from stages import accounts
from tests.testbed import tiny


def modes(catalogue: Catalogue, folder: Path) -> dict[str, set[str]]:
    """The ways in which the deployments of each pipeline stage treat their stacks."""
    _, stack = tiny.app(folder, catalogue=catalogue)
    (found,) = assertions.Template.from_stack(stack).find_resources("AWS::CodePipeline::Pipeline").values()
    return {
        stage["Name"]: {
            action["Configuration"]["ActionMode"]
            for action in stage["Actions"]
            if action["ActionTypeId"]["Provider"] == "CloudFormation"
        }
        for stage in found["Properties"]["Stages"][4:]
        if not stage["Name"].endswith(GATE_SUFFIX)
    }


def test_a_stage_without_data_replaces_a_failed_stack_in_each_of_its_parts(tmp_path: Path) -> None:
    services = tuple(type(f"Tiny{number}", (tiny.Tiny,), {"name": f"tiny{number}"})() for number in range(51))
    prod = tiny.stage("prod", tier=Tier.PRODUCTION, account=accounts.PROD)
    assert modes((tiny.stage("dev", *services), prod), tmp_path) == {
        "dev.1": {"REPLACE_ON_FAILURE"},
        "dev.2": {"REPLACE_ON_FAILURE"},
        "prod": {"CREATE_UPDATE"},
    }


def test_a_wave_that_keeps_data_somewhere_replaces_nothing(tmp_path: Path) -> None:
    kept = tiny.stage("one", tier=Tier.PRODUCTION, account=accounts.PROD)
    waves = (
        Wave(name="mixed", stages=(kept, tiny.stage("two"))),
        Wave(name="plain", stages=(tiny.stage("three"), tiny.stage("four"))),
    )
    assert modes(waves, tmp_path) == {"mixed": {"CREATE_UPDATE"}, "plain": {"REPLACE_ON_FAILURE"}}


def test_the_role_that_deploys_may_delete_what_failed() -> None:
    template = bootstrap.checkout_template()
    role = template[template.index("  DeploymentActionRole:") :]
    role = role[: re.search(r"\n  [A-Z]", role[2:]).start()]  # type: ignore[union-attr]  # resources come after it
    assert "- cloudformation:DeleteStack" in role
