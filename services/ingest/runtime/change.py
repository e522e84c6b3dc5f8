"""What a stream record says: a resource about a patient, checked before anything is done with it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.library.runtime.fields import FHIR_ID, REQUEST_ID, text
from services.library.runtime.payload import read_object
from services.library.runtime.stream import PermanentFailure
from services.library.runtime.trace import TraceContext

RESOURCE_TYPE = re.compile(r"[A-Za-z]{1,64}")
OBJECT_KEY = re.compile(r".{1,1024}")
WITH_RESOURCE = frozenset({"id", "patient", "resource"})
WITH_CLAIM = frozenset({"id", "patient", "claim"})
TRACE = "trace"
"""May stand beside either; what is no trace there is passed over, because no payload is worse for it."""


class NotAChange(PermanentFailure):
    """The payload does not have the fields of a change; names the field, never its value."""


class AnotherPatient(PermanentFailure):
    """Partition key, record and claimed payload do not name one patient, within whose changes order counts."""


class NotAResource(PermanentFailure):
    """The datastore will never take the resource, or it has no type or id of FHIR's."""


class LostClaim(PermanentFailure):
    """What the record points to is not in the claims bucket."""


@dataclass(frozen=True, kw_only=True)
class PatientChange:
    """One submission about one patient."""

    id: str
    """The submission's, unique."""
    patient: str
    resource_type: str | None
    """Of the FHIR resource; None if the record has only its claim."""
    claim: str | None
    """The object in the claims bucket that holds the payload, if the record does not."""
    trace: TraceContext | None = None
    """The one that the submission came with."""


def parse(data: bytes, partition_key: str) -> PatientChange:
    """Parse the change in a record's data: `{"id", "patient", "resource"}`, or a `claim` in the resource's place."""
    content = read_object(data)
    if content.keys() - {TRACE} not in (WITH_RESOURCE, WITH_CLAIM):
        raise NotAChange("fields")
    change = PatientChange(
        id=text(content, "id", REQUEST_ID, error=NotAChange),
        patient=text(content, "patient", FHIR_ID, error=NotAChange),
        resource_type=_resource_type(content) if "resource" in content else None,
        claim=text(content, "claim", OBJECT_KEY, error=NotAChange) if "claim" in content else None,
        trace=TraceContext.from_traceparent(content.get(TRACE)),
    )
    if change.patient != partition_key:
        raise AnotherPatient
    return change


def resource_type_of(payload: bytes, patient: str) -> str:
    """Return the resource's type in a claimed payload, as the client posted it: `{"patient", "resource"}`."""
    content = read_object(payload)
    if content.get("patient") != patient:
        raise AnotherPatient
    return _resource_type(content)


def _resource_type(content: Mapping[str, Any]) -> str:
    resource = content.get("resource")
    if not isinstance(resource, dict):
        raise NotAChange("resource")
    return text(resource, "resourceType", RESOURCE_TYPE, error=NotAChange)
