"""The one place that knows the emulator's private seams; the gap fillers know only this."""

import asyncio
import json
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import boto3
import ministack.app as ministack_app
from botocore.client import BaseClient
from ministack.core import responses, router
from ministack.services.cloudformation import provisioners

Json = dict[str, Any]
Part = TypeVar("Part")
Send = Callable[[Json], Awaitable[None]]
LOCAL_SECRET = "local"  # noqa: S105 - no secret: it is printed, and good on loopback alone
"""What the root of every local account signs with. Most APIs here take any signature; those that check want this."""


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


Operation = Callable[[Call], Json]


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
    begin: Callable[[Mapping[str, str]], SandboxInit]
    """What it does when a sandbox begins, given what the function is deployed with."""


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """How CloudFormation makes, changes and removes one resource type here.

    `create(logical_id, properties, stack_name)` and `update(physical_id, old, new, stack_name)` return the physical id
    and the attributes for Fn::GetAtt; `delete(physical_id, properties)` returns nothing. They run in the account and
    region of the stack (see `Emulator.here`), and raise to fail the resource.
    """

    create: Callable[[str, Json, str], tuple[str, Json]]
    update: Callable[[str, Json, Json, str], tuple[str, Json]]
    delete: Callable[[str, Json], None]


class AsgiRoute(Protocol):
    """An ASGI application for some paths: for what has to see the bytes as they come, or send them as it likes."""

    def matches(self, path: str) -> bool:
        """Whether it answers this path."""

    async def __call__(self, scope: Json, receive: Callable[[], Awaitable[Json]], send: Send) -> None:
        """Answer one request."""


def reset_connection(send: Send) -> None:
    """End the connection of an ASGI `send` with a reset instead of an end."""
    stream: Any = send
    writer = stream.__self__.send.__self__.send.__self__.writer  # the web server offers no other seam
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


@dataclass(frozen=True, kw_only=True)
class Emulator:
    """The running emulator as a gap filler sees it."""

    port: int
    folder: Path
    """Where fillers may keep files of their own; nothing in it outlives `penstock down --erase`."""
    approves: bool = False
    """Whether approvals are answered at once, for whoever started this cloud so: benches and tests."""
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
    routes: list["AsgiRoute"] = field(default_factory=list)
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
                call = Call(operation=operation, parameters=json.loads(body or b"{}"), account=account, region=region)
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
        handlers: dict[str, Any] = provisioners._RESOURCE_HANDLERS  # noqa: SLF001 - the emulator offers no other seam
        handlers[type_name] = {"create": resource.create, "update": resource.update, "delete": resource.delete}

    def provided(self, type_name: str) -> ResourceType:
        """How a resource type is made until now, for the fillers that complete one."""
        own = provisioners._RESOURCE_HANDLERS[type_name]  # noqa: SLF001 - as above
        return ResourceType(create=own["create"], update=own["update"], delete=own["delete"])

    def store(self, name: str) -> MutableMapping[Any, Any]:
        """A dict that is separate for each account and region, and part of every snapshot. Values must be JSON."""
        return self.stores.setdefault(name, responses.AccountRegionScopedDict())

    def entries(self, name: str) -> list[tuple[str, str, Any, Any]]:
        """Everything in a store: account, region, key and value."""
        held: dict[tuple[str, str, Any], Any] = self.store(name).to_dict()  # type: ignore[attr-defined]  # of the emulator's own kind of dict
        return [(account, region, key, value) for (account, region, key), value in held.items()]

    def physical_name(self, stack_name: str, logical_id: str, *, longest: int) -> str:
        """The name of a resource whose template gives it none."""
        name: str = provisioners._physical_name(stack_name, logical_id, max_len=longest)  # noqa: SLF001 - as above
        return name

    def part(self, kind: Callable[["Emulator"], Part]) -> Part:
        """The one instance of a filler's machinery in this cloud, for the fillers that build on it."""
        if kind not in self.parts:
            self.parts[kind] = kind(self)
        found: Part = self.parts[kind]
        return found

    def here(self) -> tuple[str, str]:
        """The account and region that the current request or resource is in."""
        return responses.get_account_id(), responses.get_region()

    def within(self, account: str, region: str) -> Any:
        """A context manager in which `here` and the stores mean this account and region (for threads of our own)."""
        return responses.request_scope(account, region)

    def put_aws_event(self, *, source: str, detail_type: str, detail: Json, resources: Sequence[str] = ()) -> None:
        """Put an event of an AWS service on the default bus of `here`; returns once its rules have been followed."""
        entry = {
            "Source": source,
            "DetailType": detail_type,
            "Detail": json.dumps(detail),
            "Resources": list(resources),
        }
        self.module("eventbridge")._put_events({"Entries": [entry]}, allow_aws_source=True)  # noqa: SLF001 - as above

    def serve_path(self, path: str, answer: Callable[[Json], Json]) -> None:
        """Answer POSTs of JSON to a path of our own (it starts with `/_penstock/`), on worker threads."""
        ours: dict[str, Callable[[Json], Json]] = self.paths
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

    def module(self, service: str) -> Any:
        """The emulator's own module for a service, for the fillers that mend one: they replace names in it."""
        return ministack_app._get_module(service)  # noqa: SLF001 - as above

    def replace(self, module: Any, name: str, by: Callable[..., Any]) -> Callable[..., Any]:
        """Put a function of ours in the place of one of the emulator's, which is returned."""
        own: Callable[..., Any] = getattr(module, name)
        setattr(module, name, by)
        return own

    def client(self, service: str, *, account: str, region: str) -> BaseClient:
        """A boto3 client of this cloud; a twelve-digit access key is the account."""
        session = boto3.Session(aws_access_key_id=account, aws_secret_access_key=LOCAL_SECRET, region_name=region)
        client: BaseClient = session.client(service, endpoint_url=self.endpoint)  # type: ignore[call-overload]  # a service by name
        return client
