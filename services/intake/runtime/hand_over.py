"""Hands a submission over to whoever works on it: the workflow's last task."""

from functools import cache
from typing import Any

from services.library.runtime.configuration import Configuration
from services.library.runtime.logging import logger_for
from services.library.runtime.tracing import current

from .store import SubmissionStream
from .submission import parse

logger = logger_for("intake", fields=("submission", "sequence"))


class Settings(Configuration):
    """What the function is deployed with."""

    stream_name: str


@cache
def stream() -> SubmissionStream:
    """Return the sandbox's stream."""
    return SubmissionStream(Settings.from_environment().stream_name)


def handle(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Parse, hand over, answer."""
    del context
    submission = parse(event)
    sequence = stream().hand_over(submission, trace=current())
    logger.info("submission handed over", extra={"submission": submission.id, "sequence": sequence})
    return {"id": submission.id}
