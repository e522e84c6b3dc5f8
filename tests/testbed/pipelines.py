"""A tools account with buckets, roles and pipelines to test with."""

import http.client
import io
import json
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.roles import role, root

TOOLS = "111111111111"
HOME = "us-east-1"
ENDED = ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")
SERVICES = (
    "cloudformation.amazonaws.com",
    "codebuild.amazonaws.com",
    "codepipeline.amazonaws.com",
    "events.amazonaws.com",
    "states.amazonaws.com",
)
Seen = TypeVar("Seen")


def until(look: Callable[[], Seen], good: Callable[[Seen], bool], seconds: float = 20) -> Seen:
    """What is seen once it is good. It polls the API, as every client of it must."""
    end = time.monotonic() + seconds
    while not good(seen := look()):
        assert time.monotonic() < end, f"still {seen}"
    return seen


def zipped(files: Mapping[str, str]) -> bytes:
    """A zip of text files."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return body.getvalue()


def parameter_template(name: str, value: str, **outputs: str) -> str:
    """A stack of one SSM parameter."""
    return json.dumps(
        {
            "Resources": {
                "Value": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": name, "Type": "String", "Value": value}}
            },
            "Outputs": {key: {"Value": text} for key, text in outputs.items()},
        }
    )


class Tools:
    """What a pipeline needs around it, in an account of its own, under names of its own."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.name = f"p{uuid.uuid4().hex[:10]}"
        self.connect(cloud)
        self.role = self.make_role("pipeline")
        self.bucket = f"{self.name}-artifacts"
        self.source = f"{self.name}-source"
        for bucket in (self.bucket, self.source):
            self.s3.create_bucket(Bucket=bucket)
        self.s3.put_bucket_versioning(Bucket=self.source, VersioningConfiguration={"Status": "Enabled"})

    def connect(self, cloud: LocalCloud) -> None:
        """Talk to this cloud from now on."""
        self.cloud = cloud
        self.codepipeline: Any = cloud.client("codepipeline")
        self.s3: Any = cloud.client("s3")
        self.ssm: Any = cloud.client("ssm")

    def make_role(self, name: str, account: str = TOOLS) -> str:
        """A role that may do anything, and that pipelines, builds, deployments and everybody's roles may assume."""
        return role(self.cloud, f"{self.name}-{name}", *SERVICES, account=account, principals=("*",))

    def push(self, files: Mapping[str, str]) -> str:
        """A new version of the source, and its id."""
        return str(self.s3.put_object(Bucket=self.source, Key="source.zip", Body=zipped(files))["VersionId"])

    def source_stage(self) -> dict[str, Any]:
        """The stage that every pipeline here starts with."""
        configuration = {"S3Bucket": self.source, "S3ObjectKey": "source.zip", "PollForSourceChanges": "false"}
        return stage("Source", action("Fetch", "Source/S3", configuration, outputs=["Code"], namespace="Source"))

    def deployment(self, name: str, mode: str, order: int = 1, /, **more: Any) -> dict[str, Any]:
        """A CloudFormation action on the stack of this pipeline."""
        configuration = {
            "ActionMode": mode,
            "StackName": f"{self.name}-stack",
            "ChangeSetName": "Change",
            "TemplatePath": "Code::template.json",
            "RoleArn": self.role,
        }
        if mode == "CHANGE_SET_EXECUTE":
            del configuration["TemplatePath"], configuration["RoleArn"]
        configuration |= more.pop("configuration", {})
        inputs = [configuration["TemplatePath"].partition("::")[0]] if "TemplatePath" in configuration else []
        return action(name, "Deploy/CloudFormation", configuration, inputs=inputs, order=order, **more)

    def definition(self, *stages: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A V2 pipeline of the source and these stages."""
        return {
            "name": self.name,
            "roleArn": self.role,
            "artifactStore": {"type": "S3", "location": self.bucket},
            "stages": [self.source_stage(), *stages],
            "pipelineType": "V2",
            **more,
        }

    def create(self, *stages: dict[str, Any], **more: Any) -> str:
        """A pipeline; the id of the execution that its creation starts."""
        self.codepipeline.create_pipeline(pipeline=self.definition(*stages, **more))
        (started,) = self.executions()
        return str(started["pipelineExecutionId"])

    def start(self, **more: Any) -> str:
        """Another execution."""
        return str(self.codepipeline.start_pipeline_execution(name=self.name, **more)["pipelineExecutionId"])

    def executions(self) -> list[dict[str, Any]]:
        """The history, newest first."""
        answer = self.codepipeline.list_pipeline_executions(pipelineName=self.name)
        return list(answer["pipelineExecutionSummaries"])

    def status(self, execution: str) -> str:
        """Of an execution."""
        found = self.codepipeline.get_pipeline_execution(pipelineName=self.name, pipelineExecutionId=execution)
        return str(found["pipelineExecution"]["status"])

    def ended(self, execution: str) -> str:
        """The status of an execution once it has ended."""
        return until(lambda: self.status(execution), lambda status: status in ENDED)

    def actions(self, execution: str) -> dict[str, dict[str, Any]]:
        """The latest run of each action of an execution."""
        found = self.codepipeline.list_action_executions(
            pipelineName=self.name, filter={"pipelineExecutionId": execution}
        )["actionExecutionDetails"]
        return {run["actionName"]: run for run in reversed(found)}

    def raw(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """An answer of the API to a request that boto3 did not check."""
        connection = http.client.HTTPConnection("127.0.0.1", self.cloud.port, timeout=20)
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"CodePipeline_20150709.{operation}",
        }
        request = AWSRequest("POST", f"{self.cloud.endpoint}/", headers=headers, data=json.dumps(parameters))
        SigV4Auth(root(self.cloud, TOOLS), "codepipeline", HOME).add_auth(request)
        connection.request("POST", "/", json.dumps(parameters), dict(request.headers.items()))
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def actions_done(self, execution: str, name: str) -> dict[str, Any]:
        """An action once it has succeeded."""
        return until(lambda: self.actions(execution).get(name, {}), lambda run: run.get("status") == "Succeeded")

    def artifact(self, made: Mapping[str, Any]) -> dict[str, str]:
        """The files of an artifact."""
        place = made["s3location"]
        body = self.s3.get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read()
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            return {name: archive.read(name).decode(errors="replace") for name in names}

    def stages(self) -> dict[str, dict[str, Any]]:
        """The state of each stage."""
        found = self.codepipeline.get_pipeline_state(name=self.name)["stageStates"]
        return {state["stageName"]: state for state in found}

    def error(self, execution: str, name: str) -> str:
        """The message of a failed action."""
        details = self.actions(execution)[name]["output"]["executionResult"]["errorDetails"]
        return str(details["message"])

    def errors(self, execution: str) -> dict[str, Any]:
        """What failed, by action: the first thing to look at when a test does."""
        runs = self.actions(execution)
        return {name: run["output"]["executionResult"] for name, run in runs.items() if run["status"] == "Failed"}

    def approval_token(self, stage_name: str, action_name: str) -> str:
        """Of the approval that waits, once it does."""

        def look() -> str:
            for state in self.stages()[stage_name]["actionStates"]:
                if state["actionName"] == action_name:
                    return str(state.get("latestExecution", {}).get("token", ""))
            return ""

        return until(look, bool)

    def approve(self, stage_name: str, action_name: str, status: str = "Approved") -> None:
        """Answer the approval that waits."""
        self.codepipeline.put_approval_result(
            pipelineName=self.name,
            stageName=stage_name,
            actionName=action_name,
            token=self.approval_token(stage_name, action_name),
            result={"status": status, "summary": "because"},
        )

    def parameter(self, name: str = "") -> str:
        """The value of the SSM parameter that was deployed."""
        return str(self.ssm.get_parameter(Name=name or self.name)["Parameter"]["Value"])


def stage(name: str, *actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A stage as the API has it."""
    return {"name": name, "actions": list(actions), **more}


def action(
    name: str,
    kind: str,
    configuration: Mapping[str, str],
    *,
    inputs: list[str] | None = None,
    outputs: list[str] | None = None,
    order: int = 1,
    **more: Any,
) -> dict[str, Any]:
    """An action as the API has it."""
    category, provider = kind.split("/")
    return {
        "name": name,
        "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
        "runOrder": order,
        "configuration": dict(configuration),
        "inputArtifacts": [{"name": each} for each in inputs or []],
        "outputArtifacts": [{"name": each} for each in outputs or []],
        **more,
    }


def approval(name: str = "Approve", order: int = 1, **more: Any) -> dict[str, Any]:
    """A manual approval."""
    return action(name, "Approval/Manual", more.pop("configuration", {}), order=order, **more)
