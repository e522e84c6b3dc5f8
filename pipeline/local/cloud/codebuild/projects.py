"""CodeBuild's projects, as its API and CloudFormation make them."""

import time

import botocore.session
from botocore.model import StructureShape

from pipeline.local.cloud.emulator import AwsError, Call, Emulator, Json


class Projects:
    """Every project of this cloud; get it by `emulator.part(Projects)`."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._projects = emulator.store("codebuild.projects")
        model = botocore.session.Session().get_service_model("codebuild")
        shape = model.operation_model("CreateProject").input_shape
        if not isinstance(shape, StructureShape):
            raise TypeError("botocore's model of CreateProject has no input")
        self.shape = shape
        """What CreateProject takes."""

    def create(self, call: Call) -> Json:
        """CreateProject."""
        return {"project": self.add(call.parameters)}

    def update(self, call: Call) -> Json:
        """UpdateProject: what is given replaces what was; the rest stays."""
        name = call.parameters["name"]
        if name not in self._projects:
            raise AwsError("ResourceNotFoundException", f"Project cannot be found: {self._arn(name)}")
        merged = {**self._projects[name], **call.parameters, "lastModified": time.time()}
        self._projects[name] = _checked(merged)
        return {"project": self._projects[name]}

    def delete(self, call: Call) -> Json:
        """DeleteProject."""
        self.remove(call.parameters["name"])
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

    def add(self, parameters: Json) -> Json:
        """Make a project of a new name."""
        name = parameters["name"]
        if name in self._projects:
            raise AwsError("ResourceAlreadyExistsException", f"Project already exists: {self._arn(name)}")
        return self.put(parameters)

    def put(self, parameters: Json) -> Json:
        """Make a project, or put this one in the place of the one of its name."""
        made = self._new(parameters)
        if (before := self._projects.get(parameters["name"])) is not None:
            made["created"] = before["created"]
        self._projects[parameters["name"]] = made
        return made

    def remove(self, name_or_arn: str) -> None:
        """Delete a project; one that does not exist is none too."""
        self._projects.pop(_name(name_or_arn), None)

    def _new(self, parameters: Json) -> Json:
        """Return a project as it is remembered, with the defaults of what it leaves out."""
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
