"""Enriches one change: the workflow's task."""

from functools import cache
from typing import Any

from services.library.runtime.configuration import Configuration
from services.library.runtime.logging import logger_for
from services.library.runtime.resilience import Context, Deadline
from services.library.runtime.tracing import of_this_function

from .change import parse
from .partner import PartnerApi
from .saga import Saga
from .store import table

logger = logger_for("enrichment", fields=("change", "execution", "outcome", "reason"))
MARGIN_SECONDS = 5.0
"""To apply what was fetched, and to answer."""


class Settings(Configuration):
    """What the function is deployed with."""

    enrichments_table_name: str
    hold_seconds: int
    partner_url: str
    partner_sees_traces: bool
    partner_attempts: int
    partner_seconds: float
    partner_left_alone_seconds: float


@cache
def settings() -> Settings:
    """Read the settings, once for each sandbox."""
    return Settings.from_environment()


@cache
def saga() -> Saga:
    """Return the sandbox's saga, whose client has the state of the partner's circuit breaker."""
    partner = PartnerApi(
        settings().partner_url,
        tracing=of_this_function(),
        sees_traces=settings().partner_sees_traces,
        attempts=settings().partner_attempts,
        circuit_open_seconds=settings().partner_left_alone_seconds,
    )
    return Saga(partner=partner, store=table(settings().enrichments_table_name, hold_seconds=settings().hold_seconds))


def handle(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Parse, enrich, answer."""
    work = parse(event)
    deadline = Deadline.before_end_of(
        context, margin_seconds=MARGIN_SECONDS, longest_seconds=settings().partner_seconds
    )
    about = {"change": work.id, "execution": work.execution}
    with of_this_function().continuing(work.trace):
        try:
            outcome = saga().enrich(work, deadline)
        except Exception as error:
            logger.warning("change not enriched", extra={**about, "reason": type(error).__name__}, exc_info=True)
            raise
    logger.info("change enriched", extra={**about, "outcome": outcome.value})
    return {"outcome": outcome.value}
