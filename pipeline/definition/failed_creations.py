"""What becomes of a stack whose first creation failed, where no data is kept: the next try deletes it and begins anew.

CloudFormation leaves such a stack in ROLLBACK_COMPLETE, in which it takes no update: with CREATE_UPDATE every retry and
every push would fail until somebody deletes it. CDK Pipelines has no property for REPLACE_ON_FAILURE, which deletes it
first: https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CloudFormation.html (read 2026-11-30).
It deletes a stack in UPDATE_ROLLBACK_FAILED as well, so a stage that keeps data does without, and so does a stack that
was there before the platform: its creation is over.
"""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_codepipeline as codepipeline

from pipeline.catalogue.model import Catalogue, stages_of
from services.library.contract.names import entry_of

MODE = "ActionMode"


def replace_failed_stacks(pipeline: codepipeline.CfnPipeline, names: Sequence[str], catalogue: Catalogue) -> None:
    """Let each deployment to a stage, or a wave, that keeps no data replace a stack that failed.

    `names`: those of the pipeline's stages, in order.
    """
    adopted = {
        service.stack_name(stage.environment)
        for stage in stages_of(catalogue)
        for service in stage.services
        if service.is_adopted(stage.environment)
    }
    labels = {entry.label for entry in catalogue if not any(each.environment.keeps_data for each in entry.stages)}
    for position, stage in enumerate(cdk.Stack.of(pipeline).resolve(pipeline.stages)):
        if entry_of(names[position]) not in labels:
            continue
        for number, action in enumerate(stage["actions"]):
            configuration = action.get("configuration", {})
            if configuration.get(MODE) == "CREATE_UPDATE" and configuration["StackName"] not in adopted:
                path = f"Stages.{position}.Actions.{number}.Configuration.{MODE}"
                pipeline.add_property_override(path, "REPLACE_ON_FAILURE")
