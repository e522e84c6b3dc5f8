"""Records a submission: the workflow's first task."""

from functools import cache
from typing import Any

from services.library.runtime.configuration import Configuration
from services.library.runtime.logging import logger_for

from .store import SubmissionStore
from .submission import parse

logger = logger_for("intake", fields=("submission", "first_time"))


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
    first_time = store().keep(submission)
    logger.info("submission recorded", extra={"submission": submission.id, "first_time": first_time})
    return {"id": submission.id, "first_time": first_time}
