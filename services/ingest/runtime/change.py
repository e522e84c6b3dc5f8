"""What a stream record says: a resource about a patient, checked before anything is done with it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.library.runtime import exact_json
from services.library.runtime.fields import FHIR_ID, REQUEST_ID, text
from services.library.runtime.stream import PermanentFailure
from services.library.runtime.trace import TraceContext

RESOURCE_TYPE = re.compile(r"[A-Za-z]{1,64}")
OBJECT_KEY = re.compile(r".{1,1024}")
WITH_RESOURCE = frozenset({"id", "patient", "resource"})
WITH_CLAIM = frozenset({"id", "patient", "claim"})
REQUESTS = ("transaction", "batch")
"""Types of Bundles that ask a server to work on their entries."""
TRACE = "trace"
"""May stand beside either; what is no trace there is passed over, because no payload is worse for it."""


class NotJson(PermanentFailure):
    """The payload is not a JSON object in UTF-8."""


class NotAChange(PermanentFailure):
    """The payload does not have the fields of a change; names the field, never its value."""


class AnotherPatient(PermanentFailure):
    """Partition key, record and claimed payload do not name one patient, within whose changes order counts."""


class NotAResource(PermanentFailure):
    """The datastore will never take the resource, or it has no type or id of FHIR's."""


class RequestBundle(PermanentFailure):
    """A Bundle of type transaction or batch asks for its entries to be worked on, and is not: submit each entry."""


class AnotherContent(PermanentFailure):
    """The submission's id was given to another content before; which of the two is right, a person has to say."""

    def __init__(self, *, digest: str, recorded_digest: str) -> None:
        super().__init__()
        self.details = {"digest": digest, "recorded_digest": recorded_digest}


class LostClaim(PermanentFailure):
    """What the record points to is not in the claims bucket."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A FHIR resource."""

    type: str
    text: str = field(repr=False)
    """As it was submitted: digits, order, white space and escapes."""


@dataclass(frozen=True, kw_only=True)
class PatientChange:
    """One submission about one patient."""

    id: str
    """The submission's, unique."""
    patient: str
    content: Resource | str
    """The resource, or the claim: the object in the claims bucket that holds the payload."""
    trace: TraceContext | None = None
    """The one that the submission came with."""


def parse(data: bytes, partition_key: str) -> PatientChange:
    """Parse the change in a record's data: `{"id", "patient", "resource"}`, or a `claim` in the resource's place."""
    members = _members(data)
    if members.keys() - {TRACE} not in (WITH_RESOURCE, WITH_CLAIM):
        raise NotAChange("fields")
    fields = _values(members, {"id", "patient", "claim", TRACE})
    change = PatientChange(
        id=text(fields, "id", REQUEST_ID, error=NotAChange),
        patient=text(fields, "patient", FHIR_ID, error=NotAChange),
        content=text(fields, "claim", OBJECT_KEY, error=NotAChange) if "claim" in fields else _resource(members),
        trace=TraceContext.from_traceparent(fields.get(TRACE)),
    )
    if change.patient != partition_key:
        raise AnotherPatient
    return change


def claimed_resource(payload: bytes, patient: str) -> Resource:
    """Return the resource in a claimed payload, as the client posted it: `{"patient", "resource"}`."""
    members = _members(payload)
    if _values(members, {"patient"}).get("patient") != patient:
        raise AnotherPatient
    return _resource(members)


def _members(data: bytes) -> Mapping[str, str]:
    try:
        return exact_json.members(data.decode("utf-8"))
    except ValueError:
        raise NotJson from None  # the cause quotes the payload


def _values(members: Mapping[str, str], names: set[str]) -> Mapping[str, Any]:
    return {name: exact_json.read(members[name]) for name in names & members.keys()}


def _resource(members: Mapping[str, str]) -> Resource:
    content = members.get("resource", "")
    try:
        within = exact_json.members(content)
    except ValueError:
        raise NotAChange("resource") from None  # as above
    fields = _values(within, {"resourceType", "type"})
    type_ = text(fields, "resourceType", RESOURCE_TYPE, error=NotAChange)
    if type_ == "Bundle" and fields.get("type") in REQUESTS:
        raise RequestBundle
    return Resource(type=type_, text=content)
