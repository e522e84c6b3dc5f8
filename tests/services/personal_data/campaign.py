"""Fault cases, and what each sink got of them.

The functions of intake, ingest, enrichment and records as they run in Lambda, in a process of their own, because a
tracer is one for each process and the output of that is their log. Around them is as little as possible that is made
up: AWS at the last step before a socket, a datastore and a partner behind sockets, X-Ray's daemon or Datadog's agent,
and the definitions of the workflows as they are deployed (`machines.json` in the folder).
"""

import base64
import json
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.endpoint
import botocore.session

from pipeline.local.cloud.awslambda import worker
from pipeline.local.cloud.eventsources import documents
from pipeline.local.cloud.eventsources.batches import RETRIES_EXHAUSTED, Discarded, Failed, Returned, StreamRecord
from pipeline.local.cloud.partner.faults import Fault, Kind
from pipeline.local.cloud.partner.listener import Listener
from pipeline.local.cloud.partner.server import Partner, coverage
from services.enrichment.runtime import compensate
from services.enrichment.runtime import handler as enrich
from services.ingest.runtime import handler as ingest
from services.intake.runtime import claims, hand_over
from services.intake.runtime import handler as record
from services.library.runtime import aws_client
from services.library.runtime.resilience import SystemClock
from services.library.runtime.tracing import DATADOG_HANDLER
from services.library.tests.fhir_server import REGION, Server, outcome, running
from services.records.runtime import handler as records
from tests.services.personal_data import leaks
from tests.services.personal_data.aws import ENRICHMENTS, Aws
from tests.services.personal_data.canaries import BORN, FAMILY, NUMBER, PERSONAL, Person
from tests.services.personal_data.sinks import Sinks
from tests.services.personal_data.workflow import FailedTaskError, Walk

Json = dict[str, Any]
ARN = f"arn:aws:lambda:{REGION}:111111111111:function:one"
STREAM, SHARD = f"arn:aws:kinesis:{REGION}:111111111111:stream/one", "shardId-000000000000"
SLOW = (Kind.SLOW, Kind.SILENT, Kind.TRICKLE)
QUICK = tuple(kind for kind in Kind if kind not in {*SLOW, Kind.OVERSIZED})


class Campaign:
    """One process's cases."""

    def __init__(self, folder: Path, seed: int, fhir: Server, partner: Partner) -> None:
        self.chance = Random(seed)  # noqa: S311 - the same cases each time
        self.sinks = Sinks(folder)
        self.fhir, self.partner = fhir, partner
        self.aws = Aws(self.sinks, self.chance)
        self.number = 0
        self.ended: Counter[str] = Counter()
        self.members: set[str] = set()
        machines = json.loads((folder / "machines.json").read_text())
        self.submitting = Walk(
            machine=machines["intake"],
            tasks={"RecordSubmission": self.function(record), "HandOver": self.function(hand_over)},
            sinks=self.sinks,
        )
        self.enriching = Walk(
            machine=machines["enrichment"],
            tasks={"Enrich": self.function(enrich), "Compensate": self.function(compensate)},
            sinks=self.sinks,
        )
        self.hand_out, self.consume, self.ask = map(self.function, (claims, ingest, records))

    def function(self, module: Any) -> Callable[[Json], Any]:
        """A module's handler as it is called when it is deployed."""
        handler, logger = module.handle, module.logger
        if DATADOG_HANDLER in os.environ:
            from datadog_lambda.wrapper import (  # type: ignore[import-untyped]  # has none  # noqa: PLC0415 - patches what it finds
                datadog_lambda_wrapper,
            )

            handler = datadog_lambda_wrapper(handler)

        def invoke(event: Json) -> Any:
            # In one process the functions of a service share a logger, but each has fields of its own.
            logger.registered_handler.setFormatter(logger.logger_formatter)
            if self.chance.random() < 0.02:
                raise FailedTaskError("Sandbox.Timedout", "RequestId: 1 Error: Task timed out after 10.00 seconds")
            try:
                return json.loads(worker.marshal(handler(event, worker.Context("r-1", ARN, time.time() + 60))))
            except Exception as error:  # noqa: BLE001 - whatever it is, Lambda tells it
                self.sinks.raised(error)
                document = worker.failure(error, "r-1")
            self.sinks.take("exceptions", json.dumps(document))
            raise FailedTaskError(document["errorType"], json.dumps(document))

        return invoke

    def run(self, cases: int) -> None:
        for self.number in range(cases):
            root = f"Root=1-6b0557b4-{self.number + 1:024x};Parent=00000000000000aa;Sampled=1"
            os.environ["_X_AMZN_TRACE_ID"] = root
            self.aws.fails = self.chance.choice((0.0, 0.0, 0.1, 0.4))
            person = Person(self.number)
            self.members.add(str(coverage(person.id)["member"]))
            self._break(person)
            name, case = (
                ("intake", self.intake),
                ("ingest", self.ingest),
                ("enrichment", self.enrichment),
                ("records", self.records),
            )[self.number % 4]
            self.ended[f"{name} {case(person)}"] += 1
            for request in self.partner.requests:
                self.sinks.take("headers", json.dumps(request.headers))
            self.partner.requests.clear()
            self.fhir.seen.clear()

    def _break(self, person: Person) -> None:
        """What goes wrong outside of AWS's APIs."""
        faults: tuple[str | None, ...] = (None, None, None, "throttled", "throttled_400", "503", "reset")
        fault = self.chance.choice(faults)
        self.fhir.fault = self.chance.choice((lambda _: fault, lambda number: fault if number == 1 else None))
        said = f"{person.id} {person.family} {person.mail} {BORN} is not valid"
        status = self.chance.choice((200, 302, 400, 401, 403, 404, 409, 410, 412, 413, 422, 500, 501))
        code = self.chance.choice(("business-rule", "throttled", PERSONAL, f"{PERSONAL} {FAMILY}"))
        body = self.chance.choice(
            (
                outcome(code, said, expression=[f"Patient.where(name='{FAMILY}')"]),
                f"<{said}".encode(),
                b'{"x":"%s' % said.encode(),
            )
        )
        self.fhir.answer = self.chance.choice((None, None, (status, body), (status, body), (200, self._bundle(person))))
        elsewhere = f"https://{PERSONAL}.example/?name={FAMILY}"
        self.fhir.link = self.chance.choice((lambda url: f"{url}&name={FAMILY}", lambda _: elsewhere, lambda _: ""))
        self.partner.faults.clear()
        if self.chance.random() < 0.8:
            kind = self.chance.choice(SLOW if self.number % 20 == 2 else QUICK)
            kind = Kind.OVERSIZED if self.number % 100 == 6 else kind
            times, status = self.chance.choice((1, 9)), self.chance.choice((200, 400, 404, 422, 429, 500, 503))
            self.partner.faults.add(Fault(kind=kind, times=times, seconds=0.05, status=status))

    def _bundle(self, person: Person) -> bytes:
        wrong = {"resourceType": "Patient", "birthDate": f"{BORN} {NUMBER}", FAMILY: 1, "name": [{"family": 3}]}
        entries = [{"resource": each} for each in (wrong, {"resourceType": FAMILY}, self._resource(person))]
        link = {"relation": "next", "url": f"{self.fhir.endpoint}Patient?page={FAMILY}&born={BORN}"}
        return json.dumps({"resourceType": "Bundle", "entry": entries, "link": [link]}).encode()

    def _resource(self, person: Person) -> Json:
        name = [{"family": person.family, "given": [FAMILY]}]
        patient = {"resourceType": "Patient", "id": person.id, "name": name, "birthDate": BORN}
        about = {"reference": f"Patient/{person.id}", "display": person.family}
        observation = {
            "resourceType": "Observation",
            "id": person.resource_id,
            "subject": about,
            "valueString": person.mail,
        }
        return self.chance.choice((patient, observation))

    def _often(self, good: Sequence[Any], wrong: Sequence[Any]) -> Any:
        """Half of the cases get as far as to what fails for another reason."""
        return self.chance.choice(good if self.chance.random() < 0.5 else wrong)

    def intake(self, person: Person) -> str:
        good = {"patient": person.id, "resource": self._resource(person)}
        payload = self._often(
            (good, {"patient": person.id, "claim": "claims/one"}),
            (
                good | {"patient": f"{person.id} {FAMILY}"},
                good | {"patient": [person.mail]},
                good | {"resource": person.family},
                good | {FAMILY: person.mail},
                good | {"id": person.id},
                good | {"claim": f"kept/{person.id}"},
                {"resource": good["resource"]},
                {"patient": person.id, "resource": {"resourceType": FAMILY, "text": "\ud800" + person.family}},
                {"patient": person.id, "resource": {"resourceType": "Binary", "data": person.family * 20_000}},
                [person.family],
                person.family,
            ),
        )
        name = f"caller-{self.number:016d}"
        asked = {"bytes": 7, "sha256": "A" * 43 + "="}
        try:
            self.hand_out({"id": name, "payload": self.chance.choice((asked, {"bytes": FAMILY}, person.family))})
        except FailedTaskError as failed:
            self.sinks.take("causes", failed.cause)
        posted = {"base64": _in_base64(json.dumps(payload).encode())}
        return self.submitting.run(name, self.chance.choice((posted, posted, payload)))

    def ingest(self, person: Person) -> str:
        made = [self._record(person, each) for each in range(self.chance.choice((1, 1, 3)))]
        events = [
            documents.stream_event(each, shard=SHARD, stream=STREAM, region=REGION, role="arn:aws:iam::1:role/one")
            for each in made
        ]
        answer: Returned | Failed = Failed()
        try:
            answer = Returned(self.consume({"Records": events}))
        except FailedTaskError as failed:
            ended = failed.error
        else:
            ended = "PartialFailure" if answer.value["batchItemFailures"] else "Succeeded"
        if ended != "Succeeded":
            discarded = Discarded(made, RETRIES_EXHAUSTED, 11, answer)
            told = documents.invocation_record(discarded, function=ARN, shard=SHARD, stream=STREAM, now=time.time())
            self.sinks.take("messages", json.dumps(told))
        return ended

    def _record(self, person: Person, position: int) -> StreamRecord:
        resource = self._resource(person)
        good = {"id": f"s-{self.number}-{position}", "patient": person.id, "resource": resource}
        self.aws.claimed = self.chance.choice(
            (json.dumps({"patient": person.id, "resource": resource}).encode(), f"<{person.family}".encode())
        )
        claim = {"id": good["id"], "patient": person.id, "claim": "claims/one"}
        data = self._often(
            (
                json.dumps(good).encode(),
                json.dumps(good | {"trace": "00-6b0557b4aabbccdd0011223344556677-0123456789abcdef-01"}).encode(),
                json.dumps(claim).encode(),
            ),
            (
                json.dumps(good | {FAMILY: person.mail}).encode(),
                json.dumps(good | {"id": f"{person.id} {FAMILY}"}).encode(),
                json.dumps(good | {"patient": person.mail}).encode(),
                json.dumps(good | {"resource": {**resource, "id": person.mail}}).encode(),
                json.dumps(good | {"resource": {**resource, "resourceType": f"{FAMILY}-"}}).encode(),
                json.dumps(good | {"resource": {**resource, "data": FAMILY * 40_000}}).encode(),
                json.dumps(good).encode().replace(BORN.encode(), b"\xff"),
                json.dumps(good)[:-5].encode(),
                b"[" * 20_000 + person.family.encode(),
                json.dumps(good | {"trace": person.family}).encode(),
            ),
        )
        key = person.id if self.chance.random() < 0.9 else person.mail
        return StreamRecord(
            str(49_590_338_271_490_256_608 + self.number * 10 + position), key, time.time(), 0, _in_base64(data)
        )

    def enrichment(self, person: Person) -> str:
        change = {"id": f"c-{self.number}", "patient": person.id, "resource_type": "Observation", "version": 1}
        detail = self._often(
            (change, change | {"trace": "00-6b0557b4aabbccdd0011223344556677-0123456789abcdef-01"}),
            (
                change | {"name": person.family},
                change | {"patient": f"{person.id} {FAMILY}"},
                change | {"patient": {FAMILY: 1}},
                {"name": person.family},
                person.family,
            ),
        )
        given = {"source": "penstock.ingest", "detail": detail}
        return self.enriching.run(f"e-{self.number}", given)

    def records(self, person: Person) -> str:
        search: Json = {"parameters": {"family": person.family, "birthdate": BORN}, "count": 1}
        self.fhir.resources = {
            f"Patient/{n}": {"resourceType": "Patient", "id": str(n), "name": FAMILY} for n in range(3)
        }
        read = {"httpMethod": "GET", "pathParameters": {"type": "Patient", "id": person.id}}
        find = {"httpMethod": "POST", "pathParameters": {"type": "Patient"}}
        event = self._often(
            (read, find | {"body": json.dumps(search)}),
            (
                read | {"headers": {"If-Match": f'W/"{PERSONAL}"', "If-None-Match": f"{PERSONAL} {FAMILY}"}},
                read | {"pathParameters": {"type": FAMILY, "id": person.mail}},
                read | {"pathParameters": {"type": "Patient", "id": f"../{person.mail}"}},
                find | {"body": json.dumps({"parameters": {FAMILY: BORN}})},
                find | {"body": json.dumps({"elements": [FAMILY], "parameters": {"name": [PERSONAL]}})},
                find | {"body": json.dumps({FAMILY: person.mail})},
                find | {"body": json.dumps({"next": _in_base64(person.family.encode())})},
                find | {"body": json.dumps({"next": self.chance.choice(list(self.aws.sealed) or [FAMILY])})},
                find | {"body": f'{{"{person.family}', "isBase64Encoded": False},
            ),
        )
        caller = {"requestId": f"r-{self.number}", "identity": {"caller": f"AROAEXAMPLE:{person.mail}"}}
        try:
            answer = self.ask({**event, "requestContext": caller})
        except FailedTaskError as failed:
            return failed.error
        body, status = answer["body"], answer["statusCode"]
        if status == 200:  # what is asked for is for the caller, but how to go on is not to be read by anybody
            body = str(json.loads(body).get("next")) if event["httpMethod"] == "POST" else ""
        self.sinks.take("refusals", f"{status} {answer['headers']} {body}")
        return str(status)


def _in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@contextmanager
def _daemon(sinks: Sinks) -> Iterator[str]:
    """X-Ray's, as Lambda runs it beside a function."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", 0))

    def listen() -> None:
        while packet := listening.recv(65_536):
            sinks.take("spans", packet.decode())

    thread = threading.Thread(target=listen, daemon=True)  # so that a campaign that breaks off ends
    thread.start()
    address = listening.getsockname()
    yield f"127.0.0.1:{address[1]}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        last.sendto(b"", address)
    thread.join()
    listening.close()


@contextmanager
def _agent(sinks: Sinks) -> Iterator[None]:
    """Datadog's: whatever it is sent, byte for byte, at the address that the process was started with."""

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"] or 0))
            sinks.take("spans", f"{self.path} {self.headers} {body.decode('latin-1')}")
            self.do_GET()

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        do_PUT = do_POST  # noqa: N815 - http.server's names

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", int(os.environ["DD_TRACE_AGENT_URL"].rpartition(":")[2])), Taking)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield
    from ddtrace.trace import tracer  # noqa: PLC0415 - whoever imports it has a tracer

    tracer.flush()  # type: ignore[no-untyped-call]  # of ddtrace's own
    server.shutdown()


def _at_once(campaign: Campaign) -> None:
    """Nobody waits, and no breaker keeps a fault from its case."""
    botocore.endpoint.time = SimpleNamespace(sleep=lambda _: None)  # type: ignore[attr-defined]  # the module that it imported
    SystemClock.sleep = lambda _self, _seconds: None  # type: ignore[assignment,method-assign]  # as above
    session = botocore.session.get_session()
    session.register("before-send", campaign.aws.answer)  # type: ignore[arg-type]  # what answers ends the sending
    boto3.setup_default_session(botocore_session=session)
    aws_client._session = lambda: session  # type: ignore[assignment]
    ingestion = ingest.processor().process.__self__  # type: ignore[attr-defined]  # a bound method
    clients = (
        ingestion.resources.store.client,
        enrich.saga().partner.client,  # type: ignore[attr-defined]  # the API behind the protocol
        records.records().store.client,
    )
    for client in clients:
        client.breaker_failures = 10**9


def conduct(folder: Path, *, seed: int, cases: int, leaking: bool) -> Mapping[str, Any]:
    """One campaign, and how its cases ended."""
    listener = Listener(Partner()).start()
    with running() as fhir:
        os.environ |= {
            "PARTNER_URL": f"http://127.0.0.1:{listener.port}",
            "DATASTORE_ENDPOINT": fhir.endpoint,
            "ENRICHMENTS_TABLE_NAME": ENRICHMENTS,
        }
        campaign = Campaign(folder, seed, fhir, listener.partner)
        if leaking:
            leaks.spring(campaign)
        with _agent(campaign.sinks) if DATADOG_HANDLER in os.environ else _daemon(campaign.sinks) as address:
            if address:
                os.environ["AWS_XRAY_DAEMON_ADDRESS"] = address
            _at_once(campaign)
            campaign.run(cases)
    listener.stop()
    campaign.sinks.write()
    return {"ended": campaign.ended, "members": sorted(campaign.members)}
