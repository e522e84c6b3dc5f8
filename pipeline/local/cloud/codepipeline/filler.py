"""CodePipeline (V2): executes the pipelines that CloudFormation or the API made, and nothing else."""

from pipeline.local.cloud.codepipeline import seams
from pipeline.local.cloud.codepipeline.api import operations
from pipeline.local.cloud.codepipeline.events import Bus
from pipeline.local.cloud.codepipeline.pipelines import Pipelines
from pipeline.local.cloud.codepipeline.resources import PipelineResource, webhook
from pipeline.local.cloud.codepipeline.triggers import Triggers
from pipeline.local.cloud.emulator import Emulator


def install(emulator: Emulator) -> None:
    """Answer the API, deploy the resource types, and go on with what was under way when the cloud stopped."""
    emulator.serve_json_api("codepipeline", target_prefix="CodePipeline_20150709", operations=operations(emulator))
    emulator.provide("AWS::CodePipeline::Pipeline", PipelineResource(emulator).resource())
    emulator.provide("AWS::CodePipeline::Webhook", webhook())
    emulator.serve_path("/_penstock/push", emulator.part(Triggers).pushed)
    seams.let_rules_target_pipelines(emulator)
    seams.let_events_cross_accounts(emulator)
    seams.notice_new_objects(emulator, emulator.part(Bus))
    seams.let_actions_hand_over_large_templates()
    emulator.at_start.append(emulator.part(Pipelines).recover)
