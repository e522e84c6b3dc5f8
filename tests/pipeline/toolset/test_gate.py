"""The gate for people and pull requests, and the part of it that decides a deployment."""

import subprocess

import yaml

from tests.conftest import ROOT


def commands(target: str) -> str:
    """What make would run."""
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_gate_lints_types_validates_synthesises_and_tests_and_deploys_nothing() -> None:
    gate = commands("check")
    fast = "python -m tests.gate"
    steps = ("ruff check .", "ruff format --check .", "mypy .", "penstock validate\n", "cdk synth", fast)
    assert [step for step in steps if step not in gate] == []
    assert "deploy" not in gate


def test_pull_requests_run_the_gate_on_github_and_gitlab_with_no_test_skipped() -> None:
    ran = (ROOT / ".ci/run").read_text()
    assert ran.endswith('\nmake "${1:-test}"\n')
    assert "export CI=true" in ran
    github = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text())
    assert [step["run"] for step in github["jobs"]["check"]["steps"] if "run" in step][-1] == ".ci/run check"
    assert yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text())["check"]["script"] == [".ci/run check"]


def test_pipeline_synth_ignores_expiry() -> None:
    decides = commands("synth")
    assert "penstock validate --no-expiry" in decides
    assert "cdk synth --quiet --no-lookups" in decides
    assert "pytest" not in decides
