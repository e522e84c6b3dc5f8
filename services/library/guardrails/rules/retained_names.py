"""What outlives a stack whose creation failed must not be in the way of the next creation."""

from collections.abc import Iterator, Mapping
from typing import Any

from services.library.cloudformation.template import Resource, Template
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation, Finding, Rule

RULE = Rule(
    id="Penstock-RetainedName",
    accepted_by=AcceptedBy.PLATFORM,
    text="A resource that is retained stays behind when its stack cannot be created, and the next try makes one of the"
    " same name: it already exists, and so does every try after it.",
    fix="Leave the name out, or end it in creation_suffix() of services/library/contract/deployment.py.",
)
RETAINED = ("Retain", "RetainExceptOnCreate")
"""The second is deleted with the creation that made it, unless the execution policy of production denies that."""
NAMES = ("Name", "Identifier")
"""How properties end that hold a resource's name: `BucketName`, `DBClusterIdentifier`, a `Name` alone."""
MAY_BE_TWO_OF_A_NAME = frozenset({"AWS::Cognito::UserPool", "AWS::HealthLake::FHIRDatastore"})
"""Types that AWS knows by an id of its own, whatever their name."""
OF_A_CREATION = "AWS::StackId"


def check(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """Look for names that the next creation of the stack has as well."""
    for resource in template.resources():
        if resource.type not in MAY_BE_TWO_OF_A_NAME and _stays(resource, place):
            for name in _names(resource):
                if not _is_of_one_creation(resource.properties[name], template):
                    yield RULE.broken_by(resource, template, detail=name, locations=(f"Properties.{name}",))


def _stays(resource: Resource, place: DeploymentLocation) -> bool:
    policy = resource.body.get("DeletionPolicy", "Delete")
    return not isinstance(policy, str) or policy in (RETAINED if place.keeps_data else RETAINED[:1])


def _names(resource: Resource) -> Iterator[str]:
    kind = resource.type.rpartition("::")[2]
    for name in resource.properties:
        ending = next((each for each in NAMES if name.endswith(each)), None)
        if ending and kind.endswith(name.removesuffix(ending)):
            yield name


def _is_of_one_creation(name: Any, template: Template) -> bool:
    """Say whether a name has a part that the stack has from this creation, or another resource from CloudFormation."""
    match name:
        case {"Ref": str(what)}:
            return what == OF_A_CREATION or what in template.section("Resources")
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), *_]} if f"${{{OF_A_CREATION}}}" in text:
            return True
        case {"Fn::GetAtt": _}:
            return True
        case Mapping():
            return any(_is_of_one_creation(each, template) for each in name.values())
        case list():
            return any(_is_of_one_creation(each, template) for each in name)
    return False
