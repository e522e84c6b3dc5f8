"""JSON stays as it was written, and what is no JSON is refused without a word of it."""

import json
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.library.runtime import exact_json

CANARY = "Schmidt-1957"
NUMBERS = (
    "1.50",
    "10.00",
    "1.2E+2",
    "1e2",
    "0.0000001",
    "-0",
    "-0.0",
    "1" * 36,
    "9" * 5_000,
    "1e400",
    "-1e-9" + "9" * 30,
)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_is_written_as_it_was_read(number: str) -> None:
    assert exact_json.write(exact_json.read(f"[{number}]")) == f"[{number}]"
    assert exact_json.members(f'{{"a": {number} }}') == {"a": number}


def test_members_are_the_texts_of_their_values() -> None:
    text = ' { "a" : {"b": [1, 2 ]} ,\t"c":"\\u00e4\\/" ,\n"a\\u0062":1.0, "c": null } '
    assert exact_json.members(text) == {"a": '{"b": [1, 2 ]}', "c": "null", "ab": "1.0"}
    assert exact_json.members("{ }") == {}


def test_what_is_not_ascii_is_written_as_it_is_and_half_of_a_character_as_an_escape() -> None:
    assert exact_json.write({"ä": "😀\u2028", "half": "ä\ud800"}) == '{"ä":"😀\u2028","half":"\\u00e4\\ud800"}'


NO_JSON = (
    *("", "NaN", "-Infinity", "[Infinity]", "01", "1.", ".5", "+1", "0x1", "1e", "-", "tru", "'a'", '"\t"', '"\\x"'),
    *("[1,]", "[1 2]", '{"a":1,}', '{"a" 1}', "{1:1}", '{"a":1 "b":2}', '{"a":1}}', "{} {}", "\ufeff{}", "[" * 100_000),
)


@pytest.mark.parametrize("text", [*NO_JSON, b"\xff", b'"\xed\xa0\x80"', "{}".encode("utf-16")])
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        exact_json.read(text)
    if isinstance(text, str):
        with pytest.raises(ValueError, match="not a JSON object"):
            exact_json.members(text)


def test_unreadable_text_is_not_quoted() -> None:
    for read in (exact_json.read, exact_json.members):
        with pytest.raises(ValueError, match=r"^not") as caught:
            read(f'{{"name": {CANARY}')
        assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_what_is_nested_too_deep_to_be_written_is_a_value_error() -> None:
    deep: list[object] = []
    for _ in range(5_000):
        deep = [deep]
    for write in (exact_json.write, exact_json.canonical):
        with pytest.raises(ValueError, match="too deep"):
            write(deep)


def test_canonical_texts_differ_by_digits_and_not_by_order() -> None:
    first, second = '{"b":[1.50,1e2],"a":"ä"}', '{ "a" : "\\u00e4", "b": [1.50, 1E+2] }'
    assert exact_json.canonical(exact_json.read(first)) == exact_json.canonical(exact_json.read(second))
    other = exact_json.read(first.replace("1.50", "1.5"))
    assert exact_json.canonical(other) != exact_json.canonical(exact_json.read(first))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_any_document_comes_out_as_it_went_in(document: dict[str, object]) -> None:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    assert exact_json.write(exact_json.read(text)) == text
    assert {name: json.loads(value) for name, value in exact_json.members(text).items()} == document
