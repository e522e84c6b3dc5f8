"""Prove, before self-mutation, that the build that a commit gives the pipeline works on this commit.

The deployed definition has just run: this is it. Were the new one to fail, the next push could not get past it, the
mending one included. So where commands, image or environment differ, the new definition is run once by the project's
own means: a build of the same source that overrides what differs.

https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3

PROVING = "PENSTOCK_PROVING"
"""Set in the build that proves, which must not prove anything itself."""
OF_THE_ACTION = "_PROJECT_CONFIG_HASH"
"""The variable of CDK Pipelines that says that the definition differs, and not how."""
POLL_SECONDS = 2.0


def main(words: list[str] | None = None) -> None:
    """Compare the pipeline's build in this assembly with the build that this is; run the new one if they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assembly", type=Path, default=Path("cdk.out"))
    arguments = parser.parse_args(words)
    if os.environ.get(PROVING):
        return
    codebuild = boto3.client("codebuild")
    this = _build(codebuild, os.environ["CODEBUILD_BUILD_ID"])
    new = project_of(json.loads((arguments.assembly / "Pipeline.template.json").read_text(encoding="utf-8")))
    changed = overrides(this, new)
    if not changed:
        return
    what = ", ".join(sorted(key.removesuffix("Override") for key in changed))
    sys.stdout.write(f"The pipeline's build differs in {what}: running the new one before it is deployed.\n")
    sys.stdout.flush()
    started = codebuild.start_build(projectName=this["projectName"], **_source(), **_proving(changed, new, this))
    proof = _ended(codebuild, started["build"]["id"])
    if proof["buildStatus"] != "SUCCEEDED":
        sys.exit(_refusal(proof, what))


def project_of(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of the project that the first action after the source builds with."""
    resources = template["Resources"]
    (pipeline,) = (each for each in resources.values() if each["Type"] == "AWS::CodePipeline::Pipeline")
    (action,) = pipeline["Properties"]["Stages"][1]["Actions"]
    found: dict[str, Any] = resources[action["Configuration"]["ProjectName"]["Ref"]]["Properties"]
    return found


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
    given = {each["name"]: each["value"] for each in environment.get("environmentVariables", [])}
    if any(given.get(name) != value for name, value in _variables(new)):
        found["environmentVariablesOverride"] = True
    return found


def _variables(new: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the variables whose value the template says; what only the deployment knows cannot be proved."""
    for each in new["Environment"].get("EnvironmentVariables", []):
        if isinstance(each["Value"], str):
            yield each["Name"], each["Value"]


def _proving(changed: Mapping[str, Any], new: Mapping[str, Any], this: Mapping[str, Any]) -> dict[str, Any]:
    given = {each["name"]: each["value"] for each in this["environment"].get("environmentVariables", [])}
    variables = {**given, **dict(_variables(new)), PROVING: "yes"}
    variables.pop(OF_THE_ACTION, None)
    listed = [{"name": name, "value": value, "type": "PLAINTEXT"} for name, value in variables.items()]
    return {**changed, "environmentVariablesOverride": listed}


def _source() -> dict[str, Any]:
    """Return the source of this build as one that no pipeline has to bring, and no artifacts."""
    place = os.environ["CODEBUILD_SOURCE_VERSION"].partition(":::")[2]
    return {
        "sourceTypeOverride": "S3",
        "sourceLocationOverride": place,
        "artifactsOverride": {"type": "NO_ARTIFACTS"},
    }


def _build(codebuild: Any, build: str) -> dict[str, Any]:
    (found,) = codebuild.batch_get_builds(ids=[build])["builds"]
    return dict(found)


def _ended(codebuild: Any, build: str) -> dict[str, Any]:
    while not (found := _build(codebuild, build))["buildComplete"]:
        time.sleep(POLL_SECONDS)
    return found


def _refusal(proof: Mapping[str, Any], what: str) -> str:
    failed: Mapping[str, Any] = next(
        (each for each in proof["phases"] if each.get("phaseStatus") not in (None, "SUCCEEDED")), {}
    )
    contexts = [context.get("message", "") for context in failed.get("contexts", [])]
    return (
        f"Stopped before self-mutation: the build that this commit gives the pipeline ({what}) does not work on this"
        f" commit, and once deployed no push could mend it. {failed.get('phaseType', 'It')}: {' '.join(contexts)}."
        f" Its log: {proof['logs'].get('deepLink', 'none')}"
    )


if __name__ == "__main__":
    main()
