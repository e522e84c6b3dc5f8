"""What IAM refuses of a policy, in its words.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html

The sentences that AWS's API answers are recorded at
https://github.com/getmoto/moto/blob/master/tests/test_iam/test_iam_policies.py, and where a case names an issue.
"""

from typing import Any

import pytest

from pipeline.local.cloud.policies.grammar import (
    NO_PRINCIPALS,
    SYNTAX,
    TRUST_ACTIONS,
    identity_problem,
    resource_problem,
    trust_problem,
    trusts,
)
from pipeline.local.cloud.policies.principals import invalid_principal

BUCKET = "arn:aws:s3:::example_bucket"


def policy(*statements: Any, **top: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements), **top}


def statement(**elements: Any) -> dict[str, Any]:
    """A statement of an identity policy; an element that is None is left out."""
    complete = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": BUCKET, **elements}
    return {name: value for name, value in complete.items() if value is not None}


def trust(**elements: Any) -> dict[str, Any]:
    complete = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
        **elements,
    }
    return {name: value for name, value in complete.items() if value is not None}


IDENTITY: list[tuple[Any, str]] = [
    ("This is not a json document", SYNTAX),
    ({"Version": "2012-10-17"}, SYNTAX),
    (policy("afd"), SYNTAX),
    (policy(), SYNTAX),
    (policy(statement(), Version="2013-10-17"), SYNTAX),
    (policy(statement(), Extra="value"), SYNTAX),
    (policy(statement(), Id=["x"]), SYNTAX),
    (policy(statement(Extra="value")), SYNTAX),
    (policy(statement(Effect="Alow")), SYNTAX),
    (policy(statement(Effect=None)), SYNTAX),
    (policy(statement(Resource={"a": BUCKET})), SYNTAX),
    (policy(statement(Action=[[]])), SYNTAX),
    (policy(statement(NotResource=[])), SYNTAX),
    (policy(statement(NotAction="s3:ListBucket", Action=[])), SYNTAX),
    (policy(statement(Condition="a")), SYNTAX),
    (policy(statement(Condition={"a": "b"})), SYNTAX),
    (policy(statement(Condition={"StringEqual": {"aws:a": "b"}})), SYNTAX),
    (policy(statement(Action="invalid")), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
    (policy(statement(Action="a a:ListBucket")), "Vendor a a is not valid"),
    (policy(statement(Action="s3:List:Bucket")), "Actions/Condition can contain only one colon."),
    (policy(statement(Resource="invalid resource")), 'Resource invalid resource must be in ARN format or "*".'),
    (policy(statement(Resource="")), 'Resource  must be in ARN format or "*".'),
    (
        policy(statement(Resource="a:b:c:d:e:f:g:h")),
        'Partition "b" is not valid for resource "arn:b:c:d:e:f:g:h".',
    ),
    (
        policy(statement(Resource="a:bsdfdsafsad")),
        'Partition "bsdfdsafsad" is not valid for resource "arn:bsdfdsafsad:*:*:*:*".',
    ),
    (policy(statement(Resource="arn:aws")), "Resource vendor must be fully qualified and cannot contain regexes."),
    (policy(statement(Resource="arn:aws:s3::example_bucket")), "The policy failed legacy parsing"),
    (policy(statement(Resource=None)), "Policy statement must contain resources."),
    (policy(statement(Resource=[])), "Policy statement must contain resources."),
    (policy(statement(Action=None)), "Policy statement must contain actions."),
    (policy(statement(Action=[])), "Policy statement must contain actions."),
    (
        policy(statement(Resource="arn:aws:iam:::example_bucket")),
        (
            'IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, '
            "instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, "
            "access-report/."
        ),
    ),
    (
        policy(statement(Resource="arn:aws:iam:us-east-1:111111111111:role/x")),
        "IAM resource arn:aws:iam:us-east-1:111111111111:role/x cannot contain region information.",
    ),
    (policy(statement(Sid="x"), statement(Sid="x")), "Statement IDs (SID) in a single policy must be unique."),
    # https://github.com/hashicorp/terraform/issues/13449
    (policy(statement(Principal={"AWS": "*"})), "Policy document should not specify a principal."),
]


@pytest.mark.parametrize(("document", "answer"), IDENTITY)
def test_an_identity_policy_is_refused_as_aws_was_seen_to(document: Any, answer: str) -> None:
    assert identity_problem(document) == answer


def test_a_managed_policy_alone_needs_the_newest_version() -> None:
    old = {"Statement": statement()}
    assert identity_problem(old) is None
    assert identity_problem(old, managed=True) == "Policy document must be version 2012-10-17 or greater."


TRUST: list[tuple[Any, str]] = [
    (policy(trust(Effect="Alow")), SYNTAX),
    (policy(trust(Principal="somebody")), SYNTAX),
    (policy(trust(Principal={"Role": "x"})), SYNTAX),
    # https://github.com/devopsacademyau/academy/pull/1368
    (policy(trust(Resource="*")), "Has prohibited field Resource."),
    # https://github.com/terraform-aws-modules/terraform-aws-iam/issues/47
    (policy(trust(Principal=None)), NO_PRINCIPALS),
    (policy(trust(Action="s3:GetObject")), TRUST_ACTIONS),
    (policy(trust(Action=None)), "Policy statement must contain actions."),
]


@pytest.mark.parametrize(("document", "answer"), TRUST)
def test_a_trust_policy_is_refused_as_aws_was_seen_to(document: Any, answer: str) -> None:
    assert trust_problem(document) == answer


def test_a_resource_policy_needs_a_principal() -> None:
    assert resource_problem(policy(statement())) == "Missing required field Principal"


TAKEN: dict[str, Any] = {
    "one statement for a list": {"Version": "2012-10-17", "Statement": statement()},
    "no version": {"Statement": [statement()]},
    "text": '{"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}',
    "what is not meant": policy(statement(NotAction=["iam:*"], Action=None, NotResource="*", Resource=None)),
    "every kind of condition": policy(
        statement(
            Condition={
                "ForAnyValue:StringNotEqualsIgnoreCaseIfExists": {"aws:a": ["b"]},
                "NumericLessThanEquals": {"aws:b": "5"},
                "DateGreaterThan": {"aws:c": "2026-01-01T00:00:00Z"},
                "Bool": {"aws:SecureTransport": False},
                "NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"},
                "ArnNotLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"},
                "Null": {"aws:d": "true"},
            }
        )
    ),
    "a resource with a variable": policy(statement(Resource=f"{BUCKET}/${{aws:username}}/*")),
    "any account's roles": policy(statement(Action="sts:AssumeRole", Resource="arn:aws:iam::*:role/*")),
    "an account's own root": policy(statement(Resource="arn:aws:iam::111111111111:root")),
    "any part of IAM": policy(statement(Resource="arn:*:iam::111111111111:*")),
    "an access point": policy(statement(Resource="arn:aws:s3:eu-west-1:111111111111:accesspoint/a")),
}


@pytest.mark.parametrize("case", TAKEN)
def test_an_identity_policy_that_aws_takes_is_taken(case: str) -> None:
    assert identity_problem(TAKEN[case]) is None


def nobody(_arn: str) -> bool:
    return False


def everybody(_arn: str) -> bool:
    return True


ROLE = "arn:aws:iam::111111111111:role/path/deploy"
KNOWN: list[Any] = [
    "*",
    {"AWS": "*"},
    {"AWS": ["111111111111", "arn:aws:iam::111111111111:root", ROLE]},
    {"AWS": "arn:aws:sts::111111111111:assumed-role/deploy/session"},
    {"AWS": "AROA1234567890EXAMPLE"},
    {"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1234"},
    {"Service": ["lambda.amazonaws.com", "states.eu-west-1.amazonaws.com", "delivery.logs.amazonaws.com"]},
    {"Federated": "cognito-identity.amazonaws.com"},
    {"Federated": "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"},
    {"CanonicalUser": "0" * 64},
]


@pytest.mark.parametrize("principal", KNOWN)
def test_a_principal_of_each_form_is_known(principal: Any) -> None:
    assert trust_problem(policy(trust(Principal=principal))) is None
    assert invalid_principal(policy(trust(Principal=principal)), everybody) is None


UNKNOWN: list[tuple[str, str]] = [
    ("AWS", "deploy"),
    ("AWS", "1111"),
    ("AWS", "arn:aws:iam::111111111111:role/*"),
    ("AWS", "arn:aws:iam::111111111111:group/admins"),
    ("Service", "lambda"),
    ("Service", "lambda.amazon.com"),
    ("CanonicalUser", "me"),
]


@pytest.mark.parametrize(("kind", "principal"), UNKNOWN)
def test_a_principal_of_no_form_is_unknown(kind: str, principal: str) -> None:
    assert invalid_principal(policy(trust(Principal={kind: principal})), everybody) == (kind, principal)


def test_a_role_that_does_not_exist_is_an_unknown_principal() -> None:
    assert invalid_principal(policy(trust(Principal={"AWS": ROLE})), nobody) == ("AWS", ROLE)
    assert invalid_principal(policy(trust(Principal={"AWS": "111111111111"})), nobody) is None


@pytest.mark.parametrize(
    ("elements", "answer"),
    [
        ({}, True),
        ({"Principal": {"Service": ["states.amazonaws.com", "lambda.amazonaws.com"]}}, True),
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": "111111111111"}}, False),
        ({"Effect": "Deny"}, False),
        ({"Action": "sts:TagSession"}, False),
        ({"Action": ["sts:TagSession", "sts:AssumeRole"]}, True),
    ],
)
def test_a_role_trusts_a_service_that_may_assume_it(elements: dict[str, Any], answer: bool) -> None:
    assert trusts(policy(trust(**elements)), "lambda.amazonaws.com") is answer
