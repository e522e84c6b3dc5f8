"""Lambda's event source mappings of Kinesis streams and SQS queues, where the emulator lacks most failure handling."""

import json
from typing import Any

from ministack.core import responses

from pipeline.local.cloud.emulator import Emulator, Json
from pipeline.local.cloud.eventsources import mapping, resources
from pipeline.local.cloud.eventsources.queues import Queues
from pipeline.local.cloud.eventsources.streams import Streams
from pipeline.local.cloud.eventsources.wake import hear_of_work

Answer = tuple[int, Any, bytes]
NOT_KEPT = ("MetricsConfig", "StartingPositionTimestamp", "TumblingWindowInSeconds")
"""What the emulator does not keep of a request."""


def install(emulator: Emulator) -> None:
    """Take the place of the emulator's pollers; its own for DynamoDB's streams goes on."""
    mappings = Mappings(emulator)
    lambda_: Any = emulator.module("lambda_svc")
    for poller in ("_poll_kinesis", "_poll_sqs"):
        emulator.replace(lambda_, poller, lambda: False)
    emulator.provide("AWS::Lambda::EventSourceMapping", resources.resource(emulator, mappings))
    hear_of_work(mappings.wake)
    emulator.at_start.append(mappings.begin)


class Mappings:
    """The API of event source mappings, and what reads for them."""

    def __init__(self, emulator: Emulator) -> None:
        self.lambda_: Any = emulator.module("lambda_svc")
        self.sqs: Any = emulator.module("sqs")
        self.streams = Streams(emulator)
        self.queues = Queues(emulator)
        self._create = emulator.replace(self.lambda_, "_create_esm", self.create)
        self._update = emulator.replace(self.lambda_, "_update_esm", self.update)
        self._delete = emulator.replace(self.lambda_, "_delete_esm", self.delete)

    def begin(self) -> None:
        """Go on with what the last run left."""
        self.streams.sleeper.begin()
        self.queues.sleeper.begin()

    def wake(self) -> None:
        """Look for work."""
        self.streams.sleeper.wake()
        self.queues.sleeper.wake()

    def create(self, request: Json) -> Answer:
        """CreateEventSourceMapping."""
        arn = str(request.get("EventSourceArn", ""))
        complete = {**mapping.defaults(arn), **request}
        refused = self._refused(request, complete)
        if refused is not None:
            return refused
        # Not enabled before it is complete: a template is deployed by another thread than the one that reads for it.
        answer: Answer = self._create({**complete, "EventSourceArn": mapping.stream_arn(arn), "Enabled": False})
        status, _, body = answer
        if status >= 400:
            return answer
        made: Json = self.lambda_._esms[json.loads(body)["UUID"]]  # noqa: SLF001 - no other seam
        if mapping.is_stream(arn):
            made["EventSourceArn"] = arn  # of a consumer, perhaps
            made |= {name: complete[name] for name in NOT_KEPT if name in complete}
            self.streams.start_at(made)
        made["Enabled"] = str(complete.get("Enabled", True)).lower() != "false"
        made["State"] = "Enabled" if made["Enabled"] else "Disabled"
        self.wake()
        told: Answer = responses.json_response(self.lambda_._esm_response(made), status)  # noqa: SLF001 - as above
        return told

    def update(self, uuid: str, request: Json) -> Answer:
        """UpdateEventSourceMapping; what is being retried goes on with the new settings."""
        current = self.lambda_._esms.get(uuid)  # noqa: SLF001 - as above
        if current is not None:
            refused = self._refused(request, {**current, **request, "EventSourceArn": current["EventSourceArn"]})
            if refused is not None:
                return refused
        answer: Answer = self._update(uuid, request)
        if current is not None and "MetricsConfig" in request:
            current["MetricsConfig"] = request["MetricsConfig"]
        self.wake()
        return answer

    def delete(self, uuid: str) -> Answer:
        """DeleteEventSourceMapping."""
        answer: Answer = self._delete(uuid)
        self.wake()
        return answer

    def _refused(self, request: Json, complete: Json) -> Answer | None:
        found = mapping.problem(complete) or self._hidden_too_short(request, complete)
        if found is None:
            return None
        answer: Answer = responses.error_response_json("InvalidParameterValueException", found, 400)
        return answer

    def _hidden_too_short(self, request: Json, complete: Json) -> str | None:
        """A message must stay hidden while the function works on it: Lambda refuses such a mapping when it is made."""
        arn = str(complete.get("EventSourceArn", ""))
        queue = self.sqs._queue_by_arn(arn) if mapping.is_queue(arn) else None  # noqa: SLF001 - as above
        if queue is None or "FunctionName" not in request:
            return None
        function, _, failure = self.lambda_._resolve_existing_esm_function(request["FunctionName"])  # noqa: SLF001 - as above
        if failure is not None:
            return None
        timeout = int(self.lambda_._functions[function]["config"].get("Timeout", 3))  # noqa: SLF001 - as above
        hidden = int(queue["attributes"].get("VisibilityTimeout", "30"))
        if hidden >= timeout:
            return None
        return f"Queue visibility timeout: {hidden} seconds is less than Function timeout: {timeout} seconds"
