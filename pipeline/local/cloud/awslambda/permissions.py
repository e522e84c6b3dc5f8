"""What Lambda does as a function's role besides running it: writing its log, and telling its destinations.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

import logging
from collections.abc import Mapping

from pipeline.local.cloud.emulator import Emulator, Json
from pipeline.local.cloud.iam.permissions import Permissions

logger = logging.getLogger("penstock.cloud")
TO_LOG = ("logs:CreateLogStream", "logs:PutLogEvents")
TO_SEND: Mapping[str, str] = {
    "events": "events:PutEvents",
    "lambda": "lambda:InvokeFunction",
    "s3": "s3:PutObject",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
}


class RolePermissions:
    """Says what the roles of functions may do."""

    def __init__(self, emulator: Emulator) -> None:
        self._permissions = emulator.part(Permissions)

    def may_write_log(self, function: Json) -> bool:
        """Tell whether a function's log lines are kept."""
        _, _, _, region, account, *_ = function["FunctionArn"].split(":")
        group = (function.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{function['FunctionName']}"
        arn = f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{function['FunctionName']}"
        return all(self._may(function, action, arn) for action in TO_LOG)

    def may_send(self, function: Json, destination: str) -> bool:
        """Tell whether a function's destination, or its dead-letter queue, hears of a failure."""
        action = TO_SEND.get(destination.split(":")[2])
        return action is not None and self._may(function, action, destination)

    def _may(self, function: Json, action: str, resource: str) -> bool:
        calls = self._permissions.call_as_session(str(function["Role"]), str(function["FunctionName"]))
        refusal = calls.refusal(action, resource)
        if refusal:
            logger.warning("Of the function %s: %s", function["FunctionName"], refusal)
        return refusal is None
