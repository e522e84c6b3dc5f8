"""Where a command acts on AWS: whose credentials, which role in another account, and what is said if neither works."""

from typing import Any

import botocore.session
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    LoginRefreshRequired,
    NoCredentialsError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from pipeline.operate.errors import OperateError
from pipeline.operate.target import Target, account_of, aws_target

TOOLS, OTHER = "9" * 12, "4" * 12


class Sts:
    """STS, and in `made` each client that was made of a session: API, region and credentials."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str, dict[str, str | None]]] = []
        self.roles: list[str] = []
        self.fails: Exception | None = None

    def get_caller_identity(self) -> dict[str, str]:
        if self.fails:
            raise self.fails
        return {"Account": TOOLS}

    def assume_role(self, *, RoleArn: str, RoleSessionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert RoleSessionName == "penstock"
        if self.fails:
            raise self.fails
        self.roles.append(RoleArn)
        return {"Credentials": {"AccessKeyId": "A", "SecretAccessKey": "B", "SessionToken": "C"}}


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Sts:
    made = Sts()

    def create(_session: object, service: str, *, region_name: str, **given: str | None) -> Any:
        made.made.append((service, region_name, given))
        return made

    monkeypatch.setattr(botocore.session.Session, "create_client", create)
    monkeypatch.setattr(botocore.session.Session, "get_credentials", lambda _self: Credentials("a", "b"))
    return made


def target() -> Target:
    return aws_target(profile=None, account=TOOLS, region="eu-west-1")


def test_aws_target_acts_in_its_own_account_with_the_credentials_that_it_found(sts: Sts) -> None:
    found = target()
    found.client("codepipeline")
    found.assumed("cloudformation", role=None, account=TOOLS, region="us-east-1")
    assert sts.made[1:] == [
        ("codepipeline", "eu-west-1", {"config": None}),
        ("cloudformation", "us-east-1", {"config": None}),
    ]
    assert (sts.roles, found.credentials(OTHER).access_key) == ([], "a")
    assert (found.is_local, found.poll_seconds, found.title) == (False, 3.0, f"account {TOOLS}, region eu-west-1, AWS")


def test_aws_target_looks_at_another_account_by_the_lookup_role(sts: Sts) -> None:
    target().client("cloudformation", account=OTHER, region="us-east-1")
    assert sts.roles == [f"arn:aws:iam::{OTHER}:role/cdk-penstock-lookup-role-{OTHER}-us-east-1"]
    given = {"aws_access_key_id": "A", "aws_secret_access_key": "B", "aws_session_token": "C"}
    assert sts.made[-1] == ("cloudformation", "us-east-1", given)


@pytest.mark.parametrize(("region", "partition"), [("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")])
def test_aws_target_looks_at_an_account_of_another_partition(sts: Sts, region: str, partition: str) -> None:
    target().client("cloudformation", account=OTHER, region=region)
    assert sts.roles == [f"arn:{partition}:iam::{OTHER}:role/cdk-penstock-lookup-role-{OTHER}-{region}"]


def test_aws_target_assumes_the_role_that_changes_something(sts: Sts) -> None:
    role = f"arn:aws:iam::{OTHER}:role/deploy"
    target().assumed("cloudformation", role=role, account=OTHER, region="us-east-1")
    assert (sts.roles, sts.made[-1][2]["aws_session_token"]) == ([role], "C")


def test_aws_target_says_how_a_role_may_be_assumed(sts: Sts) -> None:
    found = target()
    sts.fails = ClientError({"Error": {"Code": "AccessDenied", "Message": "You may not."}}, "AssumeRole")
    with pytest.raises(OperateError) as refused:
        found.client("cloudformation", account=OTHER)
    assert str(refused.value) == (
        f"arn:aws:iam::{OTHER}:role/cdk-penstock-lookup-role-{OTHER}-eu-west-1 could not be assumed: You may not."
        f" Bootstrap account {OTHER} with `cdk bootstrap --trust {TOOLS}`, as docs/aws.md shows."
    )
    sts.fails = NoCredentialsError()
    with pytest.raises(OperateError, match=r"^x could not be assumed: Unable to locate credentials\.$"):
        found.assumed("s3", role="x", account=OTHER, region="eu-west-1")


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ExpiredToken", "Message": "too old"}}, "GetCallerIdentity"),
        UnauthorizedSSOTokenError(),
        SSOTokenLoadError(error_msg="Token for example does not exist"),
        TokenRetrievalError(provider="sso", error_msg="Token has expired and refresh failed"),
        LoginRefreshRequired(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_aws_target_says_in_one_sentence_that_a_sign_in_is_over(sts: Sts, error: BotoCoreError | ClientError) -> None:
    sts.fails = error
    again = "run `aws sso login --profile {}`, or get new credentials the way you got these, and give the same command"
    with pytest.raises(OperateError) as refused:
        aws_target(profile="tools", account=TOOLS, region="eu-west-1")
    assert str(refused.value) == f"The sign-in of profile tools has expired: {again.format('tools')} again."
    sts.fails = None
    found = target()
    sts.fails = error
    with pytest.raises(OperateError) as refused:
        found.client("cloudformation", account=OTHER)
    assert str(refused.value) == f"The sign-in to AWS has expired: {again.format('NAME')} again."


def test_aws_target_says_that_credentials_are_missing_or_do_not_work(sts: Sts, monkeypatch: pytest.MonkeyPatch) -> None:
    sts.fails = ClientError({"Error": {"Code": "InvalidClientTokenId", "Message": "no such key"}}, "GetCallerIdentity")
    with pytest.raises(OperateError, match=r"No AWS credentials that work: .*no such key"):
        target()
    sts.fails = None
    monkeypatch.setattr(botocore.session.Session, "get_credentials", lambda _self: None)
    with pytest.raises(OperateError, match=r"No AWS credentials were found\. Give --profile NAME, or sign in first\."):
        target()


def test_target_without_roles_becomes_none() -> None:
    found = Target(
        account=TOOLS,
        region="eu-west-1",
        endpoint=None,
        _clients=lambda *_place: None,
        _credentials=lambda _account: Credentials("a", "b"),
    )
    with pytest.raises(OperateError, match=r"These credentials may not become x\."):
        found.assumed("s3", role="x", account=OTHER, region="eu-west-1")


@pytest.mark.parametrize(
    ("arn", "account"),
    [(f"arn:aws:iam::{OTHER}:role/x", OTHER), ("arn:aws:s3:::bucket", None), ("", None), ("a:b:c:d:e:f", None)],
)
def test_account_of_is_what_an_arn_says(arn: str, account: str | None) -> None:
    assert account_of(arn) == account
