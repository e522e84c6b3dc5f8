"""One build's stream in CloudWatch Logs."""

import functools
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from pipeline.local.cloud.codebuild.log import Event
from pipeline.local.cloud.emulator import AwsError

EXISTS = "ResourceAlreadyExistsException"
MISSING = "ResourceNotFoundException"


class LogStream:
    """Puts events into a stream, and makes it when it is first needed or was deleted meanwhile."""

    def __init__(self, logs: Callable[[], Any], group: str, stream: str) -> None:
        """`logs` makes the client when there is something to write."""
        self._client = logs
        self._group = group
        self._stream = stream

    @functools.cached_property
    def _logs(self) -> Any:
        return self._client()

    def put(self, events: list[Event]) -> None:
        """Write events, each of which is (milliseconds, line); a role that cannot be assumed has failed the build."""
        try:
            self._put(events)
        except AwsError:
            return
        except ClientError as error:
            if error.response["Error"]["Code"] != MISSING:
                raise
            self._make()
            self._put(events)

    def _put(self, events: list[Event]) -> None:
        entries = [{"timestamp": when, "message": line} for when, line in events]
        self._logs.put_log_events(logGroupName=self._group, logStreamName=self._stream, logEvents=entries)

    def _make(self) -> None:
        """Make the stream, and the group if there is none, for which a role may lack the permission."""
        group = {"logGroupName": self._group}
        try:
            self._make_unless_there(self._logs.create_log_stream, **group, logStreamName=self._stream)
        except self._logs.exceptions.ResourceNotFoundException:
            self._make_unless_there(self._logs.create_log_group, **group)
            self._make_unless_there(self._logs.create_log_stream, **group, logStreamName=self._stream)

    @staticmethod
    def _make_unless_there(make: Callable[..., Any], **wanted: str) -> None:
        try:
            make(**wanted)
        except ClientError as error:
            if error.response["Error"]["Code"] != EXISTS:
                raise
