"""An approval by the author of what it lets in is none, where the settings say who authors are."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import assertions

from pipeline.builds import second_person
from pipeline.definition import gates
from pipeline.settings import SETTINGS
from pipeline.source import S3Source
from services.library.contract.environment import Tier
from tests.testbed import tiny

ADA, GRACE = ("arn:aws:sts::999999999999:assumed-role/Approver/ada", "arn:aws:iam::999999999999:user/grace")
AUTHORS = {"ada@example.com": ADA, "grace@example.com": GRACE}


def run_of(*, author: str, approver: str) -> list[Any]:
    """A run that one has written and the other approved; an earlier answer was another one's."""
    source: dict[str, Any] = {
        "actionName": "Source",
        "input": {"actionTypeId": {"category": "Source"}},
        "output": {"outputVariables": {"AuthorEmail": author}},
    }
    asked = {"actionName": "Approve-prod", "input": {"actionTypeId": {"category": "Approval"}}}
    before = {**asked, "updatedBy": "arn:aws:iam::999999999999:user/linus"}
    return [{**asked, "updatedBy": approver}, before, source]


def refusal(*, author: str = "ada@example.com", approver: str = GRACE) -> str:
    """What is said of such a run."""
    return second_person.refusal(AUTHORS, run_of(author=author, approver=approver), "Approve-prod")


def test_another_person_than_the_author_may_approve() -> None:
    assert refusal() == ""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"approver": ADA}, f"{ADA} approved what ada@example.com wrote"),
        ({"approver": ADA.replace("/ada", "/Ada")}, "Ada approved what ada@example.com wrote"),
        ({"author": "linus@example.com"}, "linus@example.com is not among authors in pipeline/settings.py"),
        ({"author": ""}, "CodePipeline does not say who wrote the commit"),
        ({"approver": ""}, "CodePipeline does not say who approved"),
    ],
)
def test_approval_by_the_author_or_by_nobody_known_is_refused(given: dict[str, str], said: str) -> None:
    assert said in refusal(**given)


@pytest.mark.parametrize("authors", [{}, AUTHORS], ids=["anybody", "not the author"])
def test_gate_compares_where_the_settings_name_authors(authors: dict[str, str], tmp_path: Path) -> None:
    settings = replace(SETTINGS, authors=authors)
    _, stack = tiny.app(tmp_path, settings=settings, catalogue=(tiny.stage("prod", tier=Tier.PRODUCTION),))
    (project,) = (
        each["Properties"]
        for name, each in assertions.Template.from_stack(stack).find_resources("AWS::CodeBuild::Project").items()
        if name.startswith("StepBuildsGates")
    )
    compares = "-m pipeline.builds.second_person authors.json" in project["Source"]["BuildSpec"]
    assert (compares, "ada@example.com" in project["Source"]["BuildSpec"]) == (bool(authors), bool(authors))
    assert "EnvironmentVariables" not in project["Environment"]


def test_authors_of_a_large_company_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a file, since what CodeBuild takes in variables would hold some fifty of them."""
    many = AUTHORS | {f"person-{number}@example.com": f"{GRACE}-{number}" for number in range(400)}
    (written,) = (
        each for each in gates.content(many).spec["phases"]["build"]["commands"] if f"/{gates.AUTHORS}" in each
    )
    subprocess.run(["sh", "-c", f'PROGRAM="{tmp_path}"\n{written}'], check=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("boto3.client", lambda _: Run(run_of(author="ada@example.com", approver=ADA)))
    assert second_person.main(gates.AUTHORS, "penstock", "this", "Approve-prod") == 1
    assert f"{ADA} approved what ada@example.com wrote" in capsys.readouterr().out


class Run:
    """What CodePipeline tells of a run."""

    def __init__(self, details: list[Any]) -> None:
        self.details = details

    def get_paginator(self, _operation: str) -> "Run":
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"actionExecutionDetails": self.details}]


def test_authors_are_refused_with_a_source_that_names_none() -> None:
    with pytest.raises(ValueError, match="authors is not allowed with a S3Source"):
        replace(SETTINGS, source=S3Source(bucket="source", key="k.zip"), authors=AUTHORS)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::999999999999:role/Approver",
        "arn:aws:iam::999999999999:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Approver_0",
        "arn:aws:sts::999999999999:assumed-role/Approver",
        "arn:aws:iam::999999999999:root",
        "arn:aws:iam::999:user/ada",
        "ada@example.com",
        "",
    ],
)
def test_author_is_named_as_codepipeline_names_who_approves(arn: str) -> None:
    with pytest.raises(ValueError, match="since CodePipeline says it of nobody who approves"):
        replace(SETTINGS, authors={"ada@example.com": arn})


@pytest.mark.parametrize(
    "arn",
    [
        ADA,
        GRACE,
        "arn:aws-us-gov:sts::999999999999:assumed-role/AWSReservedSSO_Approver_0/ada.l+work@example.com",
        "arn:aws-cn:iam::999999999999:user/division/ada",
    ],
)
def test_author_may_be_a_roles_session_or_a_user(arn: str) -> None:
    assert replace(SETTINGS, authors={"ada@example.com": arn}).authors["ada@example.com"] == arn
