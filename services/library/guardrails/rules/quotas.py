"""What AWS takes no more of: found at synth, not in the middle of a deployment."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.library.cloudformation.lengths import longest
from services.library.cloudformation.template import Resource, Template, known
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation, Finding, Rule

PIPELINE_TYPE = "AWS::CodePipeline::Pipeline"
PIPELINE = Rule(
    id="Penstock-PipelineQuota",
    accepted_by=AcceptedBy.PLATFORM,
    text="CodePipeline refuses the update, and the pipeline can then no longer change itself.",
    fix="Put services into a pipeline of their own, or have AWS raise the quota and accept this with the case's number:"
    " docs/scale.md.",
)
CONFIGURATION = Rule(
    id="Penstock-ActionConfiguration",
    accepted_by=AcceptedBy.NOBODY,
    text="CodePipeline refuses the update, and the pipeline can then no longer change itself.",
    fix="Give the step fewer outputs, or a shorter text: all variables of a build together are one value.",
)
TEMPLATE = Rule(
    id="Penstock-TemplateLimit",
    accepted_by=AcceptedBy.NOBODY,
    text="CloudFormation refuses the template, and nobody can raise this limit.",
    fix="Split the service into two, or move a part of its stack into a nested one. Of the pipeline: docs/scale.md.",
)

PIPELINE_QUOTAS: Mapping[str, int] = {"stages": 50, "actions in a stage": 100, "actions": 1000}
"""https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html"""
LONGEST_VALUE = 1_000
"""Characters of one value: ActionConfigurationValue in
https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ActionDeclaration.html"""
TEMPLATE_LIMITS: Mapping[str, int] = {
    "bytes": 1_000_000,
    "resources": 500,
    "parameters": 200,
    "outputs": 200,
    "mappings": 200,
}
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html says "1 MB" of the bytes;
CloudFormation's error is "Template may not exceed 1000000 bytes in size" (aws-samples/aws-vpc-cidr-mgmt 10)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """How much of a quota is used."""

    what: str
    count: int
    limit: int


def usage(template: Template) -> list[Usage]:
    """List what the pipeline of a template uses of CodePipeline's and CloudFormation's quotas; empty without one."""
    pipeline = next(template.resources(PIPELINE_TYPE), None)
    stages = pipeline.properties.get("Stages") if pipeline else None
    if not isinstance(stages, list):
        return []
    counts = {"stages": len(stages), "actions": sum(_actions(stages).values())}
    sizes = {"resources": len(template.section("Resources")), "bytes": template.size}
    return [
        *(Usage(what=what, count=count, limit=PIPELINE_QUOTAS[what]) for what, count in counts.items()),
        *(Usage(what=what, count=count, limit=TEMPLATE_LIMITS[what]) for what, count in sizes.items()),
    ]


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
    for pipeline in template.resources(PIPELINE_TYPE):
        stages = pipeline.properties.get("Stages", [])
        if known(stages):
            yield from _exceeded(pipeline, template, stages)
            yield from _too_long(pipeline, template, stages)


def _exceeded(pipeline: Resource, template: Template, stages: list[Any]) -> Iterator[Finding]:
    actions = _actions(stages)
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


def _too_long(pipeline: Resource, template: Template, stages: list[Any]) -> Iterator[Finding]:
    for at, stage in enumerate(stages):
        for number, action in enumerate(stage.get("Actions", [])):
            for key, value in action.get("Configuration", {}).items():
                if (length := longest(value, template)) > LONGEST_VALUE:
                    has = "has" if isinstance(value, str) else "may have"
                    yield CONFIGURATION.broken_by(
                        pipeline,
                        template,
                        what=f"{key} of {stage.get('Name')}/{action.get('Name')} {has} {length:,} characters;"
                        f" {LONGEST_VALUE:,} are allowed.",
                        detail=key,
                        locations=(f"Properties.Stages.{at}.Actions.{number}.Configuration.{key}",),
                    )


def _actions(stages: list[Any]) -> dict[str, int]:
    return {str(stage.get("Name")): len(stage.get("Actions", [])) for stage in stages}
