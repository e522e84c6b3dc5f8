"""Values of a template as patterns: literal text by its characters, what only a deployment knows as one token."""

import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from services.library.cloudformation.patterns import Pattern, plain
from services.library.cloudformation.values import DYNAMIC_REFERENCE, Value

_TOKEN = re.compile(rf"\$\{{([^}}]*)\}}|({DYNAMIC_REFERENCE.pattern})")
_NAMED = re.compile(r"<(?!null>)(AWS::)?[A-Za-z0-9]+(\.[A-Za-z0-9.]+)?>")
_VARIABLE = re.compile(r"<[A-Za-z0-9.-]+:(?!:)[^<>]*>")
_ESCAPED = {"*": "\\*", "?": "\\?", "$": "$"}


def pattern(value: Value, *, wildcards: bool = True) -> Pattern:
    """Read a policy's text, with policy variables such as `${aws:username}` and intrinsic functions as tokens.

    Without `wildcards`, `*` and `?` are characters like any other, as for StringEquals.
    """
    return _of_literal(value, wildcards) if isinstance(value, str) else plain(tuple(_symbols(value, wildcards)))


@lru_cache(maxsize=8192)
def _of_literal(text: str, wildcards: bool) -> Pattern:
    """Keep what was read: hundreds of stacks have the same actions and principals."""
    return plain(tuple(_symbols(text, wildcards)))


def policy_text(value: Value) -> str:
    """Write a value for people: `arn:aws:s3:::<Bucket>/*`."""
    return written(pattern(value))


def written(symbols: Pattern) -> str:
    """Write a pattern as text again."""
    return "".join(symbol[1] if _is_escaped(symbol) else symbol for symbol in symbols)


def document_text(value: Value) -> str:
    """Write a policy that is given as text, so that its parts are read again as the same patterns."""
    return "".join(
        f"${{{symbol[1]}}}"
        if _is_escaped(symbol)
        else f"${{{symbol[1:-1]}}}"
        if is_token(symbol) and symbol[0] == "<"
        else symbol
        for symbol in _symbols(value, wildcards=True)
    )


def _is_escaped(symbol: str) -> bool:
    return len(symbol) == 2 and symbol[0] == "\\"


def is_token(symbol: str) -> bool:
    """Return whether a symbol stands for text that only a deployment, or a request, knows."""
    return len(symbol) > 1 and symbol[0] in "<{"


def is_unreadable(symbol: str) -> bool:
    """Return whether a symbol is a token that names no resource or parameter of AWS: it may stand for any text."""
    return is_token(symbol) and _NAMED.fullmatch(symbol) is None


def is_variable(symbol: str) -> bool:
    """Return whether a symbol is a policy variable, whose value each request brings."""
    return _VARIABLE.fullmatch(symbol) is not None


def list_of(value: Value) -> Sequence[Value]:
    """Return a policy's one value or list of values, as a list."""
    return value if isinstance(value, list | tuple) else () if value is None else (value,)


def _symbols(value: Value, wildcards: bool) -> Iterator[str]:
    match value:
        case bool():
            yield from str(value).lower()
        case str():
            yield from _of_text(value, wildcards)
        case int() | float():
            yield from str(value)
        case {"Ref": "AWS::Partition"}:
            yield from "aws"  # a stack's own partition is the only one that its policies can reach
        case {"Fn::Join": [str(separator), [*parts]]}:
            for number, part in enumerate(parts):
                if number:
                    yield from _of_text(separator, wildcards)
                yield from _symbols(part, wildcards)
        case {"Ref": str(name)}:
            yield f"<{name}>"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            yield f"<{name}.{attribute}>"
        case _:
            yield f"<{json.dumps(value, sort_keys=True, default=str)}>"


def _of_text(text: str, wildcards: bool) -> Iterator[str]:
    """Policy variables are tokens; `${*}`, `${?}` and `${$}` are how a policy writes the characters themselves."""
    last = 0
    for found in _TOKEN.finditer(text):
        yield from _of_characters(text[last : found.start()], wildcards)
        name = (found[1] or "").strip()
        if found[2]:
            yield found[2]
        elif name in _ESCAPED:
            yield _ESCAPED[name]
        else:
            yield f"<{', '.join(part.strip() for part in name.split(',', 1))}>"
        last = found.end()
    yield from _of_characters(text[last:], wildcards)


def _of_characters(text: str, wildcards: bool) -> Iterator[str]:
    for character in text:
        yield character if wildcards or character not in "*?" else f"\\{character}"
