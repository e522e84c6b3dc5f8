"""The log of one build: a file at once, CloudWatch Logs in batches, secrets in neither.

https://docs.aws.amazon.com/codebuild/latest/userguide/data-protection.html: AWS access key ids and strings specified
using the Parameter Store or the Secrets Manager are hidden.
"""

import contextlib
import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

SECONDS_BETWEEN_BATCHES = 0.25
BYTES_IN_AN_EVENT = 200_000
BYTES_IN_A_BATCH = 900_000
EVENTS_IN_A_BATCH = 10_000
"""Below the limits of PutLogEvents: 256 KiB an event, 1 MiB and 10,000 events a batch."""
SHORTEST_HIDDEN_LINE = 4
ACCESS_KEY = r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"

Event = tuple[int, str]


class BuildLog:
    """What a build prints, line by line."""

    def __init__(self, file: Path, *, send: Callable[[list[Event]], None] | None) -> None:
        """`send` puts (milliseconds, line) events into a log stream."""
        self._file = file.open("ab", buffering=0)
        self._send = send
        self._hidden = re.compile(ACCESS_KEY)
        self._partial = b""
        self._waiting: list[Event] = []
        self._waiting_bytes = 0
        self._sent_at = time.monotonic()

    def hide(self, values: Iterable[str]) -> None:
        """Print *** for these from now on; of a value with several lines, each line is hidden."""
        whole = {value for value in values if value}
        lines = {line for value in whole for line in value.splitlines() if len(line) >= SHORTEST_HIDDEN_LINE}
        longest_first = sorted(whole | lines, key=len, reverse=True)
        self._hidden = re.compile("|".join([*map(re.escape, longest_first), ACCESS_KEY]))

    def say(self, line: str) -> None:
        """A line of CodeBuild's own."""
        self.end_line()
        now = datetime.now(UTC).strftime("%Y/%m/%d %H:%M:%S.%f")
        self._add(f"[Container] {now} {line}\n".encode())

    def output(self, data: bytes) -> None:
        """What commands print; the last line waits until it is whole, so that no secret is cut in two."""
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._add(line + b"\n")
        if len(self._partial) > BYTES_IN_AN_EVENT:
            self.end_line()

    def end_line(self) -> None:
        """Print what a command left without an end of line."""
        if self._partial:
            self._add(self._partial + b"\n")
            self._partial = b""

    def tick(self) -> None:
        """Send a batch if it is time."""
        if time.monotonic() - self._sent_at >= SECONDS_BETWEEN_BATCHES:
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        with contextlib.suppress(OSError):  # a full disk fails the build where it needs the disk, not here
            self._file.write("".join(line for _, line in self._waiting).encode())
        self._sent_at = time.monotonic()
        if self._waiting and self._send is not None:
            self._send(self._waiting)
        self._waiting, self._waiting_bytes = [], 0

    def close(self) -> None:
        """Send the rest."""
        self.end_line()
        self.flush()
        self._file.close()

    def _add(self, line: bytes) -> None:
        text = self._hidden.sub("***", line.decode(errors="replace"))
        now = int(time.time() * 1000)
        for start in range(0, len(text), BYTES_IN_AN_EVENT // 4):
            piece = text[start : start + BYTES_IN_AN_EVENT // 4]
            self._waiting.append((now, piece))
            self._waiting_bytes += len(piece.encode()) + 26
            if self._waiting_bytes > BYTES_IN_A_BATCH or len(self._waiting) >= EVENTS_IN_A_BATCH:
                self.flush()
