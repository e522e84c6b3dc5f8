"""A revision is synthesised in a checkout of its own, once for its content, and the working tree stays as it is."""

import subprocess
from pathlib import Path

import pytest

from pipeline.review import engine
from pipeline.review.judge import review_baseline
from pipeline.review.model import Level, ResourceOutcome, Review, Verdict
from pipeline.review.read.assembly import UnreadableError
from pipeline.review.read.revisions import Repository
from pipeline.review.read.synthesis import Synthesis
from pipeline.review.tests.assemblies import TODAY

TOOLSET = """
import pathlib, sys
target = pathlib.Path(".venv/bin"); target.mkdir(parents=True)
cdk = target / "cdk"; cdk.write_text("#!" + sys.executable + "\\n" + pathlib.Path("synth.py").read_text())
cdk.chmod(0o755)
"""
SYNTH = """
import json, os, pathlib, sys
assert not [name for name in os.environ if name.startswith("AWS_")], "credentials reached a synth"
text = pathlib.Path("app.txt").read_text().strip()
parts = pathlib.Path(os.environ["PENSTOCK_SYNTH_CACHE"]); parts.mkdir(exist_ok=True); (parts / text).touch()
if text == "broken":
    sys.exit("the app is broken")
out = pathlib.Path(sys.argv[sys.argv.index("--output") + 1]); out.mkdir()
(out / "asset.1").mkdir(); (out / "asset.1" / "large.bin").write_text("x")
(out / "one.template.json").write_text(json.dumps({"Resources": {"A": {"Type": "AWS::SNS::Topic",
    "Properties": {"DisplayName": text}}}}))
(out / "guardrails.json").write_text("{}")
(out / "manifest.json").write_text(json.dumps({"version": "54", "artifacts": {"one": {
    "type": "aws:cloudformation:stack", "environment": "aws://1/eu-west-1",
    "properties": {"templateFile": "one.template.json"}}}}))
if text == "finding":
    (out / "validation-report.json").write_text(json.dumps({"pluginReports": [{"violations": [{"ruleName": "R",
        "description": "d", "violatingConstructs": [{"constructPath": "one/A"}]}]}]}))
    sys.exit(1)
"""


class Bench:
    """A repository with a tiny app, and what reviews of it said."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repository"
        (self.root / "pipeline").mkdir(parents=True)
        (self.root / "pipeline/toolset").write_text(TOOLSET)
        (self.root / "synth.py").write_text(SYNTH)
        (self.root / ".gitignore").write_text("ignored\n.venv\n")
        self.git("init", "-q", "-b", "main")
        self.write("one")
        self.commit()
        self.said: list[str] = []
        self.repository = Repository(self.root, folder / "cache/objects")
        self.cache = folder / "cache"
        self.synthesis = Synthesis(self.repository, self.cache, self.said.append)

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=n", "-c", "user.email=n@example.com")
        return subprocess.run(
            ["git", *identity, *arguments], cwd=self.root, capture_output=True, text=True, check=True
        ).stdout

    def write(self, text: str) -> None:
        (self.root / "app.txt").write_text(text)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "-q", "-m", "more")

    def review(self) -> Review:
        base, head = self.repository.default_base(), self.repository.working_tree()
        sides = self.synthesis.both(base, head)
        return engine.review(
            *sides, review_baseline.of_revisions(self.repository, base, head, fail_on=Level.HIGH, today=TODAY)
        )


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "hostile")
    return Bench(tmp_path)


def test_review_reads_uncommitted_work_and_leaves_the_checkout_alone(bench: Bench) -> None:
    bench.write("two")
    (bench.root / "new.txt").write_text("new")
    before = bench.git("status", "--porcelain", "--ignored"), bench.git("count-objects")
    found = bench.review()
    assert [(change.logical_id, change.outcome) for change in found.changes] == [("A", ResourceOutcome.UPDATE)]
    assert (bench.git("status", "--porcelain", "--ignored"), bench.git("count-objects")) == before


def test_synthesis_is_cached_by_content(bench: Bench) -> None:
    bench.write("two")
    bench.review()
    assert len(bench.said) == 2
    bench.commit()
    bench.git("commit", "-q", "--allow-empty", "-m", "the same content in another commit")
    bench.write("three")
    bench.review()
    assert len(bench.said) == 3


def test_a_head_leaves_no_part_of_its_synth_where_a_base_would_take_it(bench: Bench) -> None:
    bench.write("two")
    bench.review()
    stores = {each.name: {part.name for part in each.iterdir()} for each in bench.cache.glob("parts-of-*")}
    assert stores == {"parts-of-bases": {"one"}, "parts-of-heads": {"two"}}


def test_default_base_is_where_the_branch_left_main(bench: Bench) -> None:
    bench.git("checkout", "-q", "-b", "branch")
    bench.git("checkout", "-q", "main")
    bench.write("later on main")
    bench.commit()
    bench.git("checkout", "-q", "branch")
    assert bench.review().is_empty


def test_review_of_a_base_that_cannot_be_synthesised_is_incomplete(bench: Bench) -> None:
    bench.write("broken")
    bench.commit()
    bench.write("one")
    found = bench.review()
    assert found.verdict is Verdict.INCOMPLETE
    assert "the app is broken" in found.incomplete[0]
    assert [stack.outcome for stack in found.stacks] == [ResourceOutcome.CREATE]


def test_review_of_a_head_that_cannot_be_synthesised_fails(bench: Bench) -> None:
    bench.write("broken")
    with pytest.raises(UnreadableError, match="the app is broken"):
        bench.review()


def test_a15_a_synth_that_fails_for_its_guardrails_is_read(bench: Bench) -> None:
    bench.write("finding")
    assert [(change.kind, change.state) for change in bench.review().guardrails] == [("finding", "new")]


def test_a_change_of_the_code_that_reviews_is_a_finding(bench: Bench) -> None:
    (bench.root / "pipeline/review").mkdir()
    (bench.root / "pipeline/review/engine.py").write_text("")
    (finding,) = bench.review().findings
    assert (finding.rule, finding.level) == ("Review-RuleChanged", Level.HIGH)
    assert "engine.py" in finding.evidence


def test_revision_names_what_is_no_revision(bench: Bench) -> None:
    with pytest.raises(UnreadableError, match="'nonsense' is neither a revision"):
        bench.repository.revision("nonsense")


def test_default_base_without_a_main_branch_asks_for_a_base(bench: Bench) -> None:
    bench.git("branch", "-m", "main", "trunk")
    with pytest.raises(UnreadableError, match="There is neither origin/main nor main to compare with"):
        bench.repository.default_base()


def test_default_base_prefers_the_main_of_the_origin(bench: Bench) -> None:
    bench.git("update-ref", "refs/remotes/origin/main", "HEAD")
    fetched = bench.git("rev-parse", "--short=12", "HEAD").strip()
    bench.write("only on the local main")
    bench.commit()
    assert bench.repository.default_base().label == f"origin/main at {fetched}"


def test_default_base_of_an_unrelated_history_fails(bench: Bench) -> None:
    bench.git("checkout", "-q", "--orphan", "unrelated")
    bench.write("unrelated")
    bench.commit()
    with pytest.raises(UnreadableError, match=f"git merge-base failed in {bench.root}"):
        bench.repository.default_base()


def test_revision_has_its_name_commit_and_tree(bench: Bench) -> None:
    commit, tree = (bench.git("rev-parse", each).strip() for each in ("HEAD", "HEAD^{tree}"))
    named, exact = bench.repository.revision("main"), bench.repository.revision(commit[:12])
    assert (named.label, named.tree) == (f"main ({commit[:12]})", tree)
    assert (exact.label, exact.tree) == (commit[:12], tree)


def test_revision_that_begins_with_a_dash_is_no_option(bench: Bench) -> None:
    with pytest.raises(UnreadableError, match="'--all' is neither a revision"):
        bench.repository.revision("--all")


def test_revision_of_a_folder_without_git_asks_for_assemblies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UnreadableError, match=r"is no git repository: give two folders with cloud assemblies"):
        Repository(tmp_path, tmp_path / "objects").revision("main")
