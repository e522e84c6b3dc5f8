"""The interface to the emulator, ministack: what the services of the local cloud need of it, and what they add to it.

What one service alone replaces is in its `patches.py`; what several need is a method here. Both reach into modules that
have no public interface: the emulator's version is pinned, and contract tests hold each of these places.
"""

import asyncio
import inspect
import json
import logging
import re
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol, TypeVar

import boto3
import ministack.app as ministack_app
from botocore.client import BaseClient
from ministack.core import responses, router
from ministack.core.concurrency import run_reentrant
from ministack.services import cloudwatch, cloudwatch_logs, eventbridge, sqs
from ministack.services.cloudformation import provisioners

logger = logging.getLogger("penstock.cloud")

Json = dict[str, Any]
Part = TypeVar("Part")
Result = TypeVar("Result")
Send = Callable[[Json], Awaitable[None]]


class AwsError(Exception):
    """An error answer of an AWS API: its code, its message, its HTTP status."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request to a JSON-protocol AWS API, in the account and region it was signed for."""

    operation: str
    parameters: Json
    account: str
    region: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the request, in lower case, as whoever signed it sent them."""


Operation = Callable[[Call], Json]
HttpResponse = tuple[int, dict[str, str], bytes]
"""Status, headers and body, as the emulator's own handlers answer."""


@dataclass(frozen=True, kw_only=True)
class SandboxInit:
    """What a layer adds to a sandbox."""

    variables: Mapping[str, str]
    """What its function is told instead of what it is deployed with."""
    log: str = ""
    """What stands in the function's log before anything else."""


@dataclass(frozen=True, kw_only=True)
class LayerStub:
    """What a layer is here whose content only somebody else has."""

    group: str
    """The dependency group whose host build has the same code."""
    init: Callable[[Mapping[str, str]], SandboxInit]
    """What it does when a sandbox is initialised, given what the function is deployed with."""


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """The handlers by which CloudFormation creates, updates and deletes one resource type.

    `create(logical_id, properties, stack_name)` and `update(physical_id, old, new, stack_name)` return the physical id
    and the attributes for Fn::GetAtt; `delete(physical_id, properties)` returns nothing. They run in the account and
    region of the stack (see `Emulator.here`), and raise to fail the resource.
    """

    create: Callable[[str, Json, str], tuple[str, Json]]
    update: Callable[[str, Json, Json, str], tuple[str, Json]]
    delete: Callable[[str, Json], None]


_updated: ContextVar[str | None] = ContextVar("_updated", default=None)
"""The logical id of the resource that is being updated, for those who complete a type of the emulator's."""
ResourceCheck = Callable[[Json], None]
"""Raises the `AwsError` by which a service refuses the properties of a resource."""


class AsgiRoute(Protocol):
    """An ASGI application for some paths, which sees a request's bytes as they come, and sends its own as it likes."""

    def matches(self, path: str) -> bool:
        """Tell whether it answers this path."""

    async def __call__(self, scope: Json, receive: Callable[[], Awaitable[Json]], send: Send) -> None:
        """Answer one request."""


@dataclass(frozen=True, kw_only=True)
class RuleDelivery:
    """An event that a rule of EventBridge delivers."""

    target: str
    """The target's ARN."""
    event: Json
    rule: Json
    payload: str | None
    """What the target says in place of the event, if it does: its Input, or its rendered InputTransformer."""


def replace(module: Any, name: str, by: Callable[..., Any]) -> Callable[..., Any]:
    """Put a function of ours in the place of one of the emulator's, which is returned."""
    own: Callable[..., Any] = getattr(module, name)
    setattr(module, name, by)
    return own


def json_response(value: Any, status: int = 200) -> HttpResponse:
    """Answer in the JSON protocol."""
    made: HttpResponse = responses.json_response(value, status)
    return made


def error_response(code: str, message: str, status: int = 400) -> HttpResponse:
    """Answer an error in the JSON protocol."""
    made: HttpResponse = responses.error_response_json(code, message, status)
    return made


def reset_connection(send: Send) -> None:
    """End the connection of an ASGI `send` with a reset instead of an end."""
    stream: Any = inspect.unwrap(send)
    writer = stream.__self__.send.__self__.send.__self__.writer  # the web server offers no other way
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


@dataclass(frozen=True, kw_only=True)
class Emulator:
    """The running emulator as a service of the local cloud sees it."""

    port: int
    folder: Path
    """Where services may keep files of their own; nothing in it outlives `penstock down --erase`."""
    root_secret: str = field(repr=False)
    """What the roots of all accounts sign with: a person's commands know it, and nothing that is deployed."""
    approves: bool = False
    """Whether approvals are answered at once, for whoever started this cloud so: benches and tests."""
    audits: bool = False
    """Whether IAM only notes what it would deny."""
    stores: dict[str, MutableMapping[Any, Any]] = field(default_factory=dict)
    at_start: list[Callable[[], None]] = field(default_factory=list)
    """Called once the saved state is loaded and before the first request is answered."""
    parts: dict[Any, Any] = field(default_factory=dict)
    after_action: list[Callable[[], None]] = field(default_factory=list)
    """Called after each finished pipeline action, when the state is worth a snapshot."""
    before_snapshot: list[Callable[[], None]] = field(default_factory=list)
    """Called while nothing else runs, just before the state is copied."""
    after_snapshot: list[Callable[[], None]] = field(default_factory=list)
    """Called once that copy is safe on disk; not if it could not be written."""
    paths: dict[str, Callable[[Json], Json]] = field(default_factory=dict)
    function_environment: dict[str, str] = field(default_factory=dict)
    """Environment variables by which functions find what AWS has beside them, or their network's way out."""
    layers: dict[re.Pattern[str], LayerStub] = field(default_factory=dict)
    """Layers of other people's accounts, by their ARNs, and what stands for each here."""
    resource_checks: dict[str, list[ResourceCheck]] = field(default_factory=dict)
    """What services refuse of the properties of their resource types, by type."""
    routes: list[AsgiRoute] = field(default_factory=list)
    """What answers some paths itself, before the emulator sees the request."""

    @property
    def endpoint(self) -> str:
        """The URL of every AWS API of this cloud."""
        return f"http://127.0.0.1:{self.port}"

    def serve_json_api(self, name: str, *, target_prefix: str, operations: Mapping[str, Operation]) -> None:
        """Answer the AWS JSON protocol for one service; operations run on worker threads."""

        async def handle(
            method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
        ) -> tuple[int, dict[str, str], bytes]:
            del method, path, query
            operation = headers.get("x-amz-target", "").rpartition(".")[2]
            answer = operations.get(operation)
            try:
                if answer is None:
                    raise AwsError("UnknownOperationException", f"{name} does not emulate {operation}")
                account, region = self.here()
                call = Call(
                    operation=operation,
                    parameters=json.loads(body or b"{}"),
                    account=account,
                    region=region,
                    headers=headers,
                )
                result = await asyncio.to_thread(answer, call)
            except AwsError as error:
                result_body = json.dumps({"__type": error.code, "message": error.message})
                return error.status, {"Content-Type": "application/x-amz-json-1.1"}, result_body.encode()
            return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(result, default=str).encode()

        self._serve(name, handle, target_prefixes=[target_prefix])

    def serve_rest_api(self, name: str, operations: Mapping[str, Operation]) -> None:
        """Answer the paths of a service that speaks REST with JSON; operations run on worker threads."""

        async def handle(
            method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
        ) -> tuple[int, dict[str, str], bytes]:
            del headers, query
            answer = operations.get(path)
            if method != "POST" or answer is None:
                return 404, {"Content-Type": "application/json"}, b'{"message": "not emulated"}'
            account, region = self.here()
            call = Call(operation=path, parameters=json.loads(body or b"{}"), account=account, region=region)
            result = await asyncio.to_thread(answer, call)
            return 200, {"Content-Type": "application/json"}, json.dumps(result).encode()

        self._serve(name, handle)

    @staticmethod
    def _serve(name: str, handle: Callable[..., Any], **patterns: Any) -> None:
        router.SERVICE_PATTERNS[name] = {"host_patterns": [rf"{name}\."], "credential_scope": name, **patterns}
        ministack_app.SERVICE_HANDLERS[name] = handle

    def provide(self, type_name: str, resource: ResourceType) -> None:
        """Let CloudFormation deploy a resource type that the emulator lacks, or has wrong."""
        handlers: dict[str, Any] = provisioners._RESOURCE_HANDLERS  # noqa: SLF001 - the emulator offers no other way
        imports = {name: own for name, own in handlers.get(type_name, {}).items() if name == "import"}

        def update(physical_id: str, old: Json, new: Json, stack_name: str, logical_id: str) -> tuple[str, Json]:
            token = _updated.set(logical_id)
            try:
                return resource.update(physical_id, old, new, stack_name)
            finally:
                _updated.reset(token)

        made = {"create": resource.create, "update": update, "delete": resource.delete}
        # How a resource that is there is read stays the emulator's.
        handlers[type_name] = {**imports, **made, "update_with_logical_id": True}

    def provided(self, type_name: str) -> ResourceType:
        """Return a resource type as it is provided until now, for the service that completes it."""
        own = provisioners._RESOURCE_HANDLERS[type_name]  # noqa: SLF001 - as above

        def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
            # Without the logical id it would take a name that CloudFormation gave for one that the template takes away.
            named = [_updated.get()] if own.get("update_with_logical_id") else []
            made: tuple[str, Json] = own["update"](physical_id, old, new, stack_name, *named)
            return made

        return ResourceType(create=own["create"], update=update, delete=own["delete"])

    def check_resource(self, type_name: str, check: ResourceCheck) -> None:
        """Let a service refuse properties as its API does, before CloudFormation creates or changes a resource."""
        self.resource_checks.setdefault(type_name, []).append(check)

    def store(self, name: str) -> MutableMapping[Any, Any]:
        """Return a dict that is separate for each account and region, and in every snapshot. Values must be JSON."""
        return self.stores.setdefault(name, responses.AccountRegionScopedDict())

    def entries(self, name: str) -> list[tuple[str, str, Any, Any]]:
        """List everything in a store: account, region, key and value."""
        held: dict[tuple[str, str, Any], Any] = self.store(name).to_dict()  # type: ignore[attr-defined]  # of the emulator's own kind of dict
        return [(account, region, key, value) for (account, region, key), value in held.items()]

    def physical_name(self, stack_name: str, logical_id: str, *, longest: int) -> str:
        """Make the name of a resource whose template gives it none."""
        name: str = provisioners._physical_name(stack_name, logical_id, max_len=longest)  # noqa: SLF001 - as above
        return name

    def part(self, kind: Callable[["Emulator"], Part]) -> Part:
        """Return this cloud's one instance of a service's class, for all services that build on it."""
        if kind not in self.parts:
            self.parts[kind] = kind(self)
        found: Part = self.parts[kind]
        return found

    def here(self) -> tuple[str, str]:
        """Return the account and region that the current request or resource is in."""
        return responses.get_account_id(), responses.get_region()

    def within(self, account: str, region: str) -> Any:
        """Return a context manager in which `here` and the stores mean this account and region."""
        return responses.request_scope(account, region)

    def put_aws_event(self, *, source: str, detail_type: str, detail: Json, resources: Sequence[str] = ()) -> None:
        """Put an event of an AWS service on the default bus of `here`; returns once its rules have been followed."""
        entry = {
            "Source": source,
            "DetailType": detail_type,
            "Detail": json.dumps(detail),
            "Resources": list(resources),
        }
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)  # noqa: SLF001 - as above

    def add_rule_target(self, matches: Callable[[str], bool], deliver: Callable[[RuleDelivery], None]) -> None:
        """Let EventBridge's rules deliver to targets that the emulator takes and then does nothing with."""
        others = eventbridge._invoke_target  # noqa: SLF001 - as above

        def invoke(target: Json, event: Json, rule: Json, view: Any = None) -> None:
            if not matches(str(target.get("Arn", ""))):
                others(target, event, rule, view)
                return
            payload: str | None = target.get("Input")
            if target.get("InputTransformer"):
                view = view or eventbridge._pattern_event_view(event)  # noqa: SLF001 - as above
                payload = eventbridge._apply_input_transformer(target["InputTransformer"], rule, view)  # noqa: SLF001 - as above
            try:
                deliver(RuleDelivery(target=target["Arn"], event=event, rule=rule, payload=payload))
            except AwsError as error:
                logger.warning("The rule %s reached no target %s: %s", rule.get("Name"), target["Arn"], error)

        eventbridge._invoke_target = invoke  # noqa: SLF001 - as above

    def write_log(self, group: str, stream: str, message: str) -> bool:
        """Append a line of now to a log stream of `here`, which is made if it is missing.

        Its group is not: answers whether that is there.
        """
        where = {"logGroupName": group, "logStreamName": stream}
        cloudwatch_logs._create_log_stream(where)  # noqa: SLF001 - as above; one that exists is left as it is
        line = {"timestamp": int(time.time() * 1000), "message": message}
        status, _, _ = cloudwatch_logs._put_log_events({**where, "logEvents": [line]})  # noqa: SLF001 - as above
        return int(status) < HTTPStatus.BAD_REQUEST

    def record_metric(
        self, namespace: str, name: str, value: float, unit: str = "None", dimensions: Mapping[str, str] | None = None
    ) -> None:
        """Put one value of a metric of `here`."""
        cloudwatch.record_metric(namespace, name, value, unit, dimensions)

    def queue(self, arn: str) -> Json | None:
        """Return the emulator's own record of an SQS queue, which changes as the queue does; None if there is none."""
        found: Json | None = sqs._queue_by_arn(arn)  # noqa: SLF001 - as above
        return found

    async def run_in_thread(self, call: Callable[..., Result], *arguments: Any, name: str) -> Result:
        """Run what blocks in a thread of its own, as it may call this cloud again: a pool could wait for itself."""
        result: Result = await run_reentrant(call, *arguments, thread_name=name)
        return result

    def serve_path(self, path: str, answer: Callable[[Json], Json]) -> None:
        """Answer POSTs of JSON to a path of our own (it starts with `/_penstock/`), on worker threads."""
        ours = self.paths
        ours[path] = answer
        if len(ours) > 1:
            return
        theirs = ministack_app._handle_post_body_shortcuts  # noqa: SLF001 - as above

        async def handle(method: str, asked: str, headers: Any, body: bytes, *rest: Any) -> Any:
            if method != "POST" or asked not in ours:
                return await theirs(method, asked, headers, body, *rest)
            try:
                result = await asyncio.to_thread(ours[asked], json.loads(body))
            except AwsError as error:
                failure = {"error": error.code, "message": error.message}
                return error.status, {"Content-Type": "application/json"}, json.dumps(failure).encode()
            return 200, {"Content-Type": "application/json"}, json.dumps(result).encode()

        ministack_app._handle_post_body_shortcuts = handle  # noqa: SLF001 - as above

    def client_of(self, session: Mapping[str, str], service: str, *, region: str) -> BaseClient:
        """Make a boto3 client that acts in a role's session, whose credentials are as AssumeRole answers them."""
        made = boto3.Session(
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
            region_name=region,
        )
        client: BaseClient = made.client(service, endpoint_url=self.endpoint)  # type: ignore[call-overload]  # a service by name
        return client

    def client(self, service: str, *, account: str, region: str) -> BaseClient:
        """Make a boto3 client of this cloud that acts as an account's root; its access key is the account."""
        session = boto3.Session(aws_access_key_id=account, aws_secret_access_key=self.root_secret, region_name=region)
        client: BaseClient = session.client(service, endpoint_url=self.endpoint)  # type: ignore[call-overload]  # a service by name
        return client
