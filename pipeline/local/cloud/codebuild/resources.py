"""`AWS::CodeBuild::Project`.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-codebuild-project.html
"""

from typing import Any

from botocore.model import ListShape, Shape, StructureShape
from botocore.validate import ParamValidator

from pipeline.local.cloud.codebuild.projects import Projects
from pipeline.local.cloud.emulator import AwsError, Emulator, Json, ResourceType

ONLY_IN_TEMPLATES = {"Triggers", "Visibility", "ResourceAccessRole"}
"""Properties that CreateProject lacks: who may start or see a build does not arise here, so they are accepted."""
REQUIRED_IN_TEMPLATES = ("Artifacts", "Environment", "ServiceRole", "Source")


def project(emulator: Emulator) -> ResourceType:
    """Make projects; what an update's template leaves out is gone."""
    projects = emulator.part(Projects)

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        wanted = _from_template(properties, projects.shape)
        wanted.setdefault("name", emulator.physical_name(stack_name, logical_id, longest=150))
        created = projects.add(wanted)
        return created["name"], {"Arn": created["arn"], "Id": created["name"]}

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        del old
        wanted = _from_template(new, projects.shape)
        if "name" in wanted and wanted["name"] != physical_id:
            return create("", new, stack_name)  # CloudFormation deletes the one that is replaced
        changed = projects.put({**wanted, "name": physical_id})
        return physical_id, {"Arn": changed["arn"], "Id": physical_id}

    def delete(physical_id: str, properties: Json) -> None:
        del properties
        projects.remove(physical_id)

    return ResourceType(create=create, update=update, delete=delete)


def _from_template(properties: Json, shape: StructureShape) -> Json:
    """Spell a template's properties as CreateProject does: unknown and wrongly typed ones fail."""
    missing = [name for name in REQUIRED_IN_TEMPLATES if name not in properties]
    if missing:
        raise AwsError("InvalidRequest", f"Properties validation failed: required key [{missing[0]}] not found")
    given = {name: value for name, value in properties.items() if name not in ONLY_IN_TEMPLATES}
    wanted: Json = _spelled(given, shape, "")
    report = ParamValidator().validate({"name": "unnamed", **wanted}, shape)
    if report.has_errors():
        raise AwsError("InvalidRequest", f"Properties validation failed: {report.generate_report()}")
    return wanted


def _spelled(value: Any, shape: Shape, where: str) -> Any:
    """Spell a template's value as the API does: member names without regard to case, and scalars of the right type."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = {member.lower(): member for member in shape.members}
        found = {}
        for name, inner in value.items():
            member = members.get(name.lower())
            if member is None:
                raise AwsError("InvalidRequest", f"Properties validation failed: extraneous key [{where}{name}]")
            found[member] = _spelled(inner, shape.members[member], f"{where}{name}/")
        return found
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_spelled(inner, shape.member, f"{where}{index}/") for index, inner in enumerate(value)]
    if isinstance(value, str) and shape.type_name == "boolean" and value in ("true", "false"):
        return value == "true"
    if isinstance(value, str) and shape.type_name in ("integer", "long") and value.lstrip("-").isdecimal():
        return int(value)
    if isinstance(value, int | float) and shape.type_name == "string":
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value
