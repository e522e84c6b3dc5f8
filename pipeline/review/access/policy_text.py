"""Values of a template as patterns: literal text by its characters, what only a deployment knows as one token."""

import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from pipeline.review.access.patterns import Pattern, plain

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_ESCAPED = {"*": "\\*", "?": "\\?", "$": "$"}


def pattern(value: object, *, wildcards: bool = True) -> Pattern:
    """A policy's text, with policy variables such as `${aws:username}` and intrinsic functions as tokens.

    Without `wildcards`, `*` and `?` are characters like any other, as for StringEquals.
    """
    return _of_literal(value, wildcards) if isinstance(value, str) else plain(tuple(_symbols(value, wildcards)))


@lru_cache(maxsize=8192)
def _of_literal(text: str, wildcards: bool) -> Pattern:
    """The same actions and principals stand in hundreds of stacks."""
    return plain(tuple(_symbols(text, wildcards)))


def spelled(value: object) -> str:
    """The same for people: `arn:aws:s3:::<Bucket>/*`."""
    return written(pattern(value))


def written(symbols: Pattern) -> str:
    """A pattern as text again."""
    return "".join(symbol[1:] if symbol.startswith("\\") else symbol for symbol in symbols)


def _symbols(value: object, wildcards: bool) -> Iterator[str]:
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
    for found in _VARIABLE.finditer(text):
        yield from _of_characters(text[last : found.start()], wildcards)
        name = found[1].strip()
        if name in _ESCAPED:
            yield _ESCAPED[name]
        else:
            yield f"<{name.split(',')[0].strip()}>"
        last = found.end()
    yield from _of_characters(text[last:], wildcards)


def _of_characters(text: str, wildcards: bool) -> Iterator[str]:
    for character in text:
        yield character if wildcards or character not in "*?" else f"\\{character}"


def listed(value: object) -> Sequence[object]:
    """A policy's one value or list of values, as a list."""
    return value if isinstance(value, list | tuple) else () if value is None else (value,)
