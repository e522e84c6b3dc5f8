"""Prove, before self-mutation, that self-mutation as a commit defines it gets its tools and can read the assembly.

It deploys, which no proof may. So what it does before that is run, in its image, on what synth gave; in place of the
deployment the tool lists the stacks. That this commit changes it shows in the synth of the run before.
"""

import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3

from pipeline.builds import kept_synths, proof

NAME = "Pipeline.template.json"
LIST = "cdk -a . ls"
ASSETS = "asset."
"""Begins the names of what a list of stacks does not need."""
KEY = "synths/proof.zip"
OVERRIDES = {
    "imageOverride": "Image",
    "computeTypeOverride": "ComputeType",
    "environmentTypeOverride": "Type",
    "privilegedModeOverride": "PrivilegedMode",
}


def check(assembly: Path, store: str, before: Mapping[str, Any] | None) -> None:
    """Compare self-mutation with what the run before had, if there was one; run what may be run if they differ."""
    if before is None:
        return
    new = project_of(kept_synths.templates(assembly)[NAME])
    changed = differences(project_of(before[NAME]), new)
    if not changed:
        return
    boto3.client("s3").put_object(Bucket=store, Key=KEY, Body=_zipped(assembly))
    codebuild = boto3.client("codebuild")
    this = proof.build(codebuild, os.environ["CODEBUILD_BUILD_ID"])
    proof.run(
        codebuild,
        "self-mutation",
        ", ".join(changed),
        projectName=this["projectName"],
        buildspecOverride=listing(new["Source"]["BuildSpec"]),
        environmentVariablesOverride=[{"name": proof.PROVING, "value": "yes", "type": "PLAINTEXT"}],
        **proof.source(f"{store}/{KEY}"),
        **{key: new["Environment"][name] for key, name in OVERRIDES.items() if name in new["Environment"]},
    )


def project_of(template: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties of the project of the stage that updates the pipeline."""
    resources = template["Resources"]
    (pipeline,) = (each for each in resources.values() if each["Type"] == "AWS::CodePipeline::Pipeline")
    (action,) = pipeline["Properties"]["Stages"][2]["Actions"]
    found: Mapping[str, Any] = resources[action["Configuration"]["ProjectName"]["Ref"]]["Properties"]
    return found


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the names of what a build depends on and that is not as it was."""
    found = ["buildspec"] if before["Source"]["BuildSpec"] != after["Source"]["BuildSpec"] else []
    old, new = before["Environment"], after["Environment"]
    return found + sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def listing(spec: str) -> str:
    """Return the commands of a build, with a list of the stacks in place of what deploys."""
    made = json.loads(spec)
    made["phases"] = {name: phase for name, phase in made["phases"].items() if name in ("install", "pre_build")}
    made["phases"]["build"] = {"commands": [LIST]}
    return json.dumps(made)


def _zipped(assembly: Path) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(assembly.rglob("*")):
            name = file.relative_to(assembly)
            if file.is_file() and not any(part.startswith(ASSETS) for part in name.parts):
                archive.write(file, name.as_posix())
    return body.getvalue()
