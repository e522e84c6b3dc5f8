"""Structured logs that personal data cannot get into by accident: only fields that were allowed come through."""

import logging
from collections.abc import Collection
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.logging.types import LogRecord

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
    }
)  # fmt: skip - a set is read one line an entry


class AllowedFields(LambdaPowertoolsFormatter):
    """Writes the platform's own fields and the ones a service declared; of all others only the names.

    An exception's text often quotes the value that was refused, so only its type and the lines of code are kept.
    """

    def __init__(self, allowed: Collection[str]) -> None:
        super().__init__(utc=True)
        self.allowed = OF_THE_PLATFORM | frozenset(allowed)

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON."""
        # The arguments of a message are values: what is written is the message as it stands in the code.
        record.args = None
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
            kept["frames"] = [f"{frame['file']}:{frame['line']} {frame['function']}" for frame in trace["frames"]]
        if refused := sorted(fields.keys() - kept.keys()):
            kept["refused_fields"] = refused
        return super().serialize(kept)


def logger_for(service: str, *, fields: Collection[str] = ()) -> Logger:
    """Return a service's logger; `fields` are the extra ones that its lines may have, none of them personal data."""
    return Logger(service=service, logger_formatter=AllowedFields(fields))
