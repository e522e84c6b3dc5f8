"""What goes in comes out unchanged, but for the id and the version that the server gives."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.cloud.healthlake.document import DocumentError, members, parse, stamped, subset, with_values
from pipeline.local.cloud.healthlake.tests.served import EXAMPLES, Served

SET_BY_SERVER = '"versionId":"1","lastUpdated":"2026-01-01T00:00:00.000Z"'


def stamp(text: str) -> str:
    return stamped(text, id_="x", version=1, updated="2026-01-01T00:00:00.000Z")


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_of_hl7_comes_out_as_it_went_in(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    sent = json.loads(text, parse_float=Decimal)
    served = Served()
    path = f"{sent['resourceType']}/{sent['id']}"
    written = served.ask("PUT", path, text)
    assert written.status == 201
    read = served.ask("GET", path).body
    assert read == written.body
    search = served.ask("GET", f"{sent['resourceType']}?_id={sent['id']}").body
    (found,) = json.loads(search, parse_float=Decimal)["entry"]
    before, after = members(text), members(read)
    assert list(after) == list(before) or list(after) == ["resourceType", "id", "meta", *list(before)[2:]]
    for name in before.keys() - {"meta"}:
        assert read[after[name].start : after[name].end] == text[before[name].start : before[name].end]
    received = json.loads(read, parse_float=Decimal)
    meta = {"versionId": "1", "lastUpdated": received["meta"]["lastUpdated"]}
    assert received == {**sent, "meta": {**sent.get("meta", {}), **meta}} == found["resource"]


def test_there_is_a_dozen_of_examples() -> None:
    assert len(EXAMPLES) == 12
    assert {file.stem.partition("-")[0] for file in EXAMPLES} >= {"Patient", "Observation", "Condition", "Encounter"}


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ('{"resourceType":"X"}', '{"resourceType":"X","id":"x","meta":{%s}}'),
        ('{ "a" : 1.00, "resourceType":"X" }', '{ "a" : 1.00, "resourceType":"X","id":"x","meta":{%s} }'),
        ('{"id": "x", "n": 1e245, "é": "\\u00e9 é"}', '{"id": "x","meta":{%s}, "n": 1e245, "é": "\\u00e9 é"}'),
        ('{"meta": {"tag": [ ]}, "id": "y"}', '{"meta": {%s,"tag": [ ]}, "id": "x"}'),
        ('{"meta": {}, "id": "x"}', '{"meta": {%s}, "id": "x"}'),
        (
            '{"meta":{"versionId": "9" ,"lastUpdated":"1999"},"id":"x"}',
            '{"meta":{"versionId": "1" ,"lastUpdated":"2026-01-01T00:00:00.000Z"},"id":"x"}',
        ),
    ],
)
def test_only_the_servers_own_parts_change(sent: str, stored: str) -> None:
    assert stamp(sent) == (stored % SET_BY_SERVER if "%s" in stored else stored)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def written(value: Any, indent: str) -> str:
    """JSON with odd spaces, and decimals as they are."""
    if isinstance(value, dict):
        return (
            "{"
            + f",{indent}".join(f"{json.dumps(key)}:{indent}{written(item, indent)}" for key, item in value.items())
            + "}"
        )
    if isinstance(value, list):
        return f"[{indent}" + ",".join(written(item, indent) for item in value) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


@given(
    document=st.dictionaries(st.text(max_size=6) | st.just("resourceType"), VALUES, max_size=5),
    meta=st.none() | st.dictionaries(st.sampled_from(["versionId", "lastUpdated", "tag", "x"]), VALUES),
    indent=st.sampled_from(["", " ", "\n  ", "\t"]),
)
def test_any_document_keeps_each_of_its_values_as_written(
    document: dict[str, Any], meta: dict[str, Any] | None, indent: str
) -> None:
    sent = {**document, **({} if meta is None else {"meta": meta})}
    text = written(sent, indent)
    stored = stamp(text)
    before, after = members(text), members(stored)
    for name in before.keys() - {"id", "meta"}:
        assert stored[after[name].start : after[name].end] == text[before[name].start : before[name].end]
    found = parse(stored)
    assert found["id"] == "x"
    assert found["meta"] == {**(meta or {}), "versionId": "1", "lastUpdated": "2026-01-01T00:00:00.000Z"}
    assert found.keys() == sent.keys() | {"id", "meta"}


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"a":1,"a":2}', '{"a":{"b":1,"b":1}}', '{"a":NaN}', "{'a':1}"])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        parse(text)


def test_a_document_nested_too_deeply_is_refused() -> None:
    with pytest.raises(DocumentError):
        parse('{"a":' + "[" * 100_000 + "]" * 100_000 + "}")


def test_a_subset_says_that_it_is_one() -> None:
    text = stamp('{"resourceType":"Patient","active":true,"name":[{"family":"A"}],"gender":"male"}')
    found = parse(subset(text, frozenset({"name"})))
    assert found.keys() == {"resourceType", "id", "meta", "name"}
    assert found["meta"]["tag"][0]["code"] == "SUBSETTED"


def test_a_value_is_set_in_an_empty_object() -> None:
    assert with_values("{}", {"a": "1"}) == '{"a":1}'
