"""Calls a mapping's function and says how it ended."""

from collections.abc import Mapping
from typing import Any

from pipeline.local.cloud.emulator import Emulator
from pipeline.local.cloud.eventsources.batches import Failed, InvocationResult, NotInvoked, Returned

Json = dict[str, Any]


class Functions:
    """The functions of this cloud, in the account and region of the caller."""

    def __init__(self, emulator: Emulator) -> None:
        self.lambda_: Any = emulator.module("lambda_svc")

    def configuration(self, mapping: Mapping[str, Any]) -> Json | None:
        """The configuration of a mapping's function or version; None while there is none."""
        _, configuration = self._found(mapping)
        return configuration

    def call(self, mapping: Mapping[str, Any], event: Json) -> InvocationResult:
        """Invoke it; blocks until it has answered."""
        record, _ = self._found(mapping)
        if record is None:
            return NotInvoked("there is no such function")
        result = self.lambda_._execute_function(record, event)  # noqa: SLF001 - the one point that every invocation passes
        if result.get("throttle"):
            return NotInvoked("throttled")
        if result.get("error"):
            return Failed(str(result.get("function_error") or "Unhandled"))
        return Returned(result.get("body"))

    def _found(self, mapping: Mapping[str, Any]) -> tuple[Any, Json | None]:
        found: tuple[Any, Json | None] = self.lambda_._get_func_record_for_qualifier(  # noqa: SLF001 - as above
            mapping["FunctionName"], mapping.get("Qualifier")
        )
        return found
