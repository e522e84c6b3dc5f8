"""`python -m pipeline.builds.delete_stack`: the pipeline's own step that deletes a stack which is in no stage any more.

CDK Pipelines never deletes one. What goes is judged by the template that is *deployed*, not by a commit: it stays
if its deletion would lose production data, or if another stack imports from it. It runs in a build with the build's own
credentials, so it is no `penstock` command: those never act on what they find in the environment.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import boto3
from botocore.exceptions import ClientError, WaiterError

from pipeline.builds import assumed_role
from services.library.cloudformation.template import Resource, Template
from services.library.guardrails.finding import DeploymentLocation
from services.library.guardrails.rules import retained

POLLING = {"Delay": 2, "MaxAttempts": 900}
NESTED = "AWS::CloudFormation::Stack"
STAYS = ("Retain", "RetainExceptOnCreate")


def main(arguments: list[str]) -> int:
    """Delete the stack and record it; 1 if it must stay. Once it is gone, deleting it again changes nothing."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.builds.delete_stack", description=__doc__)
    parser.add_argument("--role", required=True, help="the bootstrap deploy role of the stack's account")
    parser.add_argument("--region", required=True)
    parser.add_argument("--record", required=True, help="the parameter to write, in the build's own account")
    parser.add_argument("--keeps-data", action="store_true", help="refuse while a store of data would be deleted")
    parser.add_argument("--why", required=True, help="the reason that its tombstone gives")
    parser.add_argument("--owner", required=True, help="the team that owns the removal")
    parser.add_argument("stack")
    chosen = parser.parse_args(arguments)
    _say(f"{chosen.stack} is to go: {chosen.why} ({chosen.owner})")
    cloudformation = assumed_role.client("cloudformation", role=chosen.role, region=chosen.region, session="remove")
    stack = _find(cloudformation, chosen.stack)
    if stack is None:
        _say(f"{chosen.stack} is not there any more.")
        _record(chosen.record, {"stack": chosen.stack, "kept": []}, overwrite=False)
        return 0
    deployed = list(_deployed(cloudformation, stack["StackId"]))
    reasons = [*_imported(cloudformation, [each for each, _, _ in deployed])]
    reasons += _loses_data(template for _, template, _ in deployed) if chosen.keeps_data else ()
    for reason in reasons:
        _say(f"{chosen.stack} stays: {reason}")
    if reasons:
        return 1
    kept = [each for _, template, resources in deployed for each in _kept(template, resources)]
    cloudformation.update_termination_protection(StackName=chosen.stack, EnableTerminationProtection=False)
    cloudformation.delete_stack(StackName=stack["StackId"])
    try:
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack["StackId"], WaiterConfig=POLLING)
    except WaiterError:
        for resource, why in _failures(cloudformation, stack["StackId"]):
            _say(f"{chosen.stack}: {resource} could not be deleted: {why}")
        _say("Once the cause is gone, retry the stage: what is deleted already stays so.")
        return 1
    _record(chosen.record, {"stack": chosen.stack, "id": stack["StackId"], "kept": kept}, overwrite=True)
    _say(f"{chosen.stack} is deleted.")
    for each in kept:
        _say(f"  kept, and no longer anybody's: {each}")
    return 0


def _find(cloudformation: Any, name: str) -> dict[str, Any] | None:
    try:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise
    return stack


def _imported(cloudformation: Any, stack_ids: Sequence[str]) -> Iterator[str]:
    """Yield what others import of these stacks, which go together."""
    going = {each.split("/")[1] if "/" in each else each for each in stack_ids}
    for stack_id in stack_ids:
        (stack,) = cloudformation.describe_stacks(StackName=stack_id)["Stacks"]
        for export in filter(None, (output.get("ExportName") for output in stack.get("Outputs", []))):
            if importers := [each for each in _importers(cloudformation, export) if each not in going]:
                yield f"{', '.join(importers)} import {export} from it; remove that first."


def _importers(cloudformation: Any, export: str) -> list[str]:
    try:
        pages = cloudformation.get_paginator("list_imports").paginate(ExportName=export)
        return [each for page in pages for each in page["Imports"]]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":  # nobody imports it
            return []
        raise


def _deployed(cloudformation: Any, stack_id: str) -> Iterator[tuple[str, Template, list[Any]]]:
    """Yield a stack's id, its template as macros have made it, and its resources; and of each nested one that goes."""
    body = cloudformation.get_template(StackName=stack_id, TemplateStage="Processed")["TemplateBody"]
    template = Template(body=body)
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id)
    resources = [each for page in pages for each in page["StackResourceSummaries"]]
    yield stack_id, template, resources
    nested = {each.logical_id for each in template.resources(NESTED) if not _stays(each)}
    for each in resources:
        if each["LogicalResourceId"] in nested and each.get("PhysicalResourceId"):  # without: it was never made
            yield from _deployed(cloudformation, each["PhysicalResourceId"])


def _loses_data(templates: Iterable[Template]) -> Iterator[str]:
    for template in templates:
        for finding in retained.check(template, DeploymentLocation(keeps_data=True)):
            yield f"{finding.logical_id} would be deleted with its data. {finding.fix} Deploy that first."


def _kept(template: Template, resources: Iterable[Any]) -> Iterator[str]:
    """What outlives the stack, by type and physical id, for whoever cleans up or looks for the data."""
    kept = {each.logical_id for each in template.resources() if _stays(each)}
    for each in resources:
        if each["LogicalResourceId"] in kept:
            yield f"{each['ResourceType']} {each['PhysicalResourceId']}"


def _stays(resource: Resource) -> bool:
    return resource.body.get("DeletionPolicy") in STAYS


def _failures(cloudformation: Any, stack_id: str) -> Iterator[tuple[str, str]]:
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    for event in pages.search("StackEvents[?ResourceStatus=='DELETE_FAILED']"):
        yield event["LogicalResourceId"], event.get("ResourceStatusReason", "no reason given")


def _record(name: str, what: dict[str, Any], *, overwrite: bool) -> None:
    try:
        boto3.client("ssm").put_parameter(Name=name, Value=json.dumps(what), Type="String", Overwrite=overwrite)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterAlreadyExists":
            raise


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
