"""Shifts an alias from one version to another, and stops when an alarm of the group fires or somebody asks.

https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-steps-lambda.html
https://docs.aws.amazon.com/codedeploy/latest/userguide/deployments-rollback-and-redeploy.html
"""

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.local.cloud.clock import CloudClock
from pipeline.local.cloud.cloudwatch.patches import alarm_state
from pipeline.local.cloud.codedeploy import patches
from pipeline.local.cloud.codedeploy.configurations import steps
from pipeline.local.cloud.codedeploy.groups import PRINCIPAL, Groups
from pipeline.local.cloud.emulator import AwsError, Emulator, Json
from pipeline.local.cloud.iam.permissions import Calls, Permissions

logger = logging.getLogger("penstock.codedeploy")

SESSION = "CodeDeploy"
MINUTE_SECONDS = 60.0
EACH_SECONDS = 0.2
"""How often a deployment looks around, and how long each of its steps lasts at least, however fast the clock goes."""
ALIVE = ("Created", "InProgress")
ROLLS_BACK = {"ALARM_ACTIVE": "DEPLOYMENT_STOP_ON_ALARM", "MANUAL_STOP": "DEPLOYMENT_STOP_ON_REQUEST"}
"""The events of a group after which a deployment is taken back, by what ended it; any other is DEPLOYMENT_FAILURE."""
ACTIVE = (
    "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and the affected"
    " deployments have been stopped. Activated alarms: "
)
WEIGHTED = (
    "The alias references two versions of the function already, as a deployment left it that was stopped without a"
    " rollback: update it with no additional version before the next deployment"
)
"""https://docs.aws.amazon.com/codedeploy/latest/userguide/troubleshooting-deployments-lambda.html"""


class ShiftError(Exception):
    """Why a deployment ended early, by CodeDeploy's code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Shift:
    """What a deployment does."""

    application: str
    group: str
    function: str
    alias: str
    old: str
    new: str
    stack: str
    """Where it belongs to; told in the deployment's externalId."""


def wait(seconds: float, look: Callable[[], None]) -> None:
    """Wait for real seconds of a shift, looking around all the time: the one place where a deployment waits."""
    end = time.monotonic() + max(seconds, EACH_SECONDS)
    while time.monotonic() < end:
        look()
        time.sleep(EACH_SECONDS)
    look()


class Deployments:
    """The deployments of all accounts; get it by `emulator.part(Deployments)`."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._groups = emulator.part(Groups)
        self._clock = emulator.part(CloudClock)
        self.records = emulator.store("codedeploy-deployments")

    def shift(self, shift: Shift) -> str:
        """Carry out a deployment, and return its id once all traffic is shifted; blocks for as long as that takes.

        Raises:
            ShiftError: It ended early; it is rolled back already, if the group says so.
        """
        record = self._begin(shift, "CloudFormation")
        try:
            self._run(record, shift)
        except ShiftError as error:
            self._end(record, "Stopped" if error.code in ROLLS_BACK else "Failed", error)
            self._roll_back(record, shift, error)
            raise
        self._end(record, "Succeeded")
        return str(record["deploymentId"])

    def shift_back(self, shift: Shift, creator: str) -> str:
        """Point an alias to a version at once, whatever the alarms say, and return the deployment's id."""
        record = self._begin(shift, creator)
        try:
            self._route(self._calls(shift), shift, shift.new, {})
        except ShiftError as error:
            self._end(record, "Failed", error)
            raise
        self._end(record, "Succeeded")
        return str(record["deploymentId"])

    def record(self, deployment_id: str) -> Json:
        """Return a deployment of `here`."""
        if deployment_id not in self.records:
            message = f"The deployment {deployment_id} could not be found"
            raise AwsError("DeploymentDoesNotExistException", message)
        found: Json = self.records[deployment_id]
        return found

    def stop(self, deployment_id: str, *, rolls_back: bool) -> None:
        """Ask a deployment to stop; it does within a moment."""
        record = self.record(deployment_id)
        if record["status"] not in ALIVE:
            message = f"Deployment {deployment_id} is already in terminal state"
            raise AwsError("DeploymentAlreadyCompletedException", message)
        record["stopping"] = {"rollsBack": rolls_back}
        self.records[deployment_id] = record

    def end_interrupted(self) -> None:
        """End what was under way when the cloud ended: the stack was brought back, and so is the alias."""
        for account, region, deployment_id, record in self._emulator.entries("codedeploy-deployments"):
            if record["status"] in ALIVE:
                with self._emulator.within(account, region):
                    self._restore(record["shift"])
                    self._end(record, "Stopped", ShiftError("INTERNAL_ERROR", "The local cloud was stopped meanwhile"))
                logger.warning("Deployment %s was under way when the cloud ended, and is stopped now", deployment_id)

    @staticmethod
    def _restore(shift: Json) -> None:
        try:
            patches.update_alias(shift["function"], shift["alias"], shift["old"], {})
        except AwsError as error:
            logger.warning("The alias %s of %s stays as it is: %s", shift["alias"], shift["function"], error)

    def _begin(self, shift: Shift, creator: str) -> Json:
        group = self._groups.group(shift.application, shift.group)
        for _, _, other_id, other in self._emulator.entries("codedeploy-deployments"):
            same = all(other[key] == group[key] for key in ("applicationName", "deploymentGroupName"))
            if same and other["status"] in ALIVE:
                raise ShiftError("RESOURCE_LIMIT_EXCEEDED", f"The deployment group has one under way: {other_id}")
        now = time.time()
        record = {
            "applicationName": shift.application,
            "deploymentGroupName": shift.group,
            "deploymentConfigName": group["deploymentConfigName"],
            "deploymentId": f"d-{secrets.token_hex(5)[:9].upper()}",
            "status": "InProgress",
            "createTime": now,
            "startTime": now,
            "creator": creator,
            "externalId": shift.stack,
            "computePlatform": group["computePlatform"],
            "deploymentStyle": group["deploymentStyle"],
            "autoRollbackConfiguration": group.get("autoRollbackConfiguration") or {"enabled": False},
            "shift": {"function": shift.function, "alias": shift.alias, "old": shift.old, "new": shift.new},
        }
        self.records[str(record["deploymentId"])] = record
        return record

    def _end(self, record: Json, status: str, error: ShiftError | None = None) -> None:
        record |= {"status": status, "completeTime": time.time()}
        if error is not None:
            record["errorInformation"] = {"code": error.code, "message": error.message}
        self.records[record["deploymentId"]] = record

    def _run(self, record: Json, shift: Shift) -> None:
        group = self._groups.group(shift.application, shift.group)
        calls = self._calls(shift)

        def look() -> None:
            if "stopping" in self.records[record["deploymentId"]]:
                raise ShiftError("MANUAL_STOP", "Deployment was stopped by a request")
            self._look_at_alarms(group, calls)

        if (patches.alias(shift.function, shift.alias) or {}).get("RoutingConfig"):
            raise ShiftError("INVALID_LAMBDA_CONFIGURATION", WEIGHTED)
        look()
        routing = self._groups.configuration(group["deploymentConfigName"])["trafficRoutingConfig"]
        for step in steps(routing):
            self._route(calls, shift, shift.old, {shift.new: step.percentage / 100})
            wait(self._clock.real_seconds(step.minutes * MINUTE_SECONDS), look)
        self._route(calls, shift, shift.new, {})

    def _calls(self, shift: Shift) -> Calls:
        """Assume the group's role."""
        role = self._groups.group(shift.application, shift.group)["serviceRoleArn"]
        try:
            return self._emulator.part(Permissions).call_as_role(role, SESSION, service=PRINCIPAL)
        except AwsError as error:
            raise ShiftError("IAM_ROLE_MISSING", error.message) from error

    def _route(self, calls: Calls, shift: Shift, version: str, weights: dict[str, float]) -> None:
        account, region = self._emulator.here()
        function = f"arn:aws:lambda:{region}:{account}:function:{shift.function}"
        for action in ("lambda:GetAlias", "lambda:UpdateAlias"):
            if refused := calls.refusal(action, function):
                raise ShiftError("IAM_ROLE_PERMISSIONS", refused)
        try:
            patches.update_alias(shift.function, shift.alias, version, weights)
        except AwsError as error:
            raise ShiftError("INVALID_LAMBDA_CONFIGURATION", error.message) from error

    def _look_at_alarms(self, group: Json, calls: Calls) -> None:
        watched = group.get("alarmConfiguration") or {}
        if not watched.get("enabled"):
            return
        account, region = self._emulator.here()
        firing = []
        for name in (each["name"] for each in watched.get("alarms") or []):
            refused = calls.refusal("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}")
            if refused and not watched.get("ignorePollAlarmFailure"):
                raise ShiftError("IAM_ROLE_PERMISSIONS", refused)
            state = None if refused else alarm_state(name)
            if state is None and not refused:
                message = (
                    f"The local cloud deploys with alarms that exist, and there is no {name}: AWS does not document"
                )
                raise ShiftError("INTERNAL_ERROR", f"{message} what happens then")
            if state == "ALARM":
                firing.append(name)
        if firing:
            raise ShiftError("ALARM_ACTIVE", f"{ACTIVE}<{', '.join(firing)}>")

    def _roll_back(self, record: Json, shift: Shift, error: ShiftError) -> None:
        """Take a deployment back by another one, where the group or the request to stop says so."""
        configured = record["autoRollbackConfiguration"]
        wanted = ROLLS_BACK.get(error.code, "DEPLOYMENT_FAILURE")
        asked = (self.records[record["deploymentId"]].get("stopping") or {}).get("rollsBack")
        if not asked and not (configured.get("enabled") and wanted in (configured.get("events") or [])):
            return
        back = Shift(
            application=shift.application,
            group=shift.group,
            function=shift.function,
            alias=shift.alias,
            old=shift.new,
            new=shift.old,
            stack=shift.stack,
        )
        try:
            made = self.shift_back(back, "codeDeployRollback")
        except ShiftError as failed:
            record["rollbackInfo"] = {"rollbackMessage": failed.message}
        else:
            record["rollbackInfo"] = {"rollbackDeploymentId": made}
        self.records[record["deploymentId"]] = record
