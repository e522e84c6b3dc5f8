"""`penstock upgrade` decides each file by whose it is: two histories of a few files, merged as a company would."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.main import app
from pipeline.scaffold import ownership
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.upgrade import edits, merge
from pipeline.scaffold.upgrade.codemods import (
    concurrency_names,
    locked_cdk,
    settings_class,
    stage_acknowledgements,
    start_command,
)
from tests.conftest import ROOT
from tests.testbed.repositories import IDENTITY

TABLE = ownership.FILE.as_posix()
FIRST = {
    TABLE: (ROOT / TABLE).read_text(encoding="utf-8"),
    ".gitignore": ".penstock/\n.venv\n",
    "app.py": "one\n\n\n\n\ntwo\n",
    "docs/push.md": "how a push travels\n",
    "docs/operate.md": "how to operate\n",
    "pyproject.toml": "[project]\n",
    "uv.lock": "lock 1\n",
    "services/intake/service.py": "a sample\n",
    "stages/dev.py": "what the example deploys\n",
    "stages/deployed.json": "[]\n",
}


@dataclass(frozen=True)
class Folder:
    """A repository of two histories: `main` is the company's, `platform` Penstock's."""

    root: Path

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *IDENTITY, *arguments], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, branch: str, subject: str, files: Mapping[str, str | None]) -> None:
        self.git("checkout", "--quiet", branch)
        for name, text in files.items():
            file = self.root / name
            if text is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", subject)
        self.git("checkout", "--quiet", "main")

    def text(self, file: str) -> str | None:
        path = self.root / file
        return path.read_text() if path.exists() else None


@pytest.fixture
def company(tmp_path: Path) -> Folder:
    """A company that took the samples out, and has a service, an edit of the platform's and a script of its own."""
    made = Folder(tmp_path)
    made.git("init", "--quiet", "--initial-branch=main")
    made.git("config", "user.name", "Ada")
    made.git("config", "user.email", "ada@example.com")
    made.git("commit", "--quiet", "--allow-empty", "--message", "Nothing")
    made.commit("main", "Penstock", FIRST)
    made.git("branch", "platform")
    made.commit(
        "main",
        "Begin our platform",
        {
            "app.py": "one\n\n\n\n\nours\n",
            "services/intake/service.py": None,
            "services/payments/service.py": "worker = QueueWorkerSettings(function=f, at_once=7)\n",
            "stages/dev.py": "Payments(accepts=(A,))\n",
            "scripts/ship.sh": ".venv/bin/penstock release --yes\n",
            "docs/logo.png": "not the platform's\n",
        },
    )
    return made


def next_version(company: Folder, files: Mapping[str, str | None]) -> None:
    company.commit("platform", "Platform: the next version", files)


def test_upgrade_takes_the_platforms_files_and_leaves_the_companys(company: Folder) -> None:
    before = company.git("rev-parse", "HEAD")
    next_version(
        company,
        {
            "app.py": "one, better\n\n\n\n\ntwo\n",
            "docs/push.md": "how a push travels today\n",
            "docs/operate.md": None,
            "docs/new.md": "a new page\n",
            "uv.lock": "lock 2\n",
            "services/intake/service.py": "a better sample\n",
            "services/ingest/service.py": "a new sample\n",
            "stages/dev.py": "what the better example deploys\n",
            "stages/deployed.json": '["the example\'s"]\n',
            "stages/branches.py": "a new kind of data\n",
        },
    )
    found = merge.begin(company.root, "platform")
    assert merge.conflicts(company.root, found) == []
    assert (found.both_changed, found.new) == (("app.py",), ("stages/branches.py",))
    assert not merge.needs_locks(company.root, found)
    expected = {
        "app.py": "one, better\n\n\n\n\nours\n",
        "docs/push.md": "how a push travels today\n",
        "docs/operate.md": None,
        "docs/new.md": "a new page\n",
        "uv.lock": "lock 2\n",
        "services/intake/service.py": None,
        "services/ingest/service.py": None,
        "stages/dev.py": "Payments(accepts=(A,))\n",
        "stages/deployed.json": "[]\n",
        "stages/branches.py": "a new kind of data\n",
        "docs/logo.png": "not the platform's\n",
    }
    assert {file: company.text(file) for file in expected} == expected
    assert merge.under_way(company.root) == found
    assert merge.abort(company.root).before == before
    assert (company.git("status", "--porcelain"), company.git("rev-parse", "HEAD")) == ("", before)
    assert merge.under_way(company.root) is None


def test_upgrade_names_a_conflict_with_the_origin_of_both_sides(company: Folder) -> None:
    next_version(company, {"app.py": "one\n\n\n\n\ntwo, better\n", "docs/push.md": None})
    company.commit("main", "Say how we push", {"docs/push.md": "how we push\n"})
    found = merge.begin(company.root, "platform")
    app_, push = merge.conflicts(company.root, found)
    assert (app_.file, push.file) == ("app.py", "docs/push.md")
    origins = [(each.subject, each.author) for each in (app_.ours, app_.theirs, push.ours, push.theirs) if each]
    assert origins == [
        ("Begin our platform", "Ada"),
        ("Platform: the next version", "Ada"),
        ("Say how we push", "Ada"),
        ("Platform: the next version", "Ada"),
    ]
    assert push.text.startswith("docs/push.md: yours is ")
    assert "; the platform's is " in push.text
    refused = CliRunner().invoke(app, ["upgrade", "--continue"], obj=company.root)
    assert (refused.exit_code, "conflict  app.py: yours is" in refused.output) == (1, True), refused.output
    company.git("add", "app.py")
    company.git("rm", "--quiet", "docs/push.md")
    marked = CliRunner().invoke(app, ["upgrade", "--continue"], obj=company.root)
    assert (marked.exit_code, "app.py still has the marks of a conflict" in marked.output) == (2, True)
    aborted = CliRunner().invoke(app, ["upgrade", "--abort"], obj=company.root)
    assert (aborted.exit_code, company.git("status", "--porcelain")) == (0, "")


def test_upgrade_merges_samples_that_a_company_still_has(company: Folder) -> None:
    company.commit("main", "Keep a sample", {"services/records/service.py": "ours\n"})
    next_version(company, {"services/records/runtime/store.py": "of a sample that is here\n"})
    merge.begin(company.root, "platform")
    assert company.text("services/records/runtime/store.py") == "of a sample that is here\n"


def test_upgrade_writes_locks_anew_where_both_sides_have_other_pins(company: Folder) -> None:
    company.commit("main", "Use a package", {"pyproject.toml": "[project]\n\n\n\nours = 1\n", "uv.lock": "lock ours\n"})
    next_version(company, {"pyproject.toml": "# better\n[project]\n", "uv.lock": "lock 2\n"})
    found = merge.begin(company.root, "platform")
    assert merge.conflicts(company.root, found) == []
    assert company.text("uv.lock") == "lock ours\n"
    assert merge.needs_locks(company.root, found)


def refusal(company: Folder, revision: str) -> str:
    with pytest.raises(ScaffoldError) as refused:
        merge.begin(company.root, revision)
    return str(refused.value)


def test_upgrade_refuses_what_could_not_be_given_up(company: Folder) -> None:
    assert refusal(company, "nowhere").startswith("'nowhere' names no commit here: fetch it first")
    (company.root / ".git").rename(company.root.parent / "away")  # as in an unpacked archive
    assert "is no git repository, and an upgrade merges histories" in refusal(company, "platform")
    (company.root.parent / "away").rename(company.root / ".git")
    assert "is part of this branch already" in refusal(company, "platform")
    next_version(company, {"docs/push.md": "today\n"})
    (company.root / "notes.txt").write_text("not committed")
    assert refusal(company, "platform").startswith("Not committed: notes.txt. Commit, stash or delete it first")
    (company.root / "notes.txt").unlink()
    company.git("checkout", "--quiet", "--orphan", "copied")
    company.git("commit", "--quiet", "--message", "A copy of files")
    assert "have no commit in common" in refusal(company, "platform")
    company.git("checkout", "--quiet", "main")
    merge.begin(company.root, "platform")
    assert "A merge is under way" in refusal(company, "platform")


def test_upgrade_asks_for_the_name_that_git_does_not_have(company: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    for scope in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(scope, "/dev/null")
    company.git("config", "--remove-section", "user")
    company.git("config", "user.useConfigOnly", "true")
    next_version(company, {"docs/push.md": "today\n"})
    assert "git has no name for who makes it" in refusal(company, "platform")


def test_upgrade_takes_one_of_revision_continue_and_abort(company: Folder) -> None:
    for words in ([], ["platform", "--continue"], ["--continue", "--abort"]):
        done = CliRunner().invoke(app, ["upgrade", *words], obj=company.root)
        assert (done.exit_code, "Give the REVISION to upgrade to, or one of" in done.output) == (2, True)
    done = CliRunner().invoke(app, ["upgrade", "--abort"], obj=company.root)
    assert (done.exit_code, "No upgrade is under way." in done.output) == (2, True)


def test_codemods_edit_the_companys_files_and_no_others(company: Folder) -> None:
    (company.root / ".venv").symlink_to(ROOT / ".venv")
    next_version(company, {"docs/push.md": "penstock release\n"})
    found = merge.begin(company.root, "platform")
    codemods = edits.missing(company.root, found)
    assert codemods == list(edits.CODEMODS)
    changed = {each.codemod: each.files for each in edits.apply(company.root, found, codemods)}
    assert changed == {
        "concurrency_names": ("services/payments/service.py",),
        "stage_acknowledgements": ("stages/dev.py",),
        "start_command": ("scripts/ship.sh",),
    }
    assert (
        company.text("services/payments/service.py") == "worker = QueueWorkerSettings(function=f, max_concurrency=7)\n"
    )
    assert company.text("stages/dev.py") == "Payments(stage_acknowledgements=(A,))\n"
    assert company.text("scripts/ship.sh") == ".venv/bin/penstock start --yes\n"
    assert company.text("docs/push.md") == "penstock release\n"
    assert edits.apply(company.root, found, codemods) == []


def test_codemods_that_the_company_has_had_are_not_run_again(company: Folder) -> None:
    company.commit("main", "Had it", {f"{edits.FOLDER}/start_command.py": ""})
    next_version(company, {"docs/push.md": "today\n"})
    found = merge.begin(company.root, "platform")
    assert start_command.CODEMOD not in edits.missing(company.root, found)


def test_codemods_are_the_modules_of_their_folder() -> None:
    modules = {each.stem for each in (ROOT / edits.FOLDER).glob("[a-z]*.py")}
    assert {each.name for each in edits.CODEMODS} == modules


def test_codemods_change_calls_of_their_own_alone() -> None:
    settings = Path("pipeline/settings.py")
    text = (
        'S = Settings(\n    name="x",\n    cdk_version="2",  # pinned\n    cdk_assets_version="3",\n    account=A,\n)\n'
    )
    assert locked_cdk.CODEMOD.change(settings, text) == 'S = Settings(\n    name="x",\n    account=A,\n)\n'
    assert locked_cdk.CODEMOD.change(Path("services/x/service.py"), text) == text
    other = "Another(at_once=7)\nx.QueueWorkerSettings(at_once=7)\nIngest(batches_at_once=3)\n"
    assert concurrency_names.CODEMOD.change(Path("services/x/service.py"), other) == (
        "Another(at_once=7)\nx.QueueWorkerSettings(max_concurrency=7)\nIngest(reserved_concurrency=3)\n"
    )
    entry = "Stage(services=(Payments(accepts=(A,)),))\n"
    assert stage_acknowledgements.CODEMOD.change(Path("services/x/service.py"), entry) == entry


def test_settings_of_a_company_keep_their_value_and_give_the_class_back() -> None:
    settings = Path("pipeline/settings.py")
    text = 'import x\n\n\n@dataclass\nclass Settings:\n    name: str\n\n\nSETTINGS = Settings(name="x")\n'
    changed = settings_class.CODEMOD.change(settings, text)
    assert "class Settings" not in changed
    assert "from pipeline.pipeline_settings import Settings" in changed
    assert changed.endswith('SETTINGS = Settings(name="x")\n')
    assert settings_class.CODEMOD.change(settings, changed) == changed
