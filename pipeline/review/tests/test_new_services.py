"""A new service or a promotion is one row, and what reaches outside its stack stays in front."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.review.model import Level, Review, Verdict
from pipeline.review.render import data, markdown, page, terminal, view
from pipeline.review.tests.assemblies import StackOf, review, write
from pipeline.review.tests.cases.case import resource, template

Json = Any
QUEUE = {"Q": resource("SQS::Queue")}
OWN = {"Fn::GetAtt": ["Q", "Arn"]}
ELSEWHERE = "arn:aws:sqs:eu-west-1:111111111111:other"
LAMBDA = {"Service": "lambda.amazonaws.com"}


def worker(*on: Json, action: str = "sqs:SendMessage", trusts: Json = LAMBDA) -> Json:
    """A role that a function takes, and what it may do."""
    statements = [{"Effect": "Allow", "Action": action, "Resource": each} for each in on]
    trust = {"Statement": [{"Effect": "Allow", "Principal": trusts, "Action": "sts:AssumeRole"}]}
    return template(
        {
            **QUEUE,
            "Role": resource("IAM::Role", {"AssumeRolePolicyDocument": trust}),
            "Granted": resource(
                "IAM::Policy", {"PolicyDocument": {"Statement": statements}, "Roles": [{"Ref": "Role"}]}
            ),
        }
    )


def with_service(tmp_path: Path, new: Json, *, base: Json = None, fail_on: Level = Level.HIGH) -> Review:
    """The review of a service that comes to dev, and was, if `base` is given, in qa."""
    qa = {"payments": StackOf(template=base)} if base else {}
    other = {"other": StackOf(template=template(QUEUE))}
    before = write(tmp_path / "base", {"dev": other, "qa": {**other, **qa}})
    after = write(tmp_path / "head", {"dev": {**other, "payments": StackOf(template=new)}, "qa": {**other, **qa}})
    return review(before, after, fail_on=fail_on)


def in_front(found: Review) -> list[str]:
    return [f"{each.rule} {each.path}" for each in view.in_front(found)]


def test_a_new_service_within_its_own_stack_is_one_row_and_no_finding_in_front(tmp_path: Path) -> None:
    found = with_service(tmp_path, worker(OWN))
    assert in_front(found) == []
    assert len(found.findings) == 2, "they are in the JSON as before"
    (section,) = view.sections(found)
    (row,) = section.new
    assert f"{row.title}: {row.summary}" == (
        "new service payments in dev: 3 resources, 2 grants, all within its own stack"
    )
    for document in (terminal.render(found), markdown.render(found), page.render(found)):
        assert "2 findings folded: what a new service, or a removal, always brings" in document
        assert "new service payments in dev" in document
    assert data.read(data.write(found)) == found


def test_a_promotion_is_called_one(tmp_path: Path) -> None:
    found = with_service(tmp_path, worker(OWN), base=worker(OWN))
    assert "payments promoted to dev: 3 resources" in terminal.render(found)


@pytest.mark.parametrize(
    "outside",
    [
        pytest.param(worker(OWN, ELSEWHERE), id="a resource of another stack"),
        pytest.param(worker(OWN, {"Fn::ImportValue": "shared"}), id="an import"),
        pytest.param(worker(OWN, "{{resolve:ssm:/other/queue}}"), id="a parameter"),
        pytest.param(worker(OWN, "arn:aws:sqs:eu-west-1:*:orders"), id="any account's"),
        pytest.param(worker(OWN, trusts={"AWS": "arn:aws:iam::555555555555:root"}), id="another account"),
        pytest.param(worker(OWN, trusts={"Federated": "accounts.google.com"}), id="an identity provider"),
    ],
)
def test_what_reaches_outside_its_stack_stays_in_front(outside: Json, tmp_path: Path) -> None:
    found = with_service(tmp_path, outside)
    assert len(in_front(found)) == 1
    assert len(found.findings) - len(in_front(found)) >= 1, "what stays within is folded beside it"
    (section,) = view.sections(found)
    assert "within its own stack" in section.new[0].summary
    assert "all within" not in section.new[0].summary


def test_what_blocks_is_never_folded(tmp_path: Path) -> None:
    assert "Review-WildcardAccess Granted/Resource" in in_front(with_service(tmp_path, worker(OWN, action="sqs:*")))
    found = with_service(tmp_path / "strict", worker(OWN), fail_on=Level.MEDIUM)
    assert found.verdict is Verdict.BLOCKED
    assert len(in_front(found)) == len(found.findings) == 2


def test_a_grant_within_a_stack_that_is_there_already_is_in_front(tmp_path: Path) -> None:
    sides = [
        write(tmp_path / name, {"dev": {"payments": StackOf(template=each)}})
        for name, each in (("base", worker()), ("head", worker(OWN)))
    ]
    found = review(*sides)
    assert in_front(found) == ["Review-AccessBroadened Granted/Resource"]
    assert found.access[0].within_stack


@pytest.mark.parametrize(("stack", "folded"), [("dev-payments", True), ("dev-other", False)])
def test_actions_that_come_with_a_new_stack_are_folded_and_others_are_not(
    stack: str, folded: bool, tmp_path: Path
) -> None:
    def pipeline(*actions: Json) -> Json:
        return template({"P": resource("CodePipeline::Pipeline", {"Stages": [{"Name": "dev", "Actions": [*actions]}]})})

    def deploys(service: str, target: str) -> Json:
        kind = {"Category": "Deploy", "Provider": "CloudFormation"}
        return {"Name": f"{service}.Deploy", "ActionTypeId": kind, "Configuration": {"StackName": target}}

    other = {"other": StackOf(template=template(QUEUE))}
    before = write(tmp_path / "base", {"dev": other}, pipeline=pipeline(deploys("other", "dev-other")))
    after = write(
        tmp_path / "head",
        {"dev": {**other, "payments": StackOf(template=worker(OWN))}},
        pipeline=pipeline(deploys("other", "dev-other"), deploys("payments", stack)),
    )
    found = review(before, after)
    assert ("Review-PipelineChanged " not in in_front(found)) is folded
