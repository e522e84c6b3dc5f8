"""A stack whose first creation failed, and what stayed behind of it.

CloudFormation takes no update of such a stack, and where data is kept nothing but a person deletes it.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from pipeline.operate import outputs
from pipeline.operate.contents import Contents, contents
from pipeline.operate.errors import OperateError
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import FAILED, Run
from pipeline.operate.target import Target

FAILED_FIRST = ("CREATE_FAILED", "DELETE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
"""States in which a stack is that never was complete. The second also of one that was: its events tell."""
UPDATES = "CREATE_UPDATE"
"""The mode of deployments that leave such a stack alone; the other one deletes it first."""
COMPLETE = ("CREATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_COMPLETE")
LEFT = ("DELETE_FAILED", "DELETE_SKIPPED")
STACK = "AWS::CloudFormation::Stack"
EXISTS = "already exist"
"""What CloudFormation's reasons say of a name that is taken: "already exists", "AlreadyExists", "already existed"."""
IDENTIFIERS: Mapping[str, str] = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::IAM::Role": "RoleName",
    "AWS::KMS::Key": "KeyId",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SQS::Queue": "QueueUrl",
}
"""Types that are adopted -> by which identifier, whose value is their physical id.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import-supported-resources.html
"""
DELETIONS: Mapping[str, str] = {
    "AWS::Backup::BackupVault": "backup delete-backup-vault --backup-vault-name {id}",
    "AWS::DynamoDB::Table": "dynamodb delete-table --table-name {id}",
    "AWS::HealthLake::FHIRDatastore": "healthlake delete-fhir-datastore --datastore-id {id}",
    "AWS::IAM::Role": "iam delete-role --role-name {id}",
    "AWS::KMS::Key": "kms schedule-key-deletion --pending-window-in-days 30 --key-id {id}",
    "AWS::Kinesis::Stream": "kinesis delete-stream --stream-name {id}",
    "AWS::Logs::LogGroup": "logs delete-log-group --log-group-name {id}",
    "AWS::S3::Bucket": "s3api delete-bucket --bucket {id}",
    "AWS::SQS::Queue": "sqs delete-queue --queue-url {id}",
}
"""How an administrator deletes what the stack's role may not."""


class Fate(StrEnum):
    """What a repair does with a resource."""

    ADOPTED = "adopted"
    """By the stack that the next deployment updates."""
    LEFT = "left"
    """Where it is, in nobody's way: the next creation gives its own another name."""
    BY_HAND = "by hand"
    """It is in the way, and only an administrator can take it out."""
    KEPT = "kept"
    """It has data, or nobody can tell: nothing is repaired while it is there."""


@dataclass(frozen=True, kw_only=True)
class LeftResource:
    """One resource that stayed behind."""

    logical_id: str
    path: str
    """Of its construct; the logical id if the template names none."""
    type: str
    physical_id: str
    was_there: bool
    """Whether the creation found it: by an earlier one of this stack, or somebody else's."""
    in_the_way: bool
    """Whether the next creation makes one of the same name."""
    contents: Contents
    seen: str
    fate: Fate


@dataclass(frozen=True, kw_only=True)
class FailedCreation:
    """Where it is, and what is to become of what stayed behind."""

    stack: str
    account: str
    region: str
    status: str
    """Empty: there is no such stack."""
    cause: str
    """Why the creation failed, in CloudFormation's words."""
    resources: tuple[LeftResource, ...]
    described: Mapping[str, Any]
    template: Mapping[str, Any]

    @property
    def is_needed(self) -> bool:
        """Return whether the stack's state is one that no deployment gets it out of."""
        return self.status in FAILED_FIRST

    @property
    def hinders(self) -> tuple[LeftResource, ...]:
        """Return what nothing is repaired for."""
        return tuple(each for each in self.resources if each.fate in (Fate.KEPT, Fate.BY_HAND))

    def commands(self, profile: str = "NAME") -> Iterator[str]:
        """Yield what an administrator types to delete what is not adopted, each with the resource's path."""
        place = f"--profile {profile} --region {self.region}"
        for each in self.resources:
            if each.fate is not Fate.ADOPTED and each.type in DELETIONS:
                service, _, rest = DELETIONS[each.type].format(id=each.physical_id).partition(" ")
                yield f"aws {service} {rest} {place}"


def find(target: Target, stack: str, *, unmade: Collection[str] = ()) -> FailedCreation:
    """Look at a stack and at what stayed behind of it, and change nothing.

    `target`: the stack's own account. `unmade`: types of which a deployment there makes nothing but a record.
    """
    client = target.client("cloudformation")
    found: dict[str, Any] = {
        "stack": stack,
        "account": target.account,
        "region": target.region,
        "status": "",
        "cause": "",
        "resources": (),
    }
    described = _described(client, stack)
    if described is None or described["StackStatus"] == "DELETE_COMPLETE":
        return FailedCreation(**found, described={}, template={})
    found["status"] = described["StackStatus"]
    if described["StackStatus"] not in FAILED_FIRST:
        return FailedCreation(**found, described=described, template={})
    events = _events(client, described["StackId"])
    if any(_is_of_stack(each) and each["ResourceStatus"] in COMPLETE for each in events):
        raise OperateError(
            f"Stack {stack} is {described['StackStatus']} and was complete before: what is in it was used, so nothing"
            " of it is adopted. docs/repair.md says how to go on."
        )
    template = _template_of(client, stack)
    left = [each for each in _left(events, template) if each.type not in unmade]
    own = _made_by_namesakes(client, stack) if any(each.was_there for each in left) else frozenset()
    looked = [_looked_into(target, each, own) for each in left]
    found |= {"cause": _cause(events), "resources": tuple(_decided(looked, template))}
    return FailedCreation(**found, described=described, template=template)


def after(pipeline: Pipeline, run: Run) -> list[DeployedStack]:
    """Return the stacks of a run's failed deployments that no retry gets out of their state."""
    failed = [
        each
        for stage in run.stages
        for each in stage.actions
        if each.status == FAILED and each.configuration.get("ActionMode") == UPDATES
    ]
    named = {each.configuration["StackName"] for each in failed}
    there = [each for stage in sorted({each.stage for each in failed}) for each in outputs.read(pipeline, stage)]
    return [each for each in there if each.stack in named and each.status in FAILED_FIRST]


def _described(client: Any, stack: str) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = client.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise OperateError(f"Stack {stack}: {error.response['Error']['Message']}") from error
    return found


def _template_of(client: Any, stack: str) -> Mapping[str, Any]:
    body = client.get_template(StackName=stack)["TemplateBody"]
    found: Mapping[str, Any] = json.loads(body) if isinstance(body, str) else body
    return found


def _events(client: Any, stack_id: str) -> list[Any]:
    """Return them, newest first."""
    pages = client.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    return [each for page in pages for each in page["StackEvents"]]


def _is_of_stack(event: Mapping[str, Any]) -> bool:
    return bool(event["ResourceType"] == STACK and event.get("PhysicalResourceId") == event["StackId"])


def _cause(events: Sequence[Mapping[str, Any]]) -> str:
    """Return the reason that came first: those after it are mostly that others were cancelled."""
    failed = [each for each in events if each["ResourceStatus"] == "CREATE_FAILED" and each.get("ResourceStatusReason")]
    return f"{failed[-1]['LogicalResourceId']}: {failed[-1]['ResourceStatusReason']}" if failed else ""


def _left(events: Sequence[Mapping[str, Any]], template: Mapping[str, Any]) -> Iterator[LeftResource]:
    """Yield what was retained or could not be deleted, and what was there before and in the way."""
    seen: set[str] = set()
    for event in events:
        logical_id = event["LogicalResourceId"]
        body = template["Resources"].get(logical_id)
        if body is None or _is_of_stack(event):
            continue
        was_there = event["ResourceStatus"] == "CREATE_FAILED" and EXISTS in _words(event) and _is_retained(body)
        if was_there or (logical_id not in seen and event["ResourceStatus"] in LEFT):
            name = _name(body) or ""
            yield LeftResource(
                logical_id=logical_id,
                path=body.get("Metadata", {}).get("aws:cdk:path", logical_id),
                type=event["ResourceType"],
                physical_id=event.get("PhysicalResourceId") or name,
                was_there=was_there,
                in_the_way=was_there or bool(name),
                contents=Contents.UNDECIDED,
                seen="",
                fate=Fate.KEPT,
            )
        seen.add(logical_id)


def _is_retained(body: Mapping[str, Any]) -> bool:
    """Say whether an earlier creation can have left it."""
    return str(body.get("DeletionPolicy", "")).startswith("Retain")


def _words(event: Mapping[str, Any]) -> str:
    """Return an event's reason with the names of errors as words: `AlreadyExists` is `already exists`."""
    reason = str(event.get("ResourceStatusReason", ""))
    return reason.replace("AlreadyExist", "already exist").lower()


def _name(body: Mapping[str, Any]) -> str | None:
    """Return the name that a template gives a resource, if it is written there as it is."""
    kind = str(body["Type"]).rpartition("::")[2]
    given = body.get("Properties", {})
    return next((given[each] for each in (f"{kind}Name", "Name") if isinstance(given.get(each), str)), None)


def _made_by_namesakes(client: Any, stack: str) -> frozenset[str]:
    """Return the physical ids of what earlier stacks of this name made and did not delete.

    CloudFormation keeps deleted stacks and their events for 90 days:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html
    """
    pages = client.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
    earlier = [each["StackId"] for page in pages for each in page["StackSummaries"] if each["StackName"] == stack]
    made: set[str] = set()
    for stack_id in earlier:
        events = _events(client, stack_id)
        of_status = {
            status: {str(each.get("PhysicalResourceId")) for each in events if each["ResourceStatus"] == status}
            for status in ("CREATE_COMPLETE", "DELETE_COMPLETE")
        }
        made |= of_status["CREATE_COMPLETE"] - of_status["DELETE_COMPLETE"]
    return frozenset(made)


def _looked_into(target: Target, left: LeftResource, own: Collection[str]) -> LeftResource:
    """Look into a resource. `own`: what earlier stacks of this name made."""
    if not left.physical_id:
        return replace(left, seen="nobody knows which one it is")
    found, seen = contents(left.type, left.physical_id, target.client)
    is_others = left.was_there and found in (Contents.EMPTY, Contents.NO_DATA) and left.physical_id not in own
    if is_others:  # the deployment that adopts it would change it, whoever uses it
        seen = f"{seen}; it was there before, and no stack of this name is known to have made it"
        return replace(left, contents=Contents.UNDECIDED, seen=seen)
    return replace(left, contents=found, seen=seen)


def _decided(looked: Sequence[LeftResource], template: Mapping[str, Any]) -> Iterator[LeftResource]:
    there = [each for each in looked if each.contents is not Contents.ABSENT]
    adopted = _adoptable(there, template)
    for each in there:
        yield replace(each, fate=_fate(each, adopted))


def _fate(left: LeftResource, adopted: Collection[str]) -> Fate:
    if left.contents in (Contents.DATA, Contents.UNDECIDED):
        return Fate.KEPT
    if left.logical_id in adopted:
        return Fate.ADOPTED
    return Fate.BY_HAND if left.in_the_way else Fate.LEFT


def _adoptable(there: Sequence[LeftResource], template: Mapping[str, Any]) -> set[str]:
    """Return those that can be imported: of a type that can, and naming no resource but such."""
    found = {each.logical_id for each in there if each.type in IDENTIFIERS}
    resources = template["Resources"]
    while True:
        others = resources.keys() - found
        open_ = {each for each in found if not others.isdisjoint(named(resources[each].get("Properties", {})))}
        if not open_:
            return found
        found -= open_


def named(value: Any) -> Iterator[str]:
    """Yield what a part of a template names: resources, parameters, pseudo parameters."""
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::GetAtt": str(text)}:
            yield text.partition(".")[0]
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), *_]}:
            yield from (each.partition("}")[0].partition(".")[0] for each in text.split("${")[1:])
            yield from named(list(value["Fn::Sub"][1:]) if isinstance(value["Fn::Sub"], list) else [])
        case Mapping():
            for each in value.values():
                yield from named(each)
        case list():
            for each in value:
                yield from named(each)
