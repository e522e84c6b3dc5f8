"""Calls a mapping's function and says how it ended."""

from collections.abc import Mapping
from typing import Any

from pipeline.local.cloud.emulator import Json
from pipeline.local.cloud.eventsources import patches
from pipeline.local.cloud.eventsources.batches import Failed, InvocationResult, NotInvoked, Returned


def configuration(mapping: Mapping[str, Any]) -> Json | None:
    """Return the configuration of a mapping's function or version; None while there is none."""
    _, found = patches.function(mapping)
    return found


def call(mapping: Mapping[str, Any], event: Json) -> InvocationResult:
    """Invoke it, in the account and region of `here`; blocks until it has answered."""
    record, _ = patches.function(mapping)
    if record is None:
        return NotInvoked("there is no such function")
    result = patches.invoke(record, event)
    if result.get("throttle"):
        return NotInvoked("throttled")
    if result.get("error"):
        return Failed(str(result.get("function_error") or "Unhandled"))
    return Returned(result.get("body"))
