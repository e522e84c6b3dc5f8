"""The FHIR API of a datastore, as HealthLake documents it.

https://docs.aws.amazon.com/healthlake/latest/devguide/crud-healthlake.html
"""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.local.cloud.healthlake.paging import LIFETIME_SECONDS
from pipeline.local.cloud.healthlake.repository import Resources
from pipeline.local.cloud.healthlake.tests.served import ENDPOINT, Served, link, problem
from pipeline.local.cloud.healthlake.values import parameters

FORM = "application/x-www-form-urlencoded"
JANE: dict[str, Any] = {"resourceType": "Patient", "id": "jane", "name": [{"family": "Doe"}]}


@pytest.fixture
def served() -> Served:
    return Served()


def patients(count: int) -> list[dict[str, Any]]:
    return [{"resourceType": "Patient", "id": f"p{number:03}"} for number in range(count)]


def test_a_created_resource_has_an_id_a_version_and_a_location(served: Served) -> None:
    """https://docs.aws.amazon.com/healthlake/latest/devguide/managing-fhir-resources-create.html"""
    answer = served.ask("POST", "Patient", '{"resourceType": "Patient", "id": "mine"}')
    made = json.loads(answer.body)
    assert answer.status == 201
    assert made["id"] != "mine"
    assert answer.headers["Location"] == f"{ENDPOINT}Patient/{made['id']}/_history/1"
    assert (answer.headers["ETag"], made["meta"]["versionId"]) == ('W/"1"', "1")
    assert served.document(f"Patient/{made['id']}") == made


def test_an_update_creates_or_adds_a_version(served: Served) -> None:
    """https://docs.aws.amazon.com/healthlake/latest/devguide/managing-fhir-resources-update.html"""
    assert served.ask("PUT", "Patient/jane", json.dumps(JANE)).status == 201
    second = served.ask("PUT", "Patient/jane", json.dumps({**JANE, "active": True}))
    assert (second.status, second.headers["ETag"]) == (200, 'W/"2"')
    assert "active" not in served.document("Patient/jane/_history/1")
    assert served.document("Patient/jane")["active"] is True


def test_a_version_that_is_not_the_current_one_is_not_overwritten(served: Served) -> None:
    """https://hl7.org/fhir/R4/http.html#concurrency"""
    text = json.dumps(JANE)
    assert problem(served.ask("PUT", "Patient/jane", text, if_match='W/"1"'), 412).startswith("conflict: ")
    served.put(JANE, JANE)
    assert problem(served.ask("PUT", "Patient/jane", text, if_match='W/"1"'), 412).startswith("conflict: ")
    assert problem(served.ask("DELETE", "Patient/jane", if_match='"1"'), 412)
    assert problem(served.ask("PUT", "Patient/jane", text, if_match="yesterday"), 400)
    assert served.ask("PUT", "Patient/jane", text, if_match='W/"2"').status == 200
    assert served.ask("DELETE", "Patient/jane", if_match='W/"3"').status == 204


def test_a_deleted_resource_is_gone_and_can_come_back(served: Served) -> None:
    """https://docs.aws.amazon.com/healthlake/latest/devguide/managing-fhir-resources-delete.html"""
    served.put(JANE)
    assert served.ask("DELETE", "Patient/jane").status == 204
    assert served.ask("DELETE", "Patient/jane").status == 204
    assert problem(served.ask("GET", "Patient/jane"), 410) == "deleted: the Patient with this id was deleted"
    assert served.ids("Patient") == []
    assert served.document("Patient/jane/_history/1")["id"] == "jane"
    assert served.ask("PUT", "Patient/jane", json.dumps(JANE)).headers["ETag"] == 'W/"3"'
    assert problem(served.ask("DELETE", "Patient/john"), 404).startswith("not-found: ")


def test_a_history_has_every_version_the_newest_first(served: Served) -> None:
    """https://docs.aws.amazon.com/healthlake/latest/devguide/managing-fhir-resources-read-history.html"""
    served.put(JANE, {**JANE, "active": True})
    served.ask("DELETE", "Patient/jane")
    history = served.document("Patient/jane/_history")
    assert (history["type"], history["total"]) == ("history", 3)
    assert [entry["request"]["method"] for entry in history["entry"]] == ["DELETE", "PUT", "PUT"]
    assert [entry.get("resource", {}).get("active") for entry in history["entry"]] == [None, True, None]
    pages = list(served.pages("Patient/jane/_history?_count=2"))
    assert [len(page["entry"]) for page in pages] == [2, 1]
    assert problem(served.ask("GET", "Patient/john/_history"), 404)
    assert problem(served.ask("GET", "Patient/jane/_history?_since=2020"), 400)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("GET", "Patient/nobody", "", 404, "not-found: Patient has no resource with this id"),
        ("GET", "Patient/jane/_history/9", "", 404, "not-found: Patient has no resource with this id and version"),
        ("GET", "Nothing/1", "", 404, "not-supported: R4 has no resource type of this name"),
        ("POST", "Patient", "{", 400, "structure: the body is not JSON at line 1, column 2"),
        ("POST", "Patient", '{"resourceType": "Observation"}', 400, "structure: resourceType must be Patient"),
        ("POST", "Patient", '{"resourceType": "Patient", "meta": []}', 400, "structure: meta must be an object"),
        ("POST", "Patient", '{"resourceType":"Patient","a":1,"a":2}', 400, "structure: a property stands twice"),
        ("PUT", "Patient/jane", '{"resourceType": "Patient"}', 400, "invalid: the resource must have the id"),
        ("PUT", "Patient/a_b", '{"resourceType": "Patient", "id": "a_b"}', 400, "value: an id has 1 to 64"),
        ("PATCH", "Patient/jane", "{}", 400, "not-supported: this interaction is not emulated"),
        ("GET", "Patient?_count=0", "", 400, "invalid: _count must be a number"),
        ("GET", "Patient?_sort=colour", "", 400, "invalid: _sort names a parameter that there is not"),
        ("GET", "Patient?_total=some", "", 400, "invalid: _total can be none, estimate, accurate"),
        ("GET", "Patient?_include=Observation:subject", "", 400, "invalid: _include needs Patient:"),
        ("GET", "Patient?birthdate=soon", "", 400, "invalid: the parameter birthdate needs a date"),
        ("GET", "Patient?_include:iterate=Patient:link", "", 400, "invalid: the parameter _include has no modifier"),
        ("GET", "Observation?value-quantity=1e999999999", "", 400, "invalid: the parameter value-quantity needs"),
        ("POST", "Patient", '{"resourceType":"Patient","a":1e9999999999999999999}', 400, "structure: "),
        ("GET", "Patient?page=AAMA-x", "", 400, "invalid: the page token is not valid"),
    ],
)
def test_every_error_is_an_operation_outcome(
    served: Served, method: str, path: str, body: str, status: int, said: str
) -> None:
    served.put(JANE)
    assert problem(served.ask(method, path, body), status).startswith(said)


def test_a_condition_that_is_not_known_is_refused_and_not_ignored(served: Served) -> None:
    text = json.dumps(JANE)
    assert problem(served.ask("POST", "Patient", text, if_none_exist="identifier=1"), 400).startswith("not-supported: ")
    assert problem(served.ask("POST", "Patient", text, if_none_match="*"), 400).startswith("not-supported: ")
    assert problem(served.ask("POST", "Patient", text, x_amz_fhir_idempotency_key="k"), 400)
    assert problem(served.ask("PUT", "Patient/jane", text, if_none_match='W/"1"'), 400).startswith("not-supported: ")
    assert served.ids("Patient") == []


def test_a_write_that_wants_none_there_is_done_once(served: Served) -> None:
    text = json.dumps(JANE)
    assert served.ask("PUT", "Patient/jane", text, if_none_match="*").status == 201
    assert problem(served.ask("PUT", "Patient/jane", text, if_none_match="*"), 412).startswith("conflict: ")
    served.ask("DELETE", "Patient/jane")
    assert served.ask("PUT", "Patient/jane", text, if_none_match="*").status == 201


ELEMENTS = ["id", "coding", "code", "system", "value", "text", "start", "end", "event", "repeat", "reference", "use"]
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "2020", "Patient/1", "x"])
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(ELEMENTS), inner, max_size=3),
    max_leaves=6,
)
ASKED = {"date": "ge2020", "number": "1", "quantity": "1.0|s|u", "reference": "Patient/1", "token": "s|x", "uri": "x"}


@settings(max_examples=50)
@given(kind=st.sampled_from(["Patient", "Observation", "Encounter", "MedicationRequest"]), data=st.data())
def test_whatever_a_resource_holds_it_can_be_stored_searched_and_sorted(kind: str, data: st.DataObject) -> None:
    known = parameters(kind)
    names = sorted({part for each in known.values() for path in each.paths for part in re.findall(r"[a-z]\w*", path)})
    choices = [f"value{each}" for each in ("Quantity", "CodeableConcept", "Period", "String")]
    elements = data.draw(st.dictionaries(st.sampled_from([*names, *choices]), ANYTHING, max_size=6))
    elements.pop("meta", None)
    served = Served()
    assert served.ask("PUT", f"{kind}/x", json.dumps({**elements, "resourceType": kind, "id": "x"})).status == 201
    for name, each in known.items():
        value = ASKED.get(each.type, "x")
        for url in (f"{kind}?{name}={value}", f"{kind}?{name}:missing=true", f"{kind}?_sort=-{name}"):
            assert served.ask("GET", url).status == 200
    if "subject" in known:
        assert served.ask("GET", f"{kind}?_include={kind}:subject&_elements=id").status == 200


def test_a_resource_in_another_format_is_refused(served: Served) -> None:
    assert problem(served.ask("POST", "Patient", "<Patient/>", content_type="application/fhir+xml"), 415)
    assert problem(served.ask("POST", "Patient/_search", "name=a", content_type="application/json"), 415)


def test_unknown_elements_and_invalid_values_are_kept(served: Served) -> None:
    text = '{"resourceType":"Patient","id":"odd","shoeSize":44.50,"birthDate":"some day","gender":7,"_x":{"y":null}}'
    served.ask("PUT", "Patient/odd", text)
    stored = served.ask("GET", "Patient/odd").body
    assert stored.startswith('{"resourceType":"Patient","id":"odd","meta":')
    assert stored.endswith(',"shoeSize":44.50,"birthDate":"some day","gender":7,"_x":{"y":null}}')
    assert served.ids("Patient?gender=7") == []


def test_a_page_has_at_most_a_hundred(served: Served) -> None:
    served.put(*patients(250))
    for asked in ("Patient", "Patient?_count=1000"):
        pages = list(served.pages(asked))
        assert [len(page["entry"]) for page in pages] == [100, 100, 50]
        assert all("total" not in page for page in pages)
    assert served.ids("Patient?_count=7") == [f"p{number:03}" for number in range(250)]
    assert served.document("Patient?_count=7&_total=accurate")["total"] == 250


def test_a_page_does_not_change_by_what_is_written_meanwhile(served: Served) -> None:
    served.put(*patients(6))
    pages = served.pages("Patient?_count=2")
    seen = [entry["resource"]["id"] for entry in next(pages)["entry"]]
    served.put({"resourceType": "Patient", "id": "new"}, {"resourceType": "Patient", "id": "p003", "active": True})
    served.ask("DELETE", "Patient/p000")
    seen += [entry["resource"]["id"] for page in pages for entry in page["entry"]]
    assert seen == [f"p{number:03}" for number in range(6)]


def test_a_token_is_good_for_its_search_alone_and_for_a_while(served: Served) -> None:
    served.put(*patients(3))
    url = link(served.document("Patient?_count=1&active:missing=true"), "next")
    assert url
    assert served.document(url) | {"link": 0} == served.document(url) | {"link": 0}
    assert problem(served.ask("GET", url.replace("missing=true", "missing=false")), 400)
    assert problem(served.ask("GET", url.replace("Patient", "Observation")), 400)
    assert problem(served.ask("GET", url[:-1]), 400)
    served.clock.seconds += LIFETIME_SECONDS
    assert problem(served.ask("GET", url), 400).startswith("invalid: the page token is not valid, or has expired")


def test_what_came_in_a_body_stays_out_of_links(served: Served) -> None:
    served.put(*({**patient, "name": [{"family": "Doe"}]} for patient in patients(3)))
    answer = served.ask("POST", "Patient/_search", "family=doe&_count=2", content_type=FORM)
    page = json.loads(answer.body)
    assert len(page["entry"]) == 2
    assert "doe" not in json.dumps(page["link"])
    url = link(page, "next")
    assert url
    assert len(served.document(url)["entry"]) == 1
    assert problem(served.ask("POST", "Patient/_search?_count=1", "family=doe", content_type=FORM), 400)
    assert len(json.loads(served.ask("POST", "Patient/_search?family=doe").body)["entry"]) == 3


def test_an_unknown_parameter_is_refused_strictly_and_ignored_leniently(served: Served) -> None:
    """https://hl7.org/fhir/R4/search.html#errors"""
    served.put(JANE)
    asked = "Patient?shoe-size=44&family=doe"
    refused = served.ask("GET", asked, prefer="handling=strict")
    assert problem(refused, 400) == "invalid: Patient has no search parameter shoe-size"
    assert served.ids(asked) == served.ids(asked, prefer="handling=lenient") == ["jane"]


def test_results_are_sorted_by_parameters(served: Served) -> None:
    served.put(
        {"resourceType": "Patient", "id": "a", "birthDate": "1990", "name": [{"family": "Z"}]},
        {"resourceType": "Patient", "id": "b", "name": [{"family": "y"}]},
        {"resourceType": "Patient", "id": "c", "birthDate": "1980-05", "name": [{"family": "Z"}]},
        {"resourceType": "Patient", "id": "d", "birthDate": "1990", "name": [{"family": "X"}]},
    )
    assert served.ids("Patient?_sort=birthdate") == ["c", "a", "d", "b"]
    assert served.ids("Patient?_sort=-birthdate") == ["a", "d", "c", "b"]
    assert served.ids("Patient?_sort=family,birthdate") == ["d", "b", "c", "a"]
    assert served.ids("Patient?_sort=-_lastUpdated") == ["d", "c", "b", "a"]


def test_only_the_elements_that_are_asked_for_are_sent(served: Served) -> None:
    served.put({**JANE, "active": True, "gender": "female"})
    (entry,) = served.document("Patient?_elements=gender,active")["entry"]
    assert entry["resource"].keys() == {"resourceType", "id", "meta", "active", "gender"}


def test_what_is_referred_to_is_included_once(served: Served) -> None:
    observations = [
        {"resourceType": "Observation", "id": id_, "subject": {"reference": f"Patient/{subject}"}}
        for id_, subject in (("o1", "jane"), ("o2", "jane"), ("o3", "nobody"))
    ]
    served.put(JANE, *observations)
    entries = served.document("Observation?_include=Observation:subject")["entry"]
    modes = [(entry["search"]["mode"], entry["resource"]["id"]) for entry in entries]
    assert modes == [("match", "o1"), ("match", "o2"), ("match", "o3"), ("include", "jane")]
    assert len(served.document("Observation?_include=Observation:subject:Group")["entry"]) == 3


def test_a_search_lags_behind_and_a_read_does_not(served: Served) -> None:
    """ "the search results exclude version N-1 of the resource until the index update completes", and strong
    consistency "will allow the N-1 version":
    https://docs.aws.amazon.com/healthlake/latest/devguide/searching-fhir-consistency-levels.html
    """
    served.put(JANE)
    served.lag = 5
    served.clock.seconds += 10
    served.put({**JANE, "active": True}, {**JANE, "id": "john"})
    assert served.document("Patient/jane")["active"] is True
    assert served.ids("Patient") == []
    strong = {"x_amz_fhir_history_consistency_level": "strong"}
    (entry,) = served.document("Patient", **strong)["entry"]
    assert entry["resource"]["meta"]["versionId"] == "1"
    served.clock.seconds += 5
    assert served.ids("Patient?active=true") == ["jane"]
    assert served.ids("Patient") == ["jane", "john"]


def test_what_was_stored_is_served_again(served: Served) -> None:
    served.put(JANE, {**JANE, "id": "john"})
    served.ask("DELETE", "Patient/john")
    again = Served(resources=Resources(served.resources), clock=served.clock)
    assert again.document("Patient/jane") == served.document("Patient/jane")
    assert again.ids("Patient?family=doe") == ["jane"]
    assert problem(again.ask("GET", "Patient/john"), 410)


def test_the_capabilities_name_what_there_is(served: Served) -> None:
    statement = served.document("metadata")
    assert (statement["resourceType"], statement["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
    kinds = {each["type"]: each for each in statement["rest"][0]["resource"]}
    assert {"name": "birthdate", "type": "date"} in kinds["Patient"]["searchParam"]
    assert len(kinds) > 140


def bundle(kind: str, *entries: tuple[str, str, dict[str, Any] | None]) -> str:
    return json.dumps(
        {
            "resourceType": "Bundle",
            "type": kind,
            "entry": [
                {
                    **({"fullUrl": f"urn:uuid:{number}", "resource": resource} if resource else {}),
                    "request": {"method": method, "url": url},
                }
                for number, (method, url, resource) in enumerate(entries)
            ],
        }
    )


def test_each_entry_of_a_batch_stands_by_itself(served: Served) -> None:
    """https://docs.aws.amazon.com/healthlake/latest/devguide/managing-fhir-resources-bundle.html"""
    served.put(JANE)
    asked = bundle(
        "batch",
        ("PUT", "Patient/john", {**JANE, "id": "john"}),
        ("GET", "Patient/nobody", None),
        ("GET", "Patient?family=doe", None),
        ("DELETE", "Patient/jane", None),
    )
    answer = served.ask("POST", "", asked)
    found = json.loads(answer.body)
    assert (answer.status, found["type"]) == (200, "batch-response")
    assert [entry["response"]["status"] for entry in found["entry"]] == ["201", "404", "200", "204"]
    assert found["entry"][1]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert len(found["entry"][2]["resource"]["entry"]) == 2


def test_a_transaction_is_done_as_a_whole_or_not_at_all(served: Served) -> None:
    """ "All of the resources in the operation must succeed, or no resource updates in the bundle are committed" """
    observation = {"resourceType": "Observation", "subject": {"reference": "urn:uuid:0"}, "value": 1}
    good = bundle("transaction", ("POST", "Patient", {"resourceType": "Patient"}), ("POST", "Observation", observation))
    found = json.loads(served.ask("POST", "", good).body)
    patient, referring = (entry["resource"] for entry in found["entry"])
    assert referring["subject"]["reference"] == f"Patient/{patient['id']}"
    assert served.ids(f"Observation?subject=Patient/{patient['id']}") == [referring["id"]]
    served.put(JANE)
    bad = bundle(
        "transaction",
        ("PUT", "Patient/jane", {**JANE, "active": True}),
        ("PUT", "Patient/john", {**JANE, "id": "john"}),
        ("DELETE", "Patient/jane", None),
        ("GET", "Patient/nobody", None),
    )
    assert problem(served.ask("POST", "", bad), 404)
    assert served.document("Patient/jane")["meta"]["versionId"] == "1"
    assert problem(served.ask("GET", "Patient/john"), 404)
    assert sorted(served.ids("Patient")) == sorted(["jane", patient["id"]])


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("{", 400),
        ('{"resourceType": "Bundle", "type": "collection"}', 400),
        ('{"resourceType": "Bundle", "type": "batch", "entry": [{}]}', 400),
        (bundle("batch", *[("GET", "Patient/1", None)] * 161), 413),
    ],
)
def test_what_is_no_bundle_of_interactions_is_refused(served: Served, text: str, status: int) -> None:
    assert problem(served.ask("POST", "", text), status)
