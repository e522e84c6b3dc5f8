"""What may be asked: which resources, by which parameters, and how much of each. Everything else is refused by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.library.runtime.fields import FHIR_ID

MODIFIERS = frozenset({"exact", "contains", "missing", "not"})
OF_EACH = frozenset({"_id", "_lastUpdated", "identifier"})
OF_EVENTS = OF_EACH | {"patient", "subject", "code", "status", "date", "encounter"}
# https://hl7.org/fhir/R4/searchparameter-registry.html, of which HealthLake knows the ones that R4 defines.
PARAMETERS: Mapping[str, frozenset[str]] = {
    "Patient": OF_EACH | {"name", "family", "given", "birthdate", "gender", "active", "phone", "email", "address"},
    "Observation": OF_EVENTS | {"category", "value-quantity"},
    "Condition": OF_EACH | {"patient", "subject", "code", "clinical-status", "category", "onset-date", "encounter"},
    "Encounter": OF_EACH | {"patient", "subject", "status", "class", "date", "type"},
    "Procedure": OF_EVENTS,
    "MedicationRequest": OF_EACH | {"patient", "subject", "code", "status", "intent", "authoredon", "encounter"},
    "AllergyIntolerance": OF_EACH | {"patient", "code", "clinical-status", "criticality", "date"},
    "Immunization": OF_EACH | {"patient", "status", "vaccine-code", "date"},
    "DiagnosticReport": OF_EVENTS | {"category", "issued"},
    "CarePlan": OF_EACH | {"patient", "subject", "status", "category", "date"},
}
TYPES = frozenset(PARAMETERS)
OF_EACH_ELEMENT = frozenset({"id", "meta", "identifier", "status", "code", "category", "subject", "patient"})
ELEMENTS: Mapping[str, frozenset[str]] = {
    "Patient": frozenset({"id", "meta", "identifier", "active", "name", "gender", "birthDate"}),
    "Observation": OF_EACH_ELEMENT | {"effectiveDateTime", "effectivePeriod", "valueQuantity", "valueCodeableConcept"},
    "Condition": OF_EACH_ELEMENT | {"clinicalStatus", "verificationStatus", "onsetDateTime"},
    "Encounter": OF_EACH_ELEMENT | {"class", "type", "period"},
    "Procedure": OF_EACH_ELEMENT | {"performedDateTime", "performedPeriod"},
    "MedicationRequest": OF_EACH_ELEMENT | {"intent", "authoredOn", "medicationCodeableConcept"},
    "AllergyIntolerance": OF_EACH_ELEMENT | {"clinicalStatus", "criticality", "recordedDate"},
    "Immunization": OF_EACH_ELEMENT | {"vaccineCode", "occurrenceDateTime"},
    "DiagnosticReport": OF_EACH_ELEMENT | {"effectiveDateTime", "issued", "result"},
    "CarePlan": OF_EACH_ELEMENT | {"intent", "period"},
}


class QueryError(Exception):
    """What was asked is not allowed; the text names what is, and quotes nothing."""


class _Body(BaseModel):
    """The body of a search: what to look for, or where a search goes on."""

    model_config = ConfigDict(extra="forbid", strict=True)

    parameters: dict[str, str | list[str]] = Field(default_factory=dict, max_length=20)
    count: int = Field(default=50, ge=1, le=100)
    elements: list[str] = Field(default_factory=list, max_length=20)
    next: str | None = Field(default=None, min_length=1, max_length=16_384)


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search, or its next page."""

    type: str
    parameters: Mapping[str, str | list[str]] = field(default_factory=dict, repr=False)
    count: int = 50
    elements: tuple[str, ...] = ()
    next: str | None = field(default=None, repr=False)


def resource_type(type_: str) -> str:
    """Return the type. Raises QueryError if it may not be read here."""
    if type_ not in TYPES:
        raise QueryError(f"the resource type is not allowed; give one of {', '.join(sorted(TYPES))}")
    return type_


def resource_id(id_: str) -> str:
    """Return the id. Raises QueryError if it is not one of FHIR's."""
    if not FHIR_ID.fullmatch(id_):
        raise QueryError("the id is not allowed; give 1 to 64 of A-Z, a-z, 0-9, - and .")
    return id_


def search(type_: str, body: str | None) -> Search:
    """Parse the search that a body asks for. Raises QueryError."""
    resource_type(type_)
    wrong: list[str] = []
    try:
        asked = _Body.model_validate_json(body or "{}")
    except ValidationError as error:
        wrong = [
            # The names of fields that a caller made up are the caller's own words.
            (
                "an unknown member"
                if each["type"] == "extra_forbidden"
                else str(each["loc"][0])
                if each["loc"]
                else "body"
            )
            for each in error.errors(include_input=False, include_context=False, include_url=False)
        ]
    if wrong:
        raise QueryError(
            f"{', '.join(sorted(set(wrong)))}: not allowed; give an object with parameters (texts, or lists of texts),"
            " count (1 to 100) and elements (a list of names), or with next alone"
        )
    if asked.next is not None:
        if asked.model_fields_set != {"next"}:
            raise QueryError("next is not allowed together with anything else: it already says what is searched")
        return Search(type=type_, next=asked.next)
    if any(not _is_known(name, type_) for name in asked.parameters):
        raise QueryError(f"a parameter is not allowed; give some of {', '.join(sorted(PARAMETERS[type_]))}")
    if set(asked.elements) - ELEMENTS[type_]:
        raise QueryError(f"an element is not allowed; give some of {', '.join(sorted(ELEMENTS[type_]))}")
    return Search(type=type_, parameters=asked.parameters, count=asked.count, elements=tuple(asked.elements))


def _is_known(parameter: str, type_: str) -> bool:
    name, colon, modifier = parameter.partition(":")
    return name in PARAMETERS[type_] and (not colon or modifier in MODIFIERS)
