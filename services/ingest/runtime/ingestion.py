"""What happens with a change: it is stored once, and whoever wants to know hears that the patient changed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from services.library.runtime.content import content_digest
from services.library.runtime.effects import Applied, Arrival, Effect
from services.library.runtime.stream import StreamRecord
from services.library.runtime.trace import TraceContext
from services.library.runtime.tracing import NoTracing, Tracing

from .change import AnotherContent, PatientChange, Resource, claimed_resource, parse
from .resources import Resources

LARGEST_STORED_BYTES = 300_000
"""A larger payload goes to the claims bucket: an item of DynamoDB holds 400 KB in all."""


@dataclass(frozen=True, kw_only=True)
class PatientChanged:
    """The event, which says where to look and nothing else about the patient."""

    id: str
    """Of the submission. Who must act once for each change remembers it: an event may come twice."""
    patient: str
    resource_type: str
    version: int
    trace: TraceContext | None = None
    """The one that the change came with, for whoever goes on because of it."""


class Claims(Protocol):
    """Payloads too large for where they would be."""

    def fetch(self, claim: str) -> bytes:
        """Return the payload. Raises LostClaim if there is none."""

    def keep(self, change_id: str, payload: bytes) -> str:
        """Store a payload, and answer its claim."""


class Changes(Protocol):
    """What is stored of patients."""

    def arrive(self, id_: str, *, key: str, sequence: str) -> Arrival:
        """Note where a change came first; nothing of it is stored yet."""

    def apply(self, effect: Effect) -> Applied:
        """Store a change, once."""

    def announced(self, effect: Effect) -> None:
        """Remember that its event was published."""


class Events(Protocol):
    """Whoever wants to know."""

    def publish(self, event: PatientChanged) -> None:
        """Publish, or raise."""


@dataclass(frozen=True, kw_only=True)
class Ingestion:
    """Ingests records. Each call for one record has the same effect as the first."""

    claims: Claims
    changes: Changes
    events: Events
    resources: Resources | None = None
    """Where the FHIR resources go, if they go anywhere but into the changes."""
    tracing: Tracing = field(default_factory=NoTracing)

    def ingest(self, record: StreamRecord) -> None:
        """Write the record's resource, store its change, and publish that its patient changed.

        A change is stored only once the datastore has taken its resource: one that it refuses may be mended, and what
        is stored then is what was mended. Once stored, its id means that content: another one is refused. The event is
        published after the change is stored and before that is remembered: a failure in between publishes it again, and
        none leaves it out.
        """
        change = parse(record.data, record.key)
        with self.tracing.continuing(change.trace):
            self._ingest(record, change)

    def _ingest(self, record: StreamRecord, change: PatientChange) -> None:
        claim, resource = self._content(change)
        digest = content_digest(change.patient, resource.text)
        if self.resources is not None:
            arrival = self.changes.arrive(change.id, key=change.patient, sequence=record.sequence)
            _require_same(change, resource, digest, arrival.recorded)
            if not arrival.announced:
                self.resources.write(resource, change_id=change.id, patient=change.patient, came_at=arrival.came_at)
        effect = Effect(
            id=change.id,
            key=change.patient,
            sequence=record.sequence,
            digest=digest,
            attributes={"resource_type": {"S": resource.type}, **self._stored(record, change.id, claim)},
        )
        applied = self.changes.apply(effect)
        _require_same(change, resource, digest, applied.recorded)
        if not applied.announced:
            self.events.publish(
                PatientChanged(
                    id=change.id,
                    patient=change.patient,
                    resource_type=resource.type,
                    version=applied.version,
                    trace=change.trace,
                )
            )
            self.changes.announced(effect)

    def _content(self, change: PatientChange) -> tuple[str | None, Resource]:
        if isinstance(change.content, Resource):
            return None, change.content
        return change.content, claimed_resource(self.claims.fetch(change.content), change.patient)

    def _stored(self, record: StreamRecord, change_id: str, claim: str | None) -> Mapping[str, Any]:
        """Return the payload byte for byte, since the digits of clinical decimals matter; or its claim."""
        if claim is None and len(record.data) <= LARGEST_STORED_BYTES:
            return {"payload": {"S": record.data.decode()}}
        return {"claim": {"S": claim or self.claims.keep(change_id, record.data)}}


def _require_same(change: PatientChange, resource: Resource, digest: str, recorded: Mapping[str, Any]) -> None:
    """Raise AnotherContent if the change's id was stored with another content before."""
    if "digest" in recorded:
        known = recorded["digest"]["S"]
    elif "payload" in recorded:
        known = _digest_before(change, resource, digest, recorded)
    else:
        return  # not stored yet; or as a claim, before there were digests, when the id alone decided
    if known != digest:
        raise AnotherContent(digest=digest, recorded_digest=known)


def _digest_before(change: PatientChange, resource: Resource, digest: str, recorded: Mapping[str, Any]) -> str:
    """Return the digest of what was stored before there were digests: the same one for what was the same then.

    Numbers, escapes and white space did not stay as they were posted, so they are compared as values.
    """
    patient, content = recorded["subject"]["S"], json.loads(recorded["payload"]["S"], parse_int=float)["resource"]
    if patient == change.patient and content == json.loads(resource.text, parse_int=float):
        return digest
    return content_digest(patient, json.dumps(content, separators=(",", ":")))
