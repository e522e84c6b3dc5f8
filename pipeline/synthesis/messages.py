"""What a synth says of its assembly: guardrails' report, and constructs' annotations. Standard library alone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPORT = "validation-report.json"
MARKS = {"aws:cdk:error": "error", "aws:cdk:warning": "warning"}
"""How the CDK marks annotations; its CLI fails for errors."""


def violations(folder: Path) -> Iterator[str]:
    """Yield what guardrails refuse, each with its constructs and what to do."""
    for plugin in _read(folder / REPORT)["pluginReports"]:
        for each in plugin["violations"]:
            yield "\n".join(
                [f"error  {each['description']}", *_places(each), f"       {each.get('suggestedFix', '')}".rstrip()]
            )


def annotations(folder: Path, *kinds: str) -> Iterator[str]:
    """Yield the annotations of these kinds in an assembly and the assemblies in it; of no kinds: of all."""
    for file in sorted(folder.rglob("*.metadata.json")):
        text = file.read_text(encoding="utf-8")
        if any(f'"{mark}"' in text for mark in MARKS):
            yield from _marked(json.loads(text), kinds or tuple(MARKS.values()))


def errors(folder: Path) -> list[str]:
    """Return all that a synth fails for."""
    return [*violations(folder), *annotations(folder, "error")]


def _marked(metadata: dict[str, list[dict[str, Any]]], kinds: tuple[str, ...]) -> Iterator[str]:
    for path, entries in metadata.items():
        for entry in entries:
            if (kind := MARKS.get(entry["type"], "")) in kinds:
                yield f"{kind}  {path.removeprefix('/')}: {entry['data']}"


def _places(violation: dict[str, Any]) -> Iterator[str]:
    for construct in violation["violatingConstructs"]:
        resource = construct.get("cloudFormationResource", {})
        words = [construct.get("constructPath", ""), resource.get("logicalId", ""), resource.get("templatePath", "")]
        yield f"       {'  '.join(filter(None, words))}".rstrip()


def _read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content
