"""Makes calls and spans as a function with Datadog does, in a process of its own: the tracer is one for each process.

Prints one JSON document: what was sent to the hosts.
"""

import json
import random
import sys
from collections import Counter
from typing import Any

import boto3
import httpx
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from ddtrace import patch
from ddtrace.trace import tracer

from services.library.runtime.client import Client
from services.library.runtime.resilience import CallError, Deadline
from services.library.runtime.trace import NAMES, TraceContext
from services.library.runtime.tracing import of_this_function

CANARY = "Schmidt1957"
WORDS = frozenset({"v1", "patients", "coverage"})
TOLD, UNTOLD = "partner.example.com", "elsewhere.example.com"
CAME_WITH_THE_WORK = TraceContext(trace_id=0x6B0557B4_AABBCCDD_00112233_44556677, span_id=0x0123456789ABCDEF)


class Host(httpx.BaseTransport):
    """Answers everything, now and then badly, and remembers the headers that it was sent."""

    def __init__(self) -> None:
        self.headers: dict[str, list[dict[str, str]]] = {TOLD: [], UNTOLD: []}
        self.chance = random.Random(20261124)  # noqa: S311 - the same faults each time

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        sent = {name: value for name, value in request.headers.items() if NAMES.fullmatch(name)}
        self.headers[request.url.host].append(sent)
        fault = self.chance.random()
        if fault < 0.02:
            raise httpx.ReadError(f"{CANARY} of {request.url}", request=request)
        return httpx.Response(503 if fault < 0.04 else 200, content=CANARY.encode())


def main(urls: int) -> dict[str, Any]:
    host = Host()
    tracing = of_this_function()
    client = Client(
        words=WORDS, tracing=tracing, traces_to=frozenset({TOLD}), transport=host, breaker_failures=1_000_000
    )
    letters = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-._~%41@:!$&'()*+,;="
    failed: Counter[str] = Counter()
    for first in range(0, urls, 10):
        with tracing.continuing(CAME_WITH_THE_WORK):
            for number in range(first, first + 10):
                noise = "".join(host.chance.choices(letters, k=8))
                name = TOLD if number % 2 else UNTOLD
                url = f"https://{name}/v1/patients/{CANARY}{noise}/coverage/{noise}{CANARY}?{CANARY}={noise}#{CANARY}"
                try:
                    client.call(
                        "POST", url, deadline=Deadline.after(5), headers={"traceparent": "00-1-1-00", "b3": "0"}
                    )
                except CallError as error:
                    failed[type(error).__name__] += 1
    _others()
    _aws(host)
    tracer.flush()  # type: ignore[no-untyped-call]  # of ddtrace's own
    return {"headers": host.headers, "failed": failed}


def _others() -> None:
    """Spans as somebody else's integration makes them."""
    url = f"https://{UNTOLD}/v1/patients/{CANARY}?q={CANARY}"
    with tracer.trace("requests.request", resource=f"GET {url}", span_type="http") as span:
        span.set_tags({"http.url": url, "http.method": "GET", "http.useragent": CANARY, CANARY: "1"})
    with tracer.trace("requests.request", resource=f"GET /{CANARY}", span_type="http"):
        pass
    try:
        with tracer.trace("aws.lambda", resource="function") as span:
            span.set_tag("function.request.patient", CANARY)
            span.set_metric("function.request.born", 1957)
            span._set_struct_tag("document", {"patient": CANARY})
            raise ValueError(f"no such patient: {CANARY}")
    except ValueError:
        pass
    with tracer.trace("recorded") as span:
        span.record_exception(ValueError(CANARY))


def _aws(host: Host) -> None:
    """A record put while its caller is traced: what is in it is a contract."""
    patch(botocore=True)
    kinesis = boto3.client(
        "kinesis",
        region_name="eu-west-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        endpoint_url="http://127.0.0.1:1",
    )
    seen: list[bytes] = []

    def answer(request: Any, **_: Any) -> Any:
        seen.append(request.body)

        class Raw:
            def stream(self, *_: Any) -> Any:
                yield b'{"ShardId": "s", "SequenceNumber": "1"}'

        return AWSResponse(request.url, 200, HTTPHeaders(), Raw())

    kinesis.meta.events.register("before-send.kinesis.PutRecord", answer)
    with tracer.trace("caller"):
        kinesis.put_record(StreamName="s", PartitionKey=CANARY, Data=b'{"id": "1"}')
    document = json.loads(seen[0])
    host.headers["kinesis"] = [document]


if __name__ == "__main__":
    json.dump(main(int(sys.argv[1])), sys.stdout)
