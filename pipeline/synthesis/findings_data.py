"""Guardrails' findings as JSON, for what a synth keeps."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from services.library.guardrails.decisions.decision import Decided, DecidedBy
from services.library.guardrails.finding import Finding
from services.library.guardrails.stack_findings import StackFindings


def write(found: StackFindings) -> dict[str, Any]:
    """Return the findings of a part as JSON has them, before anybody accepts anything."""
    return {
        "stacks": [*found.stacks],
        "templates": dict(found.templates),
        "undecided": [asdict(each) for each in found.undecided],
        "decided": [{**asdict(each), "by": each.by.value} for each in found.decided],
        "suppressed": [asdict(each) for each in found.suppressed],
        "overridden": bool(found.overridden),
    }


def read(data: Mapping[str, Any]) -> StackFindings:
    """Return them as they were written, but for the constructs by which an override's line is found."""
    return StackFindings(
        stacks=tuple(data["stacks"]),
        templates=data["templates"],
        undecided=tuple(map(_finding, data["undecided"])),
        decided=tuple(
            Decided(
                finding=_finding(each["finding"]),
                construct=each["construct"],
                reason=each["reason"],
                by=DecidedBy(each["by"]),
            )
            for each in data["decided"]
        ),
        suppressed=tuple(map(_finding, data["suppressed"])),
    )


def _finding(data: Mapping[str, Any]) -> Finding:
    return Finding(**{**data, "locations": tuple(data["locations"])})
