"""A resource is written once and in order, whatever fails in between, and one that is refused for good is a pill."""

import dataclasses
import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from services.ingest.runtime import change, resources
from services.ingest.runtime import store as ingest_store
from services.ingest.tests.table import Table
from services.library.runtime.effects import position
from services.library.runtime.fhir import RefusedError
from services.library.runtime.resilience import CallError
from services.library.runtime.stream import PermanentFailure
from services.library.tests.fhir_server import Server, outcome, running, store


def arguments(sequence: int, patient: str = "p-1", change_id: str = "", **resource: Any) -> dict[str, Any]:
    resource = {"resourceType": "Observation", "id": "o-1"} | resource
    return {
        "resource": change.Resource(type=resource["resourceType"], text=json.dumps(resource)),
        "change_id": change_id or f"s-{sequence}",
        "patient": patient,
        "came_at": position(str(sequence)),
    }


class World:
    def __init__(self, server: Server, *, attempts: int = 4, table: Table | None = None) -> None:
        self.server, self.table = server, table or Table()
        reservations = ingest_store.ReservationTable("changes", client=self.table)
        self.resources = resources.Resources(store=store(server, attempts=attempts), reservations=reservations)

    def write(self, sequence: int, **given: Any) -> None:
        self.resources.write(**arguments(sequence, **given))

    def stored(self, key: str = "Observation/o-1") -> dict[str, Any]:
        return self.server.resources[key]

    def version(self, key: str = "Observation/o-1") -> int:
        return int(self.stored(key)["meta"]["versionId"])


@pytest.fixture(scope="module")
def listening() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def world(listening: Server) -> Iterator[World]:
    listening.__dict__.update(Server(port=listening.port).__dict__)
    made = World(listening)
    yield made
    made.resources.store.client.transport.close()


def test_each_change_is_a_version_and_the_same_one_again_is_none(world: World) -> None:
    for sequence, value in ((1, "a"), (1, "a"), (2, "b"), (2, "b")):
        world.write(sequence, status=value)
    assert (world.stored()["status"], world.version()) == ("b", 2)


def test_a_late_record_does_not_write_over_a_newer_one(world: World) -> None:
    world.write(2, status="newer")
    world.write(1, status="older")
    assert (world.stored()["status"], world.version()) == ("newer", 1)


def test_an_overtaken_write_is_retried_without_a_reservation(world: World) -> None:
    world.write(1, status="first")
    newer = World(world.server, table=world.table)
    reservations = world.resources.reservations

    class Overtaken:
        """The moment between turn and write."""

        def reserve(self, resource: str, **asked: Any) -> Any:
            had = reservations.reserve(resource, **asked)
            newer.write(3, status="newest")
            return had

    with pytest.raises(RefusedError) as caught:
        dataclasses.replace(world.resources, reservations=Overtaken()).write(**arguments(2, status="between"))
    assert caught.value.status == 412
    world.write(2, status="between")
    assert (world.stored()["status"], world.version()) == ("newest", 2)
    newer.resources.store.client.transport.close()


def test_a_write_without_a_response_is_not_repeated(world: World) -> None:
    respond = world.server.respond

    def unheard(seen: Any) -> Any:
        answer = respond(seen)
        return (503, {}, b"") if seen.method == "PUT" else answer

    world.server.respond = unheard  # type: ignore[method-assign] # it writes, and says that it did not
    once = World(world.server, attempts=1)
    with pytest.raises(CallError):
        once.write(1, status="a")
    once.resources.store.client.transport.close()
    assert world.version() == 1
    del world.server.respond  # the class's own again
    for _ in range(2):
        world.write(1, status="a")
    assert world.version() == 1


@pytest.mark.parametrize(
    ("status", "code"), [(400, "invariant"), (413, "too-long"), (422, "business-rule"), (404, "not-supported")]
)
def test_a_refused_resource_is_a_permanent_failure(world: World, status: int, code: str) -> None:
    def refuse(seen: Any) -> Any:
        return (404 if seen.method == "GET" else status), {}, outcome(code, "about somebody")

    world.server.respond = refuse  # type: ignore[method-assign] # refuses whatever is written
    with pytest.raises(PermanentFailure) as caught:
        world.write(1)
    assert type(caught.value) is change.NotAResource
    del world.server.respond  # the class's own again


def refuses(world: World, sequence: int, **given: Any) -> None:
    """The datastore will never take it."""
    respond = world.server.respond

    def refuse(seen: Any) -> Any:
        return (422, {}, outcome("business-rule", "about somebody")) if seen.method == "PUT" else respond(seen)

    world.server.respond = refuse  # type: ignore[method-assign] # refuses whatever is written
    try:
        with pytest.raises(change.NotAResource):
            world.write(sequence, **given)
    finally:
        del world.server.respond  # the class's own again


def test_a_refused_record_blocks_no_earlier_one(world: World) -> None:
    world.write(1, status="first")
    for refused in (3, 4, 3):
        refuses(world, refused, status="wrong")
    world.write(2, status="late, and valid")
    assert (world.stored()["status"], world.version()) == ("late, and valid", 2)
    world.write(1, status="first")
    assert world.version() == 2, "nothing older than what was written"
    world.write(3, status="mended")
    assert (world.stored()["status"], world.version()) == ("mended", 3)


def test_a_refused_record_does_not_claim_the_resource_for_its_patient(world: World) -> None:
    refuses(world, 1)
    world.write(2, patient="p-2")
    with pytest.raises(change.AnotherPatient):
        world.write(3)


def test_a_reservation_is_cancelled_by_the_retry_after_a_crash(world: World) -> None:
    class KilledError(Exception):
        pass

    put, kept = world.table.put_item, iter((True,))

    def killed(**asked: Any) -> None:
        if next(kept, False):
            return put(**asked)
        raise KilledError

    world.table.put_item = killed  # type: ignore[method-assign] # takes a turn, and is gone when it gives it back
    with pytest.raises(KilledError):
        refuses(world, 2)
    world.table.put_item = put  # type: ignore[method-assign] # as it was
    refuses(world, 2)
    world.write(1, status="late, and valid")
    assert world.stored()["status"] == "late, and valid"


def test_an_uncompleted_write_is_not_overwritten_by_an_earlier_record(world: World) -> None:
    world.write(1, status="first")
    put = world.table.put_item

    def unheard(**asked: Any) -> None:
        put(**asked)
        world.table.put_item = dies  # type: ignore[method-assign] # as below

    def dies(**_: Any) -> None:
        raise ConnectionError

    world.table.put_item = unheard  # type: ignore[method-assign] # dies after its write, before it can say so
    with pytest.raises(ConnectionError):
        world.write(3, status="newest")
    world.table.put_item = put  # type: ignore[method-assign] # as it was
    world.write(2, status="late")
    assert (world.stored()["status"], world.version()) == ("newest", 2)


def test_an_open_reservation_blocks_no_other_record(world: World) -> None:
    world.write(1, status="first")
    respond = world.server.respond

    def down(seen: Any) -> Any:
        return (503, {}, b"") if seen.method == "PUT" else respond(seen)

    world.server.respond = down  # type: ignore[method-assign] # reads, and writes nothing
    once = World(world.server, attempts=1, table=world.table)
    with pytest.raises(CallError):
        once.write(3, status="newest")
    once.resources.store.client.transport.close()
    del world.server.respond  # the class's own again
    world.write(2, status="late")
    assert world.stored()["status"] == "late"
    world.write(3, status="newest")
    world.write(2, status="late")
    assert (world.stored()["status"], world.version()) == ("newest", 3)
    assert "waiting" not in world.table.items["resource#Observation/o-1"]


def test_a_record_that_wrote_and_is_tried_again_leaves_what_others_changed_since(world: World) -> None:
    world.write(1, status="first")
    others = {**world.stored(), "status": "corrected by hand"}
    world.server.resources["Observation/o-1"] = others
    world.write(1, status="first")
    assert world.stored() == others
    world.write(2, status="next")
    assert world.stored()["status"] == "next"


def test_reservations_stored_without_an_edition_are_read(world: World) -> None:
    world.table.items["resource#Observation/o-1"] = {
        "id": {"S": "resource#Observation/o-1"},
        "subject": {"S": "p-1"},
        "came_at": {"S": position("5")},
    }
    world.write(4, status="late")
    assert "Observation/o-1" not in world.server.resources
    world.write(5, status="tried again")
    assert world.stored()["status"] == "tried again"
    world.write(6, status="newer")
    assert world.stored()["status"] == "newer"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b'{"__type":"ExpiredTokenException"}'),
        (400, outcome("throttled", "slow down")),
        (400, outcome("security", "who are you")),
        (401, b""),
        (403, outcome("forbidden", "no")),
        (404, b"no such datastore"),
        (409, outcome("conflict", "at the same time")),
        (429, b""),
        (500, b""),
        (503, b""),
    ],
)
def test_transient_failures_are_retried_by_the_stream(world: World, status: int, body: bytes) -> None:
    world.server.answer = (status, body)
    with pytest.raises(CallError) as caught:
        world.write(1)
    assert not isinstance(caught.value, PermanentFailure)


def test_a_resource_belongs_to_the_patient_who_had_it_first(world: World) -> None:
    world.write(1)
    with pytest.raises(change.AnotherPatient):
        world.write(2, patient="p-2")
    with pytest.raises(change.AnotherPatient):
        world.write(3, resourceType="Patient", id="p-9")


def test_a_resource_without_an_id_gets_one_that_follows_from_its_change(world: World) -> None:
    for _ in range(2):
        write_text(world, '{"resourceType":"Observation"}', change_id="s-1")
    write_text(world, '{"resourceType":"Patient"}', change_id="s-2")
    assert len(world.server.resources) == 2
    assert world.version("Patient/p-1") == 1


@pytest.mark.parametrize("id_", ['".."', "5", "null", '"o-1\\n"', '""', '"ö"'])
def test_a_resource_whose_id_is_not_fhirs_is_a_permanent_failure(world: World, id_: str) -> None:
    with pytest.raises(PermanentFailure):
        write_text(world, f'{{"resourceType":"Observation","id":{id_}}}')
    assert not world.server.seen


def test_a_resource_whose_type_is_not_fhirs_is_a_permanent_failure(world: World) -> None:
    with pytest.raises(PermanentFailure):
        write_text(world, '{"resourceType":"observation"}')
    assert not world.server.seen


EXACT = r""""id" : "o-1", "a":[1.50, 10.00,1.2E+2,1e2,0.0000001,-0,1e400,123456789012345678901234567890123456],
 "b": "\u00e4\/ä😀", "c": {"z":1,"a":null},"c":2 }"""


def test_what_is_written_is_the_text_that_was_submitted(world: World) -> None:
    text = f'{{ "resourceType": "Observation",{EXACT}'
    write_text(world, text)
    assert world.server.seen[-1].body == text.encode()
    del world.server.seen[:]
    world.server.resources["Observation/o-1"] = {"resourceType": "Observation", "id": "o-1", "meta": {"versionId": "1"}}
    write_text(world, text.replace('"o-1"', '"o-2"').replace('"id" : "o-2",', ""), change_id="s-2")
    body = world.server.seen[-1].body.decode()
    assert body.startswith('{"id":"')
    assert body.partition(",")[2] == text[1:].replace('"id" : "o-1",', "")


def test_a_resource_of_any_depth_that_python_reads_is_written(world: World) -> None:
    text = '{"resourceType":"Observation","id":"o-1","a":' + "[" * 700 + "]" * 700 + "}"
    write_text(world, text)
    assert world.server.seen[-1].body == text.encode()


def test_reservations_of_before_have_the_digests_of_now() -> None:
    """One that is open when a new version comes is still recognised by what it wanted to write."""
    text = '{"resourceType":"Observation","note":"ä","value":1.50,"big":1e2,"meta":{"versionId":"3","tag":[]}}'
    before = '{"big":1E+2,"meta":{"tag":[]},"note":"\\u00e4","resourceType":"Observation","value":1.50}'
    assert resources._digest(text.encode()) == sha256(before.encode()).hexdigest()


def write_text(world: World, text: str, *, change_id: str = "s-1") -> None:
    resource = change.Resource(type=json.loads(text)["resourceType"], text=text)
    world.resources.write(resource, change_id=change_id, patient="p-1", came_at=position(change_id[2:]))
