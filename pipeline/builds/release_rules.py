"""What a release is judged by, read from its parameters: one holds 8 KB, and a large stage has more alarms."""

import hashlib
import json
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from pipeline.builds.clock import Clock

MORE = "more"
"""In the rules: each further parameter with the digest of what it holds, which is alarms of the same form."""
NOT_THERE = "ParameterNotFound"
TRIES = 30
WAIT_EACH = timedelta(seconds=10)


def read(ssm: Any, name: str, clock: Clock) -> dict[str, Any]:
    """Return the rules with the alarms of all parameters, which an update of the pipeline writes one after the other.

    Raises:
        ValueError: if they do not belong together, even after a while.
    """
    for left in reversed(range(TRIES)):
        rules: dict[str, Any] = json.loads(_value(ssm, name))
        more: dict[str, str] = rules.pop(MORE, {})
        texts = [_written(ssm, each) for each in more]
        if [hashlib.sha256(each.encode()).hexdigest() for each in texts] == list(more.values()):
            for text in texts:
                rules["alarms"] += json.loads(text)
            return rules
        if left:
            clock.wait(WAIT_EACH)
    raise ValueError(f"{name} and {', '.join(more)} do not belong together: has an update of the pipeline failed?")


def _written(ssm: Any, name: str) -> str:
    """Return what a further parameter holds; nothing if it is not there, or no more."""
    try:
        return _value(ssm, name)
    except ClientError as error:
        if error.response["Error"]["Code"] != NOT_THERE:
            raise
        return ""


def _value(ssm: Any, name: str) -> str:
    value: str = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    return value
