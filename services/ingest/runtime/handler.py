"""Consumes the stream of submissions."""

from functools import cache
from typing import Any

from services.library.runtime.aws_client import client
from services.library.runtime.configuration import Configuration
from services.library.runtime.logging import logger_for
from services.library.runtime.resilience import Context
from services.library.runtime.stream import FIELDS, BatchResponse, StreamProcessor
from services.library.runtime.tracing import of_this_function

from . import store
from .ingestion import Ingestion
from .resources import LONGEST_WRITE_SECONDS, Resources

logger = logger_for("ingest", fields=FIELDS)


class Settings(Configuration):
    """What the function is deployed with."""

    changes_table_name: str
    claims_bucket_name: str
    event_bus_name: str
    quarantine_bucket_name: str
    skips_by_key: bool
    deaggregates_kpl: bool = False
    decompresses_gzip: bool = False
    datastore_endpoint: str | None = None
    datastore_region: str = ""


@cache
def processor() -> StreamProcessor:
    """Return the sandbox's processor."""
    settings = Settings.from_environment()
    ingestion = Ingestion(
        claims=store.ClaimStore(settings.claims_bucket_name, client=client("s3")),
        changes=store.effects(settings.changes_table_name),
        events=store.EventBus(settings.event_bus_name, client=client("events")),
        resources=_resources(settings),
        tracing=of_this_function(),
    )
    return StreamProcessor(
        process=ingestion.ingest,
        quarantine=store.quarantine(settings.quarantine_bucket_name),
        logger=logger,
        skips_by_key=settings.skips_by_key,
        deaggregates_kpl=settings.deaggregates_kpl,
        decompresses_gzip=settings.decompresses_gzip,
        reserve_milliseconds=3_000 if settings.datastore_endpoint is None else 3_000 + 1_000 * LONGEST_WRITE_SECONDS,
    )


def _resources(settings: Settings) -> Resources | None:
    if settings.datastore_endpoint is None:
        return None
    return Resources(
        store=store.datastore(settings.datastore_endpoint, settings.datastore_region),
        reservations=store.ReservationTable(settings.changes_table_name, client=client("dynamodb")),
    )


def handle(event: dict[str, Any], context: Context) -> BatchResponse:
    """Process a batch, and return what is to be tried again."""
    return processor().run(event, context)
