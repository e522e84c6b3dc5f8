"""What the event says, checked before anything is done with it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.library.runtime.trace import TraceContext

ID = re.compile(r"[\x21-\x7e]{1,80}")
PATIENT = re.compile(r"(?!\.+\Z)[A-Za-z0-9.-]{1,64}")
"""Not of dots alone: in a path those would lead somewhere else."""


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
    """The work in a task's input: `{"execution": name, "change": the event's detail}`."""
    change = event.get("change")
    if not isinstance(change, dict):
        raise NotAChange("change")
    return Work(
        execution=_text(event, "execution", ID),
        id=_text(change, "id", ID),
        patient=_text(change, "patient", PATIENT),
        trace=TraceContext.from_traceparent(change.get("trace")),
    )


def _text(content: Mapping[str, Any], name: str, allowed: re.Pattern[str]) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not allowed.fullmatch(value):
        raise NotAChange(name)
    return value
