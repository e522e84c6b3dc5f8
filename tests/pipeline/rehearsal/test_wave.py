"""Releases of a wave of two regions, from the first one ever: what stops one of them, and what becomes of both."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.catalogue.model import Wave
from pipeline.local.lifecycle import LocalCloud
from pipeline.rehearsal import rehearsal as rehearsals
from pipeline.rehearsal.rehearsal import Left, Outcome, Rehearsal
from pipeline.rehearsal.script import Answer, Script
from services.library.contract.environment import Tier
from services.library.contract.release import Release
from services.library.contract.steps import Command
from tests.pipeline.rehearsal.prepared import ignore, prepared, synthesised
from tests.testbed import tiny

pytestmark = [pytest.mark.cloud, pytest.mark.soak]
TOOLS, TARGET = "310000000003", "310000000004"
REGIONS = {"one": "us-east-1", "two": "us-west-2"}
STACKS = {f"{name}-tiny" for name in REGIONS}


@pytest.fixture
def rehearsal(equipped_cloud: LocalCloud, tmp_path: Path) -> Rehearsal:
    """The wave, whose first release waits to be followed. Each of its stages is looked at once it is deployed."""
    looked_at = tiny.Tiny(release=Release(roll_back=True), after=(Command(name="Look", commands=("true",)),))
    stages = tuple(
        tiny.stage(name, looked_at, tier=Tier.PRODUCTION, account=TARGET, region=region)
        for name, region in REGIONS.items()
    )
    assembly = synthesised(tmp_path / "assembly", Wave(name="both", stages=stages), tools=TOOLS)
    places = {name: (TARGET, region) for name, region in REGIONS.items()}
    home = tmp_path / "home"
    return prepared(equipped_cloud, assembly, "both", tools=TOOLS, places=places, home=home, is_first_judged=True)


@pytest.fixture(autouse=True)
def _a_bake_of_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsals, "BAKE_SECONDS", 2.0)


def released(rehearsal: Rehearsal, number: str, **script: Any) -> Outcome:
    """Release another description of both stacks."""
    replaced = {}
    for stack in rehearsal.stacks:
        body = json.loads((rehearsal.assembly / stack.file).read_text())
        replaced[stack.file] = json.dumps({**body, "Outputs": {"Number": {"Value": number}}})
    return rehearsal.release(Script(replaced=replaced, **script), ignore)


def test_a_wave_goes_out_as_one_and_goes_back_as_one(rehearsal: Rehearsal) -> None:
    """One rehearsal for all of it: the pipeline of a wave takes a minute to be there."""
    rejected = rehearsal.first_release(Script(answer=Answer.REJECT), ignore)
    assert list(rejected.reasons) == ["both-gate/Approve-both"]
    assert (rejected.rollback, rejected.left) == (None, dict.fromkeys(STACKS, Left.ABSENT))
    first = released(rehearsal, "first")
    assert first.went_through, first.reasons
    assert (first.rollback, first.left) == (None, dict.fromkeys(STACKS, Left.RELEASED))
    failed = released(rehearsal, "second", failing=["two.tiny.Look"])
    assert list(failed.reasons) == ["both/two.tiny.Look"]
    assert failed.rollback is not None
    assert failed.rollback.status == "Succeeded"
    assert failed.left == dict.fromkeys(STACKS, Left.BEFORE), "the first region, which was well, goes back, too"
    good = released(rehearsal, "third")
    assert (good.went_through, good.rollback, good.left) == (True, None, dict.fromkeys(STACKS, Left.RELEASED))
