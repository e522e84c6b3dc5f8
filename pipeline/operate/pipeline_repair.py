"""The pipeline's own stack back to the last definition that worked, when the deployed one cannot take the mending push.

A definition worked if a run got past self-mutation with it: what its synth gave is then what was deployed. The template
comes from the artifact that the run left, as for a service's rollback, which does the rest.
"""

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.operate import rollback
from pipeline.operate.artifacts import unpacked
from pipeline.operate.errors import OperateError
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.rollback import EarlierDeployment
from pipeline.operate.session import hermetic_session

if TYPE_CHECKING:
    from collections.abc import Mapping

STACK = "Pipeline"
TEMPLATE = f"{STACK}.template.json"
BUILD, UPDATE = "Build", "UpdatePipeline"
"""The stages of CDK Pipelines' own whose failure keeps a push from mending the pipeline."""
BEFORE_STAGES = ("Source", BUILD, UPDATE)
RECENT = 100
"""Executions that are looked through."""


def find(pipeline: Pipeline) -> EarlierDeployment:
    """Look for the last definition that worked and is not the deployed one, and change nothing."""
    target = pipeline.target
    role = target.bootstrap.role("deploy", account=target.account, region=target.region)
    partition = hermetic_session().get_partition_for_region(target.region)
    deploy_role = f"arn:{partition}:iam::{target.account}:role/{role}"
    formation = target.assumed("cloudformation", role=deploy_role, account=target.account, region=target.region)
    now = rollback.template_of(formation, STACK)
    for execution in pipeline.executions(RECENT):
        template = _worked_with(pipeline, execution["pipelineExecutionId"])
        if template is None:
            continue
        if json.loads(template) == json.loads(now):
            raise OperateError(
                f"The pipeline is what execution {execution['pipelineExecutionId']} got past {UPDATE} with, so its"
                " definition is not what fails: `penstock logs` says what does."
            )
        return EarlierDeployment(
            stage=UPDATE,
            deployed=DeployedStack(
                stage=UPDATE,
                service="pipeline",
                stack=STACK,
                account=target.account,
                region=target.region,
                status="",
                outputs={},
            ),
            execution=execution["pipelineExecutionId"],
            commit=rollback.commit_of(execution),
            template=template,
            now=now,
            missing=(),
            deploy_role=deploy_role,
            execution_role=None,
        )
    raise OperateError(
        f"No run of the last {RECENT} got past {UPDATE}, so there is no definition that worked."
        " Deploy the mended commit by hand: docs/repair.md."
    )


def never_passed(pipeline: Pipeline, stage: str) -> bool:
    """Return whether no run has succeeded in a stage since the pipeline's last update, if there was one.

    AWS's filter: "where the stage was successful in the current pipeline version".
    https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_SucceededInStageFilter.html
    """
    try:
        version = pipeline.client.get_pipeline(name=pipeline.name)["pipeline"].get("version", 1)
        found = pipeline.client.list_pipeline_executions(
            pipelineName=pipeline.name, filter={"succeededInStage": {"stageName": stage}}, maxResults=1
        )
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)
    return version > 1 and not found["pipelineExecutionSummaries"]


def _worked_with(pipeline: Pipeline, execution: str) -> str | None:
    """Return the template of the pipeline that a run had, if it got past self-mutation."""
    update: Mapping[str, Any] | None = None
    is_past = False
    for page in pipeline.client.get_paginator("list_action_executions").paginate(
        pipelineName=pipeline.name, filter={"pipelineExecutionId": execution}
    ):
        for detail in page["actionExecutionDetails"]:
            is_past = is_past or detail["stageName"] not in BEFORE_STAGES
            update = detail["input"] if detail["stageName"] == UPDATE else update
    if not is_past or update is None:
        return None
    (artifact,) = update["inputArtifacts"]
    files = unpacked(pipeline, [artifact], artifact["name"], pipeline.target.region)
    return files.read(TEMPLATE).decode()
