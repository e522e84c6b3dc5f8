"""What a parameter asks, by the examples of https://hl7.org/fhir/R4/search.html."""

from decimal import Decimal
from typing import Any

import pytest

from pipeline.local.cloud.healthlake.criteria import CriterionError, criterion, moment
from pipeline.local.cloud.healthlake.values import parameters, values

NAME = {"family": "Müller", "given": ["Anna", "Eve"]}
CODE = {"coding": [{"system": "http://loinc.org", "code": "8480-6", "display": "Systolic"}, {"code": "bp-s"}]}


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "p", **more}


def observation(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": "o", **more}


def quantity(value: str, **unit: str) -> dict[str, Any]:
    return observation(valueQuantity={"value": Decimal(value), **unit})


MG = {"unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
CASES: list[tuple[dict[str, Any], str, bool]] = [
    # Strings: from their beginning, without regard to case and accents.
    (patient(name=[NAME]), "family=mull", True),
    (patient(name=[NAME]), "family=MÜLLER", True),
    (patient(name=[NAME]), "family=ller", False),
    (patient(name=[NAME]), "family:contains=LLER", True),
    (patient(name=[NAME]), "family:exact=Müller", True),
    (patient(name=[NAME]), "family:exact=Muller", False),
    (patient(name=[NAME]), "family:exact=Mül", False),
    (patient(name=[NAME]), "given=eve", True),
    (patient(name=[NAME]), "name=ann", True),
    (patient(name=[NAME]), "name=x,ann", True),
    (patient(name=[{"text": "A, B"}]), "name=A\\, B", True),
    (patient(name=[{"text": "A, B"}]), "name=A\\, C", False),
    (patient(address=[{"line": ["1 Main St"], "city": "Rome"}]), "address=1 main", True),
    (patient(address=[{"line": ["1 Main St"], "city": "Rome"}]), "address-city=rom", True),
    # Tokens.
    (observation(code=CODE), "code=8480-6", True),
    (observation(code=CODE), "code=8480", False),
    (observation(code=CODE), "code=http://loinc.org|8480-6", True),
    (observation(code=CODE), "code=http://other|8480-6", False),
    (observation(code=CODE), "code=http://loinc.org|", True),
    (observation(code=CODE), "code=|bp-s", True),
    (observation(code=CODE), "code=|8480-6", False),
    (observation(code=CODE), "code=BP-S", True),
    (observation(code=CODE), "code:text=syst", True),
    (observation(code={"text": "Pressure"}), "code:text=press", True),
    (observation(code={"text": "Pressure"}), "code=Pressure", False),
    (observation(code=CODE), "code:not=8480-6", False),
    (observation(code=CODE), "code:not=other", True),
    (observation(code=CODE), "code:not=other,8480-6", False),
    (observation(), "code:not=8480-6", True),
    (patient(identifier=[{"system": [], "value": "x"}]), "identifier=x", True),
    (patient(gender="female"), "gender=female", True),
    (patient(gender="female"), "gender=http://hl7.org/fhir/administrative-gender|female", True),
    (patient(gender="female"), "gender:not=male", True),
    (patient(active=True), "active=true", True),
    (patient(active=False), "active=true", False),
    (patient(identifier=[{"system": "urn:x", "value": "1|2"}]), "identifier=urn:x|1\\|2", True),
    (patient(telecom=[{"system": "email", "value": "a@b"}]), "email=a@b", True),
    (patient(telecom=[{"system": "phone", "value": "a@b"}]), "email=a@b", False),
    (patient(telecom=[{"system": "phone", "value": "1", "use": "home"}]), "telecom=home|1", True),
    (patient(deceasedBoolean=True), "deceased=true", True),
    (patient(deceasedDateTime="2020"), "deceased=true", True),
    (patient(), "deceased=false", True),
    (patient(), "_id=p", True),
    (patient(meta={"tag": [{"system": "s", "code": "t"}]}), "_tag=s|t", True),
    # Dates.
    (patient(birthDate="2013-01-14"), "birthdate=2013-01-14", True),
    (patient(birthDate="2013-01-14"), "birthdate=2013", True),
    (patient(birthDate="2013"), "birthdate=2013-01-14", False),
    (patient(birthDate="2013-01-14"), "birthdate=ne2013-01-14", False),
    (patient(), "birthdate=ne2013-01-14", True),
    (patient(birthDate="2013-01-14"), "birthdate=gt2013-01-14", False),
    (patient(birthDate="2013-01-15"), "birthdate=gt2013-01-14", True),
    (patient(birthDate="2013-01-14"), "birthdate=ge2013-01-14", True),
    (patient(birthDate="2013-01-14"), "birthdate=lt2013-01-14", False),
    (patient(birthDate="2013-01-14"), "birthdate=le2013-01-14", True),
    (patient(birthDate="2013-01"), "birthdate=lt2013-01-14", True),
    (patient(birthDate="2013-01"), "birthdate=gt2013-01-14", True),
    (patient(birthDate="2013-12-31"), "birthdate=sa2013-12", False),
    (patient(birthDate="2014-01-01"), "birthdate=sa2013-12", True),
    (patient(birthDate="2013-11-30"), "birthdate=eb2013-12", True),
    (patient(birthDate="2013-01-14"), "birthdate=1999,2013", True),
    (patient(birthDate="no date"), "birthdate=gt1900", False),
    (observation(effectiveDateTime="2013-01-14T23:00:00-02:00"), "date=2013-01-15", True),
    (observation(effectiveDateTime="2013-01-14T10:00:00Z"), "date=2013-01-14T10:00", True),
    (observation(effectiveDateTime="2013-01-14T10:00:00.5Z"), "date=2013-01-14T10:00:00Z", True),
    (observation(effectivePeriod={"start": "2013-01-10", "end": "2013-01-20"}), "date=2013-01", True),
    (observation(effectivePeriod={"start": "2013-01-10", "end": "2013-02-20"}), "date=2013-01", False),
    (observation(effectivePeriod={"start": "2013-01-10", "end": "2013-02-20"}), "date=ap2013-01", True),
    (observation(effectivePeriod={"start": "2013-01-10"}), "date=gt2050", True),
    (observation(effectivePeriod={"end": "2013-01-10"}), "date=lt1950", True),
    (observation(effectiveTiming={"event": ["2013-01-10"]}), "date=2013-01-10", True),
    # References.
    (observation(subject={"reference": "Patient/1"}), "subject=Patient/1", True),
    (observation(subject={"reference": "Patient/1"}), "subject=1", True),
    (observation(subject={"reference": "Patient/11"}), "subject=1", False),
    (observation(subject={"reference": "Patient/1"}), "subject:Patient=1", True),
    (observation(subject={"reference": "Group/1"}), "subject:Patient=1", False),
    (observation(subject={"reference": "Patient/1"}), "patient=1", True),
    (observation(subject={"reference": "Group/1"}), "patient=1", False),
    (observation(subject={"reference": "Patient/1/_history/2"}), "subject=Patient/1", True),
    (observation(subject={"reference": "http://x/Patient/1"}), "subject=http://x/Patient/1", True),
    (observation(subject={"reference": "http://x/Patient/1"}), "subject=Patient/1", False),
    (observation(subject={"identifier": {"system": "s", "value": "v"}}), "subject:identifier=s|v", True),
    # Quantities: the precision counts.
    (quantity("5.4", **MG), "value-quantity=5.4|http://unitsofmeasure.org|mg", True),
    (quantity("5.4", **MG), "value-quantity=5.4||mg", True),
    (quantity("5.4", **MG), "value-quantity=5.4||kg", False),
    (quantity("5.44"), "value-quantity=5.4", True),
    (quantity("5.45"), "value-quantity=5.4", False),
    (quantity("5.44"), "value-quantity=5.40", False),
    (quantity("5.44"), "value-quantity=gt5.4", True),
    (quantity("5.4"), "value-quantity=gt5.40", False),
    (quantity("5.4"), "value-quantity=ge5.40", True),
    (quantity("1E+2"), "value-quantity=100", True),
    (quantity("5"), "value-quantity=ne5", False),
    (quantity("5"), "value-quantity=ap5.4", True),
    (observation(component=[{"valueQuantity": {"value": 3}}]), "component-value-quantity=lt4", True),
    # Whatever it is, it may be missing.
    (patient(birthDate="2013"), "birthdate:missing=false", True),
    (patient(), "birthdate:missing=true", True),
    (patient(name=[{}]), "family:missing=true", True),
    # And what is of another kind than it should be is not found, and breaks nothing.
    (patient(name="Doe", birthDate=3, gender={"a": 1}), "family=doe", False),
    (patient(birthDate=3), "birthdate=2013", False),
    (observation(valueQuantity={"value": "5"}), "value-quantity=5", False),
    (observation(code=["x", {"coding": "y"}, {"coding": 5}, {"coding": [5]}]), "code=y", False),
]


@pytest.mark.parametrize(
    ("resource", "query", "fits"), CASES, ids=[f"{query}-{number}" for number, (_, query, _) in enumerate(CASES)]
)
def test_a_parameter_fits_what_hl7_says(resource: dict[str, Any], query: str, fits: bool) -> None:
    full, _, value = query.partition("=")
    name, _, modifier = full.partition(":")
    parameter = parameters(resource["resourceType"])[name]
    assert criterion(parameter, modifier, value).fits(values(resource, parameter)) is fits


@pytest.mark.parametrize(
    "query",
    [
        "birthdate=yesterday",
        "birthdate=2013-13",
        "birthdate=2013-02-30",
        "birthdate=2013-01-14T10",
        "birthdate:exact=2013",
        "birthdate=ne2013,2014",
        "family:not=a",
        "family=",
        "family=a,,b",
        "gender=a|b|c",
        "gender=|",
        "active:missing=maybe",
    ],
)
def test_what_cannot_be_asked_is_refused_without_its_value(query: str) -> None:
    full, _, value = query.partition("=")
    name, _, modifier = full.partition(":")
    with pytest.raises(CriterionError) as refused:
        criterion(parameters("Patient")[name], modifier, value)
    assert name in str(refused.value)
    assert len(value) < 5 or value not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("2013", 365 * 86_400_000_000),
        ("2012-02", 29 * 86_400_000_000),
        ("2013-12", 31 * 86_400_000_000),
        ("2013-12-31", 86_400_000_000),
        ("2013-12-31T23:59Z", 60_000_000),
        ("2013-12-31T23:59:59Z", 1_000_000),
        ("2013-12-31T23:59:59.123Z", 1_000),
        ("9999-12", None),
    ],
)
def test_a_date_lasts_as_long_as_it_is_precise(text: str, microseconds: int | None) -> None:
    start, end = moment(text)
    assert end > start
    assert microseconds is None or end - start == microseconds
