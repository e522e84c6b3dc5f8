"""The Retry and Catch of a state.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from collections.abc import Iterator
from typing import Any

from pipeline.local.cloud.stepfunctions.definition.diagnostics import Diagnostic

ALL = "States.ALL"
LONGEST_SECONDS = 99_999_999
RETRY_NUMBERS: dict[str, tuple[float, float]] = {
    "IntervalSeconds": (1, LONGEST_SECONDS),
    "MaxAttempts": (0, LONGEST_SECONDS),
    "MaxDelaySeconds": (1, 31_622_400),
}
RETRY_FIELDS = frozenset({"ErrorEquals", "BackoffRate", "JitterStrategy", "Comment", *RETRY_NUMBERS})
CATCH_FIELDS = frozenset({"ErrorEquals", "Next", "ResultPath", "Assign", "Output", "Comment"})


def retry_problems(retriers: Any, location: str) -> Iterator[Diagnostic]:
    """Say what is wrong with the Retry of a state."""
    for retrier, where in _each(retriers, location):
        yield from _handler_problems(retrier, where, RETRY_FIELDS, ("ErrorEquals",))
        for field, (least, most) in RETRY_NUMBERS.items():
            value = retrier.get(field, least)
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                message = f"Value must be an integer from {least:.0f} to {most:.0f}"
                yield Diagnostic(message=message, location=f"{where}/{field}")
        rate = retrier.get("BackoffRate", 1)
        if not isinstance(rate, int | float) or isinstance(rate, bool) or rate < 1:
            yield Diagnostic(message="Value must be a number of at least 1.0", location=f"{where}/BackoffRate")
        if retrier.get("JitterStrategy", "NONE") not in ("FULL", "NONE"):
            message = "Value must be one of the following: [FULL, NONE]"
            yield Diagnostic(message=message, location=f"{where}/JitterStrategy")
    yield from _order_problems(retriers, location)


def catch_problems(catchers: Any, location: str) -> Iterator[Diagnostic]:
    """Say what is wrong with the Catch of a state; where it leads is another check's."""
    for catcher, where in _each(catchers, location):
        yield from _handler_problems(catcher, where, CATCH_FIELDS, ("ErrorEquals", "Next"))
    yield from _order_problems(catchers, location)


def _each(handlers: Any, location: str) -> Iterator[tuple[dict[str, Any], str]]:
    if isinstance(handlers, list):
        for index, handler in enumerate(handlers):
            if isinstance(handler, dict):
                yield handler, f"{location}[{index}]"


def _handler_problems(
    handler: dict[str, Any], location: str, fields: frozenset[str], required: tuple[str, ...]
) -> Iterator[Diagnostic]:
    if missing := [field for field in required if field not in handler]:
        yield Diagnostic(message=f"These fields are required: [{', '.join(missing)}]", location=location)
    for field in handler:
        if field not in fields:
            yield Diagnostic(message=f"Field '{field}' is not supported", location=location)
    errors = handler.get("ErrorEquals", [ALL])
    if not isinstance(errors, list) or not errors or not all(isinstance(error, str) for error in errors):
        yield Diagnostic(message="Expected value of type non-empty Array of String", location=f"{location}/ErrorEquals")
    elif ALL in errors and len(errors) > 1:
        yield Diagnostic(message=f"{ALL} must appear alone", location=f"{location}/ErrorEquals")


def _order_problems(handlers: Any, location: str) -> Iterator[Diagnostic]:
    if not isinstance(handlers, list) or not all(isinstance(handler, dict) for handler in handlers):
        yield Diagnostic(message="Expected value of type Array of Object", location=location)
        return
    for index, handler in enumerate(handlers[:-1]):
        if handler.get("ErrorEquals") == [ALL]:
            yield Diagnostic(message=f"{ALL} must be in the last element", location=f"{location}[{index}]/ErrorEquals")
