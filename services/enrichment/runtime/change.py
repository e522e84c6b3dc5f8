"""What the event says, checked before anything is done with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.library.runtime.fields import FHIR_ID, REQUEST_ID, text
from services.library.runtime.trace import TraceContext


class NotAChange(Exception):  # noqa: N818 - the workflow knows it by this name
    """The event does not say who changed; names the field, never its value."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """One change to be enriched, and the execution that does it."""

    execution: str
    """The workflow's: however often its tasks are called, it is one saga."""
    id: str
    """Of the change, unique. An event may come twice, and then in two executions."""
    patient: str
    trace: TraceContext | None = None


def parse(event: Mapping[str, Any]) -> Work:
    """Parse the work in a task's input: `{"execution": name, "change": the event's detail}`."""
    change = event.get("change")
    if not isinstance(change, dict):
        raise NotAChange("change")
    return Work(
        execution=text(event, "execution", REQUEST_ID, error=NotAChange),
        id=text(change, "id", REQUEST_ID, error=NotAChange),
        patient=text(change, "patient", FHIR_ID, error=NotAChange),
        trace=TraceContext.from_traceparent(change.get("trace")),
    )
