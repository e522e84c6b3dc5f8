"""The partner: any host behind a proxy with real TLS, and every fault that it promises."""

import contextlib
import gzip
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pipeline.local.cloud.partner.certificates import Authority
from pipeline.local.cloud.partner.faults import Fault, FaultError, Faults, Kind
from pipeline.local.cloud.partner.listener import Listener
from pipeline.local.cloud.partner.server import Partner, coverage

URL = "https://partner.example.com/v1/patients/p-1/coverage"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def listener(authority: Authority) -> Iterator[Listener]:
    listener = Listener(Partner(authority=authority)).start()
    yield listener
    listener.stop()


@pytest.fixture
def client(listener: Listener, authority: Authority) -> Iterator[httpx.Client]:
    listener.partner.faults.clear()
    listener.partner.requests.clear()
    with over(listener, ssl.create_default_context(cafile=authority.file)) as made:
        yield made


def over(listener: Listener, trust: ssl.SSLContext) -> httpx.Client:
    return httpx.Client(proxy=f"http://127.0.0.1:{listener.port}", verify=trust, trust_env=False, timeout=2)


def test_any_host_is_there_by_its_own_name(client: httpx.Client, listener: Listener) -> None:
    for host in ("partner.example.com", "api.contoso.example.com"):
        assert client.get(f"https://{host}/v1/patients/p-1/coverage").json() == coverage("p-1")
    hosts = [request.headers["host"] for request in listener.partner.requests]
    assert hosts == ["partner.example.com", "api.contoso.example.com"]


def test_a_certificate_stands_the_strictest_check_of_this_python(listener: Listener, authority: Authority) -> None:
    strict = ssl.create_default_context(cafile=authority.file)
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    with over(listener, strict) as client:
        assert client.get(URL).status_code == 200


def test_who_trusts_another_authority_or_none_is_not_served(listener: Listener, tmp_path: Path) -> None:
    for trust in (ssl.create_default_context(), ssl.create_default_context(cafile=Authority(tmp_path).file)):
        with over(listener, trust) as client, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            client.get(URL)


def test_a_certificate_is_for_its_host_alone(authority: Authority) -> None:
    server, name = authority.context("partner.example.com"), "elsewhere.example.com"
    trust = ssl.create_default_context(cafile=authority.file)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(server, trust, name)
    shake_hands(server, trust, "partner.example.com")


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """Between two ends in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = server.wrap_bio(to_server, to_client, server_side=True)
    other = client.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(4):
        for end in (other, one):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()


def test_no_key_is_left_on_disk(authority: Authority) -> None:
    authority.context("partner.example.com")
    assert [file.name for file in authority.folder.iterdir()] == ["authority.pem"]
    assert "PRIVATE KEY" not in authority.file.read_text()


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        (Kind.RESET, httpx.NetworkError),
        (Kind.BROKEN, httpx.NetworkError),
        (Kind.TRUNCATED, httpx.RemoteProtocolError),
        (Kind.GARBAGE, httpx.RemoteProtocolError),
        (Kind.SILENT, httpx.RemoteProtocolError),
    ],
)
def test_a_fault_is_what_it_is_called(
    client: httpx.Client, listener: Listener, kind: Kind, raised: type[Exception]
) -> None:
    listener.partner.faults.add(Fault(kind=kind, seconds=0.01))
    plain = f"http://127.0.0.1:{listener.port}/v1/patients/p-1/coverage"
    with httpx.Client(trust_env=False) as direct, pytest.raises(raised):
        direct.get(plain)
    assert client.get(URL).status_code == 200


def test_answers_may_be_late_slow_large_compressed_or_half(client: httpx.Client, listener: Listener) -> None:
    faults = listener.partner.faults
    for kind in (Kind.SLOW, Kind.TRICKLE):
        faults.add(Fault(kind=kind, seconds=0.1))
        began = time.monotonic()
        assert client.get(URL).json() == coverage("p-1")
        assert time.monotonic() - began >= 0.1
    faults.add(Fault(kind=Kind.COMPRESSED))
    with client.stream("GET", URL) as answer:
        assert json.loads(gzip.decompress(b"".join(answer.iter_raw()))) == coverage("p-1")
    faults.add(Fault(kind=Kind.NOT_JSON))
    with pytest.raises(ValueError, match=r"delimiter|Expecting|Unterminated"):
        client.get(URL).json()
    faults.add(Fault(kind=Kind.OVERSIZED))
    with client.stream("GET", URL) as answer:
        size = 0
        for piece in answer.iter_raw():
            size += len(piece)
            if size > 1_000_000:
                break
        assert size > 1_000_000
    faults.add(Fault(kind=Kind.STATUS, status=429, retry_after=7))
    refused = client.get(URL)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
    assert "p-1" in refused.text  # as real systems do


def test_faults_come_in_order_as_often_as_planned_and_for_their_paths() -> None:
    faults = Faults()
    faults.add(Fault(kind=Kind.RESET, path="p-1"))
    faults.add(Fault(kind=Kind.SLOW, times=2))
    taken = [faults.take(path) for path in ("/p-2", "/p-1", "/p-1", "/p-1")]
    assert [fault and fault.kind for fault in taken] == [Kind.SLOW, Kind.RESET, Kind.SLOW, None]


@pytest.mark.parametrize(
    "document", [None, {}, {"kind": "sloww"}, {"kind": "slow", "time": 1}, {"kind": "slow", "times": 0}, {"kind": []}]
)
def test_what_is_no_fault_is_answered_with_what_is(document: object) -> None:
    with pytest.raises(FaultError, match=r'give \{"kind": one of status, slow'):
        Fault.of(document)
