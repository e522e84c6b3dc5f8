"""What a deployed service logged: the lines of all log groups of its stack, in the order of their time."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipeline.operate.errors import OperateError
from pipeline.operate.outputs import DeployedStack, resources
from pipeline.operate.target import Target

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

GROUP = "AWS::Logs::LogGroup"
HASH = re.compile(r"(Logs)?[0-9A-F]{8}$")
"""What the CDK and our constructs add to the name of whatever logs there."""
NARRATION = re.compile(r"(INIT_START|START|END|REPORT|INIT_REPORT|EXTENSION|TELEMETRY|RESTORE_\w+)\s")
"""How Lambda's own events begin, between those of the function; a traced one's REPORT has two lines."""
STATUS = re.compile(r"\bStatus: ")
"""In a REPORT of what did not succeed: nothing else tells of a timeout."""
FIREWALL = "aws-waf-logs-"
"""How the group of a web firewall must be called. It has a line for every request, with whoever sent it."""
TRACEBACK = "Traceback (most recent call last):"
SHOWN_BEFORE = ("level", "message")
LEFT_OUT = frozenset({*SHOWN_BEFORE, "location", "timestamp", "service"})


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a log."""

    at: datetime
    source: str
    """Whose log it is, as the stack calls it: `Consumer`, `ApiAccess`."""
    message: str

    def to_json(self) -> dict[str, Any]:
        """Return the line as `--json` prints it."""
        return {"at": self.at.isoformat(), "source": self.source, "message": self.message, "fields": self.fields}

    @property
    def text(self) -> str:
        """For people: what was said, and then each field; a line that is no JSON as it is."""
        fields = self.fields
        if fields is None:
            return self.message
        said = [str(fields[name]) for name in SHOWN_BEFORE if name in fields]
        return "  ".join(
            [*said, *(f"{name}={_shown(value)}" for name, value in fields.items() if name not in LEFT_OUT)]
        )

    @property
    def is_frame(self) -> bool:
        """Return whether the line is a frame of a traceback, and not what happened."""
        return self.message[:1].isspace() or self.message.startswith(TRACEBACK)

    @property
    def fields(self) -> Mapping[str, Any] | None:
        """Of a structured line; None of any other."""
        try:
            found = json.loads(self.message)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None


def read(target: Target, deployed: DeployedStack, *, since: timedelta) -> list[Line]:
    """Return all that a service logged since so long ago."""
    start = int((datetime.now(UTC) - since).timestamp() * 1000)
    client: CloudWatchLogsClient = target.client("logs", account=deployed.account, region=deployed.region)
    found: list[Line] = []
    try:
        for source, group in sorted(_groups(target, deployed)):
            pages = client.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=start)
            for event in (each for page in pages for each in page["events"]):
                at = datetime.fromtimestamp(event.get("timestamp", 0) / 1000, UTC)
                found += [Line(at=at, source=source, message=line) for line in _lines(event.get("message", ""))]
    except ClientError as error:
        raise OperateError(f"The logs of {deployed.stack}: {error.response['Error']['Message']}") from error
    return sorted(found, key=lambda line: line.at)


def _groups(target: Target, deployed: DeployedStack) -> list[tuple[str, str]]:
    """Return whose log it is and its name; two in different stacks may be called alike."""
    found = resources(target, deployed, GROUP)
    return [(HASH.sub("", logical), physical) for logical, physical in found if not physical.startswith(FIREWALL)]


def _lines(message: str) -> list[str]:
    """Split a message into lines: on AWS an exception with its frames is one event."""
    if not NARRATION.match(message):
        return message.splitlines()
    return [" ".join(message.split())] if STATUS.search(message) else []


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
