"""The API of event source mappings, and what reads for them."""

import json

from pipeline.local.cloud.emulator import Emulator, HttpResponse, Json, error_response
from pipeline.local.cloud.eventsources import mapping, patches
from pipeline.local.cloud.eventsources.checks import permission_problem
from pipeline.local.cloud.eventsources.queues import Queues
from pipeline.local.cloud.eventsources.streams import Streams
from pipeline.local.cloud.iam.permissions import Permissions

NOT_KEPT = ("MetricsConfig", "StartingPositionTimestamp", "TumblingWindowInSeconds")
"""What the emulator does not keep of a request."""


class Mappings:
    """The API of event source mappings, and what reads for them."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.streams = Streams(emulator)
        self.queues = Queues(emulator)
        self._create = patches.replace_operation("create", self.create)
        self._update = patches.replace_operation("update", self.update)
        self._delete = patches.replace_operation("delete", self.delete)

    def begin(self) -> None:
        """Go on with what the last run left."""
        self.streams.sleeper.begin()
        self.queues.sleeper.begin()

    def wake(self) -> None:
        """Look for work."""
        self.streams.sleeper.wake()
        self.queues.sleeper.wake()

    def create(self, request: Json) -> HttpResponse:
        """CreateEventSourceMapping."""
        arn = str(request.get("EventSourceArn", ""))
        complete = {**mapping.defaults(arn), **request}
        refused = self._refused(request, complete)
        if refused is not None:
            return refused
        # Not enabled before it is complete: a template is deployed by another thread than the one that reads for it.
        answer = self._create({**complete, "EventSourceArn": mapping.stream_arn(arn), "Enabled": False})
        status, _, body = answer
        if status >= 400:
            return answer
        made = patches.mapping(json.loads(body)["UUID"])
        if made is None:
            return answer  # somebody was quicker and has deleted it
        if mapping.is_stream(arn):
            made["EventSourceArn"] = arn  # of a consumer, perhaps
            made |= {name: complete[name] for name in NOT_KEPT if name in complete}
            self.streams.start_at(made)
        made["Enabled"] = str(complete.get("Enabled", True)).lower() != "false"
        made["State"] = "Enabled" if made["Enabled"] else "Disabled"
        self.wake()
        return patches.mapping_response(made, status)

    def update(self, uuid: str, request: Json) -> HttpResponse:
        """UpdateEventSourceMapping; what is being retried goes on with the new settings."""
        current = patches.mapping(uuid)
        if current is not None:
            refused = self._refused(request, {**current, **request, "EventSourceArn": current["EventSourceArn"]})
            if refused is not None:
                return refused
        answer = self._update(uuid, request)
        if current is not None and "MetricsConfig" in request:
            current["MetricsConfig"] = request["MetricsConfig"]
        self.wake()
        return answer

    def delete(self, uuid: str) -> HttpResponse:
        """DeleteEventSourceMapping."""
        answer = self._delete(uuid)
        self.wake()
        return answer

    def _refused(self, request: Json, complete: Json) -> HttpResponse | None:
        found = (
            mapping.problem(complete)
            or self._hidden_too_short(request, complete)
            or self._not_permitted(request, complete)
        )
        return None if found is None else error_response("InvalidParameterValueException", found)

    def _not_permitted(self, request: Json, complete: Json) -> str | None:
        """Refuse a source that the function's role may not read. Another account's has a policy besides."""
        role = patches.function_role(request["FunctionName"]) if "FunctionName" in request else None
        account, _ = self.emulator.here()
        if role is None or str(complete.get("EventSourceArn", "")).split(":")[4:5] != [account]:
            return None
        session = self.emulator.part(Permissions).call_as_session(role, "awslambda")

        def may(action: str, resource: str) -> bool:
            return session.refusal(action, resource) is None

        return permission_problem(complete, may)

    def _hidden_too_short(self, request: Json, complete: Json) -> str | None:
        """Refuse a queue whose messages do not stay hidden while the function works on them, as Lambda does."""
        arn = str(complete.get("EventSourceArn", ""))
        queue = self.emulator.queue(arn) if mapping.is_queue(arn) else None
        timeout = patches.function_timeout(request["FunctionName"]) if "FunctionName" in request else None
        if queue is None or timeout is None:
            return None
        hidden = int(queue["attributes"].get("VisibilityTimeout", "30"))
        if hidden >= timeout:
            return None
        return f"Queue visibility timeout: {hidden} seconds is less than Function timeout: {timeout} seconds"
