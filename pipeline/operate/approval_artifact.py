"""The evidence of an approval, as a build of the run left it before the pipeline asked."""

import json
from collections.abc import Mapping
from typing import Any

from pipeline.operate.artifacts import artifacts_of, unpacked
from pipeline.operate.pipeline import Pipeline

DOCUMENT, SUMMARY = "evidence.json", "summary.txt"
EVIDENCE = "Evidence"
"""Begins the names of the artifact and of the action that makes it."""


def read(pipeline: Pipeline, execution: str, gate: str) -> Mapping[str, Any] | None:
    """Return the evidence that a run has for a gate; None if it has collected none."""
    left = [each for each in artifacts_of(pipeline, execution, gate) if each["name"].startswith(EVIDENCE)]
    if not left:
        return None
    document: Mapping[str, Any] = json.loads(
        unpacked(pipeline, left[:1], left[0]["name"], pipeline.target.region).read(DOCUMENT)
    )
    return document
