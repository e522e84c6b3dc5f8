"""Undoes what the workflow did for a change that it could not enrich."""

from functools import cache
from typing import Any

from services.library.runtime.configuration import Configuration
from services.library.runtime.logging import logger_for

from .change import parse
from .saga import compensate
from .store import EnrichmentTable, table

logger = logger_for("enrichment", fields=("change", "execution", "outcome"))


class Settings(Configuration):
    """What the function is deployed with."""

    enrichments_table_name: str
    hold_seconds: int


@cache
def store() -> EnrichmentTable:
    """Return the sandbox's table."""
    settings = Settings.from_environment()
    return table(settings.enrichments_table_name, hold_seconds=settings.hold_seconds)


def handle(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Parse, undo, answer."""
    del context
    work = parse(event)
    outcome = compensate(store(), work)
    logger.info("change released", extra={"change": work.id, "execution": work.execution, "outcome": outcome.value})
    return {"outcome": outcome.value}
