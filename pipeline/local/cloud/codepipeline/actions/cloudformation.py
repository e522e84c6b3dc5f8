"""The CloudFormation deploy action: change sets and stacks, under the action's role.

https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CloudFormation.html
"""

import io
import json
import zipfile
from typing import Any

from botocore.exceptions import ClientError

from pipeline.local.cloud.codepipeline.actions.overrides import resolve
from pipeline.local.cloud.codepipeline.work import ActionFailedError, Done, Work
from pipeline.local.cloud.emulator import Json

POLL_SECONDS = 0.05
GONE = ("DELETE_COMPLETE", None)
BROKEN = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
"""A new stack that failed: it can only be deleted."""
REPLACED = (*BROKEN, "UPDATE_ROLLBACK_FAILED")
"""What REPLACE_ON_FAILURE deletes first, by its documentation."""
BEGINNINGS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")
"""A stack's own event of these is the first one of an operation."""
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


def run(work: Work) -> Done:
    """Do what ActionMode says."""
    deployment = _Deployment(work)
    mode = work.configuration["ActionMode"]
    steps = {
        "CHANGE_SET_REPLACE": deployment.replace_change_set,
        "CHANGE_SET_EXECUTE": deployment.execute_change_set,
        "CREATE_UPDATE": deployment.create_or_update,
        "REPLACE_ON_FAILURE": deployment.replace_on_failure,
        "DELETE_ONLY": deployment.delete,
    }
    try:
        return steps[mode]()
    except ClientError as error:
        details = error.response["Error"]
        message = f"{error.operation_name}: {details['Message']} ({details['Code']})"
        raise ActionFailedError("JobFailed", message) from error


class _Deployment:
    def __init__(self, work: Work) -> None:
        self._work = work
        self._configuration = work.configuration
        self._stack = work.configuration["StackName"]
        self._aws = work.client("cloudformation")

    # The modes

    def replace_change_set(self) -> Done:
        status = self._status()
        if status in BROKEN:
            # Only a deletion leads on from here; AWS has CDK's users do it by hand, CREATE sets allow it on
            # ROLLBACK_COMPLETE since the stack holds nothing.
            self._delete_and_wait()
            status = None
        name = self._configuration["ChangeSetName"]
        if status not in GONE:
            self._drop_change_set(name)
        is_new = status in GONE or status == "REVIEW_IN_PROGRESS"
        made = self._aws.create_change_set(
            ChangeSetName=name, ChangeSetType="CREATE" if is_new else "UPDATE", **self._template_arguments()
        )
        self._report(made["StackId"])
        while True:
            change_set = self._aws.describe_change_set(ChangeSetName=made["Id"])
            if not change_set["Status"].endswith(("_IN_PROGRESS", "_PENDING")):
                break
            self._pause()
        reason = change_set.get("StatusReason", "")
        if change_set["Status"] == "FAILED" and not any(words in reason for words in NO_CHANGES):
            raise ActionFailedError("JobFailed", f"Change set {name} of stack {self._stack} failed: {reason}")
        return Done(summary=f"Change set {name} was created with {len(change_set.get('Changes', []))} changes.")

    def execute_change_set(self) -> Done:
        name = self._configuration["ChangeSetName"]
        change_set = self._aws.describe_change_set(ChangeSetName=name, StackName=self._stack)
        self._report(change_set["StackId"])
        if change_set["Status"] == "FAILED":  # replace_change_set lets only sets without changes pass
            return self._deployed(f"Change set {name} holds no changes.")
        self._wait_until_settled()
        self._aws.execute_change_set(ChangeSetName=name, StackName=self._stack)
        self._await("CREATE_COMPLETE", "UPDATE_COMPLETE")
        return self._deployed("Stack operation succeeded.")

    def create_or_update(self) -> Done:
        if self._status() in GONE:
            made = self._aws.create_stack(**self._template_arguments())
            self._report(made["StackId"])
            self._await("CREATE_COMPLETE")
            return self._deployed("Stack was created.")
        try:
            updated = self._aws.update_stack(**self._template_arguments())
        except ClientError as error:
            if NO_CHANGES[1] in error.response["Error"]["Message"]:
                return self._deployed("Stack needs no update.")
            raise
        self._report(updated["StackId"])
        self._await("UPDATE_COMPLETE")
        return self._deployed("Stack was updated.")

    def replace_on_failure(self) -> Done:
        if self._status() in REPLACED:
            self._delete_and_wait()
        return self.create_or_update()

    def delete(self) -> Done:
        if self._status() not in GONE:
            self._delete_and_wait()
        return Done(summary=f"Stack {self._stack} does not exist.")

    # What they share

    def _template_arguments(self) -> Json:
        work, configuration = self._work, self._configuration
        settings: Json = {}
        if "TemplateConfiguration" in configuration:
            settings = json.loads(work.read_file(configuration["TemplateConfiguration"]))
        parameters = settings.get("Parameters", {}) | resolve(
            json.loads(configuration.get("ParameterOverrides", "{}")), work
        )
        arguments: Json = {
            "StackName": self._stack,
            "TemplateBody": work.read_file(configuration["TemplatePath"]),
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            "Capabilities": [name.strip() for name in configuration.get("Capabilities", "").split(",") if name.strip()],
            "RoleARN": configuration["RoleArn"],
        }
        if "StackPolicy" in settings and configuration["ActionMode"] != "CHANGE_SET_REPLACE":
            arguments["StackPolicyBody"] = json.dumps(settings["StackPolicy"])
        if "Tags" in settings:
            arguments["Tags"] = [{"Key": key, "Value": value} for key, value in settings["Tags"].items()]
        return arguments

    def _describe(self) -> Json | None:
        try:
            found: Json = self._aws.describe_stacks(StackName=self._stack)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return None
            raise
        return found

    def _status(self) -> str | None:
        found = self._describe()
        return None if found is None else str(found["StackStatus"])

    def _drop_change_set(self, name: str) -> None:
        try:
            self._aws.delete_change_set(ChangeSetName=name, StackName=self._stack)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("ChangeSetNotFound", "ChangeSetNotFoundException"):
                raise

    def _delete_and_wait(self) -> None:
        found = self._describe()
        if found is None:
            return
        arguments = {"RoleARN": self._configuration["RoleArn"]} if "RoleArn" in self._configuration else {}
        self._aws.delete_stack(StackName=self._stack, **arguments)
        while True:
            stack = self._aws.describe_stacks(StackName=found["StackId"])["Stacks"][0]
            if stack["StackStatus"] == "DELETE_COMPLETE":
                return
            if stack["StackStatus"] == "DELETE_FAILED":
                raise ActionFailedError("JobFailed", self._why(f"Stack {self._stack} could not be deleted"))
            self._pause()

    def _wait_until_settled(self) -> None:
        while (status := self._status()) is not None and status.endswith("_IN_PROGRESS"):
            if status == "REVIEW_IN_PROGRESS":
                return
            self._pause()

    def _await(self, *good: str) -> None:
        while True:
            status = self._status()
            if status is None or not status.endswith("_IN_PROGRESS"):
                break
            self._pause()
        if status not in good:
            raise ActionFailedError("JobFailed", self._why(f"Stack {self._stack} is {status}"))

    def _why(self, what: str) -> str:
        """AWS: "the details about the first failed resource will be included in the CodePipeline error message"."""
        for event in reversed(self._events()):
            failed = event["ResourceStatus"].endswith("_FAILED")
            if failed and "cancelled" not in event.get("ResourceStatusReason", "").lower():
                return (
                    f"{what}. The first failure: {event['LogicalResourceId']} ({event['ResourceType']})"
                    f" {event['ResourceStatus']}: {event.get('ResourceStatusReason', '')}"
                )
        return f"{what}."

    def _events(self) -> list[Any]:
        """Return what happened in the stack's last operation, newest first."""
        events: list[Any] = []
        for event in self._aws.describe_stack_events(StackName=self._stack)["StackEvents"]:
            events.append(event)
            if event["PhysicalResourceId"] == event["StackId"] and event["ResourceStatus"] in BEGINNINGS:
                break
        return events

    def _deployed(self, summary: str) -> Done:
        found = self._describe() or {}
        outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
        if "OutputFileName" in self._configuration:  # without it, nothing comes of the artifact
            body = io.BytesIO()
            with zipfile.ZipFile(body, "w") as archive:
                archive.writestr(self._configuration["OutputFileName"], json.dumps(outputs))
            self._work.write(self._work.action.outputs[0], body.getvalue())
        return Done(variables=outputs, summary=summary)

    def _report(self, stack_id: str) -> None:
        self._work.report(stack_id, f"{self._work.console}/cloudformation/home#/stack/detail?stackId={stack_id}", "")

    def _pause(self) -> None:
        if self._work.abandoned.wait(POLL_SECONDS):
            raise ActionFailedError("Abandoned", "The action was abandoned")
