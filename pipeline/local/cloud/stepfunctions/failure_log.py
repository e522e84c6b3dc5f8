"""The log line of a failed execution, at the level that its state machine asks for.

https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
"""

import json
import time
from typing import Any

from pipeline.local.cloud.emulator import Emulator, Json


def write(emulator: Emulator, machine: Json, execution: Json, *, error: str, cause: str) -> None:
    """Write the line, unless logging is off."""
    # CloudFormation's properties begin with a capital, the API's fields do not; the emulator keeps either.
    logging = _uncapitalised(machine.get("loggingConfiguration") or {})
    if logging.get("level") not in ("ALL", "ERROR", "FATAL"):
        return
    details = {"error": error} | ({"cause": cause} if logging.get("includeExecutionData") else {})
    event = {
        "id": str(len(execution["events"])),
        "type": "ExecutionFailed",
        "details": details,
        "event_timestamp": str(int(time.time() * 1000)),
        "execution_arn": execution["executionArn"],
    }
    for destination in logging.get("destinations") or []:
        arn = (destination.get("cloudWatchLogsLogGroup") or {}).get("logGroupArn") or ""
        group = arn.partition(":log-group:")[2].removesuffix(":*")
        emulator.write_log(group, f"states/{machine['name']}", json.dumps(event))


def _uncapitalised(value: Any) -> Any:
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _uncapitalised(inner) for name, inner in value.items()}
    return [_uncapitalised(inner) for inner in value] if isinstance(value, list) else value
