"""Refuse an approval that was given by the author of what it lets in: part of a gate's last action.

CodePipeline knows who answered, and the source action who wrote the commit; that both are one person only the settings
can say (`Settings.authors`). It has no checkout: the action's build has the text of this file.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3

SETTING = "authors in pipeline/settings.py"


def main(authors: str, pipeline: str, execution: str, approval: str) -> int:
    """Compare the approver with the author; 1 if they are one person, or if that cannot be told.

    `authors`: the file with who they sign in as.
    """
    details = list(_details(boto3.client("codepipeline"), pipeline, execution))
    reason = refusal(json.loads(Path(authors).read_text(encoding="utf-8")), details, approval)
    sys.stdout.write(f"{reason or 'Another person than the author approved.'}\n")
    return 1 if reason else 0


def refusal(authors: Mapping[str, str], details: list[Any], approval: str) -> str:
    """Return why the approval does not count; empty if it does. `authors`: email -> ARN of whom they sign in as."""
    source: Any = next((each for each in details if each["input"]["actionTypeId"]["category"] == "Source"), {})
    author = source.get("output", {}).get("outputVariables", {}).get("AuthorEmail", "")
    approver = next((each.get("updatedBy", "") for each in details if each["actionName"] == approval), "")
    if not author or not approver:
        return f"CodePipeline does not say who {'approved' if author else 'wrote the commit'}, so it is not released."
    if author not in authors:
        return f"{author} is not among {SETTING}: who they sign in as is not known, so it is not released."
    if authors[author].casefold() == approver.casefold():  # IAM keeps the case of names, and takes them in any
        return f"{approver} approved what {author} wrote: another person must approve it."
    return ""


def _details(codepipeline: Any, pipeline: str, execution: str) -> Iterator[Any]:
    """Yield the actions of the run, the newest first."""
    pages = codepipeline.get_paginator("list_action_executions").paginate(
        pipelineName=pipeline, filter={"pipelineExecutionId": execution}
    )
    for page in pages:
        yield from page["actionExecutionDetails"]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
