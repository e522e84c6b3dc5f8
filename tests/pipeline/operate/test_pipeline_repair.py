"""A pipeline that a push cannot mend, and one that would update itself for ever: in one platform, from outside."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import connection
from pipeline.cli.main import app
from pipeline.definition import steps
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate.run import FAILED, SUCCEEDED, WAITING
from pipeline.settings import SETTINGS
from pipeline.source import S3Source
from tests.conftest import ROOT
from tests.testbed.platforms import HOME, MAKEFILE, Platform

pytestmark = pytest.mark.cloud
PROVES = '\t.venv/bin/python -m pipeline.builds.prove --store "$$PENSTOCK_ARTIFACTS"\n'
PROVED = MAKEFILE.replace("\t@true\n", PROVES)
"""Of a commit whose Build stage does what it does in this repository."""


@pytest.fixture(scope="module")
def platform(equipped_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """A platform whose first commit has come to its one stage."""
    made = Platform(tmp_path_factory.mktemp("platform"), equipped_cloud, number=2100)
    made.deploy(S3Source(bucket="repair-source", key="platform.zip"))
    made.commit({"Makefile": PROVED})
    made.push()
    assert made.run(lambda run: not run.is_live).status == SUCCEEDED
    return made


@pytest.fixture
def penstock(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Any:
    settings = dataclasses.replace(SETTINGS, name=platform.name, account=platform.tools, region=HOME)
    monkeypatch.setattr(connection, "SETTINGS", settings)
    monkeypatch.setattr(connection, "find", lambda _place: platform.cloud)

    def run(*words: str) -> Result:
        done = CliRunner().invoke(app, words, obj=ROOT)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


@pytest.fixture
def synthesise(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the next commit deploy a value, and a pipeline whose Build stage ends with this command."""

    def made(value: str, *, command: str = steps.PROVE) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(steps, "PROVE", command)
            platform.synthesise(value)

    return made


def test_a_bricked_pipeline_is_repaired_by_one_command_and_takes_the_mending_push(
    platform: Platform, penstock: Any, synthesise: Callable[..., None]
) -> None:
    assert "is not what fails" in penstock("repair", "pipeline").stderr
    synthesise("first", command="make nope")
    platform.commit({"Makefile": MAKEFILE})
    platform.push()
    platform.run(lambda run: run.status == FAILED)
    assert "penstock repair pipeline" in penstock("status").stdout

    repaired = penstock("repair", "pipeline")
    assert repaired.exit_code == 0, repaired.output
    assert "UpdatePipeline is held." in repaired.stdout
    platform.run(lambda run: run.status == WAITING)  # of the broken commit, which may not bring it back

    synthesise("second")
    mended = platform.commit()
    platform.push()
    platform.run(lambda run: run.status == WAITING and run.message.startswith(mended[:7]))
    assert penstock("resume", "UpdatePipeline").exit_code == 0
    assert platform.run(lambda run: not run.is_live).status == SUCCEEDED
    assert platform.deployed() == "second"


@pytest.mark.soak
def test_a_definition_that_does_not_work_is_not_deployed(
    platform: Platform, penstock: Any, synthesise: Callable[..., None]
) -> None:
    """The commands of brick.patch: they fail on the very commit that brings them."""
    before = platform.executions
    synthesise("third", command="make nope")
    platform.commit({"Makefile": PROVED})
    platform.push()
    run = platform.run(lambda run: run.status == FAILED)
    assert platform.executions == before + 1, "nothing has restarted it"
    assert [action.full_name for action in run.actions if action.status == FAILED] == ["Build/Synth"]
    printed = penstock("logs", "Build/Synth").stdout
    assert "(buildspec) does not work on this commit" in printed
    assert "make nope" in printed


@pytest.mark.soak
def test_a_commit_whose_synth_is_another_each_time_updates_the_pipeline_once(
    platform: Platform, penstock: Any, synthesise: Callable[..., None], tmp_path: Path
) -> None:
    for number in (0, 1):
        synthesise("fifth", command=f"make prove # {number}")
        shutil.move(platform.checkout / "assembly", platform.checkout / f"assembly-{number}")
    turn = tmp_path / "turn"
    turn.write_text("0")
    in_turn = f"cp -r assembly-`cat {turn}` cdk.out; echo 1 > {turn}"
    before = platform.executions
    platform.commit({"Makefile": PROVED.replace("cp -r assembly cdk.out", in_turn)})
    platform.push()
    run = platform.run(lambda run: run.status == FAILED)
    assert platform.executions == before + 2, "the push, and the one restart"
    assert [action.full_name for action in run.actions if action.status == FAILED] == ["Build/Synth"]
    printed = penstock("logs", "Build/Synth").stdout
    assert "Stopped before self-mutation: each synth of" in printed
    assert "CdkBuildProject" in printed
    assert "make prove # 1" in printed
