"""What a person sees at a glance: one row for one edit, who could and who can now, advice that fits."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.review import engine
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Level, Review
from pipeline.review.read import assembly
from pipeline.review.render import markdown, page, terminal
from pipeline.review.tests.cases.case import resource, template
from pipeline.review.tests.cases.data import table

Json = Any


def reviewed(folder: Path, old: Json, new: Json, fail_on: Level = Level.HIGH) -> Review:
    for name, resources in (("old.json", old), ("new.json", new)):
        (folder / name).write_text(json.dumps(template(resources)))
    sides = [assembly.of_template(folder / name) for name in ("old.json", "new.json")]
    return engine.review(sides[0], sides[1], ReviewBaseline(fail_on=fail_on))


def pipeline(*actions: tuple[str, int]) -> Json:
    listed = [
        {
            "Name": name,
            "RunOrder": order,
            "ActionTypeId": {"Category": "Approval" if name == "Approve" else "Deploy", "Provider": "CloudFormation"},
        }
        for name, order in actions
    ]
    return {"P": resource("CodePipeline::Pipeline", {"Stages": [{"Name": "prod", "Actions": listed}]})}


def changed(found: Review) -> list[str]:
    return [each.keyed_path or each.path for row in found.changes for each in row.properties]


def test_a_dropped_approval_is_one_row(tmp_path: Path) -> None:
    services = [(f"service{number}.Deploy", number + 2) for number in range(20)]
    moved_up = [(name, order - 1) for name, order in services]
    found = reviewed(tmp_path, pipeline(("Approve", 1), *services), pipeline(*moved_up))
    assert changed(found) == ["Stages[prod].Actions[Approve]"]


@pytest.mark.parametrize(
    ("after", "paths"),
    [
        pytest.param([("A", 1), ("B", 3)], ["Stages[prod].Actions[B].RunOrder"], id="nothing but a number"),
        pytest.param(
            [("A", 2), ("B", 1), ("C", 3)],
            ["Stages[prod].Actions[A].RunOrder", "Stages[prod].Actions[B].RunOrder", "Stages[prod].Actions[C]"],
            id="another order",
        ),
        pytest.param(
            [("A", 1), ("B", 1), ("C", 2)],
            ["Stages[prod].Actions[B].RunOrder", "Stages[prod].Actions[C]"],
            id="side by side",
        ),
    ],
)
def test_actions_in_another_order_are_differences(
    after: list[tuple[str, int]], paths: list[str], tmp_path: Path
) -> None:
    assert changed(reviewed(tmp_path, pipeline(("A", 1), ("B", 2)), pipeline(*after))) == paths


def test_how_to_accept_is_said_only_of_what_blocks(tmp_path: Path) -> None:
    old, new = {"T": table()}, {"Q": resource("SQS::Queue")}
    both = {**old, **new}
    found = reviewed(tmp_path, both, {})
    assert {each.rule: bool(each.accept) for each in found.findings} == {
        "Review-DataLoss": True,
        "Review-MessagesLost": False,
    }
    strict = reviewed(tmp_path, both, {}, Level.MEDIUM)
    assert all(each.accept.startswith("Merge Acknowledgement(") for each in strict.findings)
    for render in (terminal.render, markdown.render, page.render):
        assert render(found).count("To accept:") == 1
        assert render(strict).count("To accept:") == 2


def test_advice_to_retain_is_given_only_of_what_is_not_retained(tmp_path: Path) -> None:
    for number, (policy, advised) in enumerate((("Delete", True), ("Retain", False))):
        kept = {"DeletionPolicy": policy, "UpdateReplacePolicy": policy}
        old, new = ({"T": {**table(key), **kept}} for key in ("id", "tenant"))
        folder = tmp_path / str(number)
        folder.mkdir()
        (finding,) = reviewed(folder, old, new).findings
        assert "Add the new one beside the old one" in finding.advice
        assert ("RETAIN" in finding.advice) is advised


def test_access_says_who_could_until_now(tmp_path: Path) -> None:
    def queue(*accounts: str) -> Json:
        principals = [f"arn:aws:iam::{account}:root" for account in accounts]
        statement = {"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "sqs:SendMessage", "Resource": "*"}
        policy = {"PolicyDocument": {"Statement": [statement]}, "Queues": [{"Ref": "Q"}]}
        return {"Q": resource("SQS::Queue"), "P": resource("SQS::QueuePolicy", policy)}

    (access,) = reviewed(tmp_path, queue("1" * 12), queue("1" * 12, "2" * 12)).access
    assert access.evidence.splitlines() == [
        "account 222222222222 may now perform sqs:SendMessage (write)",
        "until now: account 111111111111, sqs:SendMessage",
    ]
