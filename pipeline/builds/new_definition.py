"""Prove, before self-mutation, that the build that a commit gives the pipeline works on this commit.

The deployed definition has just run: this is it. Were the new one to fail, the next push could not get past it, the
mending one included. So where commands, image or environment differ, the new definition is run once by the project's
own means: a build of the same source that overrides what differs.

https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3

from pipeline.builds import proof

OF_THE_ACTION = "_PROJECT_CONFIG_HASH"
"""The variable of CDK Pipelines that says that the definition differs, and not how."""
PHASES = ("install", "pre_build", "build", "post_build")
"""In their order. All commands of a build run in one shell."""
PLAIN = "PLAINTEXT"
"""The type of a variable whose value stands in it; of others it says where that is."""


def check(assembly: Path) -> None:
    """Compare the pipeline's build in this assembly with the build that this is; run the new one if they differ."""
    codebuild = boto3.client("codebuild")
    this = proof.build(codebuild, os.environ["CODEBUILD_BUILD_ID"])
    template = json.loads((assembly / "Pipeline.template.json").read_text(encoding="utf-8"))
    new, removed = project_of(template), removed_variables(this, template)
    changed = overrides(this, new)
    for name in sorted(unproved(this, new)):
        sys.stdout.write(
            f"{name} of the new build is read from elsewhere, as only the update lets it: it is not tried.\n"
        )
    if removed:
        changed["buildspecOverride"] = unset_first(new["Source"]["BuildSpec"], removed)
    if not changed:
        return
    differing = sorted(key.removesuffix("Override") for key in changed)
    what = ", ".join([*differing, *(f"without {each}" for each in removed)])
    proof.run(codebuild, "build", what, projectName=this["projectName"], **_source(), **_proving(changed, new, this))


def project_of(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of the project that the first action after the source builds with."""
    project = _configuration(template)["ProjectName"]["Ref"]
    found: dict[str, Any] = template["Resources"][project]["Properties"]
    return found


def removed_variables(this: Mapping[str, Any], template: Mapping[str, Any]) -> list[str]:
    """Return the variables of this build that neither the new project has nor the action that starts it."""
    by_action = _configuration(template).get("EnvironmentVariables", "[]")
    if not isinstance(by_action, str):  # with parts that only the deployment knows: so its names cannot be told
        return []
    kept = {each["name"] for each in json.loads(by_action)} | {OF_THE_ACTION, proof.PROVING}
    kept |= {each["Name"] for each in project_of(template)["Environment"].get("EnvironmentVariables", [])}
    return sorted(
        each["name"] for each in this["environment"].get("environmentVariables", []) if each["name"] not in kept
    )


def unset_first(spec: str, removed: Sequence[str]) -> str:
    """Return the commands of a build after one that takes variables away: StartBuild can give others only values."""
    made = json.loads(spec)
    phases = made.setdefault("phases", {})
    first = next((each for each in PHASES if each in phases), PHASES[0])
    commands = phases.setdefault(first, {}).get("commands", [])
    phases[first]["commands"] = [f"unset {' '.join(removed)}", *commands]
    return json.dumps(made)


def overrides(this: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return what StartBuild must be told so that a build is as the new definition has it; empty if it is already."""
    environment, wanted = this["environment"], new["Environment"]
    pairs = {
        "buildspecOverride": (this["source"]["buildspec"], new["Source"]["BuildSpec"]),
        "imageOverride": (environment["image"], wanted["Image"]),
        "computeTypeOverride": (environment["computeType"], wanted["ComputeType"]),
        "environmentTypeOverride": (environment["type"], wanted["Type"]),
        "privilegedModeOverride": (environment.get("privilegedMode", False), wanted.get("PrivilegedMode", False)),
    }
    found = {key: after for key, (before, after) in pairs.items() if before != after}
    given = _given(this)
    if any(given.get(name) != (PLAIN, value) for name, value in _variables(new)):
        found["environmentVariablesOverride"] = True
    return found


def unproved(this: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Yield the variables whose secret or parameter is another: the role of the build may read it after the update."""
    given = _given(this)
    for each in new["Environment"].get("EnvironmentVariables", []):
        type_ = each.get("Type", PLAIN)
        if type_ != PLAIN and given.get(each["Name"]) != (type_, each["Value"]):
            yield each["Name"]


def _configuration(template: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the first action after the source is configured with."""
    (pipeline,) = (each for each in template["Resources"].values() if each["Type"] == "AWS::CodePipeline::Pipeline")
    (action,) = pipeline["Properties"]["Stages"][1]["Actions"]
    found: Mapping[str, Any] = action["Configuration"]
    return found


def _variables(new: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the variables whose value the template says; what only the deployment knows cannot be proved."""
    for each in new["Environment"].get("EnvironmentVariables", []):
        if isinstance(each["Value"], str) and each.get("Type", PLAIN) == PLAIN:
            yield each["Name"], each["Value"]


def _given(this: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return type and value of each variable of this build, as it was told them and before it read any."""
    variables = this["environment"].get("environmentVariables", [])
    return {each["name"]: (each.get("type", PLAIN), each["value"]) for each in variables}


def _proving(changed: Mapping[str, Any], new: Mapping[str, Any], this: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: (PLAIN, value) for name, value in (*_variables(new), (proof.PROVING, "yes"))}
    variables = {**_given(this), **plain}
    variables.pop(OF_THE_ACTION, None)
    listed = [{"name": name, "value": value, "type": type_} for name, (type_, value) in variables.items()]
    return {**changed, "environmentVariablesOverride": listed}


def _source() -> dict[str, Any]:
    """Return the source of this build as one that no pipeline has to bring."""
    return proof.source(os.environ["CODEBUILD_SOURCE_VERSION"].partition(":::")[2])
