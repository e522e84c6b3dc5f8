"""The jobs that review pull requests: what runs a stranger's code has no secret, and what has a token runs ours."""

import re
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT


def workflow(name: str) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows" / name).read_text())
    return found


def triggers(name: str) -> Any:
    return workflow(name)[True]  # YAML 1.1 reads `on` as yes


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


def test_the_review_reads_and_has_no_secret() -> None:
    text = (ROOT / ".github/workflows/review.yml").read_text()
    assert list(triggers("review.yml")) == ["pull_request"]
    assert workflow("review.yml")["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow("review.yml")["jobs"].values())
    assert "secrets." not in text
    assert "github.token" not in text


def test_the_comment_runs_after_it_with_the_default_branchs_code() -> None:
    assert list(triggers("review-comment.yml")) == ["workflow_run"]
    assert triggers("review-comment.yml")["workflow_run"]["workflows"] == [workflow("review.yml")["name"]]
    (checkout,) = (step for step in steps("review-comment.yml") if step.get("uses", "").startswith("actions/checkout"))
    assert "ref" not in checkout["with"]
    assert "repository" not in checkout["with"]
    (download,) = (step for step in steps("review-comment.yml") if "download-artifact" in step.get("uses", ""))
    assert download["with"]["path"].startswith("${{ runner.temp }}"), "apart from the code that runs"


@pytest.mark.parametrize("name", ["review.yml", "review-comment.yml"])
def test_actions_are_pinned_by_what_they_are_and_not_by_a_name_that_moves(name: str) -> None:
    used = [step["uses"] for step in steps(name) if "uses" in step]
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", each)] == []


@pytest.mark.parametrize("name", ["review.yml", "review-comment.yml"])
def test_nothing_of_an_event_is_put_into_a_command(name: str) -> None:
    assert [step["run"] for step in steps(name) if "${{" in step.get("run", "")] == []
    assert all(
        step["with"].get("persist-credentials") is False
        for step in steps(name)
        if step.get("uses", "").startswith("actions/checkout")
    )
    assert "pull_request_target" not in (ROOT / ".github/workflows" / name).read_text()


def test_gitlabs_comment_runs_the_target_branchs_code_in_an_environment_of_its_own() -> None:
    jobs = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text())
    assert jobs["review-comment"]["environment"]["name"] == "review-comment"
    assert "environment" not in jobs["review"]
    for job in (jobs["review"], jobs["review-comment"]):
        assert job["script"][0] == 'git fetch origin "$CI_MERGE_REQUEST_TARGET_BRANCH_NAME"'
        assert job["script"][1].startswith("git checkout --detach")
    assert "pipeline.review.hosts.gitlab" not in str(jobs["review"])
