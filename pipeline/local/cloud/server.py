"""The emulator's web server: loopback only, no command line but ours, and a snapshot before it ends."""

import asyncio
import functools
import http
import os
import re
import resource
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Any

import ministack.app as ministack_app
from hypercorn.asyncio import serve as serve_asgi
from hypercorn.config import Config
from ministack.core import responses

from pipeline.local.cloud import service_models, unsupported
from pipeline.local.cloud.clock import CloudClock
from pipeline.local.cloud.emulator import AsgiRoute, Emulator, HttpResponse
from pipeline.local.cloud.snapshot import Snapshots

KEEP_ALIVE_SECONDS = 600
"""Long, since a client loses the request that it sends just when its connection ends for idleness; not for ever, since
each is a descriptor of this process, and one more where it is the client as well."""
SNAPSHOT_PATH = "/_penstock/snapshot"
UNSUPPORTED = "unsupported"
_SCOPE = re.compile(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/")

Message = dict[str, Any]
AsgiApp = Callable[..., Awaitable[None]]


def serve(emulator: Emulator, snapshots: Snapshots) -> None:
    """Answer requests until SIGTERM. (The emulator's own `main` reads sys.argv and leaves a pid file behind.)"""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    _refuse_unsupported_services()
    _read_protocols_alone()
    config = Config()
    config.bind = [f"127.0.0.1:{emulator.port}"]
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.graceful_timeout = 1.0
    config.include_date_header = False  # the cloud's own clock says it
    app = _dated(_with_snapshots(snapshots, emulator.routes), emulator.part(CloudClock))
    asyncio.run(serve_asgi(app, config))


def _refuse_unsupported_services() -> None:
    """Answer what is signed for a service that nobody emulates; the emulator takes it for S3, or for another one."""
    detect: Callable[..., str] = ministack_app.detect_service

    @cache
    def is_known(scope: str) -> bool:
        signed = {"authorization": f"AWS4-HMAC-SHA256 Credential=1/20260101/us-east-1/{scope}/aws4_request"}
        return detect("GET", "/", signed, {}) in ministack_app.SERVICE_HANDLERS

    def detected(method: str, path: str, headers: Mapping[str, str], query: Mapping[str, Any]) -> str:
        scope = _SCOPE.search(headers.get("authorization", ""))
        if scope is None or is_known(scope[1]):
            return detect(method, path, headers, query)
        return UNSUPPORTED

    async def refuse(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> HttpResponse:
        del method, path, body, query
        scope = _SCOPE.search(headers["authorization"])
        return unsupported.refusal(scope[1] if scope else "", headers)

    ministack_app.detect_service = detected
    ministack_app.SERVICE_HANDLERS[UNSUPPORTED] = refuse


def _read_protocols_alone() -> None:
    """Spare the emulator a whole model of each service: it asks what the type of an answer's content is."""
    names: Mapping[str, str] = responses._BOTOCORE_NAME  # noqa: SLF001 - it has no public interface
    responses._service_model = lambda service: service_models.model(names.get(service, service))  # noqa: SLF001


def _dated(app: AsgiApp, cloud_clock: CloudClock) -> AsgiApp:
    """Let every answer bear the date of the cloud's clock."""

    async def dated(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        @functools.wraps(send)  # whoever resets the connection needs the web server's own
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                others = [each for each in message.get("headers", []) if each[0].lower() != b"date"]
                message = {**message, "headers": [*others, *cloud_clock.headers()]}
            await send(message)

        await app(scope, receive, sending)

    return dated


def _with_snapshots(snapshots: Snapshots, routes: Sequence[AsgiRoute]) -> AsgiApp:
    async def app(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(snapshots, scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"] == SNAPSHOT_PATH and scope["method"] == "POST":
            await _answer(send, await asyncio.to_thread(snapshots.take, "a request for one"))
            return
        if scope["type"] == "http":
            target = next((value for name, value in scope["headers"] if name == b"x-amz-target"), b"")
            snapshots.note(scope["method"], scope["path"], target.decode("latin-1"))
            for route in routes:
                if route.matches(scope["path"]):
                    await route(scope, receive, send)
                    return
        await ministack_app.app(scope, receive, send)

    return app


async def _answer(send: Callable[[Message], Awaitable[None]], failure: str | None) -> None:
    status = http.HTTPStatus.OK if failure is None else http.HTTPStatus.INSUFFICIENT_STORAGE
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": (failure or "saved").encode()})


async def _lifespan(
    snapshots: Snapshots,
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    async def receiving() -> Message:
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            periodic.cancel()
            await snapshots.at_stop()
            # Python would wait for every worker thread, one of which may be in the middle of a build, and the emulator
            # for services that do not run here. The supervisor ends what this process started.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
        return message

    periodic = asyncio.create_task(snapshots.keep_taking())
    await ministack_app.app(scope, receiving, send)
