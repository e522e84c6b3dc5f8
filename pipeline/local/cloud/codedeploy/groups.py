"""Applications, deployment groups and deployment configurations, as the API describes them."""

from collections.abc import Mapping
from typing import Any

from pipeline.local.cloud.codedeploy.configurations import ALL_AT_ONCE, PREDEFINED
from pipeline.local.cloud.emulator import AwsError, Emulator, Json
from pipeline.local.cloud.iam.permissions import Permissions

PRINCIPAL = "codedeploy.amazonaws.com"
PLATFORM = "Lambda"
STYLE = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
MOST_ALARMS = 10
"""https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html"""
REFUSED = {
    "triggerConfigurations": "it tells no topics of deployments",
    "deployment": "it deploys no revision by itself",
}
"""What of a group means nothing here, and why."""


def arn_of_group(place: str, application: str, group: str) -> str:
    """Return the ARN of a deployment group; `place`: its region and account, as ARNs have them."""
    return f"arn:aws:codedeploy:{place}:deploymentgroup:{application}/{group}"


class Groups:
    """What there is to deploy with, in `here`; get it by `emulator.part(Groups)`."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self.applications = emulator.store("codedeploy-applications")
        self.configurations = emulator.store("codedeploy-configurations")
        self.groups = emulator.store("codedeploy-groups")

    def create_application(self, name: str, platform: str) -> None:
        """Make an application of functions."""
        if platform != PLATFORM:
            raise AwsError(
                "InvalidComputePlatformException",
                f"The local cloud does not deploy to the compute platform {platform}: {PLATFORM} alone",
            )
        if name in self.applications:
            raise AwsError("ApplicationAlreadyExistsException", f"Application already exists: {name}")
        self.applications[name] = {"applicationName": name, "computePlatform": platform}

    def create_configuration(self, name: str, platform: str, routing: Mapping[str, Any]) -> None:
        """Make a deployment configuration of functions."""
        if platform != PLATFORM:
            raise AwsError(
                "InvalidComputePlatformException",
                f"The local cloud does not deploy to the compute platform {platform}: {PLATFORM} alone",
            )
        if name in self.configurations or name in PREDEFINED:
            raise AwsError("DeploymentConfigAlreadyExistsException", f"Deployment configuration already exists: {name}")
        self.configurations[name] = {
            "deploymentConfigName": name,
            "computePlatform": platform,
            "trafficRoutingConfig": dict(routing),
        }

    def put_group(self, application: str, name: str, settings: Json) -> None:
        """Make or change a deployment group."""
        self.application(application)
        settings = {"deploymentConfigName": ALL_AT_ONCE, **settings}
        self._check(settings)
        self.groups[f"{application}/{name}"] = {
            **settings,
            "applicationName": application,
            "deploymentGroupName": name,
            "computePlatform": PLATFORM,
        }

    def application(self, name: str) -> Json:
        """Return an application."""
        if name not in self.applications:
            raise AwsError("ApplicationDoesNotExistException", f"No application found for name: {name}")
        found: Json = self.applications[name]
        return found

    def configuration(self, name: str) -> Json:
        """Return a deployment configuration, a predefined one too."""
        if name in PREDEFINED:
            return {
                "deploymentConfigName": name,
                "computePlatform": PLATFORM,
                "trafficRoutingConfig": dict(PREDEFINED[name]),
            }
        if name not in self.configurations:
            raise AwsError("DeploymentConfigDoesNotExistException", f"No deployment configuration found for: {name}")
        found: Json = self.configurations[name]
        return found

    def group(self, application: str, name: str) -> Json:
        """Return a deployment group."""
        self.application(application)
        key = f"{application}/{name}"
        if key not in self.groups:
            raise AwsError("DeploymentGroupDoesNotExistException", f"No deployment group found for name: {name}")
        found: Json = self.groups[key]
        return found

    def names(self, application: str) -> list[str]:
        """List the deployment groups of an application."""
        self.application(application)
        return sorted(key.partition("/")[2] for key in self.groups if key.startswith(f"{application}/"))

    def _check(self, settings: Json) -> None:
        for name, reason in REFUSED.items():
            if settings.get(name):
                raise AwsError("InvalidInputException", f"The local cloud does not take {name}: {reason}")
        if settings.get("deploymentStyle") != STYLE:
            raise AwsError(
                "InvalidDeploymentStyleException",
                "A deployment group of functions needs the deployment type BLUE_GREEN and the option"
                " WITH_TRAFFIC_CONTROL.",
            )
        alarms = [each["name"] for each in (settings.get("alarmConfiguration") or {}).get("alarms") or []]
        if len(alarms) > MOST_ALARMS:
            message = f"The maximum number of alarms for a deployment group ({MOST_ALARMS}) was exceeded."
            raise AwsError("AlarmsLimitExceededException", message)
        if len({*alarms}) < len(alarms):
            raise AwsError("InvalidAlarmConfigException", "The same alarm was specified more than once.")
        self.configuration(settings["deploymentConfigName"])
        try:
            self._emulator.part(Permissions).check_trust(settings["serviceRoleArn"], PRINCIPAL)
        except AwsError as error:
            message = f"AWS CodeDeploy does not have the permissions required to assume the role. {error.message}"
            raise AwsError("InvalidRoleException", message) from error
