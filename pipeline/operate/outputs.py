"""What each stage's services offer to the outside: the outputs of the stacks that the pipeline deploys."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.operate.errors import OperateError, suggested
from pipeline.operate.logs import STACK
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.target import Target, account_of
from services.library.contract.names import ENVIRONMENT_TAG, SERVICE_TAG, entry_of

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


NESTED = "AWS::CloudFormation::Stack"
Place = tuple[str, str, str]
"""Account, region and name of a stack: another account may have one of the same name."""
API_URL = re.compile(r"https://(?P<api>[a-z0-9]+)\.execute-api\.(?P<region>[a-z0-9-]+)\.[a-z.]+(?P<path>/.*)")


@dataclass(frozen=True, kw_only=True)
class DeployedStack:
    """One service in one stage, as CloudFormation knows it."""

    stage: str
    service: str
    stack: str
    account: str
    region: str
    status: str
    """Of the stack; empty while there is none."""
    outputs: dict[str, str]
    changed: datetime | None = None
    """When something of it was created or updated last; None while there is none."""
    asks_approval: bool = False
    """Whether a person is asked before anything gets to its stage."""

    @property
    def place(self) -> Place:
        """Return which stack it is."""
        return self.account, self.region, self.stack

    def usable_outputs(self, target: Target) -> dict[str, str]:
        """Return the outputs as they can be used from here."""
        return {name: usable_url(target, value) for name, value in self.outputs.items()}


def place_of(given: Mapping[str, Any], target: Target) -> Place:
    """Return which stack an action deploys, by its declaration or by what a run gave it; without a name if none."""
    configuration = given.get("resolvedConfiguration") or given.get("configuration", {})
    account = account_of(given.get("roleArn") or configuration.get("RoleArn") or "")
    return account or target.account, given.get("region", target.region), configuration.get("StackName", "")


def usable_url(target: Target, value: str) -> str:
    """Return an API's URL of the local cloud in the form that this machine reaches; anything else as it is."""
    parts = API_URL.fullmatch(value) if target.is_local else None
    return f"{target.endpoint}/_aws/execute-api/{parts['api']}{parts['path']}" if parts else value


def read(pipeline: Pipeline, stage: str | None = None) -> list[DeployedStack]:
    """Return every stack that the pipeline deploys, or those of one stage, in the order of the pipeline.

    A wave is one stage of the pipeline with several environments: either's name is taken.
    """
    found: dict[tuple[str, str, str], DeployedStack] = {}
    stages = pipeline.definition()
    names = [declared["name"] for declared in stages]
    only = stage if stage in names else None
    asking = {entry_of(declared["name"]) for declared in stages if _asks_approval(declared)}
    for declared in stages:
        for action in declared["actions"]:
            configuration = action.get("configuration", {})
            if action["actionTypeId"]["provider"] != STACK or "StackName" not in configuration:
                continue
            place = place_of(action, pipeline.target)
            if place not in found and only in (None, declared["name"]):
                described = _describe(pipeline, declared["name"], *place)
                found[place] = replace(described, asks_approval=entry_of(declared["name"]) in asking)
    there = [each for each in found.values() if stage in (None, only, each.stage)]
    if stage is not None and only is None and not there:
        raise OperateError(f"The pipeline has no stage {stage}; it has {', '.join(names)}.{suggested(stage, names)}")
    return there


def find(pipeline: Pipeline, service: str, stage: str) -> DeployedStack:
    """Return one service in one stage."""
    return find_in(read(pipeline, stage), service, stage)


def find_in(there: Sequence[DeployedStack], service: str, stage: str) -> DeployedStack:
    """Return one service of those that a stage has."""
    named = [each for each in there if each.service == service]
    if not named:
        known = list(dict.fromkeys(each.service for each in there))
        listed = ", ".join(known) or "none"
        raise OperateError(f"Stage {stage} has no service {service!r}; it has {listed}.{suggested(service, known)}")
    if len(named) > 1:
        raise OperateError(f"Stage {stage} has {service} in {', '.join(each.stage for each in named)}: say which.")
    return named[0]


def resources(target: Target, deployed: DeployedStack, type_: str) -> Iterator[tuple[str, str]]:
    """Yield logical and physical id of each resource of a type in a service's stack, and in those nested in it."""
    if not deployed.status:
        raise OperateError(f"Stack {deployed.stack} is not deployed yet: `penstock status`.")
    client: CloudFormationClient = target.client("cloudformation", account=deployed.account, region=deployed.region)
    yield from _resources(client, deployed.stack, type_)


def _resources(client: "CloudFormationClient", stack: str, type_: str) -> Iterator[tuple[str, str]]:
    for page in client.get_paginator("list_stack_resources").paginate(StackName=stack):
        for each in page["StackResourceSummaries"]:
            physical = each.get("PhysicalResourceId", "")
            if each["ResourceType"] == type_:
                yield each["LogicalResourceId"], physical
            if each["ResourceType"] == NESTED and physical:
                yield from _resources(client, physical, type_)


def _asks_approval(declared: Mapping[str, Any]) -> bool:
    return any(action["actionTypeId"]["provider"] == "Manual" for action in declared["actions"])


def _describe(pipeline: Pipeline, stage: str, account: str, region: str, stack: str) -> DeployedStack:
    client: CloudFormationClient = pipeline.target.client("cloudformation", account=account, region=region)
    status, outputs, tags, changed = "", {}, {}, None
    try:
        described = client.describe_stacks(StackName=stack)["Stacks"][0]
        status = described["StackStatus"]
        changed = described.get("LastUpdatedTime", described.get("CreationTime"))
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
        tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
    except ClientError as error:
        if "does not exist" not in error.response["Error"]["Message"]:
            raise OperateError(f"Stack {stack} in {account} {region}: {error.response['Error']['Message']}") from error
    except EndpointConnectionError as error:
        pipeline.explain(error)
    return DeployedStack(
        stage=tags.get(ENVIRONMENT_TAG, stage),
        service=tags.get(SERVICE_TAG, stack.removeprefix(f"{stage}-")),
        stack=stack,
        account=account,
        region=region,
        status=status,
        outputs=outputs,
        changed=changed,
    )
