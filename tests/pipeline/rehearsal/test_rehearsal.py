"""Releases of one stage, rehearsed one after the other in a cloud that these tests share: what stops, what is left."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.accounts import role_names
from pipeline.definition import asset_publishing
from pipeline.local import bootstrap, first_deployment
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate.errors import OperateError
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import Action, Stage
from pipeline.operate.target import local_target
from pipeline.rehearsal import assembly_files
from pipeline.rehearsal.rehearsal import Answer, Left, Rehearsal
from pipeline.rehearsal.single_stage import single_stage, source_artifacts, stack_templates
from pipeline.settings import SETTINGS
from services.library.contract.environment import Tier
from services.library.contract.release import Release
from tests.conftest import ROOT
from tests.testbed import tiny
from tests.testbed.platforms import MAKEFILE

pytestmark = pytest.mark.cloud
TOOLS, TARGET = "310000000001", "310000000002"
HOME, AWAY = "eu-west-1", "us-east-1"
STACK = "prod-tiny"


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stages, of which the second has a gate and rolls back."""
    folder = tmp_path_factory.mktemp("rehearsal") / "assembly"
    settings = replace(SETTINGS, name="rehearsed", account=TOOLS, region=HOME)
    prod = tiny.stage(
        "prod",
        tiny.Tiny(release=Release(roll_back=True)),
        tier=Tier.PRODUCTION,
        account=TARGET,
        region=AWAY,
    )
    app, _ = tiny.app(folder, settings=settings, catalogue=(tiny.stage("dev", account=TARGET, region=AWAY), prod))
    app.synth()
    asset_publishing.write_commands(folder, settings.builds)
    return folder


@pytest.fixture(scope="module")
def rehearsal(equipped_cloud: LocalCloud, assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """A rehearsal whose first release has gone through."""
    cloud, home = equipped_cloud, tmp_path_factory.mktemp("home")
    places = {
        (TOOLS, HOME): role_names.PIPELINE,
        (TOOLS, AWAY): role_names.PIPELINE,
        (TARGET, AWAY): (role_names.of_stage("prod"),),
    }
    bootstrap.bootstrap(
        cloud,
        [
            bootstrap.Target(account=account, region=region, role_names=names, keeps_data=account == TARGET)
            for (account, region), names in places.items()
        ],
        tools_account=TOOLS,
        foundation=bootstrap.checkout_foundation(),
        template=bootstrap.checkout_template(),
        names=SETTINGS.bootstrap,
    )
    target = local_target(cloud.endpoint, secret=cloud.root_secret, account=TOOLS, region=HOME)
    template = assembly_files.read_pipeline(assembly)
    made = Rehearsal(
        cloud=cloud,
        pipeline=Pipeline(target=target, name="rehearsed"),
        assembly=assembly,
        stacks=stack_templates(template, "prod"),
        sources=source_artifacts(template),
    )
    commit = code(home / "code")
    made.prepare_source(lambda folder: assembly_files.zip_of(commit / folder), {})
    first_deployment.run(
        "Pipeline",
        "--app",
        str(assembly_files.copy_with(assembly, single_stage(template, "prod"), home / "assembly")),
        checkout=ROOT,
        output=home / "cdk.out",
        environment=first_deployment.cdk_environment(os.environ, cloud, account=TOOLS, region=HOME, home=home),
        progress=lambda _line: None,
    )
    outcome = made.first_release(Answer.APPROVE, ignore, {})
    assert outcome.went_through, outcome.stopped_by
    assert outcome.left == {STACK: Left.RELEASED}
    return made


def code(folder: Path) -> Path:
    """What the steps of a stage run in, with a set-up that takes a moment."""
    shutil.copytree(ROOT / "pipeline/builds", folder / "pipeline/builds", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "Makefile").write_text(MAKEFILE)
    return folder


def ignore(_change: Stage | Action) -> None:
    """Show nothing."""


def changed(rehearsal: Rehearsal, text: str) -> dict[str, str]:
    """Another description of the stack."""
    (stack,) = rehearsal.stacks
    body: dict[str, Any] = json.loads((rehearsal.assembly / stack.file).read_text())
    return {stack.file: json.dumps({**body, "Description": text})}


def test_a_release_goes_through_and_is_shown_action_by_action(rehearsal: Rehearsal) -> None:
    seen: list[str] = []

    def show(change: Stage | Action) -> None:
        seen.append(change.full_name if isinstance(change, Action) else change.name)

    outcome = rehearsal.release(Answer.APPROVE, show, changed(rehearsal, "another"))
    assert (outcome.went_through, outcome.rollback, outcome.left) == (True, None, {STACK: Left.RELEASED})
    assert list(dict.fromkeys(each.partition("/")[0] for each in seen)) == ["Source", "Assets", "prod-gate", "prod"]
    assert seen.index("prod-gate/Approve-prod") < seen.index("prod/tiny.Deploy")
    assert outcome.to_json()["went_through"] is True


def test_a_rejected_release_leaves_everything_as_it_was_and_rolls_nothing_back(rehearsal: Rehearsal) -> None:
    outcome = rehearsal.release(Answer.REJECT, ignore, changed(rehearsal, "rejected"))
    assert [each.full_name for each in outcome.stopped_by] == ["prod-gate/Approve-prod"]
    assert (outcome.rollback, outcome.left) == (None, {STACK: Left.BEFORE})


def test_a_deployment_that_fails_stops_the_release_and_the_stage_is_rolled_back(rehearsal: Rehearsal) -> None:
    faulty = assembly_files.with_fault(rehearsal.assembly, rehearsal.stacks, "tiny")
    outcome = rehearsal.release(Answer.APPROVE, ignore, faulty)
    assert [each.full_name for each in outcome.stopped_by] == ["prod/tiny.Deploy"]
    assert outcome.rollback is not None
    assert outcome.rollback.status == "Succeeded"
    assert outcome.left == {STACK: Left.BEFORE}
    assert outcome.to_json()["stopped_by"][0]["why"]


def test_what_the_pipeline_does_not_have_is_refused(assembly: Path) -> None:
    template = assembly_files.read_pipeline(assembly)
    with pytest.raises(OperateError, match=r"The pipeline has no stage prd; it has dev, prod\. Did you mean prod\?"):
        single_stage(template, "prd")
    with pytest.raises(OperateError, match="names no service of the stage; it has tiny"):
        assembly_files.with_fault(assembly, stack_templates(template, "prod"), "intake")
    with pytest.raises(OperateError, match="give a folder that `make synth` wrote"):
        assembly_files.read_pipeline(assembly / "nowhere")


def test_a_rehearsed_pipeline_has_the_stage_and_its_gate_as_they_were_synthesised(assembly: Path) -> None:
    template = assembly_files.read_pipeline(assembly)
    stages = {name: each for name, each in _stages(template).items() if name in ("Assets", "prod-gate", "prod")}
    rehearsed = _stages(single_stage(template, "prod"))
    assert list(rehearsed) == ["Source", "Assets", "prod-gate", "prod"]
    assert {name: rehearsed[name] for name in stages} == stages


def _stages(template: dict[str, Any]) -> dict[str, Any]:
    (pipeline,) = [each for each in template["Resources"].values() if each["Type"] == "AWS::CodePipeline::Pipeline"]
    return {each["Name"]: each for each in pipeline["Properties"]["Stages"]}
