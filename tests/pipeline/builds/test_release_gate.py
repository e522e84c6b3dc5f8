"""The gate's last action: closed windows, freezes, alarms and holds, and what a hotfix passes."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.builds import release_gate

WHY = "Payments fail for every third partner since noon"
OFFICE = {"hours": "Mon-Fri 09:00-16:30", "zone": "Europe/Berlin", "who": "intake"}
FREEZE = {
    "begins": "2026-12-23 18:00",
    "ends": "2027-01-04 08:00",
    "zone": "Europe/Berlin",
    "why": "Nobody is there to mend it",
    "who": "stage prod",
}
PLACE = {"account": "444444444444", "region": "us-east-1", "role": "looker"}
OPEN = "2026-12-04 10:00"


class Aws:
    """Answers what the gate asks."""

    def __init__(self, now: str, rules: Mapping[str, Any]) -> None:
        self.now = datetime.fromisoformat(now).replace(tzinfo=UTC)
        self.rules: Mapping[str, Any] | None = rules
        self.variables = {"Stages": "every", "Reason": "none", "Alarms": "heeded"}
        self.inside: list[str] = []
        """The execution that is in prod, each time that somebody asks."""
        self.hold: str | None = None
        self.alarms: dict[str, str] = {}
        self.slept: list[float] = []

    def client(self, _service: str, **_: Any) -> "Aws":
        return self

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def get_caller_identity(self) -> dict[str, Any]:
        return {"ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(self.now, usegmt=True)}}}

    def get_parameter(self, **_: Any) -> dict[str, Any]:
        if self.rules is None:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not for you"}}, "GetParameter")
        return {"Parameter": {"Value": json.dumps(self.rules)}}

    def get_pipeline_execution(self, **_: Any) -> dict[str, Any]:
        variables = [{"name": name, "resolvedValue": value} for name, value in self.variables.items()]
        return {"pipelineExecution": {"variables": variables}}

    def get_pipeline_state(self, **_: Any) -> dict[str, Any]:
        latest = {"pipelineExecutionId": "before", "status": "InProgress" if self.inside else "Succeeded"}
        if self.inside:
            self.inside.pop()
        transition = {"enabled": self.hold is None, **({"disabledReason": self.hold} if self.hold else {})}
        prod = {"stageName": "prod", "latestExecution": latest, "inboundTransitionState": transition}
        return {"stageStates": [{"stageName": "prod-gate", "latestExecution": {"status": "InProgress"}}, prod]}

    def describe_alarms(self, *, AlarmNames: list[str], **_: Any) -> dict[str, Any]:  # noqa: N803 - CloudWatch's name
        found = [{"AlarmName": name, "StateValue": self.alarms[name]} for name in AlarmNames if name in self.alarms]
        return {"MetricAlarms": found}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    made = Aws(OPEN, {"windows": [OFFICE], "freezes": [FREEZE]})
    monkeypatch.setattr("boto3.client", made.client)
    monkeypatch.setattr("pipeline.builds.assumed_role.client", made.client)
    monkeypatch.setattr("pipeline.builds.release_gate.Clock", lambda: release_gate_clock(made))
    return made


def release_gate_clock(aws: Aws) -> Any:
    from pipeline.builds.clock import Clock  # noqa: PLC0415 - the fixture has replaced the name at the gate

    return Clock(sleep=aws.sleep)


def judge() -> int:
    return release_gate.main(["--rules", "rules", "--pipeline", "penstock", "--stage", "prod", "--execution", "this"])


def test_gate_opens_within_the_window_and_outside_of_every_freeze(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    assert (judge(), aws.slept) == (0, [])
    assert capsys.readouterr().out == "prod may be released to.\n"


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-12-03 23:00", "Fri 2026-12-04 09:00"),  # midnight there
        ("2026-03-30 06:59", "Mon 2026-03-30 09:00"),  # the first day of summer time, a minute before nine
        (
            "2026-10-26 07:30",
            "Mon 2026-10-26 09:00",
        ),  # the first one of winter time: half past eight
    ],
)
def test_closed_window_refuses_with_the_moment_at_which_it_opens(
    now: str, opens: str, aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.now = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert judge() == 1
    said = capsys.readouterr().out
    assert f"opens {opens} Europe/Berlin (wish of intake)\n" in said
    assert said.endswith("Nothing was deployed. `penstock retry prod` has it judged again.\n")


def test_freeze_that_begins_while_the_run_waits_for_the_stage_refuses_it(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.rules = {"freezes": [FREEZE]}
    aws.now = datetime(2026, 12, 23, 16, 58, tzinfo=UTC)
    aws.inside = ["before"] * 3
    assert judge() == 1
    said = capsys.readouterr().out
    assert aws.slept == [60.0] * 3
    assert "Execution before is in prod; it is waited for.\n" in said
    assert "frozen until Mon 2027-01-04 08:00 Europe/Berlin: Nobody is there to mend it (wish of stage prod)\n" in said


def test_hotfix_passes_windows_and_freezes_with_its_reason(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.now = datetime(2026, 12, 24, 22, tzinfo=UTC)
    aws.variables |= {"Stages": "prod", "Reason": WHY}
    assert judge() == 0
    said = capsys.readouterr().out
    assert f"A hotfix, because: {WHY}\n" in said
    assert "  frozen until" in said


def test_firing_alarm_refuses_a_hotfix_too_unless_it_is_told_otherwise(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.rules = {"alarms": [{**PLACE, "release": ["prod-intake-release"], "blockers": []}]}
    aws.alarms = {"prod-intake-release": "ALARM"}
    aws.variables |= {"Stages": "prod", "Reason": WHY}
    assert judge() == 1
    assert "alarm prod-intake-release fires in 444444444444, us-east-1" in capsys.readouterr().out
    aws.variables["Alarms"] = "unheeded"
    assert judge() == 0
    assert f"Despite alarms, because: {WHY}\n" in capsys.readouterr().out


def test_release_alarm_may_be_missing_and_a_named_one_not(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    place = {**PLACE, "release": ["prod-intake-release"], "blockers": []}
    aws.rules = {"alarms": [place]}
    assert judge() == 0
    assert "Alarm prod-intake-release is not in 444444444444, us-east-1" in capsys.readouterr().out
    aws.rules = {"alarms": [{**place, "blockers": ["database-full"]}]}
    assert judge() == 1
    assert "alarm database-full is not in 444444444444, us-east-1" in capsys.readouterr().out
    aws.alarms = {"database-full": "INSUFFICIENT_DATA"}
    assert judge() == 0
    assert "Alarm database-full in 444444444444, us-east-1 has too little data to say" in capsys.readouterr().out


def test_hold_refuses_whoever_has_been_agreed_to(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.hold = "the partner moves house"
    assert judge() == 1
    assert "  held: the partner moves house\n" in capsys.readouterr().out


def test_what_cannot_be_read_closes_the_gate(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.rules = None
    assert judge() == 1
    assert "it cannot be judged, which closes the gate: ClientError: An error occurred" in capsys.readouterr().out
    aws.rules = {"windows": [{**OFFICE, "zone": "Europe/Nowhere"}]}
    assert judge() == 1
    aws.rules = {"windows": [{"hours": "Mon-Fri 09:00-16:30"}]}
    assert judge() == 1
