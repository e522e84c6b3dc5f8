"""Releases of one stage, rehearsed one after the other in a cloud that these tests share: what stops, what is left."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.lifecycle import LocalCloud
from pipeline.operate.errors import OperateError
from pipeline.operate.run import IN_PROGRESS, Action, Stage
from pipeline.rehearsal import assembly_files, faults
from pipeline.rehearsal import rehearsal as rehearsals
from pipeline.rehearsal.rehearsal import Left, Outcome, Rehearsal, Show
from pipeline.rehearsal.script import Answer, Script
from pipeline.rehearsal.single_stage import single_stage, stack_templates
from services.library.contract.environment import Tier
from services.library.contract.release import Bake, Release, ReleaseAlarms, Window
from tests.pipeline.rehearsal.prepared import HOME, ignore, prepared, synthesised
from tests.testbed import tiny

pytestmark = pytest.mark.cloud
TOOLS, TARGET = "310000000001", "310000000002"
AWAY = "us-east-1"
STACK = "prod-tiny"
OPEN = datetime(2026, 11, 4, 15, 0, tzinfo=UTC)
"""A Wednesday morning in New York."""


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stages, of which the second has a gate with a window, bakes for twelve hours, and rolls back."""
    release = Release(
        alarms=ReleaseAlarms(),
        bake=Bake(minutes=720, requests=5),
        window=Window(hours="Mon-Fri 09:00-16:30", zone="America/New_York"),
        blockers=("storage-full",),
        roll_back=True,
    )
    dev = tiny.stage("dev", account=TARGET, region=AWAY)
    prod = tiny.stage("prod", tiny.Tiny(release=release), tier=Tier.PRODUCTION, account=TARGET, region=AWAY)
    return synthesised(tmp_path_factory.mktemp("rehearsal") / "assembly", dev, prod, tools=TOOLS)


@pytest.fixture(scope="module")
def rehearsal(equipped_cloud: LocalCloud, assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """A rehearsal whose first release has gone through."""
    made = prepared(
        equipped_cloud,
        assembly,
        "prod",
        tools=TOOLS,
        places={"prod": (TARGET, AWAY)},
        home=tmp_path_factory.mktemp("home"),
        is_first_judged=False,
    )
    outcome = made.first_release(Script(), ignore)
    assert outcome.went_through, outcome.reasons
    assert outcome.left == {STACK: Left.RELEASED}
    return made


@pytest.fixture(autouse=True)
def _a_bake_of_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsals, "BAKE_SECONDS", 2.0)


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
    assert watched.parameter is not None
    found = Rules(rehearsal=rehearsal, parameter=watched.parameter, before=watched.rules)
    yield found
    found.write(found.before)


def released(rehearsal: Rehearsal, number: str, *, show: Show = ignore, **script: Any) -> Outcome:
    """Release another description of the stack, in the window unless told otherwise."""
    (stack,) = rehearsal.stacks
    body: dict[str, Any] = json.loads((rehearsal.assembly / stack.file).read_text())
    body["Outputs"] = {"Number": {"Value": number}}
    wanted = Script(**{"at": OPEN, "replaced": {stack.file: json.dumps(body)}, **script})
    return rehearsal.release(wanted, show)


def stopped_by(outcome: Outcome) -> list[str]:
    return list(outcome.reasons)


def reason(outcome: Outcome) -> str:
    """What the action printed that stopped a release."""
    (lines,) = outcome.reasons.values()
    return "\n".join(lines)


def test_a_release_goes_through_and_is_shown_action_by_action(rehearsal: Rehearsal) -> None:
    seen: list[str] = []

    def show(change: object) -> None:
        if isinstance(change, Stage | Action):
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
    said = rehearsal.pipeline.client.get_pipeline_state(name=rehearsal.pipeline.name)["ResponseMetadata"]["HTTPHeaders"]
    off = parsedate_to_datetime(said["date"]) - datetime.now(UTC)
    assert abs(off) < timedelta(minutes=1), "the cloud's clock goes on where it was: others sign with its date"


@pytest.mark.soak
def test_an_approval_that_nobody_answers_in_time_leaves_everything_as_it_was(rehearsal: Rehearsal) -> None:
    outcome = released(rehearsal, "unanswered", answer=Answer.NONE)
    assert stopped_by(outcome) == ["prod-gate/Approve-prod"]
    assert "manual approval timeout" in reason(outcome)
    assert (outcome.rollback, outcome.left) == (None, {STACK: Left.BEFORE})


@pytest.mark.parametrize("what", ["Synth_Output", pytest.param("Evidence_prod", marks=pytest.mark.soak)])
def test_what_was_tampered_with_while_it_waited_is_refused_at_the_gate(rehearsal: Rehearsal, what: str) -> None:
    """Whoever may write to the artifact store changes what was shown to the approver, or what would be deployed."""
    outcome = released(rehearsal, f"tampered {what}", show=tampering(rehearsal, what))
    assert stopped_by(outcome) == ["prod-gate/Check-prod"]
    found, approved = re.findall(r"\b[0-9a-f]{64}\b", reason(outcome))
    assert approved != found
    assert (outcome.rollback, outcome.left) == (None, {STACK: Left.BEFORE})


def tampering(rehearsal: Rehearsal, artifact: str) -> Show:
    """Write into an artifact of the run that its gate looks at, once it waits for its approval."""
    pipeline = rehearsal.pipeline

    def show(change: object) -> None:
        if not isinstance(change, Action) or (change.name, change.status) != ("Approve-prod", IN_PROGRESS):
            return
        found: Any = pipeline.client.list_action_executions(
            pipelineName=pipeline.name, filter={"pipelineExecutionId": pipeline.latest()}
        )["actionExecutionDetails"]
        (digest,) = (each for each in found if each["actionName"] == "Digest-prod")
        (place,) = (each["s3location"] for each in digest["input"]["inputArtifacts"] if each["name"] == artifact)
        s3: Any = rehearsal.cloud.client("s3", TOOLS, HOME)
        body = io.BytesIO(s3.get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read())
        with zipfile.ZipFile(body, "a") as archive:
            archive.writestr("more.json", "{}")
        s3.put_object(Bucket=place["bucket"], Key=place["key"], Body=body.getvalue())

    return show


@pytest.mark.soak
def test_after_an_update_of_the_pipeline_nothing_goes_back_until_a_release_has_gone_through(
    rehearsal: Rehearsal,
) -> None:
    outcome = released(rehearsal, "no target", is_updated_before=True, failing=["Bake-prod"])
    assert stopped_by(outcome) == ["prod/Bake-prod"]
    assert (outcome.rollback, outcome.left) == (None, {STACK: Left.RELEASED})
    outcome = released(rehearsal, "a target again")
    assert (outcome.went_through, outcome.left) == (True, {STACK: Left.RELEASED})
    outcome = released(rehearsal, "with a target", failing=["Bake-prod"])
    assert outcome.rollback is not None
    assert (outcome.rollback.status, outcome.left) == ("Succeeded", {STACK: Left.BEFORE})


@pytest.mark.soak
def test_an_update_of_the_pipeline_during_the_bake_cancels_it_and_takes_nothing_back(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsals, "BAKE_SECONDS", 12.0)  # so that it comes before the bake has ended
    alarm = f"{STACK}-release"
    outcome = released(rehearsal, "updated", faults=faults.parse(["update@2h", f"{alarm}@6h"]))
    assert outcome.run.status == "Cancelled"
    assert (outcome.went_through, outcome.rollback, outcome.left) == (False, None, {STACK: Left.RELEASED})
    rehearsal.watched().recover()
    outcome = released(rehearsal, "after the update", faults=faults.parse(["update@13h"]))
    assert (outcome.went_through, outcome.left) == (True, {STACK: Left.RELEASED}), "an update once it has baked"


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
    if stops:
        assert outcome.rollback is not None
        assert outcome.rollback.status == "Succeeded", "its bake does not see what failed before it"


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
    rehearsal.watched().recover()
    assert stopped_by(outcome) == ["prod-gate/Check-prod"]
    assert "alarm storage-full fires" in reason(outcome)


def test_an_action_that_the_stage_does_not_have_is_refused(rehearsal: Rehearsal) -> None:
    with pytest.raises(OperateError, match=r"it has Evidence-prod, .*\. Did you mean Bake-prod\?"):
        released(rehearsal, "unknown action", failing=["Bake-prd"])


def test_an_alarm_that_no_release_looks_at_is_refused(rehearsal: Rehearsal) -> None:
    with pytest.raises(OperateError, match=rf"looks at {STACK}-release, storage-full\. Did you mean storage-full\?"):
        released(rehearsal, "unknown", faults=faults.parse(["storage-ful@gate"]))


@pytest.mark.parametrize(
    "given",
    [
        *("x", "deployment=", "action=", "a@", "a@9x", "@9h", "a@shift+", "a@shifts", "a@bake+1m", "a@+1m"),
        *("error-rate=5@9h", "error-rate=5%@gate", "update@gate", "update@shift"),
    ],
)
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
