"""`penstock review` in this process: where it writes, how much, and against which baseline."""

import json
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import review as command
from pipeline.cli.main import app
from pipeline.review.judge import review_baseline
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Level
from pipeline.review.read import assembly
from pipeline.review.read.revisions import Revision
from pipeline.review.render import markdown
from tests.conftest import ROOT


@pytest.fixture
def template(tmp_path: Path) -> Path:
    file = tmp_path / "template.json"
    file.write_text(json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}))
    return file


def penstock(*words: str | Path) -> Result:
    done = CliRunner().invoke(app, ["review", *map(str, words)], obj=ROOT)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_review_says_that_its_file_cannot_be_written(template: Path, tmp_path: Path) -> None:
    out = tmp_path / "none" / "review.txt"
    done = penstock("template", template, template, "--out", out)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"--out {out} cannot be written: No such file or directory." in done.stderr


@pytest.mark.parametrize(
    ("budget", "host"),
    [(None, None), ("gitlab", markdown.HOSTS["gitlab"]), ("5000", markdown.Host(5000))],
)
def test_review_keeps_to_the_budget_of_a_host_or_of_a_number(
    template: Path, monkeypatch: pytest.MonkeyPatch, budget: str | None, host: markdown.Host | None
) -> None:
    render = Mock(return_value="written\n")
    monkeypatch.setattr(markdown, "render", render)
    words = ("--budget", budget) if budget else ()
    done = penstock("template", template, template, "--format", "markdown", "--pointer", "the job", *words)
    assert (done.exit_code, done.stdout) == (0, "written\n")
    assert render.call_args.kwargs == {"host": host, "pointer": "the job"}


def test_review_for_machines_is_asked_for_as_of_other_commands(template: Path) -> None:
    words = ("template", template, template)
    assert penstock(*words, "--json").stdout == penstock(*words, "--format", "json").stdout
    done = penstock(*words, "--json", "--format", "html")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--json and --format html are two forms" in done.stderr


@pytest.mark.parametrize("budget", ["0", "-1", "lots", ""])
def test_review_refuses_a_budget_that_is_none(template: Path, budget: str) -> None:
    done = penstock("template", template, template, "--budget", budget)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"--budget is {budget!r}; it takes " in done.stderr


def test_review_says_that_its_cache_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "review").write_text("a file")
    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path))
    done = penstock()
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        f"penstock: {tmp_path / 'review/objects'}: Not a directory. Set PENSTOCK_CACHE to a folder that you may write"
        " to.\n"
    )


@pytest.mark.parametrize("manifest", ["[]", '{"artifacts": {"a": {}}}', "[" * 100_000])
def test_review_of_a_malformed_assembly_is_one_sentence(manifest: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    done = penstock(tmp_path, tmp_path)
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)


@pytest.mark.parametrize("deep", [800, 100_000])
def test_review_of_a_template_that_is_too_deep_answers_2(deep: int, template: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd.json"
    odd.write_text(
        '{"Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"Tags": ' + "[" * deep + "]" * deep + "}}}}"
    )
    assert penstock("template", template, odd).exit_code == 2


@pytest.mark.parametrize("both_are_revisions", [True, False])
def test_review_of_two_revisions_is_judged_by_what_both_say(
    template: Path, monkeypatch: pytest.MonkeyPatch, both_are_revisions: bool
) -> None:
    base, head = (Mock(spec=Revision) for _ in range(2))
    repository = SimpleNamespace(
        default_base=lambda: base, working_tree=lambda: head if both_are_revisions else template
    )
    side = assembly.of_template(template)

    class Synthesis:
        def __init__(self, _repository: object, _cache: Path, say: Any) -> None:
            say("synthesising")

        def both(self, *_sides: object) -> Any:
            return side, side

    of_revisions = Mock(return_value=ReviewBaseline(fail_on=Level.LOW, today=date(2026, 11, 24)))
    monkeypatch.setattr(command, "Repository", lambda *_words: repository)
    monkeypatch.setattr(command, "Synthesis", Synthesis)
    monkeypatch.setattr(review_baseline, "of_revisions", of_revisions)
    done = penstock("--fail-on", "low", "--format", "json")
    assert (done.exit_code, done.stderr) == (0, "review: synthesising\n")
    assert json.loads(done.stdout)["verdict"] == "pass"
    assert [call.args for call in of_revisions.call_args_list] == [(repository, base, head)] * both_are_revisions
