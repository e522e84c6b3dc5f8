"""One service back to what an earlier run deployed to a stage: that run's template, by the roles that deployed it.

CodePipeline can roll back a whole stage, and only while the pipeline's structure is the same. This takes the template
from the artifact that the earlier run left, so it works across updates of the pipeline and for one service alone.
"""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from pipeline.operate import outputs
from pipeline.operate.artifacts import unpacked
from pipeline.operate.errors import OperateError
from pipeline.operate.logs import failures_of
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import IN_PROGRESS, SUCCEEDED

LONGEST_BODY = 51_200
"""Of a template in the call itself: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
RECENT = 100
"""Executions that are looked through for a commit."""
SHORTEST_COMMIT = 7
FINISHED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
RECORDS = "/penstock/rolled-back"
"""Below it a parameter of the tools account for each service that was rolled back; its versions are the history."""
BEGUN, DONE = "BEGUN", "DONE"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


@dataclass(frozen=True, kw_only=True)
class EarlierDeployment:
    """What an earlier run deployed of a service, and what is deployed now."""

    stage: str
    """Of the pipeline."""
    deployed: DeployedStack
    execution: str
    commit: str
    template: str
    now: str
    """The template that is deployed."""
    missing: tuple[str, ...]
    """Files that the template names and that are not in the account any more."""
    deploy_role: str | None
    execution_role: str | None


def find(pipeline: Pipeline, service: str, stage: str, *, to: str) -> EarlierDeployment:
    """Look, and change nothing. `to`: an execution, or the beginning of a commit that was deployed there."""
    deployed = outputs.find(pipeline, service, stage)
    execution, action = _earlier(pipeline, deployed, to)
    given = action["input"]
    configuration = given.get("resolvedConfiguration") or given["configuration"]
    deploy_role = given.get("roleArn")
    artifact, _, path = configuration["TemplatePath"].partition("::")
    files = unpacked(pipeline, given["inputArtifacts"], artifact, deployed.region)
    if path not in files.namelist():
        raise OperateError(f"The artifact of execution {execution['pipelineExecutionId']} has no {path}.")
    return EarlierDeployment(
        stage=_stage_of(pipeline, deployed),
        deployed=deployed,
        execution=execution["pipelineExecutionId"],
        commit=commit_of(execution),
        template=files.read(path).decode(),
        now=template_of(_formation(pipeline, deployed, deploy_role), deployed.stack),
        missing=tuple(_missing(pipeline, files, path, deployed, deploy_role)),
        deploy_role=deploy_role,
        execution_role=configuration.get("RoleArn"),
    )


def apply(pipeline: Pipeline, earlier: EarlierDeployment, *, why: str) -> bool:
    """Record it and deploy the earlier template; whether anything changed. The stage should be held before."""
    try:
        return _apply(pipeline, earlier, why=why)
    except (ClientError, BotoCoreError) as error:
        raise OperateError(f"Stack {earlier.deployed.stack}: {error}") from error


def _apply(pipeline: Pipeline, earlier: EarlierDeployment, *, why: str) -> bool:
    place = earlier.deployed
    _refuse_while_deployed_to(pipeline, earlier.stage)
    client = _formation(pipeline, place, earlier.deploy_role)
    status = _status(client, place.stack)
    if status not in FINISHED:
        raise OperateError(f"Stack {place.stack} is {status}: wait until its deployment has ended, or repair it first.")
    if template_of(client, place.stack) != earlier.now:
        raise OperateError(f"Stack {place.stack} was deployed to since the way back was reviewed: look at it again.")
    arguments: dict[str, Any] = {"StackName": place.stack, "Capabilities": CAPABILITIES}
    if earlier.execution_role:
        arguments["RoleARN"] = earlier.execution_role
    if len(earlier.template.encode()) <= LONGEST_BODY:
        arguments["TemplateBody"] = earlier.template
    else:
        arguments["TemplateURL"] = _published(pipeline, earlier)
    began = datetime.now(UTC)
    _record(pipeline, earlier, {"why": why, "status": BEGUN})
    try:
        client.update_stack(**arguments)
    except ClientError as error:
        if "No updates are to be performed" in error.response["Error"]["Message"]:
            _record(pipeline, earlier, {"why": why, "status": DONE, "changed": False})
            return False
        raise
    try:
        client.get_waiter("stack_update_complete").wait(
            StackName=place.stack, WaiterConfig={"Delay": 5 if not pipeline.target.is_local else 1, "MaxAttempts": 720}
        )
    except WaiterError as error:
        status = _status(client, place.stack)
        causes = failures_of(client, place.stack, since=began)
        raise OperateError(
            f"Stack {place.stack} could not be rolled back and is {status}."
            f" {causes[0] if causes else 'CloudFormation gives no reason.'} docs/repair.md says how to go on."
        ) from error
    _record(pipeline, earlier, {"why": why, "status": DONE, "changed": True})
    return True


def _formation(pipeline: Pipeline, place: DeployedStack, role: str | None) -> Any:
    return pipeline.target.assumed("cloudformation", role=role, account=place.account, region=place.region)


def _status(client: Any, stack: str) -> str:
    return str(client.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])


def template_of(client: Any, stack: str) -> str:
    """Return the template that is deployed."""
    body = client.get_template(StackName=stack)["TemplateBody"]
    return body if isinstance(body, str) else json.dumps(body)


def _refuse_while_deployed_to(pipeline: Pipeline, stage: str) -> None:
    """Raise if a run is in the stage already: a hold does not keep it out, and it would deploy after us."""
    for state in pipeline.states():
        latest = state.get("latestExecution", {})
        if state["stageName"] == stage and latest.get("status") in (IN_PROGRESS, "Stopping"):
            execution = latest["pipelineExecutionId"]
            raise OperateError(
                f"Execution {execution} is in stage {stage} and would deploy over it: wait until it has ended, or"
                f" reject or stop it (`penstock stop --execution {execution}`)."
            )


def _stage_of(pipeline: Pipeline, deployed: DeployedStack) -> str:
    """Return the stage of the pipeline, now, that deploys the stack."""
    for declared in pipeline.definition():
        for action in declared["actions"]:
            if outputs.place_of(action, pipeline.target) == deployed.place:
                return str(declared["name"])
    raise OperateError(f"The pipeline deploys no stack {deployed.stack} any more.")


def _earlier(pipeline: Pipeline, deployed: DeployedStack, to: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the newest run that is meant and that deployed the stack, and its action that did."""
    recent = pipeline.executions(RECENT)
    named = [each for each in recent if each["pipelineExecutionId"] == to]
    if not named and len(to) >= SHORTEST_COMMIT:
        named = [each for each in recent if commit_of(each).startswith(to)]
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


def _deployment(pipeline: Pipeline, execution: str, deployed: DeployedStack) -> Mapping[str, Any] | None:
    pages = pipeline.client.get_paginator("list_action_executions").paginate(
        pipelineName=pipeline.name, filter={"pipelineExecutionId": execution}
    )
    for page in pages:
        details: Sequence[Any] = page["actionExecutionDetails"]
        for detail in details:
            given = detail.get("input", {})
            configuration = given.get("resolvedConfiguration") or given.get("configuration", {})
            mine = outputs.place_of(given, pipeline.target) == deployed.place
            if mine and detail["status"] == SUCCEEDED and "TemplatePath" in configuration:
                found: Mapping[str, Any] = detail
                return found
    return None


def _missing(
    pipeline: Pipeline, files: zipfile.ZipFile, path: str, deployed: DeployedStack, role: str | None
) -> list[str]:
    """Return files that the template's manifest lists and the account's bucket for files does not have."""
    manifest = f"{path.removesuffix('.template.json')}.assets.json"
    if manifest not in files.namelist():
        return []
    client = pipeline.target.assumed("s3", role=role, account=deployed.account, region=deployed.region)
    missing = []
    for asset in json.loads(files.read(manifest))["files"].values():
        if asset["source"]["path"].endswith(".template.json"):
            continue  # the pipeline deploys it from the artifact
        for place in asset["destinations"].values():
            where = f"s3://{place['bucketName']}/{place['objectKey']}"
            try:
                client.head_object(Bucket=place["bucketName"], Key=place["objectKey"])
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("404", "NoSuchKey", "NotFound"):
                    raise OperateError(f"{where} cannot be looked at: {error.response['Error']['Message']}") from error
                missing.append(where)
    return missing


def _published(pipeline: Pipeline, earlier: EarlierDeployment) -> str:
    """Upload a large template where CloudFormation can read it, beside the account's other files; return its URL."""
    place = earlier.deployed
    partition = (earlier.deploy_role or "arn:aws:").split(":")[1]
    name = pipeline.target.bootstrap.role("file-publishing", account=place.account, region=place.region)
    role = f"arn:{partition}:iam::{place.account}:role/{name}"
    bucket = pipeline.target.bootstrap.bucket(account=place.account, region=place.region)
    key = f"rollback/{place.stack}/{earlier.execution}.json"
    client = pipeline.target.assumed("s3", role=role, account=place.account, region=place.region)
    client.put_object(Bucket=bucket, Key=key, Body=earlier.template.encode())
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    return f"https://s3.{place.region}.{suffix}/{bucket}/{key}"


def record_of(deployed: DeployedStack) -> str:
    """Return the parameter that says what a service was rolled back to."""
    return f"{RECORDS}/{deployed.account}/{deployed.region}/{deployed.stack}"


def _record(pipeline: Pipeline, earlier: EarlierDeployment, what: Mapping[str, Any]) -> None:
    """Record a rollback in the tools account. What stays BEGUN has failed, or was cut off."""
    now = datetime.now(UTC).isoformat()
    pipeline.target.client("ssm").put_parameter(
        Name=record_of(earlier.deployed),
        Value=json.dumps({"execution": earlier.execution, "commit": earlier.commit, **what, "at": now}),
        Type="String",
        Overwrite=True,
    )


def commit_of(execution: Mapping[str, Any]) -> str:
    """Return the commit of an execution, by CodePipeline's summary of it."""
    return str(next((each.get("revisionId", "") for each in execution.get("sourceRevisions", [])), ""))
