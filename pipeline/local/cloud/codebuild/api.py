"""CodeBuild's API, and the rules of EventBridge that start builds."""

from collections.abc import Mapping

from pipeline.local.cloud.codebuild.builds import Builds
from pipeline.local.cloud.codebuild.projects import Projects
from pipeline.local.cloud.emulator import AwsError, Call, Emulator, Json, Operation, RuleDelivery

PROJECT = ":project/"


def operations(emulator: Emulator) -> Mapping[str, Operation]:
    """List every operation by its name."""
    api, projects = BuildsApi(emulator), emulator.part(Projects)
    return {
        "BatchGetBuilds": api.batch_get,
        "BatchGetProjects": projects.batch_get,
        "CreateProject": projects.create,
        "DeleteProject": projects.delete,
        "InvalidateProjectCache": api.invalidate_cache,
        "ListBuilds": api.list,
        "ListBuildsForProject": api.list_for_project,
        "ListProjects": projects.list,
        "RetryBuild": api.retry,
        "StartBuild": api.start,
        "StopBuild": api.stop,
        "UpdateProject": projects.update,
    }


class BuildsApi:
    """The operations on builds."""

    def __init__(self, emulator: Emulator) -> None:
        self._builds = emulator.part(Builds)
        self._stored = emulator.store("codebuild.builds")
        self._projects = emulator.store("codebuild.projects")

    def start(self, call: Call) -> Json:
        """StartBuild."""
        return {"build": self._builds.start_directly(call.parameters, account=call.account, region=call.region)}

    def retry(self, call: Call) -> Json:
        """RetryBuild: the same project again, as it is now."""
        before = self._builds.get(_id(call.parameters["id"]), account=call.account, region=call.region)
        asked = {
            "projectName": before["projectName"],
            "sourceVersion": before["sourceVersion"],
            "environmentVariablesOverride": before["environment"]["environmentVariables"],
        }
        return {"build": self._builds.start_directly(asked, account=call.account, region=call.region)}

    def stop(self, call: Call) -> Json:
        """StopBuild."""
        return {"build": self._builds.stop(_id(call.parameters["id"]), account=call.account, region=call.region)}

    def invalidate_cache(self, call: Call) -> Json:
        """InvalidateProjectCache."""
        self._builds.forget_cache(call.parameters["projectName"], account=call.account, region=call.region)
        return {}

    def batch_get(self, call: Call) -> Json:
        """BatchGetBuilds, by id or ARN."""
        found = {each: self._stored.get(_id(each)) for each in call.parameters["ids"]}
        return {
            "builds": [build for build in found.values() if build is not None],
            "buildsNotFound": [each for each, build in found.items() if build is None],
        }

    def list(self, call: Call) -> Json:
        """ListBuilds, the newest first unless asked otherwise."""
        return self._listed(call, project=None)

    def list_for_project(self, call: Call) -> Json:
        """ListBuildsForProject."""
        name = call.parameters["projectName"]
        known = {build["projectName"] for build in self._stored.values()}
        if name not in known and name not in self._projects:
            raise AwsError("ResourceNotFoundException", f"The provided project {name} does not exist")
        return self._listed(call, project=name)

    def start_by_rule(self, delivery: RuleDelivery) -> None:
        """Start the project that a rule targets, on a schedule or for an event. The event itself is not passed on.

        https://docs.aws.amazon.com/codebuild/latest/userguide/run-build.html
        """
        _, _, _, region, account, name = delivery.target.split(":", 5)
        asked = {"projectName": name.removeprefix("project/"), "initiator": f"rule/{delivery.rule.get('Name', '')}"}
        self._builds.start_directly(asked, account=account, region=region)

    def _listed(self, call: Call, *, project: str | None) -> Json:
        builds = [each for each in self._stored.values() if project in (None, each["projectName"])]
        builds.sort(key=lambda build: build["startTime"], reverse=call.parameters.get("sortOrder") != "ASCENDING")
        return {"ids": [build["id"] for build in builds]}


def is_project(arn: str) -> bool:
    """Tell whether a rule's target is a project."""
    return arn.startswith("arn:aws:codebuild:") and PROJECT in arn


def _id(id_or_arn: str) -> str:
    return id_or_arn.rpartition("build/")[2]
