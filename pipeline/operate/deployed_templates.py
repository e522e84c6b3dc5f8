"""The templates of what runs in a stage, as they were given to CloudFormation, with those of nested stacks.

Whoever may look at a stage's account by its lookup role may read them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipeline.operate import outputs
from pipeline.operate.errors import OperateError
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.pipeline import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

NESTED = "AWS::CloudFormation::Stack"
NOT_THERE = ("", "REVIEW_IN_PROGRESS", "DELETE_COMPLETE")
"""States of a stack that has no resources, and has had none."""


@dataclass(frozen=True, kw_only=True)
class DeployedTemplate:
    """One stack's template as CloudFormation has it."""

    stack: DeployedStack
    text: str
    nested: Mapping[str, str]
    """Name of the file that the CDK published a nested stack's template from -> its text."""
    is_protected: bool
    """Whether termination protection is on."""
    parameters: Mapping[str, str]
    """Those whose value is not the template's default."""

    @property
    def is_changing(self) -> bool:
        """Return whether a deployment is under way, so that what runs may be either template's."""
        return self.stack.status.endswith("_IN_PROGRESS")


def read(pipeline: Pipeline, stage: str) -> list[DeployedTemplate]:
    """Return the template of each stack that is deployed in a stage, or in a wave's environments."""
    return [_read(pipeline, each) for each in outputs.read(pipeline, stage) if each.status not in NOT_THERE]


def _read(pipeline: Pipeline, stack: DeployedStack) -> DeployedTemplate:
    client: CloudFormationClient = pipeline.target.client("cloudformation", account=stack.account, region=stack.region)
    try:
        described: Any = client.describe_stacks(StackName=stack.stack)["Stacks"][0]
        text = _template(client, stack.stack)
        return DeployedTemplate(
            stack=stack,
            text=text,
            nested=_nested(client, stack.stack, text),
            is_protected=bool(described.get("EnableTerminationProtection")),
            parameters=_parameters(described, text),
        )
    except ClientError as error:
        said = error.response["Error"]["Message"]
        raise OperateError(f"The template of {stack.stack} in {stack.account} {stack.region}: {said}") from error


def _template(client: "CloudFormationClient", stack: str) -> str:
    body: Any = client.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    return body if isinstance(body, str) else json.dumps(body)


def _nested(client: "CloudFormationClient", stack: str, text: str) -> dict[str, str]:
    files = _published(text)
    found: dict[str, str] = {}
    if not files:
        return found
    for page in client.get_paginator("list_stack_resources").paginate(StackName=stack):
        for each in page["StackResourceSummaries"]:
            file, physical = files.get(each["LogicalResourceId"]), each.get("PhysicalResourceId")
            if file and physical:
                found[file] = _template(client, physical)
                found |= _nested(client, physical, found[file])
    return found


def _published(text: str) -> dict[str, str]:
    """Logical id of each nested stack that the CDK made -> the file that its template was published from."""
    return {
        logical_id: str(resource["Metadata"]["aws:asset:path"])
        for logical_id, resource in _body(text).get("Resources", {}).items()
        if resource.get("Type") == NESTED and "aws:asset:path" in resource.get("Metadata", {})
    }


def _parameters(described: Mapping[str, Any], text: str) -> dict[str, str]:
    declared = _body(text).get("Parameters", {})
    return {
        each["ParameterKey"]: each["ParameterValue"]
        for each in described.get("Parameters", [])
        if each["ParameterValue"] != str(declared.get(each["ParameterKey"], {}).get("Default"))
    }


def _body(text: str) -> Mapping[str, Any]:
    """A template's content; nothing of one that is no JSON, which the CDK never writes."""
    try:
        body: Mapping[str, Any] = json.loads(text)
    except ValueError:
        return {}
    return body
