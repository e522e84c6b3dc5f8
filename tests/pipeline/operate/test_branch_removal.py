"""The removal of a branch environment against clients in memory: what is deleted, what stays, and what is said."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.paginate import PageIterator

from pipeline.operate import branches
from pipeline.operate.branches import Branches, local_branches
from pipeline.operate.errors import OperateError
from pipeline.operate.session import LocalClients
from services.library.contract.names import BRANCH_TAG
from tests.testbed.branches import FEATURE
from tests.testbed.code_pipeline import connected, refusal

PREFIX = FEATURE.prefix
ID = f"arn:aws:cloudformation:eu-west-1:111111111111:stack/{PREFIX}-dev-x/1"
BUCKET = f"{PREFIX}-dev-x-bucket"


class Pages(PageIterator):  # type: ignore[type-arg]  # generic in its stubs alone
    """A paginator's one page, which botocore searches."""

    def __init__(self, page: dict[str, Any]) -> None:
        self.page = page

    def __iter__(self) -> Iterator[Any]:
        yield self.page


class Account:
    """CloudFormation with one stack, and S3 with one bucket of it."""

    def __init__(self) -> None:
        self.statuses = ["CREATE_COMPLETE"]
        """Of the stack; a deletion goes on to the next one, and the last one stays."""
        self.tags = {BRANCH_TAG: PREFIX}
        self.bucket_tags: dict[str, str] | Exception = {BRANCH_TAG: PREFIX}
        self.resources = [{"ResourceType": "AWS::S3::Bucket", "ResourceStatus": "CREATE_COMPLETE"}]
        self.events: list[dict[str, str]] = []
        self.objects: dict[str, Any] = {"Versions": [{"Key": "a", "VersionId": "1"}]}
        self.refused: list[dict[str, str]] = []
        self.describing: Exception | None = None
        self.emptied: list[int] = []
        self.deletions = 0

    def describe_stacks(self, **_asked: str) -> dict[str, Any]:
        if self.describing:
            raise self.describing
        status = self.statuses[0]
        if self.deletions and len(self.statuses) > 1:
            status = self.statuses.pop(1)
            self.statuses[0] = status
        if status == "gone":
            raise refusal("ValidationError", f"Stack with id {ID} does not exist")
        tags = [{"Key": key, "Value": value} for key, value in self.tags.items()]
        return {"Stacks": [{"StackName": f"{PREFIX}-dev-x", "StackId": ID, "StackStatus": status, "Tags": tags}]}

    def delete_stack(self, **_asked: str) -> None:
        self.deletions += 1

    def get_paginator(self, operation: str) -> Any:
        pages = {
            "list_stacks": {
                "StackSummaries": [
                    {"StackName": f"{PREFIX}-dev-x", "StackId": ID, "StackStatus": "CREATE_COMPLETE"},
                    {"StackName": "dev-x", "StackId": "main's", "StackStatus": "CREATE_COMPLETE"},
                ]
            },
            "list_stack_resources": {
                "StackResourceSummaries": [{"PhysicalResourceId": BUCKET} | each for each in self.resources]
            },
            "describe_stack_events": {"StackEvents": self.events},
            "list_object_versions": self.objects,
        }
        return SimpleNamespace(paginate=lambda **_asked: Pages(pages[operation]))

    def get_bucket_tagging(self, **_asked: str) -> dict[str, Any]:
        if isinstance(self.bucket_tags, Exception):
            raise self.bucket_tags
        return {"TagSet": [{"Key": key, "Value": value} for key, value in self.bucket_tags.items()]}

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert Bucket == BUCKET
        self.emptied.append(len(Delete["Objects"]))
        return {"Errors": self.refused}


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def said() -> list[str]:
    """Every line that was said."""
    return []


@pytest.fixture
def found(account: Account, said: list[str]) -> Branches:
    return Branches(target=connected(account).pipeline.target, say=said.append)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every pause; time passes in them alone."""
    pauses: list[float] = []
    now = SimpleNamespace(monotonic=lambda: sum(pauses), sleep=pauses.append)
    monkeypatch.setattr(branches, "time", now)
    return pauses


def not_deleted(found: Branches) -> str:
    with pytest.raises(OperateError) as why:
        found.delete(ID, branch=PREFIX)
    return str(why.value)


def test_branch_removal_waits_until_the_stack_is_gone(
    account: Account, found: Branches, said: list[str], clock: list[float]
) -> None:
    account.statuses += ["DELETE_IN_PROGRESS", "DELETE_IN_PROGRESS", "gone"]
    environment = found.find(PREFIX)
    assert environment is not None
    found.remove(environment)
    assert said == [f"{PREFIX}-dev-x: deleting", f"{PREFIX}-dev-x: deleted"]
    assert (account.deletions, account.emptied, clock) == (1, [1], [0.5, 0.5])


def test_branch_removal_leaves_a_stack_that_is_gone_already(account: Account, found: Branches) -> None:
    for status in ("gone", "DELETE_COMPLETE"):
        account.statuses = [status]
        found.delete(ID, branch=PREFIX)
    assert (account.deletions, account.emptied) == (0, [])


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([], "its events give no reason"),
        (
            [
                {"LogicalResourceId": "Queue", "ResourceStatus": "DELETE_FAILED", "ResourceStatusReason": "in use"},
                {"LogicalResourceId": "Table", "ResourceStatus": "DELETE_FAILED"},
                {"LogicalResourceId": "Topic", "ResourceStatus": "DELETE_COMPLETE"},
            ],
            "Queue: in use; Table: no reason given",
        ),
    ],
)
def test_branch_removal_tries_again_and_then_says_what_failed(
    account: Account, found: Branches, events: list[dict[str, str]], why: str
) -> None:
    account.statuses += ["DELETE_FAILED"]
    account.events = events
    assert not_deleted(found) == (
        f"{PREFIX}-dev-x could not be deleted: {why}."
        " What is deleted already stays so; once the cause is gone, give the same command again."
    )
    assert account.deletions == 3


def test_branch_removal_gives_up_waiting_after_half_an_hour(
    account: Account, found: Branches, clock: list[float]
) -> None:
    account.statuses += ["DELETE_IN_PROGRESS"]
    assert not_deleted(found) == f"{ID} is still being deleted after 30 minutes: look again later."
    assert sum(clock) == 1800


def test_branch_removal_leaves_what_was_extended_meanwhile(account: Account, found: Branches) -> None:
    with pytest.raises(OperateError, match="it was extended"):
        found.delete(ID, branch=PREFIX, unless=lambda stack: f"{stack.service}: it was extended")
    assert account.deletions == 0


def test_branch_list_leaves_out_a_stack_whose_tag_is_no_branchs_and_says_so(
    account: Account, found: Branches, said: list[str]
) -> None:
    account.tags = {BRANCH_TAG: "dev"}
    assert found.read() == []
    assert said == [
        f"{PREFIX}-dev-x is left alone: its tag penstock:branch is 'dev', which is no branch environment's."
    ]


@pytest.mark.parametrize("tags", [{}, {BRANCH_TAG: "branch-else-aaaaaa"}, refusal("NoSuchTagSet")])
def test_branch_removal_empties_no_bucket_without_the_branchs_tag(
    account: Account, found: Branches, tags: dict[str, str] | Exception
) -> None:
    account.bucket_tags = tags
    assert not_deleted(found).endswith(f"has not both the name and the tag of {PREFIX}: it is not emptied.")
    assert (account.deletions, account.emptied) == (0, [])


def test_branch_removal_empties_a_bucket_by_the_thousand(account: Account, found: Branches, clock: list[float]) -> None:
    account.statuses += ["gone"]
    account.objects = {
        "Versions": [{"Key": "a", "VersionId": str(number)} for number in range(1_500)],
        "DeleteMarkers": [{"Key": "a", "VersionId": "marker"}],
    }
    found.delete(ID, branch=PREFIX)
    assert (account.emptied, clock) == ([1_000, 501], [])


def test_branch_removal_skips_a_bucket_that_is_gone(account: Account, found: Branches) -> None:
    account.statuses += ["gone"]
    account.bucket_tags = refusal("NoSuchBucket")
    found.delete(ID, branch=PREFIX)
    assert (account.deletions, account.emptied) == (1, [])


@pytest.mark.parametrize(("type_", "status"), [("S3::Bucket", "DELETE_COMPLETE"), ("SQS::Queue", "CREATE_COMPLETE")])
def test_branch_removal_looks_at_the_stacks_own_buckets_alone(
    account: Account, found: Branches, type_: str, status: str
) -> None:
    account.statuses += ["gone"]
    account.resources = [{"ResourceType": f"AWS::{type_}", "ResourceStatus": status}]
    account.bucket_tags = refusal("AccessDenied", "nothing should look")
    found.delete(ID, branch=PREFIX)
    assert (account.deletions, account.emptied) == (1, [])


def test_branch_removal_says_which_object_stays(account: Account, found: Branches) -> None:
    account.refused = [{"Key": "a", "Message": "it is locked"}]
    assert not_deleted(found) == f"a in {BUCKET} could not be deleted: it is locked"
    assert account.deletions == 0


def test_branch_removal_stops_at_what_it_may_not_look_at(account: Account, found: Branches) -> None:
    account.bucket_tags = refusal("AccessDenied", "not this bucket")
    with pytest.raises(type(account.bucket_tags), match="not this bucket"):
        found.delete(ID, branch=PREFIX)
    account.describing = refusal("AccessDenied", "not this stack")
    with pytest.raises(type(account.describing), match="not this stack"):
        found.delete(ID, branch=PREFIX)
    assert account.deletions == 0


def test_branch_removal_acts_in_the_local_cloud_by_the_limited_role(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"AccessKeyId": "A", "SecretAccessKey": "B", "SessionToken": "C"}
    sts = SimpleNamespace(assume_role=lambda **_asked: {"Credentials": given})
    monkeypatch.setattr(LocalClients, "create", lambda _self, service, *place: sts if service == "sts" else place)
    target = local_branches("http://127.0.0.1:1", secret="secret", account="1" * 12, region="eu-west-1")
    assert target.client("s3")[1]["aws_session_token"] == "C"
    assert target.credentials("1" * 12).token == "C"
