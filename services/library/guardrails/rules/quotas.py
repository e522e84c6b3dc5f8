"""What AWS takes no more of: found at synth, not in the middle of a deployment."""

from collections.abc import Iterator, Mapping
from typing import Any

from services.library.cloudformation.template import Resource, Template, known
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation, Finding, Rule

PIPELINE = Rule(
    id="Penstock-PipelineQuota",
    accepted_by=AcceptedBy.PLATFORM,
    text="CodePipeline refuses the update, and the pipeline can then no longer change itself.",
    fix="Put stages into a pipeline of their own, or have AWS raise the quota and accept this with the case's number.",
)
TEMPLATE = Rule(
    id="Penstock-TemplateLimit",
    accepted_by=AcceptedBy.NOBODY,
    text="CloudFormation refuses the template, and nobody can raise this limit.",
    fix="Split the service into two, or move a part of its stack into a nested one.",
)

PIPELINE_QUOTAS: Mapping[str, int] = {"stages": 50, "actions in a stage": 100, "actions": 1000}
"""https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html"""
TEMPLATE_LIMITS: Mapping[str, int] = {
    "bytes": 1_048_576,
    "resources": 500,
    "parameters": 200,
    "outputs": 200,
    "mappings": 200,
}
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""


def check(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """Templates, and the pipelines in them."""
    del place  # quotas are the same everywhere
    sections = {name: len(template.body.get(name.capitalize(), {})) for name in TEMPLATE_LIMITS if name != "bytes"}
    for what, count in {"bytes": template.size, **sections}.items():
        if count > TEMPLATE_LIMITS[what]:
            yield Finding(
                rule=f"{TEMPLATE.id}[{what}]",
                path=template.stack_path,
                text=f"The template has {count:,} {what}; {TEMPLATE_LIMITS[what]:,} are allowed. {TEMPLATE.text}",
                fix=TEMPLATE.fix,
                template=template.file,
            )
    for pipeline in template.resources("AWS::CodePipeline::Pipeline"):
        stages = pipeline.properties.get("Stages", [])
        if known(stages):
            yield from _exceeded(pipeline, template, stages)


def _exceeded(pipeline: Resource, template: Template, stages: list[Any]) -> Iterator[Finding]:
    actions = {str(stage.get("Name")): len(stage.get("Actions", [])) for stage in stages}
    counts = [("stages", "It", len(stages)), ("actions", "It", sum(actions.values()))]
    counts += [("actions in a stage", f"Its stage {name}", count) for name, count in actions.items()]
    for what, which, count in counts:
        if count > PIPELINE_QUOTAS[what]:
            yield PIPELINE.broken_by(
                pipeline,
                template,
                what=f"{which} has {count:,} {what.partition(' ')[0]}; {PIPELINE_QUOTAS[what]:,} are allowed.",
                detail=what,
                locations=("Properties.Stages",),
            )
