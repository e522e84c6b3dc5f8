"""A change is stored byte for byte, and its event is published until that is known to have worked."""

import base64
import json
from contextlib import AbstractContextManager
from typing import Any

import pytest

from services.ingest.runtime import change, ingestion
from services.library.runtime.content import content_digest
from services.library.runtime.effects import Applied, Arrival, Effect
from services.library.runtime.stream import StreamRecord
from services.library.runtime.trace import TraceContext
from services.library.runtime.tracing import NoTracing

RESOURCE = '{"resourceType": "Observation", "value": 10.00}'
PAYLOAD = f'{{"id": "s-1", "patient": "p-1", "resource": {RESOURCE}}}'


def record(data: str, key: str = "p-1") -> StreamRecord:
    kinesis = {"sequenceNumber": "7", "partitionKey": key, "data": base64.b64encode(data.encode()).decode()}
    return StreamRecord.of({"eventID": "shardId-0:7", "kinesis": kinesis})


class World:
    """Claims, changes and events."""

    def __init__(
        self, claims: dict[str, str] | None = None, *, bus_fails: int = 0, tracing: NoTracing | None = None
    ) -> None:
        self.claims = claims or {}
        self.bus_fails = bus_fails
        self.tracing = tracing or NoTracing()
        self.applied: dict[str, Effect] = {}
        self.told: set[str] = set()
        self.events: list[Any] = []
        self.arrived: dict[str, str] = {}
        self.resources: Any = None
        self.before_digests = False

    def fetch(self, claim: str) -> bytes:
        if claim not in self.claims:
            raise change.LostClaim
        return self.claims[claim].encode()

    def keep(self, change_id: str, payload: bytes) -> str:
        self.claims[f"kept/{change_id}"] = payload.decode()
        return f"kept/{change_id}"

    def arrive(self, id_: str, *, key: str, sequence: str) -> Arrival:
        del key
        recorded = self.recorded(id_)
        return Arrival(came_at=self.arrived.setdefault(id_, sequence), announced=id_ in self.told, recorded=recorded)

    def apply(self, effect: Effect) -> Applied:
        recorded = self.recorded(effect.id)
        self.applied.setdefault(effect.id, effect)
        return Applied(version=3, first_time=not recorded, announced=effect.id in self.told, recorded=recorded)

    def recorded(self, id_: str) -> dict[str, Any]:
        effect = self.applied.get(id_)
        if effect is None:
            return {}
        digest = {} if self.before_digests else {"digest": {"S": effect.digest}}
        return {**effect.attributes, "subject": {"S": effect.key}, **digest}

    def announced(self, effect: Effect) -> None:
        self.told.add(effect.id)

    def publish(self, event: Any) -> None:
        if self.bus_fails:
            self.bus_fails -= 1
            raise ConnectionError
        self.events.append(event)

    def ingest(self, data: str) -> None:
        ingestion.Ingestion(
            claims=self, changes=self, events=self, resources=self.resources, tracing=self.tracing
        ).ingest(record(data))


EVENT = ingestion.PatientChanged(id="s-1", patient="p-1", resource_type="Observation", version=3)


def test_a_change_is_stored_as_it_came_and_published_once() -> None:
    world = World()
    for _ in range(3):
        world.ingest(PAYLOAD)
    (effect,) = world.applied.values()
    assert (effect.id, effect.key, effect.sequence) == ("s-1", "p-1", "7")
    assert effect.attributes == {"payload": {"S": PAYLOAD}, "resource_type": {"S": "Observation"}}
    assert world.events == [EVENT]


def test_a_record_is_worked_on_in_the_trace_that_it_carries() -> None:
    seen: list[object] = []

    class Tracing(NoTracing):
        def continuing(self, trace: TraceContext | None) -> AbstractContextManager[None]:
            seen.append(trace)
            return super().continuing(trace)

    trace = TraceContext.new()
    World(tracing=Tracing()).ingest(json.dumps({**json.loads(PAYLOAD), "trace": trace.traceparent}))
    assert seen == [trace]


def test_an_event_that_was_not_published_is_published_by_the_next_attempt() -> None:
    world = World(bus_fails=2)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            world.ingest(PAYLOAD)
    world.ingest(PAYLOAD)
    world.ingest(PAYLOAD)
    assert world.events == [EVENT]


def test_a_claimed_payload_stays_where_it_is() -> None:
    posted = json.dumps({"patient": "p-1", "resource": {"resourceType": "Bundle"}})
    world = World({"intake/s-1": posted})
    world.ingest('{"id": "s-1", "patient": "p-1", "claim": "intake/s-1"}')
    assert world.applied["s-1"].attributes == {"claim": {"S": "intake/s-1"}, "resource_type": {"S": "Bundle"}}
    assert [event.resource_type for event in world.events] == ["Bundle"]


def test_a_payload_too_large_for_an_item_goes_to_the_claims_bucket() -> None:
    world = World()
    large = PAYLOAD.replace('"value": 10.00', f'"value": "{"x" * 300_000}"')
    world.ingest(large)
    assert world.applied["s-1"].attributes["claim"] == {"S": "kept/s-1"}
    assert world.claims == {"kept/s-1": large}


def test_a_missing_claim_is_a_permanent_failure() -> None:
    world = World()
    with pytest.raises(change.LostClaim):
        world.ingest('{"id": "s-1", "patient": "p-1", "claim": "intake/s-1"}')
    assert world.applied == {}


def test_what_the_datastore_refuses_is_not_stored_and_what_is_mended_is_stored_in_its_place() -> None:
    world, written = World(), []

    class Resources:
        def write(self, resource: change.Resource, *, came_at: str, **_: str) -> None:
            if "wrong" in resource.text:
                raise change.NotAResource
            assert world.applied == {}, "the datastore decides first"
            written.append((resource.text, came_at))

    world.resources = Resources()
    wrong = PAYLOAD.replace("10.00", '"wrong"')
    for _ in range(2):
        with pytest.raises(change.NotAResource):
            world.ingest(wrong)
    assert (world.applied, world.events, world.claims) == ({}, [], {})
    for _ in range(2):
        world.ingest(PAYLOAD)
    assert world.applied["s-1"].attributes["payload"] == {"S": PAYLOAD}
    assert written == [(RESOURCE, "7")]
    assert world.events == [EVENT]


OTHERS = [
    PAYLOAD.replace("10.00", "10.0"),
    PAYLOAD.replace("10.00", "11"),
    PAYLOAD.replace('"value"', '"more"'),
]


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("with_datastore", [False, True])
def test_an_id_means_one_content(other: str, with_datastore: bool) -> None:
    world, written = World(), []

    class Resources:
        def write(self, resource: change.Resource, **_: str) -> None:
            written.append(resource.text)

    world.resources = Resources() if with_datastore else None
    world.ingest(PAYLOAD)
    with pytest.raises(change.AnotherContent) as refused:
        world.ingest(other)
    text = other.partition('"resource": ')[2][:-1]
    assert refused.value.details == {
        "digest": content_digest("p-1", text),
        "recorded_digest": content_digest("p-1", RESOURCE),
    }
    world.ingest(PAYLOAD)
    assert written == [RESOURCE] * with_datastore
    assert world.events == [EVENT]


def test_the_same_content_by_another_way_is_the_same_submission() -> None:
    world = World({"claims/one": f'{{ "resource":{RESOURCE} ,"patient":"p-1"}}'})
    world.ingest(PAYLOAD)
    world.ingest(json.dumps({**json.loads(PAYLOAD), "trace": TraceContext.new().traceparent}).replace("10.0", "10.00"))
    world.ingest('{"id": "s-1", "patient": "p-1", "claim": "claims/one"}')
    assert world.events == [EVENT]


def test_what_was_stored_before_there_were_digests_is_compared_as_values() -> None:
    world = World()
    world.ingest(json.dumps(json.loads(PAYLOAD)))
    world.before_digests = True
    world.ingest(PAYLOAD)
    assert world.events == [EVENT]
    with pytest.raises(change.AnotherContent) as refused:
        world.ingest(PAYLOAD.replace("10.00", "11.0"))
    assert refused.value.details["recorded_digest"] == content_digest(
        "p-1", '{"resourceType":"Observation","value":10.0}'
    )
    del world.applied["s-1"].attributes["payload"]  # type: ignore[attr-defined]  # a dictionary here
    world.ingest(PAYLOAD.replace("10.00", "11.0"))  # a claim then: the id alone decided


@pytest.mark.parametrize("kind", ["transaction", "batch"])
@pytest.mark.parametrize("claimed", [False, True])
def test_a_bundle_of_requests_is_refused(kind: str, claimed: bool) -> None:
    payload = {"patient": "p-1", "resource": {"resourceType": "Bundle", "type": kind, "entry": []}}
    world = World({"claims/one": json.dumps(payload)})
    content = {"claim": "claims/one"} if claimed else payload
    with pytest.raises(change.RequestBundle):
        world.ingest(json.dumps({"id": "s-1", "patient": "p-1", **content}))
    assert world.applied == {}
