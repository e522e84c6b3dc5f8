"""The jobs of pull requests: what runs a stranger's code has no secret, and what has a token runs ours."""

import re
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

WORKFLOWS = sorted(path.name for path in (ROOT / ".github/workflows").iterdir())
MERGE_REQUEST = '$CI_PIPELINE_SOURCE == "merge_request_event"'
MAIN = '$CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH'


def workflow(name: str) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows" / name).read_text())
    return found


def triggers(name: str) -> Any:
    return workflow(name)[True]  # YAML 1.1 reads `on` as yes


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


def gitlab() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text())
    return found


def rules(job: dict[str, Any]) -> list[dict[str, Any]]:
    """What GitLab makes of the job's own rules and of those that it extends; none: it is in every pipeline."""
    found: list[dict[str, Any]] = job.get("rules", [])
    extended = job.get("extends", [])
    for name in [extended] if isinstance(extended, str) else extended:
        found = found or gitlab()[name].get("rules", [])
    return found


@pytest.mark.parametrize("name", ["review.yml", "check.yml"])
def test_job_that_runs_a_pull_requests_code_only_reads_and_has_no_secret(name: str) -> None:
    text = (ROOT / ".github/workflows" / name).read_text()
    assert "pull_request" in triggers(name)
    assert workflow(name)["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow(name)["jobs"].values())
    assert "secrets." not in text
    assert "github.token" not in text


def test_review_runs_for_pull_requests_and_check_for_pushes_to_main_too() -> None:
    assert list(triggers("review.yml")) == ["pull_request"]
    assert triggers("check.yml") == {"pull_request": None, "push": {"branches": ["main"]}}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflow_ends_in_time_and_is_not_run_twice_for_one_commit(name: str) -> None:
    assert workflow(name)["concurrency"]["group"].startswith(f"{name.removesuffix('.yml')}-")
    assert all(job["timeout-minutes"] <= 45 for job in workflow(name)["jobs"].values())


def test_the_comment_runs_after_it_with_the_default_branchs_code() -> None:
    assert list(triggers("review-comment.yml")) == ["workflow_run"]
    assert triggers("review-comment.yml")["workflow_run"]["workflows"] == [workflow("review.yml")["name"]]
    (checkout,) = (step for step in steps("review-comment.yml") if step.get("uses", "").startswith("actions/checkout"))
    assert "ref" not in checkout["with"]
    assert "repository" not in checkout["with"]
    (download,) = (step for step in steps("review-comment.yml") if "download-artifact" in step.get("uses", ""))
    assert download["with"]["path"].startswith("${{ runner.temp }}"), "apart from the code that runs"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_by_what_they_are_and_not_by_a_name_that_moves(name: str) -> None:
    used = [step["uses"] for step in steps(name) if "uses" in step]
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", each)] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_nothing_of_an_event_is_put_into_a_command(name: str) -> None:
    assert [step["run"] for step in steps(name) if "${{" in step.get("run", "")] == []
    assert all(
        step["with"].get("persist-credentials") is False
        for step in steps(name)
        if step.get("uses", "").startswith("actions/checkout")
    )
    assert "pull_request_target" not in (ROOT / ".github/workflows" / name).read_text()


def test_gitlabs_comment_runs_the_target_branchs_code_in_an_environment_of_its_own() -> None:
    jobs = gitlab()
    assert jobs["review-comment"]["environment"]["name"] == "review-comment"
    assert "environment" not in jobs["review"]
    for job in (jobs["review"], jobs["review-comment"]):
        assert job["script"][0] == 'git fetch origin "$CI_MERGE_REQUEST_TARGET_BRANCH_NAME"'
        assert job["script"][1].startswith("git checkout --detach")
    assert "pipeline.review.hosts.gitlab" not in str(jobs["review"])


def test_gitlab_runs_check_for_merge_requests_and_main_and_everything_else_for_merge_requests_alone() -> None:
    jobs = gitlab()
    assert jobs["workflow"]["rules"] == [{"if": MERGE_REQUEST}, {"if": MAIN}]
    assert rules(jobs["check"]) == []
    for name in ("review", "review-comment"):
        assert rules(jobs[name]) == [{"if": MERGE_REQUEST, "when": "always"}]
        assert "when" not in jobs[name], "GitLab takes either `when` or `rules`"


def test_gitlabs_review_does_not_wait_for_check_and_check_has_no_token() -> None:
    jobs = gitlab()
    assert jobs["review"]["needs"] == []
    assert [need["job"] for need in jobs["review-comment"]["needs"]] == ["review"]
    assert "environment" not in jobs["check"], "PENSTOCK_REVIEW_TOKEN is confined to an environment"
    assert "variables" not in jobs["check"]
