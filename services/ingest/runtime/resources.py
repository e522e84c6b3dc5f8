"""Writes a change's FHIR resource into the datastore: once, in order, and never over what others wrote meanwhile.

What is written is the text that was submitted: nothing of it is parsed and written anew. A resource without an id gets
one as its first member.

The datastore and the table of reservations cannot be written in one transaction. So the version is read first, then a
write is reserved, the write names the version that was read, and the reservation is completed or cancelled:

- A record that comes late, by re-drive, gets no reservation if a newer one wrote the resource: that one completed its
  reservation, or what is there is what it was about to write.
- A newer record that was refused for good, or that never got so far, blocks no other.
- A record that reserves first and writes second meets another version (412) and is tried again, without a reservation.
- A record that wrote but did not complete its reservation finds its own resource and leaves it.

One race is left: HealthLake has no "only if there is none". If an older record is sent again within the milliseconds in
which a newer one makes the same resource for the first time, the older may be written second.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from services.library.runtime import exact_json
from services.library.runtime.fhir import TYPE, FhirStore, Read, RefusedError
from services.library.runtime.fields import FHIR_ID
from services.library.runtime.resilience import Deadline

from .change import AnotherPatient, NotAResource, Resource

LONGEST_WRITE_SECONDS = 12
OF_THE_SERVER = frozenset({"versionId", "lastUpdated"})
"""What the datastore itself writes into `meta`."""
ABSENT = frozenset({404, 410})


class Reservation(Protocol):
    """The right to write one resource. One that is neither completed nor cancelled is reserved again by a retry."""

    def complete(self) -> None:
        """Note that the resource is in the datastore."""

    def cancel(self) -> None:
        """Note that the resource was refused for good: earlier records may still write."""


class Reservations(Protocol):
    """Reservations to write resources, and the newest record that wrote each."""

    def reserve(
        self, resource: str, *, patient: str, came_at: str, wanted: str, found: str | None
    ) -> Reservation | None:
        """Reserve writing what has the digest `wanted` over what has `found`; None if something newer wrote.

        Raises AnotherPatient if it is another patient's resource.
        """


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Writes resources. Each call for one change has the same effect as the first."""

    store: FhirStore
    reservations: Reservations

    def write(self, resource: Resource, *, change_id: str, patient: str, came_at: str) -> None:
        """Write a resource, unless a newer one is there. Raises a PermanentFailure, or what will pass."""
        type_, id_, text = _addressed(resource, change_id, patient)
        if type_ == "Patient" and id_ != patient:
            raise AnotherPatient
        deadline = Deadline.after(LONGEST_WRITE_SECONDS)
        current = self._current(type_, id_, deadline)
        digest, found = _digest(text.encode()), None if current is None else _digest(current.body)
        reservation = self.reservations.reserve(
            f"{type_}/{id_}", patient=patient, came_at=came_at, wanted=digest, found=found
        )
        if reservation is None:
            return
        if found != digest:
            self._put(reservation, type_, id_, text.encode(), deadline, current)
        reservation.complete()

    def _current(self, type_: str, id_: str, deadline: Deadline) -> Read | None:
        try:
            return self.store.read(type_, id_, deadline=deadline)
        except RefusedError as error:
            if error.status not in ABSENT:
                raise
        return None

    def _put(
        self, held: Reservation, type_: str, id_: str, body: bytes, deadline: Deadline, current: Read | None
    ) -> None:
        try:
            self.store.write(type_, id_, body, deadline=deadline, if_match=current.etag if current else None)
        except RefusedError as error:
            if not error.is_permanent:
                raise
            held.cancel()
            raise NotAResource from error


def _addressed(resource: Resource, change_id: str, patient: str) -> tuple[str, str, str]:
    """Return type, id and text; without an id a resource gets the patient's, or one that follows from its change."""
    if not TYPE.fullmatch(resource.type):
        raise NotAResource
    members = exact_json.members(resource.text)
    if "id" not in members:
        id_ = patient if resource.type == "Patient" else sha256(change_id.encode()).hexdigest()
        return resource.type, id_, f'{{"id":"{id_}",{resource.text[1:]}'
    given = exact_json.read(members["id"])
    if not isinstance(given, str) or not FHIR_ID.fullmatch(given):
        raise NotAResource
    return resource.type, given, resource.text


def _digest(body: bytes) -> str:
    """Return a digest that is equal for equal resources, down to the digits of their numbers."""
    try:
        resource = exact_json.read(body)
        return sha256(exact_json.canonical(_of_the_client(resource)).encode()).hexdigest()
    except ValueError:
        return sha256(body).hexdigest()  # nested too deep to be compared but as text, or what no datastore answers


def _of_the_client(resource: Any) -> Any:
    """Return a resource without what the datastore writes into `meta`."""
    if not isinstance(resource, dict):
        return resource
    meta = resource.get("meta")
    kept = {name: value for name, value in meta.items() if name not in OF_THE_SERVER} if isinstance(meta, dict) else {}
    others = {name: value for name, value in resource.items() if name != "meta"}
    return {**others, **({"meta": kept} if kept else {})}
