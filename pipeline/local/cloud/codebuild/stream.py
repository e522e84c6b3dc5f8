"""One build's stream in CloudWatch Logs."""

from typing import Any

from botocore.exceptions import ClientError

from pipeline.local.cloud.codebuild.log import Event

EXISTS = "ResourceAlreadyExistsException"
MISSING = "ResourceNotFoundException"


class LogStream:
    """Puts events into a stream, and makes it when it is first needed or was deleted meanwhile."""

    def __init__(self, logs: Any, group: str, stream: str) -> None:
        self._logs = logs
        self._group = group
        self._stream = stream

    def put(self, events: list[Event]) -> None:
        """Write events, each of which is (milliseconds, line)."""
        try:
            self._put(events)
        except ClientError as error:
            if error.response["Error"]["Code"] != MISSING:
                raise
            self._make()
            self._put(events)

    def _put(self, events: list[Event]) -> None:
        entries = [{"timestamp": when, "message": line} for when, line in events]
        self._logs.put_log_events(logGroupName=self._group, logStreamName=self._stream, logEvents=entries)

    def _make(self) -> None:
        group = {"logGroupName": self._group}
        for make, wanted in (
            (self._logs.create_log_group, group),
            (self._logs.create_log_stream, {**group, "logStreamName": self._stream}),
        ):
            try:
                make(**wanted)
            except ClientError as error:
                if error.response["Error"]["Code"] != EXISTS:
                    raise
