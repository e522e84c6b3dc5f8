"""A cloud assembly's files as a rehearsal needs them: a copy whose pipeline has one stage, and zips to deploy."""

import io
import json
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.operate.errors import OperateError, suggested
from pipeline.rehearsal.shifted_aliases import ShiftedAlias, publish_new_versions, shifted_aliases
from pipeline.rehearsal.single_stage import StackTemplate

TEMPLATE = "Pipeline.template.json"
FAULT = "RehearsedFault"
"""The resource by which a deployment fails."""
RELEASE = "RehearsedRelease"
"""The output by which the second release differs from the first."""


def read_pipeline(assembly: Path) -> dict[str, Any]:
    """Return the template of the pipeline's stack.

    Raises:
        OperateError: if the folder has none.
    """
    try:
        found: dict[str, Any] = json.loads((assembly / TEMPLATE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OperateError(f"{assembly} has no {TEMPLATE}: give a folder that `make synth` wrote.") from None
    return found


def copy_with(assembly: Path, pipeline: Mapping[str, Any], target: Path) -> Path:
    """Copy an assembly, with another template for the pipeline's stack; the copy."""
    shutil.copytree(assembly, target)
    (target / TEMPLATE).write_text(json.dumps(pipeline), encoding="utf-8")
    return target


def zip_of(folder: Path, replaced: Mapping[str, str] | None = None) -> bytes:
    """Return a folder as a zip. `replaced`: files that have another text."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            name = str(file.relative_to(folder))
            if replaced and name in replaced:
                archive.writestr(name, replaced[name])
            else:
                archive.write(file, name)
    return body.getvalue()


def changed(assembly: Path, stacks: Sequence[StackTemplate]) -> dict[str, str]:
    """Return each stack's template as another release, by file: one that changes nothing shows little.

    It has an output more, and a new version of whatever has its traffic shifted.
    """
    found = {}
    for each in stacks:
        body = publish_new_versions(_template(assembly, each))
        body.setdefault("Outputs", {})[RELEASE] = {"Value": "the second"}
        found[each.file] = json.dumps(body)
    return found


def aliases(assembly: Path, stacks: Sequence[StackTemplate]) -> list[ShiftedAlias]:
    """List the aliases that a release of these stacks moves step by step."""
    return [alias for each in stacks for alias in shifted_aliases(each, _template(assembly, each))]


def with_fault(templates: Mapping[str, str], stacks: Sequence[StackTemplate], service: str) -> dict[str, str]:
    """Return templates, by file, of which a service's have a resource that cannot be made.

    Raises:
        OperateError: if the stage deploys no such service.
    """
    faulty = [each for each in stacks if each.stack.endswith(f"-{service}")]
    if not faulty:
        known = [each.stack.partition("-")[2] for each in stacks]
        raise OperateError(
            f"--fault deployment={service} names no service of the stage; it has {', '.join(known)}."
            f"{suggested(service, known)}"
        )
    return {**templates, **{each.file: _faulty(templates[each.file]) for each in faulty}}


def _template(assembly: Path, stack: StackTemplate) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((assembly / stack.file).read_text(encoding="utf-8"))
    return found


def _faulty(template: str) -> str:
    """Add a custom resource whose function does not exist, after everything else has been made."""
    body = json.loads(template)
    body["Resources"][FAULT] = {
        "Type": "Custom::RehearsedFault",
        "DependsOn": sorted(body["Resources"]),
        "Properties": {
            "ServiceToken": {
                "Fn::Sub": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:rehearsed-fault"
            }
        },
    }
    return json.dumps(body)
