"""Where FHIR requests come in: verifies who signed, answers, and does wrong what it was asked to do wrong."""

import asyncio
import json
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import unquote

from pipeline.local.cloud.emulator import Emulator, Json, Send, reset_connection
from pipeline.local.cloud.healthlake.datastores import Datastores
from pipeline.local.cloud.healthlake.faults import NOTHING_DONE, Fault
from pipeline.local.cloud.healthlake.fhir import route
from pipeline.local.cloud.healthlake.messages import MEDIA_TYPE, FhirError, FhirResponse, Request, outcome
from pipeline.local.cloud.healthlake.signature import Signed, refusal
from pipeline.local.cloud.iam.permissions import Permissions

_PATH = re.compile(r"/datastore/([0-9a-f]{32})/r4(?:/(.*))?$", re.DOTALL)
ELSEWHERE = "http://records.elsewhere.invalid"
PIECES = 20


class FhirEndpoint:
    """Every datastore's endpoint."""

    def __init__(self, emulator: Emulator) -> None:
        self._datastores = emulator.part(Datastores)
        self._permissions = emulator.part(Permissions)

    def matches(self, path: str) -> bool:
        """Tell whether it is a datastore's."""
        return _PATH.match(path) is not None

    async def __call__(self, scope: Json, receive: Callable[[], Awaitable[Json]], send: Send) -> None:
        """Answer one request."""
        signed = await _signed(scope, receive)
        if signed is None:
            return
        fault, answer = self._answer(signed, scope["path"])
        await self._deliver(fault, answer, send)

    def _answer(self, signed: Signed, path: str) -> tuple[Fault | None, FhirResponse]:
        matched = _PATH.match(path)
        if matched is None:
            raise RuntimeError(f"no path of a datastore: {path}")
        id_ = matched[1]
        found = self._datastores.find(id_)
        if found is None:
            return None, _aws_error("ResourceNotFoundException", f"Datastore {id_} does not exist.", 404)
        account, region, record = found
        below = unquote(signed.raw_path.partition("/r4")[2].lstrip("/"))
        query = [
            (unquote(name.replace("+", " ")), unquote(value.replace("+", " ")))
            for name, _, value in (pair.partition("=") for pair in signed.raw_query.split("&") if pair)
        ]
        request = Request(method=signed.method, path=below, query=query, headers=signed.headers, body=signed.body)
        injection = self._datastores.fault_injection
        action = route(request)[0]
        arn = record["DatastoreArn"]
        refused = refusal(signed, permissions=self._permissions, region=region, arn=arn, action=action)
        if refused is not None:
            injection.counted["refused"] += 1
            return None, _aws_error(refused.code, refused.message, 403)
        fault = injection.next(id_)
        if fault in NOTHING_DONE:
            return fault, self._failure(fault)
        answer = self._datastores.api(account, region, id_).answer(request)
        if injection.faults.next_link and injection.faults.datastore in (None, id_):
            answer = _misled(answer, injection.faults.next_link, signed)
        return fault, answer

    def _failure(self, fault: Fault) -> FhirResponse:
        injection = self._datastores.fault_injection
        after = injection.faults.retry_after
        headers = {} if after is None else {"Retry-After": str(after)}
        if fault is Fault.THROTTLED:
            answer = _aws_error("ThrottlingException", "Rate exceeded", 400)
            return replace(answer, headers={**answer.headers, **headers})
        if fault is Fault.LIMITED:
            return replace(outcome(FhirError(HTTPStatus.TOO_MANY_REQUESTS, "too many requests")), headers=headers)
        status = injection.status()
        answer = _aws_error("InternalServerException", "An internal server error occurred", status)
        return replace(answer, headers={**answer.headers, **headers})

    async def _deliver(self, fault: Fault | None, answer: FhirResponse, send: Send) -> None:
        if fault is Fault.RESETTING:
            reset_connection(send)
            return
        seconds = self._datastores.fault_injection.faults.seconds
        if fault is Fault.SLOW:
            await asyncio.sleep(seconds)
        body = answer.body.encode()
        headers = {
            "Content-Type": MEDIA_TYPE,
            "x-amzn-RequestId": str(uuid.uuid4()),
            **answer.headers,
            **({"Content-Length": str(len(body))} if answer.status != 204 else {}),
        }
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": int(answer.status), "headers": raw})
        if fault is Fault.TRUNCATED and len(body) > 1:
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            await asyncio.sleep(0.01)  # what was sent arrives before the reset, which overtakes it otherwise
            reset_connection(send)
            return
        if fault is Fault.TRICKLED:
            step = max(1, len(body) // PIECES)
            for start in range(0, len(body), step):
                await send({"type": "http.response.body", "body": body[start : start + step], "more_body": True})
                await asyncio.sleep(seconds / PIECES)
            body = b""
        await send({"type": "http.response.body", "body": body})


def _misled(answer: FhirResponse, next_link: str, signed: Signed) -> FhirResponse:
    """Give an answer another next link than the one that leads on."""
    if '"relation": "next"' not in answer.body:
        return answer
    document = json.loads(answer.body)
    if document.get("type") not in ("searchset", "history"):
        return answer  # a resource that holds the words
    url = next((link["url"] for link in document["link"] if link["relation"] == "next"), None)
    if url is None:
        return answer
    here = f"http://{signed.headers['host']}{signed.raw_path}" + (f"?{signed.raw_query}" if signed.raw_query else "")
    to = here if next_link == "same" else ELSEWHERE + "/" + url.split("/", 3)[3]
    return replace(answer, body=answer.body.replace(json.dumps(url), json.dumps(to)))


def _aws_error(code: str, message: str, status: int) -> FhirResponse:
    """Return an error that HealthLake's front door sends, before FHIR: AWS's own shape."""
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
    return FhirResponse(status=status, body=json.dumps({"__type": code, "message": message}), headers=headers)


async def _signed(scope: Json, receive: Callable[[], Awaitable[Json]]) -> Signed | None:
    """Return the whole request, None if the client went away before it was here."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    body = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return Signed(
        method=scope["method"],
        raw_path=scope["raw_path"].decode("latin-1"),
        raw_query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=b"".join(body),
    )
