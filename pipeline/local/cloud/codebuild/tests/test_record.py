from typing import Any

from pipeline.local.cloud.codebuild.record import BuildRecord, interrupted


def started() -> tuple[BuildRecord, list[dict[str, Any]]]:
    published: list[dict[str, Any]] = []
    data = {"phases": [], "currentPhase": "SUBMITTED", "buildStatus": "IN_PROGRESS", "buildComplete": False}
    return BuildRecord(data, published.append), published


def test_each_step_is_published_and_earlier_ones_stay_as_they_were() -> None:
    record, published = started()
    record.enter("BUILD")
    record.leave("FAILED", code="COMMAND_EXECUTION_ERROR", message="exit status 1")
    record.complete("FAILED")
    assert [each["currentPhase"] for each in published] == ["SUBMITTED", "BUILD", "BUILD", "COMPLETED"]
    assert "phaseStatus" not in published[1]["phases"][0]
    assert published[-1]["phases"][0]["phaseStatus"] == "FAILED"
    assert published[-1]["buildComplete"]


def test_a_build_under_a_killed_cloud_has_failed_where_it_was() -> None:
    record, _ = started()
    record.enter("INSTALL")
    record.leave()
    record.enter("BUILD")
    ended = interrupted(record.data, "the cloud was stopped")
    assert (ended["buildStatus"], ended["currentPhase"], ended["buildComplete"]) == ("FAILED", "COMPLETED", True)
    assert [phase.get("phaseStatus") for phase in ended["phases"]] == ["SUCCEEDED", "FAILED", None]
    assert ended["phases"][1]["contexts"][0]["message"] == "the cloud was stopped"


def test_a_build_that_was_between_two_phases_keeps_what_it_had_reached() -> None:
    record, _ = started()
    record.enter("BUILD")
    record.leave()
    ended = interrupted(record.data, "the cloud was stopped")
    assert ended["phases"][0]["phaseStatus"] == "SUCCEEDED"
    assert ended["buildStatus"] == "FAILED"
    assert interrupted({**record.data, "phases": []}, "x")["buildStatus"] == "FAILED"
