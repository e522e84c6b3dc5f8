"""No resource may be below its tier's baseline; baseline/compare.py tells what an override lowers."""

from collections.abc import Iterator, Mapping

from services.library.cloudformation.template import Resource, Template
from services.library.guardrails.assembly import has_template
from services.library.guardrails.baseline import compare
from services.library.guardrails.baseline.guard import UNSEEN
from services.library.guardrails.finding import DeploymentLocation, Finding

STACKS_ELSEWHERE = ("AWS::CloudFormation::StackSet", "AWS::ServiceCatalog::CloudFormationProvisionedProduct")


def check(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """The baseline, and what a template leaves open."""
    yield from compare.below_baseline(template, place)
    for nested in template.resources("AWS::CloudFormation::Stack"):
        if not has_template(nested):
            yield UNSEEN.broken_by(nested, template, detail="TemplateURL", locations=("Properties.TemplateURL",))
    for resource in template.resources():
        if resource.type in STACKS_ELSEWHERE or resource.type.endswith("::MODULE"):
            yield UNSEEN.broken_by(resource, template, detail=resource.type)
        elif _transforms(resource.body):
            yield UNSEEN.broken_by(resource, template, detail="Fn::Transform")
    if "Transform" in template.body:
        whole = Resource(logical_id="", type="", path=template.stack_path, body={})
        yield UNSEEN.broken_by(whole, template, detail="Transform", locations=("Transform",))


def _transforms(value: object) -> bool:
    if isinstance(value, Mapping):
        return "Fn::Transform" in value or any(_transforms(part) for part in value.values())
    return isinstance(value, list) and any(_transforms(part) for part in value)
