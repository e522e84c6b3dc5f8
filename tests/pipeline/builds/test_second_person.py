"""An approval by the author of what it lets in is none, where the settings say who authors are."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import assertions

from pipeline.builds import second_person
from pipeline.settings import SETTINGS
from pipeline.source import S3Source
from services.library.contract.environment import Tier
from tests.testbed import tiny

ADA, GRACE = ("arn:aws:sts::999999999999:assumed-role/Approver/ada", "arn:aws:iam::999999999999:user/grace")
AUTHORS = {"ada@example.com": ADA, "grace@example.com": GRACE}


def refusal(*, author: str = "ada@example.com", approver: str = GRACE) -> str:
    """What is said of a run that one has written and the other approved; an earlier answer was another one's."""
    source: dict[str, Any] = {
        "actionName": "Source",
        "input": {"actionTypeId": {"category": "Source"}},
        "output": {"outputVariables": {"AuthorEmail": author}},
    }
    asked = {"actionName": "Approve-prod", "input": {"actionTypeId": {"category": "Approval"}}}
    before = {**asked, "updatedBy": "arn:aws:iam::999999999999:user/linus"}
    return second_person.refusal(AUTHORS, [{**asked, "updatedBy": approver}, before, source], "Approve-prod")


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
    compares = "-m pipeline.builds.second_person" in project["Source"]["BuildSpec"]
    variables = [each["Name"] for each in project["Environment"].get("EnvironmentVariables", [])]
    assert (compares, "AUTHORS" in variables) == (bool(authors), bool(authors))


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
