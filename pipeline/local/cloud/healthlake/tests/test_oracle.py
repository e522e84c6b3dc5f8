"""An independent FHIR implementation beside ours: where their results differ, there is a reason, or the test fails."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.local.cloud.healthlake.tests.accepted import ROWS, Differing
from pipeline.local.cloud.healthlake.tests.served import EXAMPLES, ROOT, Served

Json = dict[str, Any]
Query = tuple[str, tuple[tuple[str, str], ...]]
"""A resource type, and parameters with their values."""


class Oracle:
    """Medplum's in-memory repository, in a process of its own that answers line by line."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [ROOT / ".venv/bin/node", Path(__file__).with_name("oracle.cjs"), ROOT / ".venv/node/node_modules"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ids(self, resources: list[Json], queries: list[str]) -> list[list[str]]:
        """What it finds for each query."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"resources": resources, "queries": queries}) + "\n")
        self._process.stdin.flush()
        found: list[list[str]] = json.loads(self._process.stdout.readline())
        return found

    def stop(self) -> None:
        """End it."""
        self._process.communicate()


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    started = Oracle()
    yield started
    started.stop()


SYSTEMS = st.sampled_from(["http://loinc.org", "urn:oid:1.2.3", "http://snomed.info/sct"])
CODES = st.sampled_from(["8480-6", "BP-s", "bp-s", "active", "resolved", "a|b", "x,y"])
WORDS = st.sampled_from(["Anna", "anna", "Müller", "Muller", "van Dam", "O'Neil", "Li", "Lin", "Elin", "Doe, Jane"])
DAYS = st.sampled_from(
    ["1998-12-31", "1999-01-01", "1999-12-31", "2000-01-01", "2000-02-28", "2000-02-29", "2000-03-01", "2001-01-01"]
)
TIMES = st.builds(
    "{}T{:02}:{:02}:{:02}{}".format,
    DAYS,
    st.integers(0, 23),
    st.sampled_from([0, 30, 59]),
    st.sampled_from([0, 59]),
    st.sampled_from(["Z", ".250Z", "+05:30", "-08:00"]),
)
MOMENTS = DAYS | DAYS.map(lambda day: day[:7]) | DAYS.map(lambda day: day[:4]) | TIMES
PERIODS = st.fixed_dictionaries({}, optional={"start": DAYS, "end": DAYS}).filter(
    lambda period: period and period.get("start", "") <= period.get("end", "9")
)
SUBJECTS = st.sampled_from(["Patient/p0", "Patient/p1", "Patient/xp1", "Group/p0"])


def codings() -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"code": CODES}, optional={"system": SYSTEMS, "display": WORDS})


def concepts() -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"coding": st.lists(codings(), min_size=1, max_size=2)}, optional={"text": WORDS})


def resource(kind: str, **elements: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"resourceType": st.just(kind)}, optional=elements)


NAMES = st.fixed_dictionaries({}, optional={"family": WORDS, "given": st.lists(WORDS, min_size=1, max_size=2)})
ONE_OF_ONSETS = st.one_of(
    st.just({}), st.builds(lambda x: {"onsetDateTime": x}, MOMENTS), st.builds(lambda x: {"onsetPeriod": x}, PERIODS)
)
RESOURCES = st.one_of(
    resource(
        "Patient",
        name=st.lists(NAMES, min_size=1, max_size=2),
        identifier=st.lists(st.fixed_dictionaries({"value": CODES}, optional={"system": SYSTEMS}), min_size=1),
        birthDate=DAYS | DAYS.map(lambda day: day[:7]),
        gender=st.sampled_from(["male", "female", "other"]),
        active=st.booleans(),
        address=st.lists(st.fixed_dictionaries({"city": WORDS}), min_size=1, max_size=2),
        telecom=st.lists(
            st.fixed_dictionaries({"system": st.sampled_from(["phone", "email"]), "value": CODES}), min_size=1
        ),
    ),
    resource(
        "Observation",
        status=st.sampled_from(["final", "amended"]),
        code=concepts(),
        category=st.lists(concepts(), min_size=1, max_size=2),
        subject=SUBJECTS.map(lambda to: {"reference": to}),
        effectiveDateTime=MOMENTS,
        valueCodeableConcept=concepts(),
        component=st.lists(st.fixed_dictionaries({"code": concepts()}), min_size=1, max_size=2),
        issued=TIMES,
    ),
    st.builds(
        lambda base, onset: {**base, **onset},
        resource(
            "Condition",
            clinicalStatus=concepts(),
            code=concepts(),
            subject=SUBJECTS.map(lambda to: {"reference": to}),
            recordedDate=MOMENTS,
        ),
        ONE_OF_ONSETS,
    ),
    resource(
        "Encounter",
        status=st.sampled_from(["planned", "finished"]),
        **{"class": codings()},
        subject=SUBJECTS.map(lambda to: {"reference": to}),
        period=PERIODS,
    ),
)
POPULATIONS = st.lists(RESOURCES, min_size=1, max_size=20).map(
    lambda drawn: [{**each, "id": f"p{number}"} for number, each in enumerate(drawn)]
)


def escaped(value: str) -> str:
    return value.replace(",", "\\,")


TOKEN_VALUES = st.one_of(
    CODES.filter(lambda code: "|" not in code).map(escaped),
    st.builds("{}|{}".format, SYSTEMS, CODES.filter(lambda code: "|" not in code).map(escaped)),
    st.builds("{}|".format, SYSTEMS),
    CODES.filter(lambda code: "|" not in code).map(lambda code: f"|{escaped(code)}"),
)


def several(one: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(one, min_size=1, max_size=2).map(",".join)


def token(name: str, values: st.SearchStrategy[str] = TOKEN_VALUES) -> st.SearchStrategy[tuple[str, str]]:
    return st.tuples(st.sampled_from([name, f"{name}:not"]), several(values))


def text(name: str) -> st.SearchStrategy[tuple[str, str]]:
    parts = st.builds(lambda word, end: word[:end], WORDS, st.integers(1, 5))
    return st.tuples(
        st.sampled_from([f"{name}:contains", name, f"{name}:exact"]), several((WORDS | parts).map(escaped))
    )


def date(name: str) -> st.SearchStrategy[tuple[str, str]]:
    prefixes = st.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"])
    return st.tuples(st.just(name), st.builds("{}{}".format, prefixes, MOMENTS))


def reference(name: str) -> st.SearchStrategy[tuple[str, str]]:
    # It takes an id alone only where all references are to one type.
    ids = SUBJECTS.map(lambda to: to.partition("/")[2]) if name == "patient" else SUBJECTS
    return st.tuples(st.just(name), several(SUBJECTS | ids))


def missing(*names: str) -> st.SearchStrategy[tuple[str, str]]:
    return st.tuples(st.sampled_from([f"{name}:missing" for name in names]), st.sampled_from(["true", "false"]))


PARAMETERS = {
    "Patient": st.one_of(
        text("family"),
        text("given"),
        text("name"),
        text("address-city"),
        token("identifier"),
        token("gender", st.sampled_from(["male", "female", "FEMALE"])),
        token("active", st.sampled_from(["true", "false"])),
        token("_id", st.sampled_from(["p0", "p1", "p10"])),
        token("email", CODES.filter(lambda code: "|" not in code).map(escaped)),
        date("birthdate"),
        missing("birthdate", "gender", "name", "family", "identifier", "telecom"),
    ),
    "Observation": st.one_of(
        token("code"),
        token("category"),
        token("combo-code"),
        token("value-concept"),
        token("status", st.sampled_from(["final", "amended"])),
        reference("subject"),
        reference("patient"),
        date("date"),
        missing("code", "subject", "date", "value-concept"),
    ),
    "Condition": st.one_of(
        token("clinical-status"), token("code"), reference("patient"), date("recorded-date"), date("onset-date")
    ),
    "Encounter": st.one_of(token("class"), token("status", st.just("finished")), reference("subject"), date("date")),
}


@st.composite
def queries(draw: st.DrawFn) -> Query:
    kind = draw(st.sampled_from(sorted(PARAMETERS)))
    return kind, tuple(draw(st.lists(PARAMETERS[kind], min_size=1, max_size=2)))


def unexplained(oracle: Oracle, resources: list[Json], asked: list[Query]) -> list[Differing]:
    """What only one of the two finds, where no row says why."""
    served = Served()
    served.put(*resources)
    urls = [f"{kind}?{urlencode(parameters)}" for kind, parameters in asked]
    by_id = {each["id"]: each for each in resources}
    differing = [
        Differing(query=query, resource=by_id[id_], ours=id_ in ours)
        for query, url, theirs in zip(asked, urls, oracle.ids(resources, urls), strict=True)
        for ours in (set(served.ids(url)),)
        for id_ in ours ^ set(theirs)
    ]
    return [each for each in differing if not any(row(each) for row in ROWS)]


def test_the_list_of_reasons_stays_short() -> None:
    assert len(ROWS) <= 6
    assert all(row.__doc__ for row in ROWS)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(resources=POPULATIONS, asked=st.lists(queries(), min_size=3, max_size=12))
def test_no_generated_search_differs_without_a_reason(
    resources: list[Json], asked: list[Query], oracle: Oracle
) -> None:
    assert unexplained(oracle, resources, asked) == []


def test_no_search_of_the_examples_differs_without_a_reason(oracle: Oracle) -> None:
    resources = [json.loads(file.read_text(encoding="utf-8")) for file in EXAMPLES]
    asked: list[Query] = [
        ("Patient", (("identifier", "urn:oid:2.16.840.1.113883.19.5|12345"),)),
        ("Patient", (("family:contains", "evi"), ("birthdate", "1932"))),
        ("Patient", (("organization", "Organization/2"),)),
        ("Patient", (("general-practitioner:missing", "true"),)),
        ("Observation", (("code", "http://loinc.org|39156-5,85354-9"), ("patient", "Patient/example"))),
        ("Observation", (("combo-code", "bp-s"),)),
        ("Observation", (("component-data-absent-reason", "not-asked"), ("status", "cancelled"))),
        ("Observation", (("date", "ge1999-07-02"), ("date", "lt2000"))),
        ("Observation", (("_profile:missing", "false"),)),
        ("AllergyIntolerance", (("clinical-status", "active"), ("date", "gt2012"))),
        ("AllergyIntolerance", (("criticality", "high"), ("category", "medication"))),
        ("Condition", (("onset-date", "2010-07"), ("verification-status", "confirmed"))),
        ("Encounter", (("class", "IMP"),)),
        ("DiagnosticReport", (("issued", "2013-02-13"), ("performer", "Practitioner/example"))),
        ("Immunization", (("vaccine-code", "GNHEP"), ("date", "2015-01-15"))),
        ("Immunization", (("lot-number:contains", "jn11"),)),
        ("MedicationRequest", (("authoredon", "le2015-01-15"), ("intent", "order"))),
        ("MedicationRequest", (("requester", "Practitioner/f007"), ("status:not", "active"))),
    ]
    assert unexplained(oracle, resources, asked) == []
    found = oracle.ids(
        resources, [f"{kind}?{'&'.join(f'{name}={value}' for name, value in query)}" for kind, query in asked]
    )
    assert sum(map(bool, found)) > 14, "the queries should find something, or they show nothing"
