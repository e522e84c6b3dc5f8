"""Which statements and conditions cover others, and that nothing is taken for covered which is not clear."""

import json
from typing import Any

import pytest

from services.library.cloudformation.conditions import implies, read_condition
from services.library.cloudformation.patterns import classes
from services.library.cloudformation.policy_text import document_text, is_unreadable, pattern, policy_text
from services.library.cloudformation.statements import UnreadablePolicyError, read_document, read_statement

BUCKET = {"Fn::GetAtt": ["Bucket", "Arn"]}
READ = {"Fn::Parameter": "Read"}
SOURCE = {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::source"}}


def allow(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", **elements}


@pytest.mark.parametrize(
    ("element", "wide", "narrow"),
    [
        ("actions", {"Action": "s3:*"}, {"Action": ["s3:Get*", "S3:PutObject"]}),
        ("actions", {"Action": ["s3:Get*", "s3:Put*"]}, {"Action": ["s3:GetObject", "s3:PutObject"]}),
        ("actions", {"NotAction": "s3:Get*"}, {"Action": "s3:Put*"}),
        ("actions", {"NotAction": "s3:GetObject"}, {"NotAction": "s3:Get*"}),
        ("actions", {"Action": "*"}, {"NotAction": "s3:Get*"}),
        (
            "resources",
            {"Resource": "arn:aws:s3:::*"},
            {"Resource": {"Fn::Join": ["", ["arn:aws:s3:::", {"Ref": "B"}]]}},
        ),
        ("resources", {"Resource": "*"}, {"Resource": BUCKET}),
        (
            "principals",
            {"Principal": {"AWS": "111111111111"}},
            {"Principal": {"AWS": "arn:aws:iam::111111111111:root"}},
        ),
        (
            "principals",
            {"Principal": {"AWS": "111111111111"}},
            {"Principal": {"AWS": "arn:aws:iam::111111111111:role/a"}},
        ),
        ("principals", {"Principal": "*"}, {"NotPrincipal": {"AWS": "111111111111"}}),
    ],
)
def test_a_matcher_covers_what_is_narrower_and_not_what_is_wider(
    element: str, wide: dict[str, Any], narrow: dict[str, Any]
) -> None:
    wider, narrower = (getattr(read_statement(allow(**each)), element) for each in (wide, narrow))
    assert (wider.covers(narrower), narrower.covers(wider)) == (True, wider == narrower)


@pytest.mark.parametrize(
    ("given", "other"),
    [
        # The bucket's ARN may be what the Not element excepts.
        ({"NotResource": "arn:aws:s3:::kept"}, {"Resource": BUCKET}),
        ({"NotResource": BUCKET}, {"Resource": "arn:aws:s3:::kept"}),
        ({"NotResource": {"Ref": "One"}}, {"Resource": {"Ref": "Two"}}),
        ({"Resource": "arn:aws:s3:::?"}, {"Resource": {"Fn::Join": ["", ["arn:aws:s3:::", {"Ref": "B"}]]}}),
    ],
)
def test_a_matcher_covers_no_text_that_may_be_excepted(given: dict[str, Any], other: dict[str, Any]) -> None:
    covering, covered = (read_statement(allow(**each)).resources for each in (given, other))
    assert not covering.covers(covered)


def test_a_matcher_covers_nothing_that_is_too_entangled() -> None:
    tangled = [f"s3:*{'?' * number}{'ab' * number}*{number}*" for number in range(1, 14)]
    statement = read_statement(allow(Action=tangled))
    assert not statement.actions.covers(read_statement(allow(Action="s3:a")).actions)


@pytest.mark.parametrize(
    ("strict", "loose"),
    [
        (SOURCE, {}),
        (SOURCE, {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}),
        (SOURCE, {"ArnEqualsIfExists": {"AWS:SourceArn": "arn:aws:s3:::source"}}),
        ({**SOURCE, "Bool": {"aws:SecureTransport": "true"}}, SOURCE),
        ({"StringEquals": {"k": "a"}}, {"StringEquals": {"k": ["a", "b"]}}),
        ({"StringNotEquals": {"k": ["a", "b"]}}, {"StringNotEquals": {"k": "a"}}),
        ({"StringEquals": {"k": "a"}}, {"StringNotEquals": {"k": "b"}}),
        ({"NumericLessThan": {"k": "5"}}, {"NumericLessThan": {"k": 6}}),
        ({"IpAddress": {"aws:SourceIp": "10.1.0.0/16"}}, {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
    ],
)
def test_implies_holds_from_what_asks_for_more_to_what_asks_for_less(
    strict: dict[str, Any], loose: dict[str, Any]
) -> None:
    more, less = read_condition(strict), read_condition(loose)
    assert (implies(more, less), implies(less, more)) == (True, False)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"StringEquals": {"k": "a"}}, {"StringNotEquals": {"k": {"Ref": "Name"}}}),
        ({"StringEquals": {"k": {"Ref": "Name"}}}, {"StringNotEquals": {"k": "a"}}),
        ({"Odd": {"k": "a"}}, {"Odd": {"k": "b"}}),
        (
            {"StringEquals": {f"k{key}": [str(each) for each in range(9)] for key in range(9)}},
            {"Null": {"k0": "false"}},
        ),
    ],
)
def test_implies_is_false_where_it_is_not_clear(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert not implies(read_condition(first), read_condition(second))


def test_read_condition_takes_true_and_its_text_for_one() -> None:
    assert read_condition({"Bool": {"k": True}}) == read_condition({"Bool": {"k": "true"}})


@pytest.mark.parametrize("statement", ["text", {"Effect": {"Ref": "E"}}, allow(Principal={"Ref": "Who"})])
def test_read_statement_refuses_what_only_the_deployment_knows(statement: object) -> None:
    with pytest.raises(UnreadablePolicyError):
        read_statement(statement)


@pytest.mark.parametrize(
    "document",
    [
        "no JSON",
        '{"Statement": [',
        '["a list"]',
        None,
        {"Ref": "Policy"},
        {"Version": "2012-10-17", "Fn::Transform": {"Name": "AWS::Include"}},
        {"Statement": {"Ref": "Statement"}},
    ],
)
def test_read_document_refuses_what_only_the_deployment_knows(document: Any) -> None:
    with pytest.raises(UnreadablePolicyError):
        list(read_document(document))


@pytest.mark.parametrize("document", [{}, {"Version": "2012-10-17"}, {"Id": "a", "Version": "2012-10-17"}])
def test_read_document_finds_nothing_in_one_without_statements(document: Any) -> None:
    assert list(read_document(document)) == []


def test_read_document_reads_text_as_the_same_statements() -> None:
    document = {"Statement": allow(Action="s3:*", Resource="*")}
    assert list(read_document(json.dumps(document))) == list(read_document(document)) != []


@pytest.mark.parametrize(
    ("principal", "covered"),
    [
        ({"Ref": "Role"}, True),
        ({"Fn::GetAtt": ["Role", "Arn"]}, True),
        ({"Fn::ImportValue": "role"}, False),
        (READ, False),
        ("{{resolve:ssm:/role}}", False),
    ],
)
def test_an_account_covers_a_principal_of_its_own_stack_alone(principal: object, covered: bool) -> None:
    account, other, one = (
        read_statement(allow(Principal={"AWS": each}), account="111111111111").principals
        for each in ("111111111111", "222222222222", principal)
    )
    assert (account.covers(one), other.covers(one)) == (covered, False)


@pytest.mark.parametrize(
    ("value", "unreadable"),
    [
        ({"Ref": "Bucket"}, False),
        (BUCKET, False),
        ({"Ref": "AWS::AccountId"}, False),
        (READ, True),
        ("{{resolve:ssm:/a}}", True),
        ("${aws:PrincipalAccount}", True),
        (None, True),
    ],
)
def test_a_token_is_readable_if_it_names_something_of_the_stack(value: object, unreadable: bool) -> None:
    assert [is_unreadable(symbol) for symbol in pattern(value)] == [unreadable]


def test_document_text_is_read_again_as_the_same_patterns() -> None:
    value = {"Fn::Join": ["", ["arn:aws:s3:::", {"Ref": "B"}, "/${aws:username}/${*}/*"]]}
    assert pattern(document_text(value)) == pattern(value)
    assert policy_text(value) == "arn:aws:s3:::<B>/<aws:username>/*/*"


def test_policy_text_keeps_backslashes() -> None:
    text = json.dumps({"Effect": 'a "quoted" \\ word'})
    assert policy_text(text) == document_text(text) == text


def test_a_dynamic_reference_is_one_token_that_a_question_mark_does_not_match() -> None:
    assert 0b11 not in classes([pattern("{{resolve:ssm:/a}}"), pattern("??????????????????")])
