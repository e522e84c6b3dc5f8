"""How the asset job publishes: one run of cdk-assets for each stack's manifest.

The CDK writes one run for each asset and account, and each starts Node and assumes roles anew: with fifty services in
four stages that is most of the job's time.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.build_settings import BuildSettings
from pipeline.definition import node_tools
from pipeline.definition.build_network import complete_buildspec

JOB = "buildspec-*-FileAsset.yaml"
MANIFEST = "cdk:asset-manifest"


def write_commands(assembly: Path, builds: BuildSettings) -> None:
    """Write what the asset job runs into its buildspec, which the CDK has made for it in an assembly's folder."""
    for file in sorted(assembly.glob(JOB)):
        spec = _read(file)
        spec["phases"]["install"]["commands"] = node_tools.install_commands(registry=builds.npm_registry)
        spec["phases"]["build"]["commands"] = [*commands(assembly)]
        spec = complete_buildspec(spec, builds)
        file.write_text(json.dumps(spec, indent=2), encoding="utf-8")


def commands(assembly: Path) -> Iterator[str]:
    """Yield a command for each manifest below the pipeline's own that has something to publish, stage by stage.

    A destination gets each asset once, and no templates: CloudFormation has them from the pipeline's artifact.
    """
    published: set[str] = set()
    for nested in _artifacts(assembly, "cdk:cloud-assembly"):
        folder = str(nested["directoryName"])
        for manifest in _artifacts(assembly / folder, MANIFEST):
            file = f"{folder}/{manifest['file']}"
            found = [each for each in _assets(assembly / file) if each not in published]
            published |= set(found)
            if found:
                yield " ".join([f'cdk-assets --path "{file}" --verbose publish', *(f'"{each}"' for each in found)])


def is_template(asset: dict[str, Any]) -> bool:
    """Say whether an asset is a stack's own template."""
    return str(asset["source"].get("path", "")).endswith(".template.json")


def _assets(file: Path) -> Iterator[str]:
    """Yield the assets of a manifest with each destination, as cdk-assets selects them."""
    for asset, its in _read(file).get("files", {}).items():
        if not is_template(its):
            yield from (f"{asset}:{destination}" for destination in its["destinations"])


def _artifacts(folder: Path, kind: str) -> Iterator[dict[str, Any]]:
    for artifact in _read(folder / "manifest.json")["artifacts"].values():
        if artifact["type"] == kind:
            yield artifact["properties"]


def _read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content
