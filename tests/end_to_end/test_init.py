"""A company's first day: `penstock init` in a clone, and the first service of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli import init
from pipeline.cli.main import app
from pipeline.local.environment import drop_aws_variables
from pipeline.scaffold import ownership
from pipeline.scaffold.ownership import FileOwner
from tests.conftest import ROOT
from tests.end_to_end.clone import Clone, make

pytestmark = pytest.mark.slow
ANSWERS = (
    *("--organisation", "acme", "--repository", "acme/platform"),
    *("--dev", "210987654321", "--first-region", "eu-central-1"),
)
EDITED = ("stages", "services", "pipeline/settings.py")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A clone after `penstock init`, committed."""
    made = make(Path(tmp_path_factory.mktemp("init")))
    done = made.penstock("init", "--yes", *ANSWERS)
    assert done.returncode == 0, done.stdout + done.stderr
    made.commit("Begin our platform")
    yield made
    made.penstock("down", "--erase")


@pytest.fixture
def unchanged(clone: Clone) -> Iterator[Clone]:
    """The clone, which is as it was committed once the test has ended."""
    yield clone
    clone.git("reset", "--quiet", "--hard")
    clone.git("clean", "--quiet", "-d", "--force")


def passes(clone: Clone, *command: str) -> str:
    done = clone.run(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_ownership_names_files_that_are_there_each_once() -> None:
    said = ownership.read(ROOT)
    paths = [path for each in said.values() for path in each]
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert len(paths) == len(set(paths))
    assert set(said) == set(FileOwner)
    owners = {
        "services/intake/service.py": FileOwner.SAMPLES,
        "services/payments/service.py": FileOwner.COMPANY,
        "services/library/contract/names.py": FileOwner.PLATFORM,
        "stages/deployed.json": FileOwner.GENERATED,
        "app.py": FileOwner.PLATFORM,
    }
    assert {file: ownership.owner_of(Path(file), said) for file in owners} == owners


def test_init_leaves_no_sample_and_the_answers_of_the_company(clone: Clone) -> None:
    assert ownership.samples(clone.checkout) == []
    assert json.loads((clone.checkout / "stages/deployed.json").read_text()) == []
    assert (clone.checkout / ".github/CODEOWNERS").read_text().splitlines()[1:] == ["* @acme/platform"]
    assert 'DEV = "210987654321"' in (clone.checkout / "stages/accounts.py").read_text()
    assert 'repository="acme/platform"' in (clone.checkout / "pipeline/settings.py").read_text()
    assert (clone.checkout / "README.md").read_text().startswith("# Platform of acme\n")
    said = passes(clone, ".venv/bin/penstock", "init", "--yes", *ANSWERS, "--json")
    assert json.loads(said)["changes"] == []


def test_new_service_is_the_next_step(unchanged: Clone) -> None:
    passes(unchanged, ".venv/bin/ruff", "check", ".")  # also of a file that imports what went
    passes(unchanged, ".venv/bin/ruff", "format", "--check", *EDITED)
    passes(unchanged, ".venv/bin/penstock", "new", "service", "payments")
    passes(unchanged, ".venv/bin/penstock", "validate")
    passes(unchanged, ".venv/bin/python", "-m", "pipeline.synthesis")
    tests = ("services/payments", "tests/architecture/test_small_services.py")
    drop_aws_variables(unchanged.environment)
    passes(unchanged, ".venv/bin/pytest", "-q", "-n", "0", *tests)


CODEMOD = '''"""A command has another name."""

from pipeline.scaffold.upgrade.codemod import Codemod

CODEMOD = Codemod(
    name="tried_by_a_test", why="`ship it` is `ship`.", change=lambda _file, text: text.replace("ship it", "ship")
)
'''
"""Of a next version: it is run by that version's own code."""


@pytest.fixture
def upgradable(unchanged: Clone) -> Iterator[Clone]:
    """The company, with edits of its own, and a next version of the platform on the branch `platform`."""
    ours = unchanged.git("rev-parse", "HEAD")
    unchanged.git("checkout", "--quiet", "-b", "platform", "HEAD~1")
    unchanged.edit("docs/push.md", ("# How a push travels", "# How a push travels today"))
    unchanged.edit("pipeline/definition/probes.py", ('description="Calls what', 'description="Now calls what'))
    unchanged.write("docs/from-the-platform.md", "A new page.\n")
    unchanged.write("pipeline/scaffold/upgrade/codemods/tried_by_a_test.py", CODEMOD)
    codemods = "pipeline/scaffold/upgrade/edits.py"
    unchanged.edit(
        codemods,
        ("    start_command,\n)", "    start_command,\n    tried_by_a_test,\n)"),
        ("    start_command.CODEMOD,\n", "    start_command.CODEMOD,\n    tried_by_a_test.CODEMOD,\n"),
    )
    for file in ("services/intake/service.py", "stages/dev.py", "README.md"):
        unchanged.write(file, (unchanged.checkout / file).read_text() + "\n# of the example\n")
    unchanged.commit("Platform: say how a push travels today")
    unchanged.git("checkout", "--quiet", "main")
    unchanged.edit("docs/push.md", ("# How a push travels", "# How a push of ours travels"))
    unchanged.write("ship.sh", "ship it\n")
    unchanged.commit("Say how we push")
    yield unchanged
    unchanged.git("reset", "--quiet", "--hard", ours)
    unchanged.git("branch", "--quiet", "-D", "platform")


def test_upgrade_takes_a_company_to_the_next_version(upgradable: Clone) -> None:
    """With one edit of a platform's file to a conflict that is named, and without another."""
    before = upgradable.git("rev-parse", "HEAD")
    company = {file: (upgradable.checkout / file).read_text() for file in ("stages/dev.py", "README.md")}
    started = upgradable.penstock("upgrade", "platform", "--no-review", "--json")
    assert started.returncode == 1, started.stdout + started.stderr
    (conflict,) = json.loads(started.stdout)["conflicts"]
    assert (conflict["file"], conflict["ours"]["subject"], conflict["theirs"]["subject"]) == (
        "docs/push.md",
        "Say how we push",
        "Platform: say how a push travels today",
    )
    upgradable.write("docs/push.md", "# How a push of ours travels today\n")
    upgradable.git("add", "docs/push.md")
    ended = upgradable.penstock("upgrade", "--continue", "--no-review", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    said = json.loads(ended.stdout)
    assert [(each["codemod"], each["files"]) for each in said["codemods"]] == [("tried_by_a_test", ["ship.sh"])]
    assert (said["both_changed"], said["new"]) == (["docs/push.md"], [])
    parents = upgradable.git("log", "-1", "--format=%P").split()
    assert parents == [before, upgradable.git("rev-parse", "platform")]
    assert upgradable.git("status", "--porcelain") == ""
    assert {file: (upgradable.checkout / file).read_text() for file in company} == company
    assert (upgradable.checkout / "docs/from-the-platform.md").exists()
    assert ownership.samples(upgradable.checkout) == []


@pytest.mark.soak
def test_upgrade_ends_with_the_review_of_what_changes(upgradable: Clone) -> None:
    passes(upgradable, ".venv/bin/penstock", "new", "service", "payments")
    upgradable.commit("Add payments")
    assert upgradable.penstock("upgrade", "platform").returncode == 1
    upgradable.write("docs/push.md", "# How a push of ours travels today\n")
    upgradable.git("add", "docs/push.md")
    ended = upgradable.penstock("upgrade", "--continue")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "edit    ship.sh: `ship it` is `ship`." in ended.stdout
    assert "Now calls what was just deployed" in ended.stdout, ended.stdout
    assert "payments" not in ended.stdout


def refused(checkout: Path, *words: str) -> str:
    done = CliRunner().invoke(app, ["init", *words], obj=checkout)
    assert done.exit_code == 2, done.output
    return done.output


def test_init_asks_for_what_no_option_says_and_takes_what_is_there_for_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def prompt(question: str, *, default: str, err: bool) -> str:
        asked.append(question)
        return "acme" if question.startswith("Your organisation") else default

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(typer, "prompt", prompt)
    defaults = {name: f"the {name}" for name in init.QUESTIONS}
    answers = init._answers({**dict.fromkeys(init.QUESTIONS), "dev": "210987654321"}, defaults, asks=True)
    assert answers == {**defaults, "organisation": "acme", "dev": "210987654321"}
    assert len(asked) == len(init.QUESTIONS) - 1


def test_init_refuses_wrong_answers_and_what_would_be_lost(tmp_path: Path) -> None:
    made = make(tmp_path)
    before = made.git("status", "--porcelain")
    assert "Nobody is there to be asked: give --yes" in refused(made.checkout)
    assert "--dev '12' is not allowed; give 12 digits" in refused(made.checkout, "--yes", "--dev", "12")
    assert "repository='acme' is not allowed; give owner/name" in refused(
        made.checkout, "--yes", "--repository", "acme"
    )
    ledger = (made.checkout / "stages/deployed.json").read_text()
    made.write("stages/deployed.json", ledger.replace('"111111111111"', '"210987654321"'))
    assert "dev-intake in accounts of yours. If they are deployed" in refused(made.checkout, "--yes")
    never = CliRunner().invoke(app, ["init", "--yes", "--never-deployed", "--dry-run"], obj=made.checkout)
    assert (never.exit_code, "Nothing was changed." in never.stdout) == (0, True), never.output
    made.write("stages/deployed.json", ledger)
    made.write("services/intake/notes.txt", "Not committed.\n")
    assert "services/intake/notes.txt is not committed, and would be lost" in refused(made.checkout, "--yes")
    (made.checkout / "services/intake/notes.txt").unlink()
    (made.checkout / ".git").rename(tmp_path / "git")  # as in an unpacked archive
    assert "is no git repository, so that what is deleted would be lost" in refused(made.checkout, "--yes")
    (tmp_path / "git").rename(made.checkout / ".git")
    assert made.git("status", "--porcelain") == before


@pytest.mark.soak
@pytest.mark.cloud
def test_gate_tests_and_first_run_pass_after_init(tmp_path: Path) -> None:
    made = make(tmp_path)
    drop_aws_variables(made.environment)
    try:
        passes(made, ".venv/bin/penstock", "init", "--yes", *ANSWERS)
        made.commit("Begin our platform")
        for target in (("check",), ("up", "APPROVE=auto"), ("test",)):
            done = subprocess.run(
                ["make", *target], cwd=made.checkout, env=made.environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, (target, done.stdout[-4000:] + done.stderr[-4000:])
    finally:
        made.penstock("down", "--erase")
