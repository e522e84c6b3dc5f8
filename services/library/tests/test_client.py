"""The one HTTP client, against a partner that does everything wrong over real sockets."""

import gc
import random
import socket
import string
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from pipeline.local.cloud.partner.faults import Fault, Kind
from pipeline.local.cloud.partner.listener import Listener
from pipeline.local.cloud.partner.server import Partner
from services.library.runtime import addresses
from services.library.runtime.client import Client, LargeAnswerError, StatusError
from services.library.runtime.resilience import AttemptError, BreakerOpenError, CallError, Deadline, Retries
from services.library.runtime.transport import DeadlineTransport, HttpResponse, Timeouts

WORDS = frozenset({"v1", "patients", "coverage"})
CANARY = "Schmidt-1957"
SOON = Retries(first_pause_seconds=0.001, longest_pause_seconds=0.002)


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    gc.collect()
    gc.freeze()  # so that looking for open sockets after each test does not walk over what others have made
    listener = Listener(Partner()).start()
    yield listener
    listener.stop()


@pytest.fixture
def partner(listener: Listener) -> Iterator[Listener]:
    listener.partner.faults.clear()
    listener.partner.requests.clear()
    yield listener
    gc.collect()  # a socket that is left open is noticed here, not in another test


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client(words=WORDS, retries=SOON, limit_bytes=100_000)
    yield client
    client.transport.close()


def url(partner: Listener, patient: str = CANARY) -> str:
    return f"http://127.0.0.1:{partner.port}/v1/patients/{patient}/coverage?name={CANARY}"


def test_client_returns_status_headers_and_body(partner: Listener, client: Client) -> None:
    answer = client.call("GET", url(partner), deadline=Deadline.after(5))
    assert answer.status == 200
    assert answer.json()["patient"] == CANARY
    assert CANARY not in repr(answer)


def test_a_connection_is_used_again(partner: Listener, client: Client) -> None:
    ports = set()
    for _ in range(3):
        client.call("GET", url(partner), deadline=Deadline.after(5))
        ports |= {connection.get_extra_info("client_addr") for connection in _streams(client)}
    assert len(ports) == 1


def _streams(client: Client) -> list[Any]:
    assert isinstance(client.transport, DeadlineTransport)
    pool: Any = client.transport._plain._pool
    return [connection._connection._network_stream for connection in pool.connections]


TRANSIENT_STATUSES = (Kind.STATUS, Kind.SILENT, Kind.RESET, Kind.BROKEN, Kind.TRUNCATED, Kind.GARBAGE, Kind.COMPRESSED)


@pytest.mark.parametrize("kind", TRANSIENT_STATUSES, ids=lambda kind: kind.value)
def test_client_retries_transient_failures(partner: Listener, client: Client, kind: Kind) -> None:
    client.timeouts = Timeouts(read=0.05)
    partner.partner.faults.add(Fault(kind=kind, seconds=0.2))
    assert client.call("GET", url(partner), deadline=Deadline.after(5)).status == 200
    assert len(partner.partner.requests) == 2


@pytest.mark.parametrize("kind", TRANSIENT_STATUSES, ids=lambda kind: kind.value)
def test_client_does_not_retry_a_post(partner: Listener, client: Client, kind: Kind) -> None:
    client.timeouts = Timeouts(read=0.05)
    partner.partner.faults.add(Fault(kind=kind, seconds=0.2))
    with pytest.raises(AttemptError):
        client.call("POST", url(partner), deadline=Deadline.after(5), content=b"{}")
    assert len(partner.partner.requests) == 1


def test_client_retries_a_post_with_an_idempotency_key(partner: Listener, client: Client) -> None:
    partner.partner.faults.add(Fault(kind=Kind.STATUS))
    answer = client.call("POST", url(partner), deadline=Deadline.after(5), content=b"{}", idempotency_key="e-1")
    assert answer.status == 405
    assert [request.headers["idempotency-key"] for request in partner.partner.requests] == ["e-1", "e-1"]


def test_client_refuses_a_response_over_the_limit(partner: Listener, client: Client) -> None:
    partner.partner.faults.add(Fault(kind=Kind.OVERSIZED))
    with pytest.raises(LargeAnswerError, match="more than 100000 bytes"):
        client.call("GET", url(partner), deadline=Deadline.after(5))
    assert len(partner.partner.requests) == 1


@pytest.mark.parametrize("kind", [Kind.TRICKLE, Kind.SILENT, Kind.SLOW], ids=lambda kind: kind.value)
def test_client_ends_a_slow_call_at_the_deadline(partner: Listener, client: Client, kind: Kind) -> None:
    partner.partner.faults.add(Fault(kind=kind, seconds=3, times=9))
    began = time.monotonic()
    with pytest.raises(AttemptError, match="did not answer in time"):
        client.call("GET", url(partner), deadline=Deadline.after(0.2))
    assert 0.15 < time.monotonic() - began < 0.3


def test_client_ends_a_silent_name_lookup_at_the_deadline() -> None:
    released = threading.Event()

    def lookup(host: str, port: int) -> list[tuple[str, int]]:
        released.wait(5)
        return []

    client = Client(words=WORDS, transport=DeadlineTransport(lookup=lookup))
    began = time.monotonic()
    with pytest.raises(AttemptError, match="could not be reached in time"):
        client.call("GET", "https://partner.example.com/", deadline=Deadline.after(0.1))
    assert time.monotonic() - began < 0.2
    released.set()


def test_client_shares_the_deadline_over_a_hosts_addresses() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = []
        for _ in range(4):  # what does not fit into the backlog waits for ever
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        transport = DeadlineTransport(lookup=lambda _, __: [("127.0.0.1", port)] * 3)
        client = Client(words=WORDS, transport=transport, retries=Retries(attempts=1))
        began = time.monotonic()
        with pytest.raises(AttemptError, match="could not be reached in time"):
            client.call("GET", "https://partner.example.com/", deadline=Deadline.after(0.15))
        assert time.monotonic() - began < 0.25
        for filler in fillers:
            filler.close()


def test_circuit_breaker_opens_for_the_failing_host_alone(partner: Listener, client: Client) -> None:
    other = Listener(Partner()).start()
    partner.partner.faults.add(Fault(kind=Kind.STATUS, times=100))
    for _ in range(5):
        with pytest.raises(StatusError):
            client.call("POST", url(partner), deadline=Deadline.after(5))
    with pytest.raises(BreakerOpenError):
        client.call("GET", url(partner), deadline=Deadline.after(5))
    assert len(partner.partner.requests) == 5
    assert client.call("GET", url(other), deadline=Deadline.after(5)).status == 200
    client.transport.close()
    other.stop()


def test_each_attempt_is_signed_anew_and_last(partner: Listener, client: Client) -> None:
    signed: list[httpx.Request] = []

    def sign(request: httpx.Request) -> None:
        request.headers["authorization"] = f"attempt {len(signed)}"
        signed.append(request)

    client.sign = sign
    partner.partner.faults.add(Fault(kind=Kind.RESET, times=2))
    client.call("PUT", url(partner), deadline=Deadline.after(5), content=b"{}")
    assert [request.headers["authorization"] for request in partner.partner.requests] == [
        "attempt 0",
        "attempt 1",
        "attempt 2",
    ]  # fmt: skip - one list
    assert {request.content for request in signed} == {b"{}"}


def test_client_uses_a_judge_of_its_own(partner: Listener, client: Client) -> None:
    def judge(answer: HttpResponse, where: str) -> None:
        if answer.status == 400:
            raise AttemptError(f"{where}: throttled", transient=True, unhealthy=False)

    client.judge = judge
    partner.partner.faults.add(Fault(kind=Kind.STATUS, status=400))
    assert client.call("GET", url(partner), deadline=Deadline.after(5)).status == 200


def test_a_partner_sees_no_cookie_that_it_set_and_no_other_encoding_is_asked_for() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(302, headers={"set-cookie": "a=b", "location": "https://elsewhere.example.com/"})

    client = Client(words=WORDS, transport=httpx.MockTransport(handle))
    for _ in range(2):
        assert client.call("GET", "https://partner.example.com/", deadline=Deadline.after(5)).status == 302
    assert [request.headers.get("cookie") for request in seen] == [None, None]
    assert seen[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "refused",
    [f"http://partner.example.com/{CANARY}", f"https://{CANARY}:x@partner.example.com/", f"file:///{CANARY}", CANARY],
)
def test_client_refuses_an_insecure_url_without_quoting_it(client: Client, refused: str) -> None:
    with pytest.raises(CallError) as raised:
        client.call("GET", refused, deadline=Deadline.after(5))
    assert CANARY not in _everything(raised.value)


@pytest.mark.parametrize("headers", [{"x-name": f"{CANARY}\r\nx: y"}, {"x-name": f"{CANARY} Müller ł"}])
def test_client_refuses_an_invalid_header_without_quoting_it(
    partner: Listener, client: Client, headers: Mapping[str, str]
) -> None:
    with pytest.raises(CallError) as raised:
        client.call("GET", url(partner), deadline=Deadline.after(5), headers=headers)
    assert CANARY not in _everything(raised.value)


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.value)
def test_no_client_error_has_personal_data(partner: Listener, client: Client, kind: Kind) -> None:
    client.timeouts = Timeouts(read=0.05)
    partner.partner.faults.add(Fault(kind=kind, seconds=0.2, times=9))
    headers = {"x-name": CANARY}
    error: CallError | None = None
    answer: HttpResponse | None = None
    try:
        answer = client.call(
            "POST", url(partner), deadline=Deadline.after(0.15), headers=headers, content=CANARY.encode()
        )
    except CallError as raised:
        error = raised
    assert CANARY not in repr(answer) + _everything(error)
    assert error is None or f"POST http://127.0.0.1:{partner.port}/v1/patients/{{id}}/coverage" in str(error)
    assert (answer is None) == (kind not in {Kind.NOT_JSON})


def _everything(error: BaseException | None) -> str:
    """All texts that a log or a span could take from an exception and whatever it hangs on."""
    text = ""
    while error is not None:
        text += "".join(traceback.format_exception(error, chain=False)) + repr(error) + repr(vars(error))
        error = error.__cause__ or error.__context__
    return text


def test_random_urls_are_shown_without_ids_and_queries() -> None:
    chance = random.Random(20261124)  # noqa: S311 - the same URLs each time
    letters = string.ascii_letters + string.digits + "-._~%@:!$&'()*+,;= üß日"

    def word() -> str:
        return "".join(chance.choices(letters, k=chance.randint(3, 20)))

    for _ in range(10_000):
        ids = [f"{word()}Q7{word()}" for _ in range(chance.randint(1, 4))]
        path = "/".join(part for id_ in ids for part in (chance.choice(sorted(WORDS)), id_))
        query, fragment = f"{word()}Q7={word()}", f"{word()}Q7"
        shown = addresses.public(f"https://partner.example.com/{path}?{query}#{fragment}", WORDS)
        assert shown.startswith("https://partner.example.com/")
        assert "Q7" not in shown
        assert set(shown.removeprefix("https://partner.example.com/").split("/")) <= {*WORDS, "{id}"}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("https://h.example.com:8443/v1/patients/7/coverage/", "https://h.example.com:8443/v1/patients/{id}/coverage/"),
        ("https://h.example.com", "https://h.example.com"),
        ("https://user:word@h.example.com/v1", "https://h.example.com/v1"),
        ("https://[::1]:1/v1", "https://[::1]:1/v1"),
        ("https://h.example.com/" + "v1/" * 40, "https://h.example.com/" + "v1/" * 16 + "..."),
        ("https://[broken/v1", "{id}"),
        ("patients/Schmidt", "{id}"),
        ("https://h.example.com:99999999/", "{id}"),
    ],
)
def test_what_is_shown_of_a_url(given: str, shown: str) -> None:
    assert addresses.public(given, WORDS) == shown
