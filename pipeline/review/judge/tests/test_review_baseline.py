"""What of two revisions a verdict rests on, and what the head side changes of that."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.review.judge import review_baseline, rules
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Level
from pipeline.review.read.revisions import Repository
from pipeline.review.tests.assemblies import TODAY

RULES = "pipeline/review/judge/rules.json"
RULES_BEFORE_THE_MOVE = "pipeline/review/rules.json"
STRICT = {"Review-Override": {"level": "critical", "accepted_by": "nobody", "text": "Strict."}}
LAX = {"Review-Override": {"level": "low", "accepted_by": "service", "text": "Lax."}}


def baseline(folder: Path, base: Mapping[str, str], head: Mapping[str, str]) -> ReviewBaseline:
    """The baseline of two trees of files; the head side is the working tree."""
    root = folder / "repository"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    write(root, {"README.md": "A repository.", **base})
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "base")
    for path in base:
        (root / path).unlink()
    write(root, head)
    repository = Repository(root, folder / "objects")
    sides = repository.default_base(), repository.working_tree()
    return review_baseline.of_revisions(repository, *sides, fail_on=Level.HIGH, today=TODAY)


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=n", "-c", "user.email=n@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True)


def write(root: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


@pytest.mark.parametrize("path", ["pipeline/review/engine.py", "services/library/cloudformation/intrinsics.py"])
def test_review_baseline_names_a_change_of_the_engine_and_of_its_reader(path: str, tmp_path: Path) -> None:
    found = baseline(tmp_path, {path: "old"}, {path: "new"})
    assert found.changed_rules == (f"The code that reviews changes: {path}.",)
    assert not found.by_base


@pytest.mark.parametrize(
    "path",
    [
        "services/library/guardrails",
        "services/library/contract/acknowledgement.py",
        "services/library/contract/build_record.py",
        "services/library/contract/defaults.py",
        "services/library/contract/environment.py",
        "pipeline/accounts",
        "pipeline/catalogue",
        "pipeline/definition/service_stage.py",
        "pipeline/definition/stack.py",
        "pipeline/synthesis",
        "app.py",
    ],
)
def test_review_baseline_names_a_change_of_the_guardrails(path: str, tmp_path: Path) -> None:
    file = path if path.endswith(".py") else f"{path}/plugin.py"
    found = baseline(tmp_path, {file: "old"}, {file: "new"})
    assert found.changed_rules == (f"Guardrails change: {path}.",)
    assert found.by_base


@pytest.mark.parametrize("path", ["Makefile", "pipeline/builds", "pipeline/toolset"])
def test_review_baseline_names_a_change_of_what_builds_run(path: str, tmp_path: Path) -> None:
    file = path if path == "Makefile" else f"{path}/unit_tests.py"
    found = baseline(tmp_path, {file: "units: run"}, {file: "units: true"})
    assert found.changed_rules == (f"What builds of the pipeline run changes: {path}.",)


def test_review_baseline_ignores_tests_and_services(tmp_path: Path) -> None:
    paths = ("pipeline/review/tests/test_one.py", "services/intake/service.py", "services/library/contract/steps.py")
    found = baseline(tmp_path, dict.fromkeys(paths, "old"), dict.fromkeys(paths, "new"))
    assert (found.changed_rules, found.by_base) == ((), True)


@pytest.mark.parametrize("path", [RULES, RULES_BEFORE_THE_MOVE])
def test_review_baseline_judges_by_the_base_sides_rules(path: str, tmp_path: Path) -> None:
    found = baseline(tmp_path, {path: json.dumps(STRICT)}, {RULES: json.dumps(LAX)})
    assert rules.level("Review-Override", found.judged_by) is Level.CRITICAL
    assert "The review rule Review-Override is weakened or removed" in found.changed_rules[0]


def test_review_baseline_is_the_running_codes_for_a_base_without_rules(tmp_path: Path) -> None:
    assert baseline(tmp_path, {}, {RULES: json.dumps(LAX)}).judged_by == rules.own()


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("pipeline/builds/delete_stack.py", True),
        ("services/library/guardrails/rules/retained.py", True),
        ("pipeline/builds/probe.py", False),
    ],
)
def test_review_baseline_knows_whether_what_removes_stacks_changes(path: str, changes: bool, tmp_path: Path) -> None:
    assert baseline(tmp_path, {path: "old"}, {path: "new"}).removals_change is changes
