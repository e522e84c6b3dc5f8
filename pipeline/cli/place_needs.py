"""What the stacks that were synthesised last need of each account and region."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ASSEMBLY = "cdk.out"
SIZES = {"SMALL": "Small", "MEDIUM": "Medium", "LARGE": "Large", "XLARGE": "XLarge", "2XLARGE": "2XLarge"}
"""The end of a build's compute type -> as Service Quotas names it."""
PLATFORMS = {"LINUX_CONTAINER": "Linux", "ARM_CONTAINER": "ARM"}
Json = Any


@dataclass(kw_only=True)
class PlaceNeeds:
    """What is deployed to one account and region asks of it."""

    reserved_executions: int = 0
    """Of all functions together."""
    undecided_reservations: int = 0
    """Functions that reserve a number which only their deployment knows."""
    types: set[str] = field(default_factory=set)
    builds_at_once: Counter[str] = field(default_factory=Counter)
    """Builds that a pipeline begins at the same time, by environment such as `Linux/Small`."""


def of_last_synth(root: Path) -> dict[tuple[str, str], PlaceNeeds]:
    """Return the needs by account and region; empty where nothing was synthesised."""
    found: dict[tuple[str, str], PlaceNeeds] = {}
    for place, template in _templates(root / ASSEMBLY):
        needs = found.setdefault(place, PlaceNeeds())
        resources = template.get("Resources", {}).values()
        needs.types |= {each["Type"] for each in resources}
        for each in resources:
            reserved = each.get("Properties", {}).get("ReservedConcurrentExecutions", 0)
            if each["Type"] == "AWS::Lambda::Function" and str(reserved).isdecimal():
                needs.reserved_executions += int(reserved)
            elif each["Type"] == "AWS::Lambda::Function":
                needs.undecided_reservations += 1
        for environment, count in _builds_at_once(template).items():
            needs.builds_at_once[environment] = max(needs.builds_at_once[environment], count)
    return found


def _templates(folder: Path) -> Iterator[tuple[tuple[str, str], Json]]:
    """Yield account and region, and the template, of each stack of an assembly and of its stages."""
    manifest = folder / "manifest.json"
    artifacts = json.loads(manifest.read_text())["artifacts"].values() if manifest.exists() else ()
    for each in artifacts:
        if each["type"] == "aws:cloudformation:stack":
            account, _, region = each["environment"].removeprefix("aws://").partition("/")
            yield (account, region), json.loads((folder / each["properties"]["templateFile"]).read_text())
        elif each["type"] == "cdk:cloud-assembly":
            yield from _templates(folder / each["properties"]["directoryName"])


def _builds_at_once(template: Json) -> Counter[str]:
    """Return the most builds of each environment that one stage begins together."""
    resources = template.get("Resources", {})
    most: Counter[str] = Counter()
    for resource in resources.values():
        stages = resource["Properties"]["Stages"] if resource["Type"] == "AWS::CodePipeline::Pipeline" else ()
        for stage in stages:
            together: dict[int, Counter[str]] = {}
            for action in stage["Actions"]:
                if action["ActionTypeId"]["Provider"] == "CodeBuild":
                    project = resources.get(action["Configuration"]["ProjectName"].get("Ref", ""), {})
                    together.setdefault(action.get("RunOrder", 1), Counter())[_environment(project)] += 1
            for counted in together.values():
                most |= counted
    return most


def _environment(project: Json) -> str:
    given = project.get("Properties", {}).get("Environment", {})
    size = SIZES.get(str(given.get("ComputeType", "")).rpartition("_")[2], "")
    return f"{PLATFORMS.get(given.get('Type', ''), '')}/{size}"
