"""Mappings read as the function's role.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html#events-kinesis-permissions
"""

import time
from collections.abc import Mapping
from typing import Any

from pipeline.local.cloud.emulator import AwsError, Emulator
from pipeline.local.cloud.eventsources import functions
from pipeline.local.cloud.eventsources.checks import OF_TABLES
from pipeline.local.cloud.eventsources.mapping import is_queue, is_table, stream_arn
from pipeline.local.cloud.iam.permissions import Permissions

SERVICE = "lambda.amazonaws.com"
OF_QUEUES = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
OF_STREAMS = ("kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords")
OF_CONSUMERS = ("kinesis:SubscribeToShard",)
GOOD_FOR_SECONDS = REFUSED_SECONDS = 1.0


class Readers:
    """Holds what mappings read against what their functions' roles may do; get it by `emulator.part(Readers)`."""

    def __init__(self, emulator: Emulator) -> None:
        self._permissions = emulator.part(Permissions)
        self._decided: dict[str, tuple[str | None, float]] = {}

    def refusal(self, mapping: Mapping[str, Any]) -> str | None:
        """Say why a mapping's function may not read its source; None if it may, or is not there.

        What was decided holds for a moment: a busy mapping asks at each record.
        """
        known, since = self._decided.get(mapping["UUID"], (None, 0.0))
        if time.monotonic() - since < GOOD_FOR_SECONDS:
            return known
        found = self._decide(mapping)
        self._decided[mapping["UUID"]] = (found, time.monotonic())
        return found

    def _decide(self, mapping: Mapping[str, Any]) -> str | None:
        configuration, source = functions.configuration(mapping), str(mapping["EventSourceArn"])
        if configuration is None:
            return None
        try:
            role, name = configuration["Role"], configuration["FunctionName"]
            calls = self._permissions.call_as_role(role, name, service=SERVICE)
        except AwsError as error:
            return error.message
        wanted = [(action, source if is_queue(source) else stream_arn(source)) for action in _needed(source)]
        wanted += [(action, source) for action in OF_CONSUMERS if "/consumer/" in source]
        refused = (calls.refusal(action, arn) for action, arn in wanted)
        return next((message for message in refused if message), None)


def _needed(source: str) -> tuple[str, ...]:
    if "/consumer/" in source:
        return ("kinesis:DescribeStreamSummary",)
    return OF_TABLES if is_table(source) else OF_QUEUES if is_queue(source) else OF_STREAMS
