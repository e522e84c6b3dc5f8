"""JSON of every kind that parsers disagree about, after the cases of JSONTestSuite: https://github.com/nst/JSONTestSuite"""

DIGITS = "123456789012345678901234567890123456"
NUMBERS = (
    *("0", "-0", "0.0", "-0.0", "1.50", "10.00", "123.456789", "1E22", "1E-2", "1E+2", "1.2E+2", "1e-2", "20e1"),
    *("0e+1", "0.0000001"),
    *("-0.00000000000000000000000000000000000000000000000000000000000000000000000000000000000001", "4e0", DIGITS),
    *(f"-{DIGITS}", f"{DIGITS}.{DIGITS}", "100000000000000000000", "9007199254740993", "1" * 400, "1e400"),
    *("-1e400", "1e-400", "1.5e+9999", "123.456e-789", "-123123e100000", "1.7976931348623157e309"),
)
STRINGS = (
    *(r'"\u0060\u012a\u12AB"', r'"\uD801\udc37"', r'"\ud83d\ude39\ud83d\udc8d"', r'"\"\\\/\b\f\n\r\t"'),
    *(r'"\\u0000"', r'"\u0012"', r'"\uFFFF"', r'"\uDBFF\uDFFE"', r'"new\u00A0line"', r'"\u0000"', r'"\u0022"'),
    *(r'"\\ud800"', r'"\\a"', '""', '" asd "', '"a/*b*/c/*d//e"', '"it\'s"', '"/"', '"\x7f"', '"π"', '"€𝄞😀"'),
    *('"\uffff"', '"\U0001bfff"', '"\ufeff"', '"\x80\x85\x9f"', '"\u2028\u2029"', '"\u202e\u200b"', '"é"'),
    *('"e\u0301"', '"$input.body"', '"${context} #set"', '"<b>"'),
)
ARRAYS = ("[[]   ]", '[""]', "[]", '[null, 1, "1", {}]', "[1\n]", "[1,null,null,null,2]", "[\ttrue ,\r\nfalse]")
OBJECTS = ('{"asd":"sdf", "dfg":"fgh"}', "{}", '{"":0}', r'{"foo\u0000bar": 42}', '{ "min": -1.0e+28, "max": 1.0e+28 }')
DEEP = "[" * 500 + "]" * 500
VALID = {
    "numbers": f"[{', '.join(NUMBERS)}]",
    "strings": f"[{','.join(STRINGS)}]",
    "arrays": f"[ {' ,'.join(ARRAYS)} ]",
    "objects": f"[{','.join(OBJECTS)}]",
    "order": '{"z":1,"a":2,"resourceType":"?","m":{"2":2,"1":1}}',
    "deep": DEEP,
}

INVALID_NUMBERS = (
    *("NaN", "-NaN", "Infinity", "-Infinity", "+1", "++1", "+Inf", "-01", "01", "012", "-1.0.", "-2.", ".-1", ".2e-3"),
    *("0.1.2", "0.3e", "0.3e+", "0.e1", "0E", "0E+", "0e", "1.0e", "1.0e-", "1eE2", "2.e3", "9.e+", "1 000.0", "1_000"),
    *("0x1", "0x42", "1+2", "-", "- 1", "-foo", "1ea", "1e1\u0661", "\uff11", "-1x", "1.2a-3", "2.", "1/2"),
)
INVALID_STRINGS = (
    *('"', "'single quote'", "abc", '"\\', r'"\x00"', r'"\\\"', '"\t"', '"new\nline"', '"a\x00a"', r'"\u"', r'"\u00A"'),
    *(r'"\u{41}"', r'"\a"', r'"\🌀"', r'"\uD800\u"', r'"\uD800\uD8"', '\\u0020"asd"', '"x', "\u201cquotes\u201d"),
)
HALVES = (
    *(r'"\uDADA"', r'"\uD800\n"', r'"\uD800\uD800\n"', r'"\uDd1ea"', r'"\uDFAA"', r'"\uDd1e\uD834"'),
    r'"\uD888\u1234"',
)
"""Half of a surrogate pair: grammar allows it, and no text can hold it."""
INVALID_ARRAYS = (
    *("[1 true]", "[: 1]", '["": 1]', "[,1]", "[1,,2]", "[1,]", "[1", "[", "[1]]", "[3[4]]", "[-]", "[1:2]", "[*]"),
)
INVALID_OBJECTS = (
    *('{"a":1,}', '{"a":1,,"b":2}', '{"a" b}', '{"a"}', '{"a":', "{a: 1}", "{'a': 1}", "{1:1}", '{"a":"b" "c":2}'),
    *("{null:1}", '{"a":/*comment*/1}', '{"a":1}#', '{"a":1}//', '{[: "x"}', '{"x"::1}', '{"a":1 "b":2}'),
    *('{"id":0,,,,,}', '{"a":"a'),
)
INVALID_WORDS = (
    *("True", "TRUE", "nul", "nulll", "fals", "tru", "undefined", "None", "<null>", "", " ", "\x0c1", "\u00a01"),
)
INVALID = (*INVALID_NUMBERS, *INVALID_STRINGS, *HALVES, *INVALID_ARRAYS, *INVALID_OBJECTS, *INVALID_WORDS)
"""What stands in the place of a value."""

WHOLE = b'{"patient":"p-1","resource":{"resourceType":"Observation"}}'
INVALID_BODIES = (
    *(b"", b" ", b"<html/>", b"null", b"[]", b'"text"', b"5", b"*", b"{", b"}", b"{]", b"[" * 100_000),
    *(b'[{"":' * 20_000, b"\xef\xbb\xbf" + WHOLE, WHOLE.decode().encode("utf-16"), WHOLE + WHOLE, WHOLE + b"x"),
    *(WHOLE + b"\x00", WHOLE[:-1]),
    *(WHOLE.replace(b"p-1", each) for each in (b"\xff", b"\xe5", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\xbf\xbf\xbf")),
    *(
        WHOLE.replace(b"Observation", each)
        for each in (b"Obs\xff", b"observation", b"Observation\\n", b"Obs ervation", b"")
    ),
)
