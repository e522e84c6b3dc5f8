"""Random payloads that try every way in which text can break out of a mapping template."""

import json
import random

_PIECES = (
    *"'\"\\/ ${}#[]:,\t",
    "\\'",
    "\\\\'",
    "''",
    '\\"',
    "$input.body",
    "$util",
    "${context.requestId}",
    "#set($x = 1)",
    "#end",
    "##",
    "#*",
    "*#",
    "</script>",
    "\n",
    "\r\n",
    "\x00",
    "\x07",
    "\x1f",
    "\x7f",
    "\x85",
    "é",
    "ß",
    "漢字",
    "\u2028",
    "\u2029",
    "\ufeff",
    "\uffff",
    "😀",
    "\U0010ffff",
    "a",
    "Z",
    "0",
)
_NUMBERS = (
    "0",
    "-0",
    "10.00",
    "0.10",
    "1e400",
    "-1E-400",
    "12345678901234567890123456789",
    "0.1000000000000000055511151231257827021181583404541015625",
    "1.7976931348623157e309",
)


def payload(chance: random.Random) -> str:
    """One JSON object as a client might write it, spaces, escapes and number formats included."""
    return _object(chance, depth=chance.choice((1, 2, 3, 3, 40)))


def text(chance: random.Random) -> str:
    """A text of hostile pieces."""
    return "".join(chance.choice(_PIECES) for _ in range(chance.randrange(12)))


def _object(chance: random.Random, depth: int) -> str:
    entries = [
        f"{_string(chance)}{_space(chance)}:{_space(chance)}{_value(chance, depth - 1)}"
        for _ in range(chance.randrange(1, 4))
    ]
    return "{" + _space(chance) + ",".join(entries) + "}"


def _value(chance: random.Random, depth: int) -> str:
    if depth > 3:  # deep payloads are narrow
        return f"[{_value(chance, depth - 1)}]" if chance.random() < 0.5 else f'{{"d":{_value(chance, depth - 1)}}}'
    kind = chance.randrange(6 if depth > 0 else 4)
    if kind == 0:
        return chance.choice((*_NUMBERS, str(chance.getrandbits(70)), repr(chance.uniform(-1e9, 1e9))))
    if kind < 3:
        return _string(chance)
    if kind == 3:
        return chance.choice(("true", "false", "null", "{}", "[]"))
    if kind == 4:
        return "[" + ",".join(_value(chance, depth - 1) for _ in range(chance.randrange(3))) + "]"
    return _object(chance, depth)


def _string(chance: random.Random) -> str:
    return json.dumps(text(chance), ensure_ascii=chance.random() < 0.3)


def _space(chance: random.Random) -> str:
    return chance.choice(("", "", " ", "\n  ", "\t"))
