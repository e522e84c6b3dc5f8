"""The partner as the service asks it: what it answers, and what becomes of everything that goes wrong."""

import io
import json
import logging
import random
import socket
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.local.cloud.partner.faults import Fault, Kind
from pipeline.local.cloud.partner.listener import Listener
from pipeline.local.cloud.partner.server import Partner, coverage
from services.enrichment.runtime import handler, saga
from services.enrichment.runtime import partner as partner_
from services.library.runtime.logging import AllowedFields
from services.library.runtime.resilience import Deadline, Retries
from services.library.runtime.xray import XRayTracing

CANARY = "Schmidt-1957"


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    listener = Listener(Partner()).start()
    yield listener
    listener.stop()


@pytest.fixture
def partner(listener: Listener) -> Partner:
    listener.partner.faults.clear()
    listener.partner.requests.clear()
    return listener.partner


@pytest.fixture
def api(listener: Listener, partner: Partner) -> Iterator[Any]:
    made = api_of(listener)
    yield made
    made.client.transport.close()


def api_of(listener: Listener, *, sees_traces: bool = True) -> Any:
    return partner_.PartnerApi(
        f"http://127.0.0.1:{listener.port}",
        tracing=XRayTracing(),
        sees_traces=sees_traces,
        attempts=2,
        circuit_open_seconds=30,
    )


def test_what_the_partner_knows_is_read(api: Any) -> None:
    known = coverage(CANARY)
    assert api.coverage(CANARY, Deadline.after(5)) == saga.Coverage(
        payer=known["payer"], member=known["member"], active=known["active"]
    )


def test_partner_gets_trace_headers_if_the_stage_entry_says_so(listener: Listener, partner: Partner) -> None:
    for sees_traces in (True, False):
        api = api_of(listener, sees_traces=sees_traces)
        api.coverage("p-1", Deadline.after(5))
        api.client.transport.close()
    told, untold = (request.headers.keys() & {"traceparent", "x-datadog-trace-id"} for request in partner.requests)
    assert told == {"traceparent", "x-datadog-trace-id"}
    assert not untold


@pytest.mark.parametrize(
    ("status", "failure", "text"),
    [
        (400, "PartnerRefused", "status 400"),
        (403, "PartnerRefused", "status 403"),
        (302, "PartnerRefused", "status 302"),
        (429, "PartnerUnavailable", "StatusError 429"),
        (503, "PartnerUnavailable", "StatusError 503"),
        (501, "PartnerRefused", "StatusError 501"),
    ],
)
def test_partner_errors_are_unavailable_or_refused(
    api: Any, partner: Partner, status: int, failure: str, text: str
) -> None:
    partner.faults.add(Fault(kind=Kind.STATUS, status=status, times=9))
    with pytest.raises(getattr(partner_, failure)) as raised:
        api.coverage(CANARY, Deadline.after(5))
    assert str(raised.value) == text


def test_an_unknown_patient_has_no_coverage(api: Any, partner: Partner) -> None:
    partner.faults.add(Fault(kind=Kind.STATUS, status=404))
    assert api.coverage(CANARY, Deadline.after(5)) is None


def test_an_open_circuit_raises_partner_left_alone(api: Any, partner: Partner) -> None:
    partner.faults.add(Fault(kind=Kind.STATUS, status=503, times=9))
    api.client.retries = Retries(attempts=1)
    for _ in range(5):
        with pytest.raises(partner_.PartnerUnavailable):
            api.coverage(CANARY, Deadline.after(5))
    with pytest.raises(partner_.PartnerLeftAlone, match="BreakerOpenError"):
        api.coverage(CANARY, Deadline.after(5))
    assert len(partner.requests) == 5


@pytest.mark.parametrize("kind", [Kind.OVERSIZED, Kind.NOT_JSON])
def test_a_malformed_response_is_refused(api: Any, partner: Partner, kind: Kind) -> None:
    partner.faults.add(Fault(kind=kind))
    with pytest.raises(partner_.PartnerRefused):
        api.coverage(CANARY, Deadline.after(5))


class Store:
    """Holds and applies everything."""

    def hold(self, _work: Any) -> Any:
        return saga.HoldResult.HELD

    def look(self, _work: Any) -> Any:
        return saga.Seen(answers=0, pending=frozenset())

    def apply(self, _work: Any, _found: Any, _seen: Any) -> Any:
        return saga.SagaOutcome.APPLIED

    def release(self, _work: Any) -> bool:
        raise AssertionError("nothing is compensated here")


class Settings:
    partner_seconds = 0.1


class Left:
    def get_remaining_time_in_millis(self) -> int:
        return 30_000


@pytest.mark.parametrize(
    "cases", [pytest.param(300, id="fast"), pytest.param(1_000, id="full", marks=pytest.mark.soak)]
)
def test_no_partner_error_has_personal_data(
    cases: int, listener: Listener, partner: Partner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In the function's log, the spans, and whatever an exception could tell Lambda, Step Functions or a log."""
    chance = random.Random(20261124)  # noqa: S311 - the same faults each time
    daemon = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    daemon.bind(("127.0.0.1", 0))
    daemon.setblocking(False)
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", f"127.0.0.1:{daemon.getsockname()[1]}")
    api = api_of(listener)
    api.client.retries = Retries(attempts=2, first_pause_seconds=0.001, longest_pause_seconds=0.001)
    api.client.breaker_failures = 10**9
    monkeypatch.setattr(handler, "saga", lambda: saga.Saga(partner=api, store=Store()))
    monkeypatch.setattr(handler, "of_this_function", XRayTracing)
    monkeypatch.setattr(handler, "settings", Settings)
    written = io.StringIO()
    to_text = logging.StreamHandler(written)
    to_text.setFormatter(AllowedFields(("change", "execution", "outcome", "reason")))
    handler.logger.addHandler(to_text)
    caplog.set_level(logging.DEBUG)
    said, outcomes = "", set()
    for number in range(cases):
        root = f"Root=1-6b0557b4-{number + 1:024x};Parent=00000000000000aa;Sampled=1"
        monkeypatch.setenv("_X_AMZN_TRACE_ID", root)
        kind = chance.choice([kind for kind in Kind if kind is not Kind.OVERSIZED or number % 10 == 0])
        partner.faults.clear()
        status = chance.choice((400, 404, 422, 429, 500, 503))
        partner.faults.add(Fault(kind=kind, times=chance.choice((1, 9)), seconds=0.05, status=status))
        change = {"id": f"c-{number}", "patient": f"{CANARY}.{number}"}
        if chance.random() < 0.1:
            change |= {"patient": f"{CANARY} {number}", "name": CANARY}
        try:
            outcomes.add(handler.handle({"execution": f"e-{number}", "change": change}, Left())["outcome"])
        except Exception as error:  # noqa: BLE001 - whatever it is, Lambda would tell it
            outcomes.add(type(error).__name__)
            said += "".join(traceback.format_exception(error)) + everything(error)
        said += sent(daemon)
    daemon.close()
    handler.logger.handlers.remove(to_text)
    api.client.transport.close()
    assert outcomes >= {"APPLIED", "PartnerUnavailable", "PartnerRefused", "NotAChange"}
    assert "coverage" in said
    assert CANARY not in said
    assert CANARY not in written.getvalue()
    assert CANARY not in caplog.text
    assert json.loads(written.getvalue().splitlines()[0])["change"]


def sent(daemon: socket.socket) -> str:
    text = ""
    while True:
        try:
            text += daemon.recv(65_536).decode()
        except BlockingIOError:
            return text


def everything(error: BaseException | None) -> str:
    text = ""
    while error is not None:
        text += f"{error!r} {vars(error)} {error.args}"
        error = error.__cause__ or error.__context__
    return text
