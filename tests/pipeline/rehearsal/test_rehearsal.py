"""Releases of one stage, rehearsed one after the other in a cloud that these tests share: what stops, what is left."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch

from pipeline.accounts import role_names
from pipeline.definition import asset_publishing, service_stage
from pipeline.local import bootstrap, first_deployment
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate.errors import OperateError
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import Action, Stage
from pipeline.operate.target import local_target
from pipeline.rehearsal import assembly_files, faults
from pipeline.rehearsal import rehearsal as rehearsals
from pipeline.rehearsal.rehearsal import Left, Outcome, Rehearsal
from pipeline.rehearsal.script import Answer, Script
from pipeline.rehearsal.single_stage import single_stage, source_artifacts, stack_templates
from pipeline.settings import SETTINGS
from services.library.contract.environment import Tier
from services.library.contract.release import Bake, Release, ReleaseAlarms, Window
from tests.conftest import ROOT
from tests.testbed import tiny
from tests.testbed.platforms import MAKEFILE

pytestmark = pytest.mark.cloud
TOOLS, TARGET = "310000000001", "310000000002"
HOME, AWAY = "eu-west-1", "us-east-1"
STACK = "prod-tiny"
OPEN = datetime(2026, 11, 4, 15, 0, tzinfo=UTC)
"""A Wednesday morning in New York."""


def watch(stack: cdk.Stack, _settings: ReleaseAlarms, *, name: str) -> None:
    """Add a release alarm over a function's rate of errors; the tiny service has no function."""
    requests, failures = (
        cloudwatch.Metric(
            namespace="AWS/Lambda", metric_name=each, dimensions_map={"FunctionName": "tiny"}, statistic="Sum"
        )
        for each in ("Invocations", "Errors")
    )
    rate = cloudwatch.Alarm(
        stack,
        "Rate",
        metric=cloudwatch.MathExpression(
            expression="100 * (FILL(failures0, 0)) / requests",
            using_metrics={"requests": requests, "failures0": failures},
            period=cdk.Duration.minutes(1),
        ),
        threshold=5,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        evaluation_periods=3,
        datapoints_to_alarm=2,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    cloudwatch.CompositeAlarm(
        stack,
        "Alarm",
        composite_alarm_name=name,
        alarm_rule=cloudwatch.AlarmRule.from_alarm(rate, cloudwatch.AlarmState.ALARM),
    )


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stages, of which the second has a gate with a window, bakes for twelve hours, and rolls back."""
    folder = tmp_path_factory.mktemp("rehearsal") / "assembly"
    settings = replace(SETTINGS, name="rehearsed", account=TOOLS, region=HOME)
    release = Release(
        alarms=ReleaseAlarms(),
        bake=Bake(minutes=720, requests=5),
        window=Window(hours="Mon-Fri 09:00-16:30", zone="America/New_York"),
        blockers=("storage-full",),
        roll_back=True,
    )
    prod = tiny.stage("prod", tiny.Tiny(release=release), tier=Tier.PRODUCTION, account=TARGET, region=AWAY)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(service_stage, "watch_release", watch)
        dev = tiny.stage("dev", account=TARGET, region=AWAY)
        app, _ = tiny.app(folder, settings=settings, catalogue=(dev, prod))
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
        stage="prod",
        assembly=assembly,
        stacks=stack_templates(template, "prod"),
        sources=source_artifacts(template),
    )
    commit = code(home / "code")
    made.prepare_source(lambda folder: assembly_files.zip_of(commit / folder), {})
    first_deployment.run(
        "Pipeline",
        "--app",
        str(
            assembly_files.copy_with(assembly, single_stage(template, "prod", is_first_judged=False), home / "assembly")
        ),
        checkout=ROOT,
        output=home / "cdk.out",
        environment=first_deployment.cdk_environment(os.environ, cloud, account=TOOLS, region=HOME, home=home),
        progress=lambda _line: None,
    )
    outcome = made.first_release(Script(), ignore)
    assert outcome.went_through, outcome.reasons
    assert outcome.left == {STACK: Left.RELEASED}
    return made


@pytest.fixture(autouse=True)
def _a_bake_of_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsals, "BAKE_SECONDS", 2.0)


def code(folder: Path) -> Path:
    """What the steps of a stage run in, with a set-up that takes a moment."""
    shutil.copytree(ROOT / "pipeline/builds", folder / "pipeline/builds", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "Makefile").write_text(MAKEFILE)
    return folder


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the stage is judged by."""

    rehearsal: Rehearsal
    parameter: str
    before: dict[str, Any]

    def write(self, rules: dict[str, Any]) -> None:
        ssm: Any = self.rehearsal.cloud.client("ssm", TOOLS, HOME)
        ssm.put_parameter(Name=self.parameter, Value=json.dumps(rules), Overwrite=True)


@pytest.fixture
def rules(rehearsal: Rehearsal) -> Iterator[Rules]:
    """The rules, which are afterwards what they were."""
    watched = rehearsal.watched()
    assert watched is not None
    found = Rules(rehearsal=rehearsal, parameter=watched.parameter, before=watched.rules)
    yield found
    found.write(found.before)


def ignore(_change: Stage | Action) -> None:
    """Show nothing."""


def released(rehearsal: Rehearsal, number: str, **script: Any) -> Outcome:
    """Release another description of the stack, in the window unless told otherwise."""
    (stack,) = rehearsal.stacks
    body: dict[str, Any] = json.loads((rehearsal.assembly / stack.file).read_text())
    body["Outputs"] = {"Number": {"Value": number}}
    wanted = Script(**{"at": OPEN, "replaced": {stack.file: json.dumps(body)}, **script})
    return rehearsal.release(wanted, ignore)


def stopped_by(outcome: Outcome) -> list[str]:
    return list(outcome.reasons)


def reason(outcome: Outcome) -> str:
    """What the action printed that stopped a release."""
    (lines,) = outcome.reasons.values()
    return "\n".join(lines)


def test_a_release_goes_through_and_is_shown_action_by_action(rehearsal: Rehearsal) -> None:
    seen: list[str] = []

    def show(change: Stage | Action) -> None:
        seen.append(change.full_name if isinstance(change, Action) else change.name)

    changed = assembly_files.changed(rehearsal.assembly, rehearsal.stacks)
    outcome = rehearsal.release(Script(at=OPEN, replaced=changed), show)
    assert (outcome.went_through, outcome.rollback, outcome.left) == (True, None, {STACK: Left.RELEASED})
    assert list(dict.fromkeys(each.partition("/")[0] for each in seen)) == ["Source", "Assets", "prod-gate", "prod"]
    assert seen.index("prod-gate/Approve-prod") < seen.index("prod/tiny.Deploy") < seen.index("prod/Bake-prod")
    assert outcome.to_json()["went_through"] is True


def test_a_rejected_release_leaves_everything_as_it_was_and_rolls_nothing_back(rehearsal: Rehearsal) -> None:
    outcome = released(rehearsal, "rejected", answer=Answer.REJECT)
    assert stopped_by(outcome) == ["prod-gate/Approve-prod"]
    assert (outcome.rollback, outcome.left) == (None, {STACK: Left.BEFORE})


@pytest.mark.soak
def test_a_deployment_that_fails_stops_the_release_and_the_stage_is_rolled_back(rehearsal: Rehearsal) -> None:
    templates = assembly_files.changed(rehearsal.assembly, rehearsal.stacks)
    faulty = assembly_files.with_fault(templates, rehearsal.stacks, "tiny")
    outcome = released(rehearsal, "faulty", replaced=faulty)
    assert stopped_by(outcome) == ["prod/tiny.Deploy"]
    assert outcome.rollback is not None
    assert outcome.rollback.status == "Succeeded"
    assert outcome.left == {STACK: Left.BEFORE}
    assert outcome.to_json()["stopped_by"][0]["why"]


@pytest.mark.soak
def test_an_alarm_nine_hours_into_the_bake_rolls_the_stage_back(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsals, "BAKE_SECONDS", 12.0)  # so that it is seen before the bake has ended
    outcome = released(rehearsal, "alarm", faults=faults.parse([f"{STACK}-release@9h"]))
    assert stopped_by(outcome) == ["prod/Bake-prod"]
    (hours,) = re.findall(rf"alarm {STACK}-release fires in .*, (\d+) h \d+ min into the bake", reason(outcome))
    assert 9 <= int(hours) < 12
    assert outcome.rollback is not None
    assert (outcome.rollback.status, outcome.left) == ("Succeeded", {STACK: Left.BEFORE})


@pytest.mark.soak
@pytest.mark.parametrize(("rate", "stops"), [(4, False), (7, True)])
def test_a_rate_of_errors_stops_the_bake_above_what_the_alarm_allows(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch, rate: int, *, stops: bool
) -> None:
    monkeypatch.setattr(rehearsals, "BAKE_SECONDS", 20.0)  # alarms are evaluated as often as ever
    outcome = released(rehearsal, f"rate {rate}", faults=faults.parse([f"error-rate={rate}%@2h"]))
    assert stopped_by(outcome) == (["prod/Bake-prod"] if stops else [])
    assert outcome.left == {STACK: Left.BEFORE if stops else Left.RELEASED}


@pytest.mark.soak
def test_a_bake_without_requests_stops_the_release(rehearsal: Rehearsal, rules: Rules) -> None:
    # More than earlier releases have had in the same minute.
    rules.write({**rules.before, "bake": {"minutes": 720, "requests": 10**15}})
    outcome = released(rehearsal, "no traffic", has_traffic=False)
    assert stopped_by(outcome) == ["prod/Bake-prod"]
    assert f"of {10**15} requests, so that its alarm proves nothing" in reason(outcome)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("at", "stops"),
    [
        ("2026-11-02T13:30+00:00", True),  # 08:30 in New York, one day after its clocks went back
        ("2026-10-30T13:30+00:00", False),  # 09:30, before they did
        ("2026-11-02T03:00+01:00", True),  # in the night, and still Sunday there
    ],
)
def test_a_window_is_judged_in_its_own_zone(rehearsal: Rehearsal, at: str, *, stops: bool) -> None:
    outcome = released(rehearsal, at, at=datetime.fromisoformat(at))
    assert stopped_by(outcome) == (["prod-gate/Check-prod"] if stops else [])
    assert outcome.rollback is None, "nothing was deployed"


@pytest.mark.usefixtures("rules")
def test_a_freeze_that_begins_while_a_release_waits_stops_it(rehearsal: Rehearsal) -> None:
    outcome = released(rehearsal, "freeze", freeze_until=OPEN + timedelta(days=3))
    assert stopped_by(outcome) == ["prod-gate/Check-prod"]
    assert (outcome.rollback, outcome.left) == (None, {STACK: Left.BEFORE})


def test_an_alarm_that_fires_already_closes_the_gate(rehearsal: Rehearsal) -> None:
    outcome = released(rehearsal, "blocked", faults=faults.parse(["storage-full@gate"]))
    watched = rehearsal.watched()
    assert watched is not None
    watched.recover()
    assert stopped_by(outcome) == ["prod-gate/Check-prod"]
    assert "alarm storage-full fires" in reason(outcome)


def test_an_alarm_that_no_release_looks_at_is_refused(rehearsal: Rehearsal) -> None:
    with pytest.raises(OperateError, match=rf"looks at {STACK}-release, storage-full\. Did you mean storage-full\?"):
        released(rehearsal, "unknown", faults=faults.parse(["storage-ful@gate"]))


@pytest.mark.parametrize("given", ["x", "deployment=", "a@", "a@9x", "@9h", "error-rate=5@9h", "error-rate=5%@gate"])
def test_a_fault_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(OperateError, match="is not allowed; give deployment=SERVICE"):
        faults.parse([given])


def test_what_the_pipeline_does_not_have_is_refused(assembly: Path) -> None:
    template = assembly_files.read_pipeline(assembly)
    with pytest.raises(OperateError, match=r"The pipeline has no stage prd; it has dev, prod\. Did you mean prod\?"):
        single_stage(template, "prd")
    with pytest.raises(OperateError, match="names no service of the stage; it has tiny"):
        assembly_files.with_fault({}, stack_templates(template, "prod"), "intake")
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
