"""A build that is started to see whether it works, before the pipeline is updated with what it is made of."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

PROVING = "PENSTOCK_PROVING"
"""Set in the build that proves, which must not prove anything itself."""
POLL_SECONDS = 2.0
QUEUED_MINUTES = 15
"""The build that starts it waits for it: where an account may have no second one, that must end."""


def run(codebuild: Any, subject: str, what: str, **asked: Any) -> None:
    """Run it, or stop with the reason. `subject`: of the pipeline's definition; `what`: in which it differs."""
    sys.stdout.write(f"The pipeline's {subject} differs in {what}: running the new one before it is deployed.\n")
    sys.stdout.flush()
    try:
        started = codebuild.start_build(**asked)
    except ClientError as error:  # such as an account that has one build at a time, which is this one
        sys.exit(
            f"Stopped before self-mutation: the {subject} that this commit gives the pipeline was not tried. {error}"
        )
    ended = _ended(codebuild, started["build"]["id"])
    if ended["buildStatus"] != "SUCCEEDED":
        sys.exit(_refusal(ended, subject, what))


def source(place: str) -> dict[str, Any]:
    """Return what StartBuild must be told of an object of the pipeline's store as the source, and of no artifacts."""
    return {
        "sourceTypeOverride": "S3",
        "sourceLocationOverride": place,
        "artifactsOverride": {"type": "NO_ARTIFACTS"},
        "queuedTimeoutInMinutesOverride": QUEUED_MINUTES,
    }


def build(codebuild: Any, id_: str) -> dict[str, Any]:
    """Return CodeBuild's record of a build."""
    (found,) = codebuild.batch_get_builds(ids=[id_])["builds"]
    return dict(found)


def _ended(codebuild: Any, id_: str) -> dict[str, Any]:
    while not (found := build(codebuild, id_))["buildComplete"]:
        time.sleep(POLL_SECONDS)
    return found


def _refusal(ended: Mapping[str, Any], subject: str, what: str) -> str:
    failed: Mapping[str, Any] = next(
        (each for each in ended["phases"] if each.get("phaseStatus") not in (None, "SUCCEEDED")), {}
    )
    contexts = [context.get("message", "") for context in failed.get("contexts", [])]
    return (
        f"Stopped before self-mutation: the {subject} that this commit gives the pipeline ({what}) does not work on"
        f" this commit, and once deployed no push could mend it. {failed.get('phaseType', 'It')}: {' '.join(contexts)}."
        f" Its log: {ended['logs'].get('deepLink', 'none')}"
    )
