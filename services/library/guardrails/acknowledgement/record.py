"""Writes down what was accepted or decided, so that a review can tell a suppressed finding from a fixed one."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from services.library.guardrails.acknowledgement.acceptance import Accepted, ReviewAcknowledgement
from services.library.guardrails.decisions.decision import Decided

FILE = "guardrails.json"
"""Stands beside manifest.json in the assembly."""


def write(
    folder: Path,
    accepted: Iterable[Accepted],
    decided: Iterable[Decided],
    stages: Mapping[str, str],
    review: Iterable[ReviewAcknowledgement],
) -> None:
    """Write what is accepted and what is decided, sorted, so that the same synth gives the same bytes.

    `stages`: template -> stage. `review`: what a review of the next change may accept.
    """
    entries = [
        {
            "rule": each.finding.rule,
            "path": each.finding.path,
            "stage": stages.get(each.finding.template, ""),
            "template": each.finding.template,
            "reason": each.acknowledgement.reason,
            "owner": each.acknowledgement.owner,
            "expires": each.acknowledgement.expires.isoformat(),
            "accepted_in": each.file,
        }
        for each in accepted
    ]
    entries.sort(key=lambda entry: (entry["path"], entry["rule"], entry["template"]))
    answered = [
        {
            "rule": each.finding.rule,
            "path": each.finding.path,
            "stage": stages.get(each.finding.template, ""),
            "template": each.finding.template,
            "reason": each.reason,
            "decided_by": each.by,
            "construct": each.construct,
        }
        for each in decided
    ]
    answered.sort(key=lambda entry: (entry["path"], entry["rule"], entry["template"]))
    given = [
        {
            "rule": each.acknowledgement.rule,
            "path": each.path,
            "reason": each.acknowledgement.reason,
            "owner": each.acknowledgement.owner,
            "expires": each.acknowledgement.expires.isoformat(),
            "accepted_in": each.file,
        }
        for each in review
    ]
    given.sort(key=lambda entry: (entry["path"], entry["rule"]))
    record = {"version": 1, "accepted": entries, "decided": answered, "review": given}
    content = json.dumps(record, indent=1, ensure_ascii=False)
    (folder / FILE).write_text(content + "\n", encoding="utf-8")
