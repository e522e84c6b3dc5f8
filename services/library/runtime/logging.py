"""Structured logs that personal data cannot get into by accident: only fields that were allowed come through."""

import logging
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.logging.types import LogRecord

from . import failures

OF_THE_PLATFORM = frozenset(
    {
        "level",
        "location",
        "message",
        "timestamp",
        "service",
        "cold_start",
        "function_name",
        "function_memory_size",
        "function_arn",
        "function_request_id",
        "xray_trace_id",
        "correlation_id",
        "exception_name",
        *failures.FIELDS,
    }
)  # fmt: skip - a set is read one line an entry
SHOWS_EXCEPTION_TEXT = "SHOWS_EXCEPTION_TEXT"
"""The variable of functions in a sandbox whose service says that it holds no personal data
(services/library/contract/service.py)."""
EXCEPTION_TEXT = "exception_text"
OURS = re.compile(r"(?:.*/)?(services/\w+/(?!.*site-packages/).+)")
"""The file of a frame that is not a library's: where it lies in the repository."""


class AllowedFields(LambdaPowertoolsFormatter):
    """Writes the platform's own fields and the ones a service declared; of all others only the names.

    An exception's text often quotes the value that was refused, so only its type and our lines of code are kept, and of
    a call of AWS that failed its code, operation, request id and resource.
    """

    def __init__(self, allowed: Collection[str], *, shows_exception_text: bool = False) -> None:
        super().__init__(utc=True)
        self.shows_exception_text = shows_exception_text
        self.allowed = OF_THE_PLATFORM | frozenset(allowed) | ({EXCEPTION_TEXT} if shows_exception_text else set())

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON."""
        # The arguments of a message are values: what is written is the message as it stands in the code.
        record.args = None
        if record.exc_info is not None and (error := record.exc_info[1]) is not None:
            failure = failures.failure_of(error)
            vars(record).update(failure.fields if failure is not None else {})
            if self.shows_exception_text:
                vars(record)[EXCEPTION_TEXT] = str(error)
        return super().format(record)

    def serialize(self, log: LogRecord) -> str:
        """Remove what is not allowed, as the last step before a line is written."""
        fields = dict(log)
        if not isinstance(fields.get("message"), str):  # a whole event or model, logged as the message
            fields["refused_message"] = fields.pop("message", None)
        trace = fields.pop("stack_trace", None)
        fields.pop("exception", None)  # the same as text, with the exception's own text in it
        kept: dict[str, Any] = {name: value for name, value in fields.items() if name in self.allowed}
        if isinstance(trace, dict):
            kept["frames"] = list(_ours(trace["frames"]))
        if refused := sorted(fields.keys() - kept.keys()):
            kept["refused_fields"] = refused
        return super().serialize(kept)


def _ours(frames: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for frame in frames:
        if found := OURS.fullmatch(str(frame["file"])):
            yield f"{found[1]}:{frame['line']} {frame['function']}"


def logger_for(service: str, *, fields: Collection[str] = ()) -> Logger:
    """Return a service's logger; `fields` are the extra ones that its lines may have, none of them personal data."""
    shows = os.environ.get(SHOWS_EXCEPTION_TEXT) == "true"
    return Logger(service=service, logger_formatter=AllowedFields(fields, shows_exception_text=shows))
