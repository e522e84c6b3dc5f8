"""Rolling back and leaving out reach every part of a stage, whatever CDK Pipelines makes of it."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import assertions

from pipeline.catalogue.model import Catalogue, Removal, Shipped, Wave
from pipeline.catalogue.problem import MistakeError
from services.library.contract.environment import Tier
from services.library.contract.names import REMOVALS_STAGE
from services.library.contract.release import Release
from stages import accounts
from tests.testbed import tiny

ROLLS_BACK = Release(roll_back=True)


def rolled_back(catalogue: Catalogue, folder: Path) -> list[str]:
    _, stack = tiny.app(folder, catalogue=catalogue)
    (found,) = assertions.Template.from_stack(stack).find_resources("AWS::CodePipeline::Pipeline").values()
    stages: list[dict[str, Any]] = found["Properties"]["Stages"]
    return [stage["Name"] for stage in stages if stage.get("OnFailure") == {"Result": "ROLLBACK"}]


def test_a_stage_of_a_wave_rolls_its_wave_back(tmp_path: Path) -> None:
    first, second = tiny.stage("one", tiny.Tiny(release=ROLLS_BACK)), tiny.stage("two")
    catalogue = (tiny.stage("dev"), Wave(name="both", stages=(first, second)))
    assert rolled_back(catalogue, tmp_path) == ["both"]


def test_roll_back_of_a_stage_that_is_split_is_refused_with_whose_wish_it_is(tmp_path: Path) -> None:
    services = tuple(
        replace(type(f"Tiny{number}", (tiny.Tiny,), {"name": f"tiny{number}"})(), release=ROLLS_BACK)
        for number in range(51)
    )
    with pytest.raises(MistakeError, match=r"tiny0: release.roll_back=True is not allowed in dev,.* dev.1, dev.2:"):
        rolled_back((tiny.stage("dev", *services),), tmp_path)


def test_roll_back_that_the_tier_has_is_left_out_of_a_stage_that_is_split_and_synth_warns(tmp_path: Path) -> None:
    services = tuple(type(f"Tiny{number}", (tiny.Tiny,), {"name": f"tiny{number}"})() for number in range(51))
    _, stack = tiny.app(tmp_path, catalogue=(tiny.stage("prod", *services, tier=Tier.PRODUCTION),))
    (found,) = assertions.Template.from_stack(stack).find_resources("AWS::CodePipeline::Pipeline").values()
    assert not any("OnFailure" in stage for stage in found["Properties"]["Stages"])
    said = assertions.Match.string_like_regexp("prod is not rolled back when it fails, as its tier has it")
    assert assertions.Annotations.from_stack(stack).find_warning("*", said)


def test_approval_waits_as_long_as_the_most_impatient_service_wishes(tmp_path: Path) -> None:
    def patient(minutes: int | None, name: str) -> tiny.Tiny:
        made: tiny.Tiny = type(name, (tiny.Tiny,), {"name": name})()
        return replace(made, release=Release(approval_timeout_minutes=minutes))

    services = (patient(1_440, "one"), patient(60, "two"), patient(None, "three"))
    _, stack = tiny.app(tmp_path, catalogue=(tiny.stage("prod", *services, tier=Tier.PRODUCTION),))
    (found,) = assertions.Template.from_stack(stack).find_resources("AWS::CodePipeline::Pipeline").values()
    waits = {
        action["Name"]: action.get("TimeoutInMinutes")
        for stage in found["Properties"]["Stages"]
        for action in stage["Actions"]
    }
    assert {name: minutes for name, minutes in waits.items() if minutes} == {"Approve-prod": 60}


def test_each_stage_and_wave_and_what_deletes_stacks_can_be_left_out_and_nothing_before_them(tmp_path: Path) -> None:
    services = tuple(type(f"Tiny{number}", (tiny.Tiny,), {"name": f"tiny{number}"})() for number in range(51))
    both = Wave(name="both", stages=(tiny.stage("one"), tiny.stage("two")))
    gone = Shipped(stage="gone", service="tiny", stack="gone-tiny", account=accounts.DEV, region=accounts.FIRST_REGION)
    catalogue = (tiny.stage("dev", *services), both, tiny.stage("dev-2"))
    _, stack = tiny.app(
        tmp_path,
        catalogue=catalogue,
        removals=(Removal(shipped=gone, why="It is of no use any more", owner="@example/tiny"),),
    )
    (found,) = assertions.Template.from_stack(stack).find_resources("AWS::CodePipeline::Pipeline").values()
    entered = {
        stage["Name"]: condition["Rules"][0]["Configuration"]["Value"]
        for stage in found["Properties"]["Stages"]
        for condition in stage.get("BeforeEntry", {}).get("Conditions", [])
    }
    everything = {"dev.1", "dev.2", "both", "dev-2", REMOVALS_STAGE}
    assert set(entered) == everything
    by_run = {
        "every": everything,
        "dev": {"dev.1", "dev.2"},
        "dev-2": {"dev-2"},
        "both,dev-2": {"both", "dev-2"},
        "bothersome": set(),
    }
    for stages, expected in by_run.items():
        # AWS does not say which of the two it does.
        for read in (re.fullmatch, re.search):
            assert {name for name, wanted in entered.items() if read(wanted, stages)} == expected
    variables = {each["Name"]: each["DefaultValue"] for each in found["Properties"]["Variables"]}
    assert variables["Stages"] == "every"
