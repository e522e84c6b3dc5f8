"""The gate for people and pull requests, and the part of it that decides a deployment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import settings

from tests.conftest import ROOT
from tests.testbed import property_tests


def commands(target: str) -> str:
    """What make would run."""
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_gate_lints_types_validates_synthesises_and_tests_and_deploys_nothing() -> None:
    gate = commands("check")
    fast = "python -m tests.gate"
    steps = ("ruff check .", "ruff format --check .", "mypy .", "penstock validate\n", "-m pipeline.synthesis", fast)
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
    assert "-m pipeline.synthesis" in decides
    assert "penstock validate" not in decides  # which asks for expiry; the synth checks the stages without
    assert "pytest" not in decides


@pytest.mark.slow
def test_missing_tool_is_one_line_of_the_summary_and_a_failure_in_continuous_integration() -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "tests/services/library/velocity",
    ]
    without_jars = {name: value for name, value in os.environ.items() if name != "CI"}
    without_jars["PENSTOCK_VELOCITY_JARS"] = str(ROOT / "no-such.jar")
    done = subprocess.run(command, cwd=ROOT, env=without_jars, capture_output=True, text=True, check=False)
    said = [line for line in done.stdout.splitlines() if "Apache Velocity is not installed" in line]
    assert (done.returncode, len(said)) == (0, 1), done.stdout
    environment = without_jars | {"CI": "true"}
    command += ["-k", "test_engine", "--maxfail=1"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "CI skips nothing" in done.stdout


NOT_RUN = """import pytest


def test_skips() -> None:
    pytest.skip("no tool")


@pytest.mark.parametrize("x", [])
def test_has_nothing(x: int) -> None:
    assert x
"""


def test_a_test_that_does_not_run_is_a_failure_beneath_no_conftest_too(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(NOT_RUN)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "-c",
        "pyproject.toml",
        str(tmp_path),
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"CI": "true"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "test_skips was skipped, and CI skips nothing" in done.stdout
    assert "test_has_nothing[NOTSET] has nothing to be run with" in done.stdout
    assert "1 failed, 1 error" in done.stdout


def test_no_property_test_is_timed() -> None:
    settings.load_profile("default")
    assert settings.default is not None
    assert settings.default.deadline is not None
    property_tests.pytest_pycollect_makemodule(Path(__file__))
    assert settings.default.deadline is None
