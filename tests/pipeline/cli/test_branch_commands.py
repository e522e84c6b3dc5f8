"""`penstock branch` without a cloud: what it refuses, in which order it removes, and what it takes for a branch's."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import botocore.session
import pytest
from botocore.exceptions import ClientError, TokenRetrievalError
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from pipeline.catalogue.branch import Branch, prefix_of
from pipeline.cli import branch
from pipeline.cli.main import app
from pipeline.local import first_deployment
from pipeline.operate import branches, sign_in
from pipeline.operate.branches import BranchEnvironment, Branches, BranchStack, aws_branches, in_order, refusal
from pipeline.operate.errors import OperateError
from services.library.contract.names import BRANCH_ENVIRONMENT, BRANCH_NAME_TAG, BRANCH_TAG, EXPIRES_TAG
from tests.conftest import ROOT
from tests.testbed import small
from tests.testbed.branches import ENDS, FEATURE

PREFIX = FEATURE.prefix


@pytest.fixture(autouse=True)
def _small_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Branch environments are like a stage of two small services, whichever this checkout has."""
    monkeypatch.setattr("stages.branches.BRANCHES_LIKE", small.DEV)


def stack(service: str, *reads: str, expires: datetime | None = ENDS) -> BranchStack:
    return BranchStack(
        name=f"{PREFIX}-dev-{service}",
        id_=service,
        branch=PREFIX,
        branch_name="feature",
        service=service,
        status="CREATE_COMPLETE",
        expires=expires,
        outputs={},
        reads=frozenset(f"/penstock/{PREFIX}-dev/{each}" for each in reads),
    )


@given(st.text(min_size=1).filter(str.strip))
def test_branch_environment_finds_its_stacks_by_their_names(name: str) -> None:
    made = Branch(name=name, expires=ENDS)
    assert BRANCH_ENVIRONMENT.fullmatch(made.prefix)
    assert [*made.tags] == [BRANCH_TAG, EXPIRES_TAG, BRANCH_NAME_TAG]
    assert branches.moment(made.tags[EXPIRES_TAG]) == ENDS
    described = {
        "StackName": f"{made.prefix}-dev-x",
        "Tags": [{"Key": key, "Value": value} for key, value in made.tags.items()],
    }
    assert refusal(described, branch=made.prefix) is None


@pytest.mark.parametrize("name", ["dev-intake", "prod-ingest", "Pipeline", "penstock-artifacts-us-east-1"])
@given(tag=st.one_of(st.text(), st.from_regex(BRANCH_ENVIRONMENT, fullmatch=True)))
def test_branch_environment_refuses_stacks_of_main_whatever_their_tag(name: str, tag: str) -> None:
    assert refusal({"StackName": name, "Tags": [{"Key": BRANCH_TAG, "Value": tag}]}) is not None


def test_branch_removal_deletes_readers_before_what_they_read() -> None:
    stacks = (stack("a"), stack("b", "a/x", "c/x"), stack("c", "a/x"), stack("d", "d/own"), stack("e", "b/x"))
    order = [each.service for each in in_order(stacks)]
    assert sorted(order) == ["a", "b", "c", "d", "e"]
    assert [each for each in order if each != "d"] == ["e", "b", "c", "a"]


def test_branch_environment_expires_with_its_last_stack() -> None:
    later = stack("b", expires=ENDS + timedelta(days=1))
    environment = BranchEnvironment(prefix=PREFIX, stacks=(stack("a"), later))
    assert not environment.is_expired(ENDS + timedelta(hours=1))
    assert environment.is_expired(ENDS + timedelta(days=1, seconds=1))
    unknown = replace(environment, stacks=(*environment.stacks, stack("c", expires=None)))
    assert not unknown.is_expired(datetime(2999, 1, 1, tzinfo=UTC))
    assert json.loads(json.dumps(environment.to_json(ENDS)))["expires"] == "2026-12-02T12:00:00Z"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--expires", "15d"), "--expires '15d' is not allowed; give 1h to 14d, such as 12h or 3d."),
        (("--expires", "0h"), "--expires '0h' is not allowed"),
        (("--expires", "soon"), "--expires 'soon' is not allowed"),
        (("--services", "order"), "services='order' is not allowed; stages/dev.py has orders, parcels"),
        (("--branch", " "), "branch=' ' is not allowed; give the branch's name."),
    ],
)
def test_branch_commands_refuse_a_wrong_environment(words: tuple[str, ...], said: str) -> None:
    given = words if "--branch" in words else ("--branch", "feature/new-tax", *words)
    done = CliRunner().invoke(app, ["branch", "up", *given], obj=ROOT)
    assert (done.exit_code, isinstance(done.exception, SystemExit)) == (2, True), done.exception
    assert said in done.output


def test_branch_commands_act_on_aws_in_the_limited_role_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    class Sts:
        def assume_role(self, **words: Any) -> dict[str, Any]:
            asked.append(words)
            return {"Credentials": {"AccessKeyId": "A", "SecretAccessKey": "b", "SessionToken": "c"}}

    def client(_session: object, service: str, *, region_name: str, **given: str) -> Any:
        return Sts() if service == "sts" else (service, region_name, given)

    monkeypatch.setattr(botocore.session.Session, "create_client", client)
    target = aws_branches(profile=None, account="1" * 12, region="eu-west-1")
    assert [each["RoleArn"] for each in asked] == ["arn:aws:iam::111111111111:role/penstock-branch-deploy"]
    assert target.client("s3")[2]["aws_session_token"] == "c"
    with pytest.raises(OperateError, match="acts in its own account"):
        target.client("s3", account="2" * 12)


def test_branch_commands_name_the_role_when_credentials_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(OperateError, match=r"penstock-branch-deploy could not be assumed: .* docs/branch\.md"):
        aws_branches(profile=None, account="1" * 12, region="eu-west-1")


def test_branch_sweep_goes_on_when_aws_refuses_one_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    prefixes = [PREFIX, prefix_of("another")]
    removed: list[str] = []

    class Account:
        target = SimpleNamespace(is_local=True, account="1" * 12)

        def read(self) -> list[BranchEnvironment]:
            return [BranchEnvironment(prefix=each, stacks=(stack("a", expires=past),)) for each in prefixes]

        def remove(self, environment: BranchEnvironment, **_given: object) -> None:
            if environment.prefix == PREFIX:
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not yours"}}, "DeleteStack")
            removed.append(environment.prefix)

    monkeypatch.setattr(branch, "_branches", lambda *_words, **_named: Account())
    monkeypatch.setattr(branch, "place_of_branches", lambda _ctx: None)
    done = CliRunner().invoke(app, ["branch", "sweep", "--json"], obj=ROOT)
    assert done.exit_code == 1
    answer = json.loads(done.stdout)
    assert answer["removed"] == removed == prefixes[1:]
    assert "not yours" in answer["problems"][PREFIX]


def test_branch_prefix_is_stable() -> None:
    """What was deployed with one commit is removed with a later one."""
    assert prefix_of("feature/new-tax") == "branch-featur-hxq7af"


class Environments:
    """The branch environments of an account."""

    def __init__(self, *there: BranchEnvironment) -> None:
        self.there = list(there)
        self.target = SimpleNamespace(is_local=True, account="1" * 12)
        self.removed: list[str] = []

    def read(self) -> list[BranchEnvironment]:
        return self.there

    def find(self, prefix: str) -> BranchEnvironment | None:
        return next((each for each in self.there if each.prefix == prefix), None)

    def remove(self, environment: BranchEnvironment, *, unless: Any = None) -> None:
        for each in environment.stacks:
            if unless and (why := unless(each)):
                raise OperateError(why)
        self.removed.append(environment.prefix)


def environment(*stacks: BranchStack, prefix: str = PREFIX) -> BranchEnvironment:
    return BranchEnvironment(prefix=prefix, stacks=stacks)


def typed(monkeypatch: pytest.MonkeyPatch, found: Environments, *words: str, answer: str = "") -> Result:
    monkeypatch.setattr(branch, "_branches", lambda *_words, **_named: found)
    done = CliRunner().invoke(app, ["branch", *words], obj=ROOT, input=answer)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_branch_list_shows_what_is_in_each_and_until_when(monkeypatch: pytest.MonkeyPatch) -> None:
    over = datetime(2020, 1, 1, tzinfo=UTC)
    urls = replace(stack("b", expires=over), outputs={"Url": "https://one"})
    found = Environments(environment(stack("a", expires=None)), environment(urls, prefix=prefix_of("old")))
    assert typed(monkeypatch, found, "list").stdout.splitlines() == [
        f"{PREFIX}  feature, until no moment, so no sweep removes it",
        f"  a            CREATE_COMPLETE      {PREFIX}-dev-a",
        f"{prefix_of('old')}  feature, until 2020-01-01 00:00 UTC, which is over",
        f"  b            CREATE_COMPLETE      {PREFIX}-dev-b",
        "               Url: https://one",
    ]
    assert "There is no branch environment." in typed(monkeypatch, Environments(), "list").stdout


def test_branch_down_removes_the_environment_or_says_that_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    named = ("--branch", FEATURE.name)
    found = Environments(environment(stack("a")))
    assert typed(monkeypatch, found, "down", *named).stdout == f"{PREFIX} is removed.\n"
    assert json.loads(typed(monkeypatch, found, "down", *named, "--json").stdout) == {
        "prefix": PREFIX,
        "removed": [f"{PREFIX}-dev-a"],
    }
    assert found.removed == [PREFIX] * 2
    done = typed(monkeypatch, Environments(), "down", *named)
    assert (done.exit_code, done.stdout) == (0, f"{PREFIX} is not there: nothing to remove.\n")


@pytest.mark.parametrize("words", [("down", "--branch", FEATURE.name), ("sweep",)])
def test_branch_commands_delete_nothing_on_aws_without_confirmation(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    found = Environments(environment(stack("a", expires=datetime(2020, 1, 1, tzinfo=UTC))))
    found.target.is_local = False
    for answer in ("", "something else\n"):
        done = typed(monkeypatch, found, *words, answer=answer)
        assert (done.exit_code, found.removed) == (2, [])
        assert "nothing was changed" in done.stderr


def test_branch_sweep_says_what_goes_and_what_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    over = datetime(2020, 1, 1, tzinfo=UTC)
    old, endless, alive = (prefix_of(each) for each in ("old", "endless", "alive"))
    found = Environments(
        environment(stack("a", expires=over), prefix=old),
        environment(stack("b", expires=None), prefix=endless),
        environment(stack("c", expires=datetime(2999, 1, 1, tzinfo=UTC)), prefix=alive),
    )
    dry = typed(monkeypatch, found, "sweep", "--dry-run")
    assert (dry.exit_code, dry.stdout, found.removed) == (1, f"{old} would be removed: its time is over.\n", [])
    done = typed(monkeypatch, found, "sweep")
    assert (done.exit_code, done.stdout, found.removed) == (1, f"{old} is removed: its time is over.\n", [old])
    assert f"{endless} stays: a stack says no moment at which it ends" in done.stderr
    assert alive not in done.output
    found.there = found.there[2:]
    done = typed(monkeypatch, found, "sweep")
    assert (done.exit_code, done.stdout) == (0, "No branch environment's time is over.\n")


def test_branch_sweep_leaves_an_environment_that_was_extended_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    over, later = datetime(2020, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)

    class Extended(Environments):
        def remove(self, environment: BranchEnvironment, *, unless: Any = None) -> None:
            super().remove(replace(environment, stacks=(stack("a", expires=later),)), unless=unless)

    found = Extended(environment(stack("a", expires=over)))
    done = typed(monkeypatch, found, "sweep")
    assert (done.exit_code, done.stdout, found.removed) == (1, "", [])
    assert f"{PREFIX} stays: {PREFIX}-dev-a was extended meanwhile." in done.stderr


def test_branch_up_says_when_what_it_deployed_cannot_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    deployed: list[tuple[str, ...]] = []
    monkeypatch.setattr(branch, "_environment_of_cdk", lambda *_words, **_named: {})
    monkeypatch.setattr(first_deployment, "run", lambda *words, **_named: deployed.append(words))
    up = ("up", "--branch", FEATURE.name, "--services", "orders")
    done = typed(monkeypatch, Environments(), *up, "--profile", "dev")
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{PREFIX} is deployed and cannot be found: `penstock branch list` shows what is." in done.stderr
    done = typed(monkeypatch, Environments(environment(stack("orders"))), *up)
    assert (done.exit_code, f"{PREFIX}-dev-orders" in done.stdout) == (0, True)
    assert [("--profile" in words, "services=orders" in words) for words in deployed] == [(True, True), (False, True)]


def test_branch_up_says_that_a_sign_in_is_over_before_the_cdk_does(monkeypatch: pytest.MonkeyPatch) -> None:
    over = TokenRetrievalError(provider="sso", error_msg="Token has expired and refresh failed")
    monkeypatch.setattr(branch, "aws_branches", Mock(side_effect=over))
    monkeypatch.setattr(first_deployment, "run", Mock(side_effect=AssertionError("the CDK was run")))
    up = ("up", "--branch", FEATURE.name, "--services", "orders", "--profile", "dev")
    done = CliRunner().invoke(app, ["branch", *up], obj=ROOT)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"penstock: {sign_in.sentence()}\n"


def test_branch_commands_want_a_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branch, "output_of", lambda *_command: None)
    done = typed(monkeypatch, Environments(), "down")
    assert done.exit_code == 2
    assert "No branch is checked out here: say which one is meant with --branch NAME." in done.stderr
    monkeypatch.setattr(branch, "output_of", lambda *_command: FEATURE.name)
    assert f"{PREFIX} is not there" in typed(monkeypatch, Environments(), "down").stdout


def test_branch_commands_reach_aws_only_with_profile_or_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    target = SimpleNamespace(title="account 1, AWS")
    asked: list[str | None] = []

    def on_aws(*, profile: str | None, **_place: str) -> Any:
        asked.append(profile)
        return target

    monkeypatch.setattr(branch, "aws_branches", on_aws)
    monkeypatch.setattr(Branches, "read", lambda _self: [])
    for words in (("--aws",), ("--profile", "dev")):
        done = CliRunner().invoke(app, ["branch", "list", *words], obj=ROOT)
        assert (done.exit_code, done.stderr) == (0, "Branch environments: account 1, AWS\n")
    assert asked == [None, "dev"]
    monkeypatch.setattr(branch, "local_cloud", Mock(side_effect=OperateError("no cloud runs")))
    done = CliRunner().invoke(app, ["branch", "list"], obj=ROOT)
    assert (done.exit_code, done.stderr, asked) == (2, "penstock: no cloud runs\n", [None, "dev"])
