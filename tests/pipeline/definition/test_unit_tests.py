"""Where the unit tests of services stand in the pipeline."""

from pathlib import Path
from typing import Any

from aws_cdk import assertions

from pipeline.catalogue.model import Catalogue
from services.library.contract.environment import Tier
from services.library.contract.steps import Command
from tests.testbed import tiny

CHECKED = tiny.Tiny(after=(Command(name="Look", commands=("true",)),))


def orders(folder: Path, catalogue: Catalogue) -> dict[str, dict[str, int]]:
    """Stage -> action -> its place in the order."""
    _, stack = tiny.app(folder, catalogue=catalogue)
    (found,) = assertions.Template.from_stack(stack).find_resources("AWS::CodePipeline::Pipeline").values()
    stages: list[dict[str, Any]] = found["Properties"]["Stages"]
    return {each["Name"]: {one["Name"]: one["RunOrder"] for one in each["Actions"]} for each in stages}


def test_unit_tests_run_beside_the_first_deployments_and_before_the_next_stage(tmp_path: Path) -> None:
    found = orders(tmp_path, (tiny.stage("dev", CHECKED), tiny.stage("qa", CHECKED)))
    assert found["dev"] == {"UnitTests": 1, "tiny.Deploy": 1, "tiny.Look": 2}
    assert "UnitTests" not in found["qa"]


def test_unit_tests_of_a_first_stage_with_a_gate_are_in_the_gate(tmp_path: Path) -> None:
    found = orders(tmp_path, (tiny.stage("prod", CHECKED, tier=Tier.PRODUCTION),))
    assert found["prod-gate"]["UnitTests"] < found["prod-gate"]["Approve-prod"]
    assert "UnitTests" not in found["prod"]
