"""One service back to what an earlier run deployed to a stage: that run's template, by the roles that deployed it.

CodePipeline can roll back a whole stage, and only while the pipeline's structure is the same. This takes the template
from the artifact that the earlier run left, so it works across updates of the pipeline and for one service alone.
"""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from pipeline.operate.errors import OperateError
from pipeline.operate.outputs import Deployed, read
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import SUCCEEDED
from pipeline.operate.target import QUALIFIER

LONGEST_BODY = 51_200
"""Of a template in the call itself: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
RECENT = 100
"""Executions that are looked through for a commit."""
SHORTEST_COMMIT = 7
FINISHED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What an earlier run deployed of a service, and what is deployed now."""

    deployed: Deployed
    execution: str
    commit: str
    template: str
    now: str
    """The template that is deployed."""
    missing: tuple[str, ...]
    """Files that the template names and that are not in the account any more."""
    deploy_role: str | None
    execution_role: str | None


def find(pipeline: Pipeline, service: str, stage: str, *, to: str) -> Earlier:
    """Look, and change nothing. `to`: an execution, or the beginning of a commit that was deployed there."""
    deployed = _deployed(pipeline, service, stage)
    execution, action = _earlier(pipeline, deployed, to)
    given = action["input"]
    configuration = given.get("resolvedConfiguration") or given["configuration"]
    deploy_role = given.get("roleArn")
    artifact, _, path = configuration["TemplatePath"].partition("::")
    files = _unpacked(pipeline, given["inputArtifacts"], artifact, deployed.region)
    if path not in files.namelist():
        raise OperateError(f"The artifact of execution {execution['pipelineExecutionId']} has no {path}.")
    stack = pipeline.target.assumed(
        "cloudformation", role=deploy_role, account=deployed.account, region=deployed.region
    )
    body = stack.get_template(StackName=deployed.stack)["TemplateBody"]
    return Earlier(
        deployed=deployed,
        execution=execution["pipelineExecutionId"],
        commit=_commit(execution),
        template=files.read(path).decode(),
        now=body if isinstance(body, str) else json.dumps(body),
        missing=tuple(_missing(pipeline, files, path, deployed, deploy_role)),
        deploy_role=deploy_role,
        execution_role=configuration.get("RoleArn"),
    )


def apply(pipeline: Pipeline, earlier: Earlier, *, why: str) -> bool:
    """Deploy the earlier template and record it; whether anything changed."""
    place = earlier.deployed
    client = pipeline.target.assumed(
        "cloudformation", role=earlier.deploy_role, account=place.account, region=place.region
    )
    status = client.describe_stacks(StackName=place.stack)["Stacks"][0]["StackStatus"]
    if status not in FINISHED:
        raise OperateError(f"Stack {place.stack} is {status}: wait until its deployment has ended, or repair it first.")
    arguments: dict[str, Any] = {"StackName": place.stack, "Capabilities": CAPABILITIES}
    if earlier.execution_role:
        arguments["RoleARN"] = earlier.execution_role
    if len(earlier.template.encode()) <= LONGEST_BODY:
        arguments["TemplateBody"] = earlier.template
    else:
        arguments["TemplateURL"] = _published(pipeline, earlier)
    try:
        client.update_stack(**arguments)
        client.get_waiter("stack_update_complete").wait(
            StackName=place.stack, WaiterConfig={"Delay": 5 if not pipeline.target.is_local else 1, "MaxAttempts": 720}
        )
        changed = True
    except ClientError as error:
        if "No updates are to be performed" not in error.response["Error"]["Message"]:
            raise OperateError(f"Stack {place.stack}: {error.response['Error']['Message']}") from error
        changed = False
    except WaiterError as error:
        raise OperateError(
            f"Stack {place.stack} could not be rolled back, and is as it was: {_reason(client, place.stack)}"
        ) from error
    _record(pipeline, earlier, why=why)
    return changed


def _deployed(pipeline: Pipeline, service: str, stage: str) -> Deployed:
    found = read(pipeline, stage)
    for each in found:
        if each.service == service:
            return each
    names = ", ".join(each.service for each in found) or "no service"
    raise OperateError(f"Stage {stage} deploys no {service}; it deploys {names}.")


def _earlier(pipeline: Pipeline, deployed: Deployed, to: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The newest run that is meant and that deployed the stack, and its action that did."""
    recent = pipeline.executions(RECENT)
    named = [each for each in recent if each["pipelineExecutionId"] == to]
    if not named and len(to) >= SHORTEST_COMMIT:
        named = [each for each in recent if _commit(each).startswith(to)]
    if not named:
        raise OperateError(
            f"--to {to!r} is no execution and no commit (at least {SHORTEST_COMMIT} characters of it) of the last"
            f" {RECENT} runs. CodePipeline's console lists older ones."
        )
    for execution in named:
        if (action := _deployment(pipeline, execution["pipelineExecutionId"], deployed)) is not None:
            return execution, action
    raise OperateError(
        f"{to} was never deployed to {deployed.stage}/{deployed.service}: only what ran there can be gone back to."
    )


def _deployment(pipeline: Pipeline, execution: str, deployed: Deployed) -> Mapping[str, Any] | None:
    pages = pipeline.client.get_paginator("list_action_executions").paginate(
        pipelineName=pipeline.name, filter={"pipelineExecutionId": execution}
    )
    for page in pages:
        details: Sequence[Any] = page["actionExecutionDetails"]
        for detail in details:
            given = detail.get("input", {})
            configuration = given.get("resolvedConfiguration") or given.get("configuration", {})
            mine = configuration.get("StackName") == deployed.stack and given.get("region") == deployed.region
            if mine and detail["status"] == SUCCEEDED and "TemplatePath" in configuration:
                found: Mapping[str, Any] = detail
                return found
    return None


def _unpacked(pipeline: Pipeline, artifacts: Sequence[Any], name: str, region: str) -> zipfile.ZipFile:
    (place,) = (each["s3location"] for each in artifacts if each["name"] == name)
    client = pipeline.target.client("s3", region=region)
    try:
        content = client.get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read()
    except ClientError as error:
        raise OperateError(
            f"The artifact s3://{place['bucket']}/{place['key']} cannot be read:"
            f" {error.response['Error']['Message']}. An old one is gone once its bucket's lifecycle has ended it."
        ) from error
    return zipfile.ZipFile(io.BytesIO(content))


def _missing(pipeline: Pipeline, files: zipfile.ZipFile, path: str, deployed: Deployed, role: str | None) -> list[str]:
    """What the template's own manifest lists and the account's bucket for files does not have."""
    manifest = f"{path.removesuffix('.template.json')}.assets.json"
    if manifest not in files.namelist():
        return []
    client = pipeline.target.assumed("s3", role=role, account=deployed.account, region=deployed.region)
    missing = []
    for asset in json.loads(files.read(manifest))["files"].values():
        if asset["source"]["path"].endswith(".template.json"):
            continue  # the pipeline deploys it from the artifact
        for place in asset["destinations"].values():
            try:
                client.head_object(Bucket=place["bucketName"], Key=place["objectKey"])
            except ClientError:
                missing.append(f"s3://{place['bucketName']}/{place['objectKey']}")
    return missing


def _published(pipeline: Pipeline, earlier: Earlier) -> str:
    """A large template, where CloudFormation can read it: beside the account's other files."""
    place = earlier.deployed
    partition = (earlier.deploy_role or "arn:aws:").split(":")[1]
    role = (
        f"arn:{partition}:iam::{place.account}:role/cdk-{QUALIFIER}-file-publishing-role-{place.account}-{place.region}"
    )
    bucket, key = f"cdk-{QUALIFIER}-assets-{place.account}-{place.region}", f"rollback/{earlier.execution}.json"
    client = pipeline.target.assumed("s3", role=role, account=place.account, region=place.region)
    client.put_object(Bucket=bucket, Key=key, Body=earlier.template.encode())
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    return f"https://s3.{place.region}.{suffix}/{bucket}/{key}"


def _record(pipeline: Pipeline, earlier: Earlier, *, why: str) -> None:
    place = earlier.deployed
    pipeline.target.client("ssm").put_parameter(
        Name=f"/penstock/rolled-back/{place.account}/{place.region}/{place.stack}",
        Value=json.dumps(
            {"execution": earlier.execution, "commit": earlier.commit, "why": why, "at": datetime.now(UTC).isoformat()}
        ),
        Type="String",
        Overwrite=True,
    )


def _reason(client: Any, stack: str) -> str:
    for event in client.describe_stack_events(StackName=stack)["StackEvents"]:
        if event["ResourceStatus"].endswith("_FAILED") and event.get("ResourceStatusReason"):
            return f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
    return "CloudFormation gives no reason"


def _commit(execution: Mapping[str, Any]) -> str:
    return str(next((each.get("revisionId", "") for each in execution.get("sourceRevisions", [])), ""))
