"""Records a submission: the workflow's first task."""

from functools import cache
from typing import Any

from services.library.runtime.configuration import Configuration
from services.library.runtime.logging import logger_for

from .store import SubmissionStore
from .submission import AnotherContent, parse

logger = logger_for("intake", fields=("submission", "first_time", "digest", "recorded_digest"))


class Settings(Configuration):
    """What the function is deployed with."""

    table_name: str


@cache
def store() -> SubmissionStore:
    """Return the sandbox's store."""
    return SubmissionStore(Settings.from_environment().table_name)


def handle(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Parse, keep, answer."""
    del context
    submission = parse(event)
    try:
        first_time = store().keep(submission)
    except AnotherContent as refused:
        digests = {"digest": refused.digest, "recorded_digest": refused.recorded_digest}
        logger.warning("another content under a known id", extra={"submission": submission.id, **digests})
        raise
    logger.info("submission recorded", extra={"submission": submission.id, "first_time": first_time})
    return {"id": submission.id, "first_time": first_time}
