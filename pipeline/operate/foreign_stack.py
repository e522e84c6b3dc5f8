"""A stack that was deployed before the platform, as CloudFormation has it or as a file says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipeline.operate.errors import OperateError
from pipeline.operate.target import Target

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

STEADY = ("CREATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
"""States of a stack that takes an update, and of which the template says what is there."""
NAMED = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Role")


@dataclass(frozen=True, kw_only=True)
class ForeignStack:
    """A stack of which the platform knows nothing yet."""

    name: str
    source: str
    """Where the template is from."""
    text: str
    """The template, with what macros made of it if CloudFormation was asked."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False
    identities: Mapping[str, str] = field(default_factory=dict)
    """Logical id -> name of each role and managed policy, if CloudFormation was asked."""


def of_file(file: Path, stack: str, parameters: Mapping[str, str], *, protected: bool) -> ForeignStack:
    """Return a stack by the template that it was deployed with."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OperateError(f"{file} cannot be read: {error}.") from error
    return ForeignStack(name=stack, source=file.name, text=text, parameters=parameters, protected=protected)


def read(target: Target, stack: str, *, account: str, region: str) -> ForeignStack:
    """Return a stack as CloudFormation has it. On AWS the lookup role reads it."""
    client: CloudFormationClient = target.client("cloudformation", account=account, region=region)
    where = f"Stack {stack} in {account} {region}"
    try:
        described: Any = client.describe_stacks(StackName=stack)["Stacks"][0]
        body: Any = client.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
        resources = [
            each
            for page in client.get_paginator("list_stack_resources").paginate(StackName=stack)
            for each in page["StackResourceSummaries"]
        ]
    except ClientError as error:
        raise OperateError(f"{where}: {error.response['Error']['Message']}") from error
    if (status := described["StackStatus"]) not in STEADY:
        raise OperateError(f"{where} is {status}: bring it to one of {', '.join(STEADY)} first.")
    if around := described.get("RootId") or described.get("ParentId"):
        raise OperateError(f"{where} is nested in {around.split('/')[1]}, whose template makes and changes it.")
    return ForeignStack(
        name=described["StackName"],
        source=f"stack {stack}",
        text=body if isinstance(body, str) else f"{json.dumps(body, indent=2, ensure_ascii=False)}\n",
        parameters={each["ParameterKey"]: each["ParameterValue"] for each in described.get("Parameters", [])},
        protected=bool(described.get("EnableTerminationProtection")),
        identities={
            each["LogicalResourceId"]: str(each.get("PhysicalResourceId", "")).rpartition("/")[2]
            for each in resources
            if each["ResourceType"] in NAMED
        },
    )
