"""The report of what failed, as the CDK writes it: its CLI prints the file and fails, and a review reads it."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from services.library.guardrails import platform_rules
from services.library.guardrails.acknowledgement import acceptance
from services.library.guardrails.finding import AcceptedBy, Finding, without_hashes
from services.library.guardrails.stack_findings import innermost

FILE = "validation-report.json"
NAME = "guardrails"
VERSION_FILE = "cdk.out"
"""The file of an assembly that says which version of its schema it has."""


def write(folder: Path, failed: Iterable[Finding], files: Mapping[str, str]) -> None:
    """Write the report into an assembly's folder. `files`: stack path -> where its owner accepts findings."""
    version = json.loads((folder / VERSION_FILE).read_text(encoding="utf-8"))["version"]
    violations = [_violation(each, files) for each in failed]
    reports = [{"pluginName": NAME, "conclusion": "failure", "violations": violations}] if violations else []
    report = {"version": version, "title": "Validation Report", "pluginReports": reports}
    (folder / FILE).write_text(json.dumps(report, indent=2, ensure_ascii=False), encoding="utf-8")


def _violation(finding: Finding, files: Mapping[str, str]) -> dict[str, Any]:
    construct: dict[str, Any] = {"constructPath": finding.path}
    if finding.template:
        place = {"templatePath": finding.template, "logicalId": finding.logical_id or None}
        properties = {"propertyPaths": [*finding.locations]} if finding.locations else {}
        construct["cloudFormationResource"] = {key: value for key, value in (place | properties).items() if value}
    return {
        "ruleName": finding.rule,
        "description": f"{finding.rule}: {finding.text}",
        "suggestedFix": f"{finding.fix}{_how_to_accept(finding, files)}",
        # "fatal" is the one severity that the CDK's own acknowledgements cannot suppress.
        "severity": "fatal",
        "ruleMetadata": {"level": finding.level},
        "violatingConstructs": [construct],
    }


def _how_to_accept(finding: Finding, files: Mapping[str, str]) -> str:
    """Say which acknowledgement to write, and where, for a rule that somebody may accept."""
    who = platform_rules.accepted_by(finding.rule)
    if finding.rule == acceptance.RULE or who is AcceptedBy.NOBODY:
        return ""
    stack = innermost(finding.path, files)
    if who is AcceptedBy.SERVICE and files.get(stack, acceptance.PLATFORM_FILE) != acceptance.PLATFORM_FILE:
        file, path = files[stack], finding.path.removeprefix(f"{stack}/")
    else:
        file, path = acceptance.PLATFORM_FILE, finding.path
    return f" To accept it: Acknowledgement(rule={without_hashes(finding.rule)!r}, path={path!r}, ...) in {file}."
