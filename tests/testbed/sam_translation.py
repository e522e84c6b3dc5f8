"""Translates templates of AWS SAM: `python sam_translation.py FOLDER` prints name -> CloudFormation's, as JSON.

Runs with the packages that `published.py` has fetched. What needs another file, or an application of the repository of
serverless applications, is left out.
"""

import json
import logging
import sys
from pathlib import Path
from typing import Any

from samtranslator.model.exceptions import (  # type: ignore[import-not-found]  # only where it was fetched
    InvalidDocumentException,
)
from samtranslator.translator.transform import transform  # type: ignore[import-not-found]  # as above
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-not-found]  # as above

SAM = "AWS::Serverless-2016-10-31"
ELSEWHERE = "AWS::Serverless::Application"
ROLES = "arn:aws:iam::aws:policy/service-role/"
MANAGED = {name: f"{ROLES}{name}" for name in ("AWSLambdaBasicExecutionRole", "AWSXRayDaemonWriteAccess")}


class ManagedPolicies:
    """Knows the managed policies that the translator would ask IAM for."""

    def load(self) -> dict[str, str]:
        """Return them by name."""
        return MANAGED


def translated(folder: Path) -> dict[str, Any]:
    """Translate each template below a folder that is one of SAM's, by its path in there."""
    found = {}
    for file in sorted(folder.rglob("*.yaml")):
        text = file.read_text(encoding="utf-8")
        if SAM in text and ELSEWHERE not in text:
            written = json.loads(json.dumps(yaml_parse(text), default=str))  # the version of a policy is no date
            try:
                made = transform(written, {}, ManagedPolicies())
            except InvalidDocumentException:
                continue
            found[str(file.relative_to(folder).with_suffix(""))] = made
    return found


if __name__ == "__main__":
    logging.disable()
    json.dump(translated(Path(sys.argv[1])), sys.stdout)
