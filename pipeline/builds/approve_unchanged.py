"""Approve a run that would change nothing: beside the approval, where the stage says so.

Nothing changes if each template that the run would deploy is, value for value, the one that CloudFormation was given
last: a template names what functions are made of by its content. So that it was given must have succeeded, and what a
deployment reads anew must be as it was. Its build is given it as text, and it needs boto3 alone: what answers an
approval is no file of the commit. What it cannot read is left to the person who is asked.
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
SETTLED = ("CREATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_COMPLETE")
"""States of a stack that is as its template says. In others the same deployment may create, replace or mend it."""
ANEW = "AWS::SSM::Parameter::Value"
"""Begins the types of parameters whose values each deployment reads, whatever the template."""
MACRO = "Transform"
"""In the names of what may make another template of the same one."""
NESTED, FILE = "AWS::CloudFormation::Stack", "aws:asset:path"
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
            yield from _changes(action, assembly / given["TemplatePath"].partition("::")[2])
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


def _changes(action: Mapping[str, Any], file: Path) -> Iterator[str]:
    """Yield why the deployment of a template may change its stack."""
    stack, new = action["configuration"]["StackName"], json.loads(file.read_text(encoding="utf-8"))
    cloudformation, ssm = _clients(action, "cloudformation", "ssm")
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    if described["StackStatus"] not in SETTLED:
        yield f"{stack} is {described['StackStatus']}"
    body: Any = cloudformation.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    if (json.loads(body) if isinstance(body, str) else body) != new:
        yield f"{stack} would change"
    read = {each["ParameterKey"]: each for each in described.get("Parameters", [])}
    for name in _read_anew(new):
        source, value = read[name]["ParameterValue"], read[name].get("ResolvedValue")
        if ssm.get_parameter(Name=source)["Parameter"]["Value"] != value:
            yield f"{stack} would be given another value of {source}"
    for template, is_nested in _with_nested(new, file.parent):
        if f'{MACRO}": ' in json.dumps(template):
            yield f"{stack} has a macro, and nobody compares what it makes"
        if is_nested and (names := _read_anew(template)):
            yield f"{stack} reads {', '.join(names)} in a nested stack, which nobody compares"


def _read_anew(template: Mapping[str, Any]) -> list[str]:
    """Return the parameters that are read at each deployment and used: the bootstrap's version is for a rule alone."""
    parts = {name: part for name, part in template.items() if name not in ("Parameters", "Rules")}
    text = json.dumps(parts)
    return [
        name
        for name, each in template.get("Parameters", {}).items()
        if each["Type"].startswith(ANEW) and (f'"Ref": "{name}"' in text or f"${{{name}}}" in text)
    ]


def _with_nested(template: Any, folder: Path, *, is_nested: bool = False) -> Iterator[tuple[Any, bool]]:
    """Yield a template, and those of the stacks that are nested in it."""
    yield template, is_nested
    for each in template.get("Resources", {}).values():
        if each["Type"] == NESTED and (name := each.get("Metadata", {}).get(FILE)):
            nested = json.loads((folder / name).read_text(encoding="utf-8"))
            yield from _with_nested(nested, folder, is_nested=True)


def _clients(action: Mapping[str, Any], *services: Any) -> list[Any]:
    """Return clients that act as the lookup role beside the role that deploys a stack."""
    role = action["roleArn"].replace("-deploy-role-", "-lookup-role-")
    given = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="unchanged")["Credentials"]
    return [
        boto3.client(
            each,
            region_name=action.get("region"),
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )
        for each in services
    ]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
