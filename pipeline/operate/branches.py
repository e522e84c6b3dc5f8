"""Branch environments as CloudFormation knows them: found and removed by their stacks' names and tags together.

What is removed is read again right before. A name alone could be anybody's, and so could a tag.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from pipeline.operate.errors import OperateError
from pipeline.operate.session import LocalClients, account_credentials, hermetic_session
from pipeline.operate.target import Target, assume
from services.library.contract import names

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

GONE = "DELETE_COMPLETE"
ATTEMPTS = 3
"""A bucket may be written to between its emptying and its end: access logs arrive late."""
LONGEST_SECONDS = 1_800
AT_ONCE = 1_000
"""Objects that S3 deletes with one request."""


@dataclass(frozen=True, kw_only=True)
class BranchStack:
    """One stack of a branch environment."""

    name: str
    id_: str
    branch: str
    """The prefix, which its tag says and its name begins with."""
    branch_name: str
    service: str
    status: str
    expires: datetime | None
    """None: the tag is missing, or says no moment."""
    outputs: dict[str, str]
    reads: frozenset[str]
    """The names of the parameters that it was deployed with, which other services offer."""


Make = Callable[[str, str, dict[str, str]], Any]
"""Makes a client of a service in a region, with these credentials."""
Unless = Callable[[BranchStack], str | None]
"""Says why a stack stays after all."""


@dataclass(frozen=True, kw_only=True)
class BranchEnvironment:
    """All stacks of one branch."""

    prefix: str
    stacks: tuple[BranchStack, ...]

    @property
    def name(self) -> str:
        """The branch's, as far as a tag can hold it."""
        return self.stacks[0].branch_name

    @property
    def expires(self) -> datetime | None:
        """The latest moment that one of its stacks says; None if one says none, for then nobody knows."""
        moments = [stack.expires for stack in self.stacks]
        return None if None in moments else max(each for each in moments if each is not None)

    def is_expired(self, now: datetime) -> bool:
        """Return whether the environment's time is over."""
        return self.expires is not None and now > self.expires

    def to_json(self, now: datetime) -> dict[str, Any]:
        """Return the environment as `--json` prints it."""
        return {
            "prefix": self.prefix,
            "branch": self.name,
            "expires": None if self.expires is None else self.expires.strftime(names.MOMENT),
            "expired": self.is_expired(now),
            "stacks": [
                {"stack": each.name, "service": each.service, "status": each.status, "outputs": each.outputs}
                for each in self.stacks
            ],
        }


@dataclass(frozen=True, kw_only=True)
class Branches:
    """The branch environments of one account and region."""

    target: Target
    say: Callable[[str], None] = field(default=lambda _line: None)

    def read(self) -> list[BranchEnvironment]:
        """Return all branch environments, by prefix."""
        found: dict[str, list[BranchStack]] = {}
        pages = self._cloudformation.get_paginator("list_stacks").paginate()
        for summary in pages.search("StackSummaries[?StackStatus!='DELETE_COMPLETE']"):
            if summary["StackName"].startswith(names.BRANCH_PREFIX) and (stack := self._describe(summary["StackId"])):
                if (why := refusal(stack)) is None:
                    made = _branch_stack(stack)
                    found.setdefault(made.branch, []).append(made)
                else:
                    self.say(why)
        return [
            BranchEnvironment(prefix=prefix, stacks=tuple(sorted(stacks, key=lambda stack: stack.name)))
            for prefix, stacks in sorted(found.items())
        ]

    def find(self, prefix: str) -> BranchEnvironment | None:
        """Return the environment of one prefix, if it is there."""
        return next((each for each in self.read() if each.prefix == prefix), None)

    def remove(self, environment: BranchEnvironment, *, unless: Unless | None = None) -> None:
        """Delete its stacks, those that read from others first; returns once all are gone.

        `unless`: says why a stack stays after all, by what was read right before.
        """
        for stack in in_order(environment.stacks):
            self.delete(stack.id_, branch=environment.prefix, unless=unless)

    def delete(self, id_: str, *, branch: str, unless: Unless | None = None) -> None:
        """Delete one stack, if it still is this branch's.

        Raises:
            OperateError: if it is not, or if something in it cannot be deleted.
        """
        failed: list[str] = []
        for _ in range(ATTEMPTS):
            stack = self._describe(id_)
            if stack is None or stack["StackStatus"] == GONE:
                return
            why = refusal(stack, branch=branch) or (unless(_branch_stack(stack)) if unless else None)
            if why is not None:
                raise OperateError(why)
            self.say(f"{stack['StackName']}: deleting")
            for bucket in self._resources(stack["StackId"], "AWS::S3::Bucket"):
                self._empty(bucket, branch=branch)
            self._cloudformation.delete_stack(StackName=stack["StackId"])
            if self._wait(stack["StackId"]) == GONE:
                self.say(f"{stack['StackName']}: deleted")
                return
            failed = list(self._failures(stack["StackId"]))
        raise OperateError(
            f"{id_.split('/')[-2]} could not be deleted: {'; '.join(failed) or 'its events give no reason'}."
            " What is deleted already stays so; once the cause is gone, give the same command again."
        )

    @property
    def _cloudformation(self) -> "CloudFormationClient":
        client: CloudFormationClient = self.target.client("cloudformation")
        return client

    def _describe(self, id_: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = dict(self._cloudformation.describe_stacks(StackName=id_)["Stacks"][0])
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return None
            raise
        return found

    def _wait(self, id_: str) -> str:
        ends = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < ends:
            stack = self._describe(id_)
            status = GONE if stack is None else str(stack["StackStatus"])
            if not status.endswith("IN_PROGRESS"):
                return status
            time.sleep(self.target.poll_seconds)
        raise OperateError(f"{id_} is still being deleted after {LONGEST_SECONDS // 60} minutes: look again later.")

    def _resources(self, id_: str, type_: str) -> list[str]:
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=id_)
        return [
            each["PhysicalResourceId"]
            for page in pages
            for each in page["StackResourceSummaries"]
            if each["ResourceType"] == type_ and each["ResourceStatus"] != GONE and each.get("PhysicalResourceId")
        ]

    def _empty(self, bucket: str, *, branch: str) -> None:
        """Empty a bucket, if it has the branch's name and tag: CloudFormation deletes none that holds anything."""
        s3 = self.target.client("s3")
        try:
            tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchBucket":
                return
            if error.response["Error"]["Code"] != "NoSuchTagSet":
                raise
            tags = {}
        if not bucket.startswith(f"{branch}-") or tags.get(names.BRANCH_TAG) != branch:
            raise OperateError(f"The bucket {bucket} has not both the name and the tag of {branch}: it is not emptied.")
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            objects = [
                {"Key": each["Key"], "VersionId": each["VersionId"]}
                for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
            ]
            for start in range(0, len(objects), AT_ONCE):
                batch = {"Objects": objects[start : start + AT_ONCE], "Quiet": True}
                for wrong in s3.delete_objects(Bucket=bucket, Delete=batch).get("Errors", ()):
                    raise OperateError(f"{wrong['Key']} in {bucket} could not be deleted: {wrong['Message']}")

    def _failures(self, id_: str) -> Iterator[str]:
        pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=id_)
        for event in pages.search("StackEvents[?ResourceStatus=='DELETE_FAILED']"):
            yield f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"


def refusal(stack: dict[str, Any], *, branch: str | None = None) -> str | None:
    """Return why a stack is no branch's, or not that branch's; None if it is.

    `stack`: as CloudFormation describes it.
    """
    name, tagged = stack["StackName"], _tags(stack).get(names.BRANCH_TAG, "")
    if not names.BRANCH_ENVIRONMENT.fullmatch(tagged):
        return f"{name} is left alone: its tag {names.BRANCH_TAG} is {tagged!r}, which is no branch environment's."
    if not name.startswith(f"{tagged}-"):
        return f"{name} is left alone: its tag {names.BRANCH_TAG} says {tagged}, and its name does not begin so."
    if branch is not None and branch != tagged:
        return f"{name} is left alone: it belongs to {tagged}, not to {branch}."
    return None


def in_order(stacks: tuple[BranchStack, ...]) -> list[BranchStack]:
    """Order stacks so that those that read what others offer come first."""
    by_name = {stack.name: stack for stack in sorted(stacks, key=lambda each: each.name)}
    offering = {
        names.parameter(stack.name.removesuffix(f"-{stack.service}"), f"{stack.service}/"): stack for stack in stacks
    }
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(by_name, ()))
    for stack in by_name.values():
        for path, other in offering.items():
            if other is not stack and any(read.startswith(path) for read in stack.reads):
                sorter.add(other.name, stack.name)
    return [by_name[name] for name in sorter.static_order()]


def moment(text: str) -> datetime | None:
    """Return the moment that a tag says, if it does."""
    try:
        return datetime.strptime(text, names.MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None


def local_branches(endpoint: str, *, secret: str, account: str, region: str) -> Target:
    """Return the local cloud as a target, in the role that has to do with branch environments alone."""
    clients = LocalClients(endpoint)
    own = account_credentials(account, secret)
    return _limited(clients.create, own, account=account, region=region, endpoint=endpoint)


def aws_branches(*, profile: str | None, account: str, region: str) -> Target:
    """Return AWS as a target, in the role for branch environments alone, from whatever account may assume it."""
    session = botocore.session.Session(profile=profile)

    def client(service: str, region: str, given: dict[str, str]) -> Any:
        return session.create_client(service, region_name=region, **given)  # type: ignore[arg-type]  # credentials, by their names

    return _limited(client, {}, account=account, region=region, endpoint=None)


def _limited(client: Make, own: dict[str, str], *, account: str, region: str, endpoint: str | None) -> Target:
    partition = hermetic_session().get_partition_for_region(region)
    role = f"arn:{partition}:iam::{account}:role/{names.BRANCH_DEPLOY_ROLE}"
    advice = "docs/branch.md says who may, and how."
    limited = assume(client("sts", region, own), role, session="penstock-branch", advice=advice)

    def clients(service: str, there: str, where: str) -> Any:
        if there != account:
            raise OperateError(f"{role} acts in its own account, not in {there}.")
        return client(service, where, limited)

    def credentials(_account: str) -> Credentials:
        return Credentials(*limited.values())

    return Target(account=account, region=region, endpoint=endpoint, _clients=clients, _credentials=credentials)


def _tags(stack: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in stack.get("Tags", ())}


def _branch_stack(stack: dict[str, Any]) -> BranchStack:
    tags = _tags(stack)
    branch = tags[names.BRANCH_TAG]
    return BranchStack(
        name=stack["StackName"],
        id_=stack["StackId"],
        branch=branch,
        branch_name=tags.get(names.BRANCH_NAME_TAG, branch),
        service=tags.get(names.SERVICE_TAG, stack["StackName"].removeprefix(f"{branch}-").partition("-")[2]),
        status=stack["StackStatus"],
        expires=moment(tags.get(names.EXPIRES_TAG, "")),
        outputs={each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())},
        reads=frozenset(str(each.get("ParameterValue", "")) for each in stack.get("Parameters", ())),
    )
