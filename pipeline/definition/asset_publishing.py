"""How the asset job publishes: one run of cdk-assets for each stack's manifest.

The CDK writes one run for each asset and account, and each starts Node and assumes roles anew: with fifty services in
four stages that is most of the job's time.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

PUBLISH = re.compile(r'(?P<manifest>cdk-assets --path "[^"]+" --verbose publish) (?P<asset>"[^"]+")')


def gather(assembly: Path) -> None:
    """Rewrite the buildspecs of the asset jobs that the CDK has just written into an assembly's folder."""
    for file in sorted(assembly.glob("buildspec-*-FileAsset.yaml")):
        spec = json.loads(file.read_text(encoding="utf-8"))
        spec["phases"]["build"]["commands"] = by_manifest(spec["phases"]["build"]["commands"])
        file.write_text(json.dumps(spec, indent=2), encoding="utf-8")


def by_manifest(commands: Iterable[str]) -> list[str]:
    """Put the assets of one manifest into one command. A command that publishes nothing stays as it is."""
    gathered: dict[str, list[str]] = {}
    for command in commands:
        found = PUBLISH.fullmatch(command)
        manifest, assets = (found["manifest"], [found["asset"]]) if found else (command, [])
        gathered.setdefault(manifest, []).extend(assets)
    return [" ".join([manifest, *assets]) for manifest, assets in gathered.items()]
