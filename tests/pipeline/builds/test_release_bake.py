"""The bake: it watches for as long as it should, stops at an alarm, and is nothing without requests."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from pipeline.builds import release_bake
from pipeline.builds.clock import RATE, Clock

PLACE: dict[str, Any] = {
    "account": "444444444444",
    "region": "us-east-1",
    "role": "looker",
    "release": ["prod-intake-release"],
    "blockers": [],
}
CHILD = "prod-intake-ReleaseAlarm-1A2B"
RULE = f'(ALARM("arn:aws:cloudwatch:us-east-1:444444444444:alarm:{CHILD}"))'
METRIC = {"Metric": {"Namespace": "AWS/Lambda", "MetricName": "Invocations"}, "Period": 60, "Stat": "Sum"}


class Aws:
    """A stage that bakes: its clock, its alarm and its requests."""

    def __init__(self, minutes: int, requests: int) -> None:
        self.begun = self.now = datetime(2026, 12, 4, 10, tzinfo=UTC)
        self.bake = {"minutes": minutes, "requests": requests}
        self.rate = 1
        self.fires_after: timedelta | None = None
        self.had: list[float] = [60.0, 40.0]
        deployed = self.begun - timedelta(minutes=3)
        self.stack: dict[str, Any] = {
            "StackName": "prod-intake",
            "StackStatus": "UPDATE_COMPLETE",
            "CreationTime": deployed - timedelta(days=9),
            "LastUpdatedTime": deployed,
        }
        self.asked: dict[str, Any] = {}
        self.described: list[str] = []
        self.made = Clock(sleep=self.sleep)

    def client(self, _service: str, **_: Any) -> "Aws":
        return self

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def get_caller_identity(self) -> dict[str, Any]:
        headers = {"date": format_datetime(self.now, usegmt=True), RATE: str(self.rate)}
        return {"ResponseMetadata": {"HTTPHeaders": headers}}

    def get_parameter(self, **_: Any) -> dict[str, Any]:
        return {"Parameter": {"Value": json.dumps({"bake": self.bake, "alarms": [PLACE]})}}

    def describe_alarms(self, *, AlarmNames: list[str], **_: Any) -> dict[str, Any]:  # noqa: N803 - CloudWatch's name
        fires = self.fires_after is not None and self.now + self.made.skipped - self.begun >= self.fires_after
        state = "ALARM" if fires else "OK"
        if AlarmNames == [CHILD]:
            return {"MetricAlarms": [{"AlarmName": CHILD, "Metrics": [{"Id": "requests", "MetricStat": METRIC}]}]}
        return {"CompositeAlarms": [{"AlarmName": AlarmNames[0], "StateValue": state, "AlarmRule": RULE}]}

    def get_paginator(self, _operation: str) -> "Aws":
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        self.asked = asked
        return [{"MetricDataResults": [{"Id": "requests0", "Values": self.had}]}]

    def describe_stacks(self, **asked: str) -> dict[str, Any]:
        self.described.append(asked["StackName"])
        return {"Stacks": [self.stack]}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    made = Aws(minutes=60, requests=100)
    monkeypatch.setattr("boto3.client", made.client)
    monkeypatch.setattr("pipeline.builds.assumed_role.client", made.client)
    monkeypatch.setattr("pipeline.builds.release_bake.Clock", lambda: made.made)
    return made


def bake() -> int:
    return release_bake.main(["--rules", "rules", "--stage", "prod"])


def test_bake_lasts_as_long_as_the_release_says_and_counts_requests(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bake() == 0
    assert aws.now - aws.begun == timedelta(hours=1)
    first, *progress, requests, last = capsys.readouterr().out.splitlines()
    assert first == "prod bakes for 60 minutes, from 10:00 UTC."
    assert progress[2] == "  9 min into the bake, and no alarm fires"
    assert len(progress) < release_bake.TOLD_TIMES
    assert (requests, last) == ("  prod-intake: 100 requests", "prod has baked.")
    (query,) = aws.asked["MetricDataQueries"]
    assert query == {"Id": "requests0", "MetricStat": METRIC}
    assert aws.asked["StartTime"] == aws.begun - timedelta(minutes=3)  # when it was deployed: its probes count


def test_alarm_nine_hours_into_the_bake_ends_it_then(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.bake, aws.fires_after = {"minutes": 720, "requests": 1}, timedelta(hours=9)
    assert bake() == 1
    assert aws.now - aws.begun == timedelta(hours=9)
    said = "alarm prod-intake-release fires in 444444444444, us-east-1, 9 h 0 min into the bake\n"
    assert said in capsys.readouterr().out


def test_bake_without_requests_is_a_finding(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.had = [0.0]
    assert bake() == 1
    assert "prod-intake had 0 of 100 requests, so that its alarm proves nothing" in capsys.readouterr().out


def test_bake_that_asks_for_no_requests_says_of_whom_it_proves_nothing(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.bake["requests"], aws.had = 0, []
    assert bake() == 0
    said = "  prod-intake: 0 requests, so that its alarm proves nothing; none are asked for (release.bake)\n"
    assert said in capsys.readouterr().out
    aws.had = [3.0]
    assert bake() == 0
    assert "  prod-intake: 3 requests\n" in capsys.readouterr().out


def test_service_that_nobody_asks_requests_of_may_have_none_beside_one_that_is_asked(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.had = []
    assert bake() == 1
    monkeypatch.setitem(PLACE, "requests", {"prod-intake-release": 0})
    assert bake() == 0


def test_bake_of_a_service_that_was_just_deployed_first_needs_no_requests(aws: Aws) -> None:
    aws.had = []
    aws.stack |= {"StackStatus": "CREATE_COMPLETE", "CreationTime": aws.stack.pop("LastUpdatedTime")}
    assert bake() == 0


def test_service_that_no_release_has_changed_since_its_first_needs_requests(aws: Aws) -> None:
    aws.had = []
    del aws.stack["LastUpdatedTime"]
    aws.stack["StackStatus"] = "CREATE_COMPLETE"
    assert bake() == 1


def test_adopted_stack_is_asked_for_by_its_own_name(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PLACE, "stacks", {"prod-intake-release": "legacy-intake"})
    assert bake() == 0
    monkeypatch.delitem(PLACE, "stacks")
    assert bake() == 0
    assert aws.described == ["legacy-intake", "prod-intake"]


def test_local_clock_makes_a_bake_of_hours_seconds_and_asks_for_metrics_of_the_real_time(aws: Aws) -> None:
    aws.rate, aws.bake = 3_600, {"minutes": 720, "requests": 100}
    assert bake() == 0
    assert timedelta(seconds=12) <= aws.now - aws.begun < timedelta(seconds=13)
    assert aws.asked["EndTime"] <= aws.now + timedelta(minutes=1)


def test_alarm_that_is_missing_after_the_deployment_is_a_finding(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(aws, "describe_alarms", lambda **_: {})
    assert bake() == 1
    assert "alarm prod-intake-release is not in 444444444444, us-east-1" in capsys.readouterr().out
