"""The client of the datastore, over real sockets, against a server that verifies signatures and fails on demand."""

import gc
import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest

from services.library.runtime import fhir
from services.library.runtime.failures import failure_of
from services.library.runtime.fhir import (
    FhirStore,
    ForeignLinkError,
    Link,
    LoopError,
    MalformedAnswerError,
    PartialResultError,
    RefusedError,
    RequestError,
    ThrottledError,
)
from services.library.runtime.resilience import CallError, Deadline
from services.library.runtime.trace import TraceContext
from services.library.runtime.tracing import NoSpan
from services.library.tests.fhir_server import Rotating, Server, five_percent, outcome, running, store

CANARY = "Schmidt-1957"
PATIENTS, PAGES = 10_000, 100

SOON = 20.0


@pytest.fixture(scope="module")
def listening() -> Iterator[Server]:
    gc.collect()
    gc.freeze()  # so that looking for open sockets after each test does not walk over what others have made
    with running() as server:
        yield server


@pytest.fixture
def server(listening: Server) -> Iterator[Server]:
    fresh = Server(port=listening.port)
    listening.__dict__.update(fresh.__dict__)
    yield listening
    gc.collect()  # a socket that is left open is noticed here, not in another test


@pytest.fixture
def client(server: Server) -> Iterator[FhirStore]:
    made = store(server)
    yield made
    made.client.transport.close()


def fill(server: Server, number: int) -> set[str]:
    for each in range(number):
        server.resources[f"Patient/p-{each}"] = {
            "resourceType": "Patient",
            "id": f"p-{each}",
            "name": [{"family": CANARY}],
            "meta": {"versionId": "1"},
        }
    return {f"p-{each}" for each in range(number)}


def all_of(client: FhirStore, count: int = 100) -> list[str]:
    pages = client.pages("Patient", {"name": CANARY}, deadline=Deadline.after(SOON), count=count)
    return [resource["id"] for page in pages for resource in page.resources]


def read_under_faults(server: Server, seed: int) -> tuple[int, int, bool]:
    """Requests, patients, and whether it was all of them; whatever there is stands once."""
    server.__dict__.update(Server(port=server.port).__dict__)
    wanted = fill(server, PATIENTS)
    server.fault = five_percent(seed)
    rotating = Rotating(every=3)
    client = store(server, rotating=rotating)
    found: list[str] = []
    failed: CallError | None = None
    try:
        for page in client.pages("Patient", {"name": CANARY}, deadline=Deadline.after(SOON), count=PATIENTS // PAGES):
            found += [resource["id"] for resource in page.resources]
    except CallError as error:
        failed = error
    assert len(found) == len(set(found))
    assert set(found) == wanted if failed is None else set(found) < wanted
    assert rotating.asked == len(server.seen)  # each attempt with the credentials of its moment
    assert all(seen.signed for seen in server.seen)
    client.client.transport.close()
    return len(server.seen), len(found), failed is None


@pytest.mark.parametrize("seed", range(4))
def test_every_patient_comes_once_under_faults_or_an_error_says_that_there_are_more(server: Server, seed: int) -> None:
    requests, _, _ = read_under_faults(server, seed)
    assert requests > PAGES // 10


@pytest.mark.soak
def test_every_patient_comes_once_under_faults_for_many_seeds(server: Server) -> None:
    results = [read_under_faults(server, seed) for seed in range(1000, 1020)]
    whole = sum(complete for _, _, complete in results)
    logging.getLogger(__name__).info(
        "20 reads of 10,000 patients over 100 pages (seeds 1000-1019): %d requests, %d whole, %d explicit errors",
        sum(requests for requests, _, _ in results),
        whole,
        len(results) - whole,
    )
    assert whole >= len(results) // 2


def test_pages_are_complete_after_transient_faults(server: Server, client: FhirStore) -> None:
    wanted = fill(server, 30)
    kinds = {2: "throttled", 3: "throttled_400", 5: "503", 6: "reset"}
    server.fault = kinds.get
    assert sorted(all_of(client, count=10)) == sorted(wanted)
    assert len(server.seen) == 7
    assert all(seen.signed for seen in server.seen)


def test_a_search_is_asked_for_in_the_body_and_strictly(server: Server, client: FhirStore) -> None:
    fill(server, 1)
    all_of(client)
    (seen,) = server.seen
    assert (seen.method, CANARY in seen.target, CANARY in seen.body.decode()) == ("POST", False, True)
    assert seen.headers["prefer"] == "handling=strict"


def test_a_next_link_with_a_raw_token_is_followed_encoded(server: Server, client: FhirStore) -> None:
    fill(server, 2)
    all_of(client, count=1)
    assert server.seen[1].target.endswith("~%252F%2B%3D")


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:1/datastore/0123456789abcdef/r4/Patient?page=1",
        "https://evil.example/datastore/0123456789abcdef/r4/Patient?page=1",
        "http://user@127.0.0.1:{port}/datastore/0123456789abcdef/r4/Patient?page=1",
        "http://127.0.0.1:{port}/datastore/another/r4/Patient?page=1",
        "http://127.0.0.1:{port}/datastore/0123456789abcdef/r4/../../another/r4/Patient?page=1",
        "http://127.0.0.1:{port}@evil.example/datastore/0123456789abcdef/r4/Patient?page=1",
        "//evil.example/",
        "Patient?page=1",
        "",
    ],
)
def test_next_link_out_of_the_datastore_is_refused_without_a_call(server: Server, client: FhirStore, link: str) -> None:
    fill(server, 2)
    server.link = lambda _: link.format(port=server.port)
    with pytest.raises(ForeignLinkError):
        all_of(client, count=1)
    assert len(server.seen) == 1


def test_a_link_that_a_caller_brings_back_is_checked_again(client: FhirStore) -> None:
    with pytest.raises(ForeignLinkError):
        client.follow(Link("https://evil.example/"), deadline=Deadline.after(1))


LINKS = {
    # Of public clients of HealthLake: padding as it is, beside what is encoded.
    "_count=50&patient=p1&page=AAMA-EFRSURBSGd2bzlHTkh2==": "_count=50&patient=p1&page=AAMA-EFRSURBSGd2bzlHTkh2%3D%3D",
    "patient=Patient%2Fp1&page=AAMA-x_y-z=": "patient=Patient%2Fp1&page=AAMA-x_y-z%3D",
    "page=a%3D%3d": "page=a%3D%3D",
    # Of FHIR's own examples of searches: https://hl7.org/fhir/R4/search.html
    "identifier=http://acme.org/patient|2345": "identifier=http%3A%2F%2Facme.org%2Fpatient%7C2345",
    "date=ge2010-01-01&code:not=a,b&name=O'Brien": "date=ge2010-01-01&code%3Anot=a%2Cb&name=O%27Brien",
    "value-quantity=5.40e-3|http://unitsofmeasure.org|g": (
        "value-quantity=5.40e-3%7Chttp%3A%2F%2Funitsofmeasure.org%7Cg"
    ),
    # Of AWS's description of a canonical request.
    "a=b+c/d&e=&f&Param-3=~x*": "a=b%2Bc%2Fd&e=&f=&Param-3=~x%2A",
    "%20=%41&b=100%&c=\u1234": "%20=A&b=100%25&c=%E1%88%B4",
    "&&a=1&": "a=1",
}


@pytest.mark.parametrize(("query", "sent"), LINKS.items())
def test_a_query_is_encoded_once_as_it_is_signed(server: Server, client: FhirStore, query: str, sent: str) -> None:
    url = f"{server.endpoint}Patient?{query}"
    server.answer = (200, json.dumps({"resourceType": "Bundle", "link": [{"relation": "next", "url": url}]}).encode())
    page = client.search("Patient", {}, deadline=Deadline.after(SOON))
    assert page.next == Link(f"{server.endpoint}Patient?{sent}")
    again = client.follow(page.next, deadline=Deadline.after(SOON))
    assert server.seen[-1].target.partition("?")[2] == sent
    assert server.seen[-1].signed
    assert again.next == page.next


def test_a_loop_of_links_is_detected(server: Server, client: FhirStore) -> None:
    fill(server, 3)
    token = "AAMA-0-0-1~%2F+="
    server.link = lambda _: f"{server.endpoint}Patient?page=AAMA-0-0-1~%252F%2B%3D"
    with pytest.raises(PartialResultError) as caught:
        all_of(client, count=1)
    assert isinstance(caught.value.__cause__, LoopError)
    assert token in server.tokens
    assert len(server.seen) == 2


def test_a_result_that_ends_early_is_an_error_that_says_so(server: Server, client: FhirStore) -> None:
    fill(server, 30)
    server.fault = lambda number: "503" if number > 2 else None
    pages = []
    with pytest.raises(PartialResultError) as caught:
        pages += list(client.pages("Patient", {}, deadline=Deadline.after(SOON), count=10))
    assert caught.value.pages == 2


def test_a_page_that_the_datastore_calls_incomplete_is_marked(server: Server, client: FhirStore) -> None:
    warning = json.loads(outcome("incomplete", CANARY))
    entries = [{"resource": {"resourceType": "Patient", "id": "1"}}, {"resource": warning}]
    server.answer = (200, json.dumps({"resourceType": "Bundle", "entry": entries}).encode())
    page = client.search("Patient", {}, deadline=Deadline.after(SOON))
    assert not page.complete
    assert [resource["id"] for resource in page.resources] == ["1"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"resourceType":"Patient"}',
        b'{"resourceType":"Bundle","entry":[1]}',
        b'{"resourceType":"Bundle","entry":[{"fullUrl":"x"}]}',
        b'{"resourceType":"Bundle","link":[{"relation":"next"}]}',
        b'{"resourceType":"Bundle","link":"next"}',
        b'{"resourceType":"Bundle","total":NaN}',
        b'{"a":' * 3000,
    ],
)
def test_search_refuses_a_response_that_is_no_bundle(server: Server, client: FhirStore, body: bytes) -> None:
    server.answer = (200, body)
    with pytest.raises(MalformedAnswerError):
        client.search("Patient", {}, deadline=Deadline.after(SOON))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 412, 422])
def test_a_refusal_says_its_status_and_fhirs_own_code_and_nothing_else(
    server: Server, client: FhirStore, status: int
) -> None:
    server.answer = (status, outcome("conflict", f"about {CANARY}", expression=[CANARY]))
    with pytest.raises(RefusedError) as caught:
        client.read("Patient", CANARY, deadline=Deadline.after(SOON))
    assert (caught.value.status, caught.value.codes) == (status, ("conflict",))
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert len(server.seen) == 1
    assert caught.value.is_permanent == (status in {400, 422})


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (422, outcome("conflict", CANARY), "conflict"),
        (403, CANARY.encode(), "403"),
        (503, CANARY.encode(), "503"),
        (400, b'{"__type":"com.amazon.healthlake#ThrottlingException"}', "ThrottlingException"),
    ],
)
def test_a_failure_has_what_an_operator_asks_aws_about(
    server: Server, client: FhirStore, status: int, body: bytes, code: str
) -> None:
    server.answer = (status, body)
    with pytest.raises(CallError) as caught:
        client.read("Patient", CANARY, deadline=Deadline.after(SOON))
    found = failure_of(caught.value)
    assert found is not None
    resource = {"aws_resource": server.endpoint.split("/")[-3]}
    asked = {"aws_error": code, "aws_operation": "HealthLake:GET", "aws_request_id": "REQ-1"}
    assert found.fields == asked | resource


def test_throttling_with_status_400_is_retried(server: Server, client: FhirStore) -> None:
    for body in (b'{"__type":"com.amazon.healthlake#ThrottlingException"}', outcome("throttled", "slow down")):
        server.seen.clear()
        server.answer = (400, body)
        with pytest.raises(ThrottledError) as caught:
            client.read("Patient", "1", deadline=Deadline.after(SOON))
        assert fhir.is_transient(caught.value)
        assert fhir.status_of(caught.value) == 429


def test_a_write_names_the_version_it_replaces_and_is_repeated(server: Server, client: FhirStore) -> None:
    server.fault = {1: "503", 3: "reset"}.get
    deadline = Deadline.after(SOON)
    assert client.write("Patient", "1", b'{"resourceType":"Patient"}', deadline=deadline) == 'W/"1"'
    assert client.write("Patient", "1", b'{"a":1}', deadline=deadline, if_match='W/"1"') == 'W/"2"'
    assert len(server.seen) == 4
    with pytest.raises(RefusedError) as caught:
        client.write("Patient", "1", b'{"a":2}', deadline=deadline, if_match='W/"1"')
    assert caught.value.status == 412
    assert all(seen.signed for seen in server.seen)


def test_a_resource_that_has_not_changed_is_not_read_again(server: Server, client: FhirStore) -> None:
    fill(server, 1)
    read = client.read("Patient", "p-0", deadline=Deadline.after(SOON))
    assert read
    assert read.etag == 'W/"1"'
    assert client.read("Patient", "p-0", deadline=Deadline.after(SOON), if_none_match=read.etag) is None
    assert CANARY not in repr(read)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda client, until: client.read("patient", "1", deadline=until), "type"),
        (lambda client, until: client.read("Patient", "../1", deadline=until), "id"),
        (lambda client, until: client.read("Patient", "..", deadline=until), "id"),
        (lambda client, until: client.read("Patient", "1?x=y", deadline=until), "id"),
        (lambda client, until: client.search("Patient", {}, deadline=until, count=101), "count"),
        (lambda client, until: client.search("Patient", {"na me": "x"}, deadline=until), "parameter"),
        (lambda client, until: client.write("Patient", "1", b"", deadline=until, if_match="*"), "if-match"),
    ],
)
def test_invalid_requests_are_refused_without_a_call(server: Server, client: FhirStore, call: Any, named: str) -> None:
    with pytest.raises(RequestError, match=named):
        call(client, Deadline.after(1))
    assert not server.seen


def test_the_check_of_signatures_would_notice_a_wrong_one(server: Server, client: FhirStore) -> None:
    fill(server, 1)
    sign = client.client.sign
    assert sign

    def late(request: Any) -> None:
        sign(request)
        request.headers["prefer"] = "handling=lenient"

    client.client.sign = late
    with pytest.raises(RefusedError):
        all_of(client)
    assert not server.seen[0].signed


class Spans:
    """Collects what spans are told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @contextmanager
    def call(self, method: str, url: str, *, attempt: int) -> Iterator[NoSpan]:
        self.told.append(f"{method} {url} {attempt}")
        yield NoSpan()

    def continuing(self, trace: TraceContext | None) -> AbstractContextManager[None]:
        del trace
        return nullcontext()


def test_spans_name_the_resource_type_and_neither_an_id_nor_a_search(server: Server) -> None:
    spans = Spans()
    client = store(server, tracing=spans)
    fill(server, 2)
    all_of(client, count=1)
    with pytest.raises(RefusedError):
        client.read("Patient", CANARY, deadline=Deadline.after(SOON))
    told = "\n".join(spans.told)
    assert f"POST http://127.0.0.1:{server.port}/datastore/{{id}}/r4/Patient/_search 1" in told
    assert f"GET http://127.0.0.1:{server.port}/datastore/{{id}}/r4/Patient/{{id}} 1" in told
    assert CANARY not in told
    assert "AAMA" not in told
    client.client.transport.close()
