"""Two pipelines beside each other, as docs/scale.md has them: what one owns, the other does not touch."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pipeline.pipeline_settings import Settings
from pipeline.settings import SETTINGS
from services.library.contract.environment import Tier
from stages import accounts
from tests.testbed import reachable, tiny

BILLING = replace(SETTINGS, name="penstock-billing", region=accounts.SECOND_REGION)
OF_ITS_ROLE = "PolicyName"
"""An inline policy's name, which need differ only within its role."""
STACK = "aws:cloudformation:stack"


def names(folder: Path) -> Iterator[tuple[str, str]]:
    """Each stack of an assembly with its place, and each physical name that a resource is given."""
    for manifest in folder.rglob("manifest.json"):
        for artifact in json.loads(manifest.read_text())["artifacts"].values():
            if artifact["type"] == STACK:
                properties = artifact["properties"]
                yield artifact["environment"], properties.get("stackName") or artifact["displayName"]
                template = json.loads((manifest.parent / properties["templateFile"]).read_text())
                for resource in template["Resources"].values():
                    for key, value in resource.get("Properties", {}).items():
                        if key.endswith("Name") and key != OF_ITS_ROLE and isinstance(value, str):
                            yield resource["Type"], value


def made(folder: Path, settings: Settings, *services: reachable.Reachable) -> set[tuple[str, str]]:
    listed = services or (tiny.Tiny(),)
    stages = [
        reachable.stage(name, listed, tier=tier, account=account)
        for name, tier, account in (("dev", Tier.SANDBOX, accounts.DEV), ("prod", Tier.PRODUCTION, accounts.PROD))
    ]
    app, _ = tiny.app(folder, settings=settings, catalogue=tuple(stages))
    app.synth()
    return set(names(folder))


def test_two_pipelines_for_the_same_stages_have_no_stack_and_no_name_in_common(tmp_path: Path) -> None:
    first = made(tmp_path / "first", SETTINGS)
    second = made(tmp_path / "second", BILLING, *reachable.services(2))
    assert ("AWS::CodePipeline::Pipeline", "penstock-billing") in second
    assert (f"aws://{accounts.DEV}/us-east-1", "dev-service000") in second
    assert first & second == set()
