"""The syntax of paths, and of the intrinsic functions that may stand in their place.

https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
"""

import re

_NAMES = (
    "Array|ArrayContains|ArrayGetItem|ArrayLength|ArrayPartition|ArrayRange|ArrayUnique|Base64Decode|Base64Encode|"
    "Format|Hash|JsonMerge|JsonToString|MathAdd|MathRandom|StringSplit|StringToJson|UUID"
)
_ROOT = r"\$\$?(?:[A-Za-z_]\w*)?"
"""The input, the context object (`$$`) or a variable (`$name`)."""
_REFERENCE = re.compile(rf"{_ROOT}(?:\.[^\s.\[\]@,:?*()'\"]+|\[(?:'[^']*'|\"[^\"]*\"|\d+)\])*")
_NAME = re.compile(r"\*|[^\s.\[\]'\"]+")
_CALL = re.compile(rf"States\.(?:{_NAMES})\(")
_CLOSING = {"[": "]", "(": ")", "{": "}"}


def is_reference_path(text: object) -> bool:
    """Recognise a path to one single node: "The operators @ .. , : ? * aren't supported"."""
    return isinstance(text, str) and _REFERENCE.fullmatch(text) is not None


def is_path(text: object) -> bool:
    """Recognise a JSONPath, as far as its steps are complete and its brackets and quotes closed."""
    if not isinstance(text, str) or not (root := re.match(_ROOT, text)):
        return False
    at = root.end()
    while at < len(text):
        step = _step(text, at)
        if step is None:
            return False
        at = step
    return True


def is_payload_value(text: object) -> bool:
    """Recognise what the value of a key that ends in `.$` may be: a path or a call of an intrinsic function."""
    return is_path(text) or (isinstance(text, str) and _is_call(text))


def _step(text: str, at: int) -> int | None:
    """Return where the step that begins here ends."""
    dots = len(text) - at - len(text[at:].lstrip("."))
    if dots > 2:
        return None
    at += dots
    if text[at : at + 1] == "[":
        end = _closed(text, at)
        return end if end is not None and text[at + 1 : end - 1].strip() else None
    name = _NAME.match(text, at) if dots else None
    return name.end() if name else None


def _is_call(text: str) -> bool:
    call = _CALL.match(text)
    return bool(call and _closed(text, call.end() - 1) == len(text))


def _closed(text: str, at: int) -> int | None:
    """Return where the bracket that opens here has closed; quotes, and what is escaped in them, are no brackets."""
    open_brackets: list[str] = []
    quote, escaped = "", False
    for position in range(at, len(text)):
        character = text[position]
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in _CLOSING:
            open_brackets.append(_CLOSING[character])
        elif character in "])}":
            if not open_brackets or open_brackets.pop() != character:
                return None
            if not open_brackets:
                return position + 1
    return None
