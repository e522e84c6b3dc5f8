"""CodePipeline (V2): executes the pipelines that CloudFormation or the API made.

Emulated: pipelines by API and template, their executions in the modes SUPERSEDED, QUEUED and PARALLEL, retries,
rollback, stops, transitions, approvals, conditions, variables, triggers; actions of S3, CodeCommit, CodeConnections,
CodeBuild, CloudFormation, Lambda and manual approval. `executor.py` moves executions, `action_runner.py` runs actions.
Not emulated: every other provider, custom actions, webhooks that are called, V1's polling.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Answer the API, deploy the resource types, and go on with what was under way when the cloud stopped."""
    from pipeline.local.cloud.codepipeline import api, patches, resources
    from pipeline.local.cloud.codepipeline.events import Bus
    from pipeline.local.cloud.codepipeline.pipelines import Pipelines
    from pipeline.local.cloud.codepipeline.triggers import Triggers

    triggers = emulator.part(Triggers)
    emulator.serve_json_api("codepipeline", target_prefix="CodePipeline_20150709", operations=api.operations(emulator))
    emulator.provide("AWS::CodePipeline::Pipeline", resources.PipelineResource(emulator).resource())
    emulator.provide("AWS::CodePipeline::Webhook", resources.webhook())
    emulator.serve_path("/_penstock/push", triggers.pushed)
    emulator.serve_path("/_penstock/codepipeline/expire", emulator.part(Pipelines).let_approvals_expire)
    emulator.add_rule_target(lambda arn: arn.startswith("arn:aws:codepipeline:"), triggers.delivered)
    patches.notice_new_objects(emulator, emulator.part(Bus), triggers)
    patches.accept_large_templates()
    emulator.at_start.append(emulator.part(Pipelines).recover)
