"""CodeBuild's projects, as its API and CloudFormation make them."""

import time
from typing import Any

import botocore.session
from botocore.model import ListShape, Shape, StructureShape
from botocore.validate import ParamValidator

from pipeline.local.cloud.emulator import AwsError, Call, Emulator, Json

ONLY_IN_TEMPLATES = {"Triggers", "Visibility", "ResourceAccessRole"}
"""Properties that CreateProject lacks: who may start or see a build does not arise here, so they are accepted."""
REQUIRED_IN_TEMPLATES = ("Artifacts", "Environment", "ServiceRole", "Source")


class Projects:
    """Every project of this cloud; get it by `emulator.part(Projects)`."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._projects = emulator.store("codebuild.projects")
        model = botocore.session.Session().get_service_model("codebuild")
        shape = model.operation_model("CreateProject").input_shape
        if not isinstance(shape, StructureShape):
            raise TypeError("botocore's model of CreateProject has no input")
        self._shape = shape

    def create(self, call: Call) -> Json:
        """CreateProject."""
        name = call.parameters["name"]
        if name in self._projects:
            raise AwsError("ResourceAlreadyExistsException", f"Project already exists: {self._arn(name)}")
        self._projects[name] = self._new(call.parameters)
        return {"project": self._projects[name]}

    def update(self, call: Call) -> Json:
        """UpdateProject: what is given replaces what was; the rest stays."""
        name = call.parameters["name"]
        if name not in self._projects:
            raise AwsError("ResourceNotFoundException", f"Project cannot be found: {self._arn(name)}")
        merged = {**self._projects[name], **call.parameters, "lastModified": time.time()}
        self._projects[name] = _checked(merged)
        return {"project": self._projects[name]}

    def delete(self, call: Call) -> Json:
        """DeleteProject; one that does not exist is none too."""
        self._projects.pop(_name(call.parameters["name"]), None)
        return {}

    def batch_get(self, call: Call) -> Json:
        """BatchGetProjects, by name or ARN."""
        found = {name: self._projects.get(_name(name)) for name in call.parameters["names"]}
        return {
            "projects": [project for project in found.values() if project is not None],
            "projectsNotFound": [name for name, project in found.items() if project is None],
        }

    def list(self, call: Call) -> Json:
        """ListProjects."""
        keys = {"NAME": "name", "CREATED_TIME": "created", "LAST_MODIFIED_TIME": "lastModified"}
        key = keys[call.parameters.get("sortBy", "NAME")]
        descending = call.parameters.get("sortOrder") == "DESCENDING"
        ordered = sorted(self._projects.values(), key=lambda project: project[key], reverse=descending)
        return {"projects": [project["name"] for project in ordered]}

    def deploy(self, logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        """CloudFormation creates a project."""
        wanted = self._from_template(properties)
        wanted.setdefault("name", self._emulator.physical_name(stack_name, logical_id, longest=150))
        created = self.create(self._call("CreateProject", wanted))["project"]
        return created["name"], {"Arn": created["arn"], "Id": created["name"]}

    def redeploy(self, physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        """CloudFormation changes a project: what the template leaves out is gone."""
        del old
        wanted = self._from_template(new)
        if "name" in wanted and wanted["name"] != physical_id:
            return self.deploy("", new, stack_name)
        changed = self._new({**wanted, "name": physical_id})
        if physical_id in self._projects:
            changed["created"] = self._projects[physical_id]["created"]
        self._projects[physical_id] = changed
        return physical_id, {"Arn": changed["arn"], "Id": physical_id}

    def remove(self, physical_id: str, properties: Json) -> None:
        """CloudFormation deletes a project."""
        del properties
        self._projects.pop(physical_id, None)

    def _new(self, parameters: Json) -> Json:
        """A project as it is remembered, with the defaults of what it leaves out."""
        now = time.time()
        return {
            "timeoutInMinutes": 60,
            "queuedTimeoutInMinutes": 480,
            "cache": {"type": "NO_CACHE"},
            "badge": {"badgeEnabled": False},
            **_checked(parameters),
            "arn": self._arn(parameters["name"]),
            "created": now,
            "lastModified": now,
        }

    def _from_template(self, properties: Json) -> Json:
        """A template's properties as CreateProject spells them: unknown and wrongly typed ones fail."""
        missing = [name for name in REQUIRED_IN_TEMPLATES if name not in properties]
        if missing:
            raise AwsError("InvalidRequest", f"Properties validation failed: required key [{missing[0]}] not found")
        given = {name: value for name, value in properties.items() if name not in ONLY_IN_TEMPLATES}
        wanted: Json = _spelled(given, self._shape, "")
        report = ParamValidator().validate({"name": "unnamed", **wanted}, self._shape)
        if report.has_errors():
            raise AwsError("InvalidRequest", f"Properties validation failed: {report.generate_report()}")
        return wanted

    def _call(self, operation: str, parameters: Json) -> Call:
        account, region = self._emulator.here()
        return Call(operation=operation, parameters=parameters, account=account, region=region)

    def _arn(self, name: str) -> str:
        account, region = self._emulator.here()
        return f"arn:aws:codebuild:{region}:{account}:project/{_name(name)}"


def _name(name_or_arn: str) -> str:
    return name_or_arn.rpartition("project/")[2]


def _checked(project: Json) -> Json:
    """Refuse what can never be built, as CreateProject does."""
    source = project["source"]
    if source["type"] == "NO_SOURCE" and not source.get("buildspec"):
        raise AwsError("InvalidInputException", "Project source type NO_SOURCE requires a buildspec")
    if not project.get("serviceRole"):
        raise AwsError("InvalidInputException", "Invalid service role: it is missing")
    names = [each["name"] for each in project["environment"].get("environmentVariables", [])]
    if len(names) != len(set(names)):
        raise AwsError("InvalidInputException", "Duplicate environment variables are not allowed")
    return project


def _spelled(value: Any, shape: Shape, where: str) -> Any:
    """A template's value as the API has it: member names without regard to case, and scalars of the right type."""
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
