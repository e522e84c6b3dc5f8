"""Approve a run that would change nothing: beside the approval, where the stage says so.

Nothing changes if each template that the run would deploy is, value for value, the one that CloudFormation was given
last: a template names what functions are made of by its content. Its build is given it as text, and it needs boto3
alone: what answers an approval is no file of the commit. What it cannot read is left to the person who is asked.
"""

import json
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

POLL_SECONDS = 1.0
SUMMARY = "Approved by the stage's rule: nothing differs from what runs there"
NOT_COMPARED = frozenset({"TemplateConfiguration", "ParameterOverrides"})
"""What else a deployment may be given besides its template; CDK Pipelines writes the first for a stack with tags."""
POLLS = 60
ANSWERED = ("ApprovalAlreadyCompletedException", "InvalidApprovalTokenException")
"""Somebody was quicker."""


def main(assembly: str, pipeline: str, stage: str, execution: str, looking: str) -> int:
    """Compare, and answer the approval of the stage's gate if nothing differs; it fails in neither case.

    `assembly`: the folder of the run's; `looking`: the names of the projects that change nothing.
    """
    codepipeline = boto3.client("codepipeline")
    try:
        stages = codepipeline.get_pipeline(name=pipeline)["pipeline"]["stages"]
        reasons = list(differences(stages, stage, Path(assembly), looking.split()))
    except (ClientError, BotoCoreError, KeyError, OSError, ValueError) as error:
        reasons = [f"it cannot be told: {type(error).__name__}: {error}"]
    if reasons:
        sys.stdout.write("".join(f"{line}\n" for line in ("A person is asked:", *reasons)))
        return 0
    sys.stdout.write(f"Nothing would change in {stage}.\n")
    answer(codepipeline, pipeline, stage, execution)
    return 0


def differences(stages: Any, stage: str, assembly: Path, looking: Collection[str]) -> Iterator[str]:
    """Yield why a run would change a stage, or may: templates that differ, and what else runs there.

    `looking`: projects by their names, since a service calls its steps as it likes.
    """
    actions = [each for part in stages if part["name"].partition(".")[0] == stage for each in part["actions"]]
    if not actions:
        yield f"the pipeline has no action in {stage}"
    for action in actions:
        given, name = action.get("configuration", {}), action["name"]
        if more := sorted(NOT_COMPARED & given.keys()):
            yield f"{name} has {', '.join(more)}, which nobody compares"
        if action["actionTypeId"]["provider"] == "CloudFormation" and "TemplatePath" in given:
            new = json.loads((assembly / given["TemplatePath"].partition("::")[2]).read_text(encoding="utf-8"))
            if _deployed(action) != new:
                yield f"{given['StackName']} would change"
        elif given.get("ProjectName") not in looking:
            yield f"{name} may do more than to look"


def answer(codepipeline: Any, pipeline: str, stage: str, execution: str) -> None:
    """Approve the run once it is asked about, unless somebody does before. The token is for this run and no other."""
    gate, name = f"{stage}-gate", f"Approve-{stage}"
    for _ in range(POLLS):
        states = codepipeline.get_pipeline_state(name=pipeline)["stageStates"]
        state = next(each for each in states if each["stageName"] == gate)
        if state.get("latestExecution", {}).get("pipelineExecutionId") != execution:
            return
        asked = next(each for each in state["actionStates"] if each["actionName"] == name).get("latestExecution", {})
        if "token" in asked:
            _approve(codepipeline, pipelineName=pipeline, stageName=gate, actionName=name, token=asked["token"])
            return
        time.sleep(POLL_SECONDS)


def _approve(codepipeline: Any, **asked: str) -> None:
    try:
        codepipeline.put_approval_result(**asked, result={"status": "Approved", "summary": SUMMARY})
    except ClientError as error:
        if error.response["Error"]["Code"] not in ANSWERED:
            raise


def _deployed(action: Mapping[str, Any]) -> Any:
    """Return the template that a stack was given last, read by the lookup role beside the role that deploys."""
    role, stack = action["roleArn"].replace("-deploy-role-", "-lookup-role-"), action["configuration"]["StackName"]
    given = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="unchanged")["Credentials"]
    client = boto3.client(
        "cloudformation",
        region_name=action.get("region"),
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    body: Any = client.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    return json.loads(body) if isinstance(body, str) else body


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
