"""What templates may call on values: the methods of Java's String, List and Map that they are known to use."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_GROUP = re.compile(r"\\(.)|\$(\d)", re.DOTALL)


def text_of(value: object) -> str:
    """Return what Java's `toString` would say. Lists are API Gateway's JSON arrays, maps are plain Java maps."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={text_of(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return "null" if value is None else str(value)


def call(value: object, name: str, arguments: list[Any]) -> object:
    """Call a method; raises LookupError where the value has none of that name (Velocity leaves such a call as text)."""
    if value is None:
        raise LookupError(name)
    if name in ("toString", "equals") and not isinstance(value, str):
        return text_of(value) if name == "toString" else value == arguments[0]
    methods = _METHODS.get(_kind(value), {})
    if name in methods:
        return methods[name](value, *arguments)
    own = getattr(value, name, None) if not isinstance(value, str | int | float | list | dict) else None
    if own is None:
        raise LookupError(name)
    return own(*arguments)


def property_of(value: object, name: str) -> object:
    """Read a property: a map's entry, or an attribute of an object of ours."""
    if isinstance(value, Mapping):
        return value.get(name)
    if isinstance(value, str | int | float | list) or value is None:
        return len(value) == 0 if name == "empty" and isinstance(value, str | list) else None
    return getattr(value, name, None)


def _kind(value: object) -> type:
    return dict if isinstance(value, Mapping) else type(value)


def _regex(pattern: str) -> re.Pattern[str]:
    # What Java and Python write alike, which is all that mapping templates need.
    return re.compile(pattern, re.ASCII)


def _replacement(java: str) -> Callable[[re.Match[str]], str]:
    def expand(match: re.Match[str]) -> str:
        return _GROUP.sub(lambda part: part[1] if part[1] is not None else match[int(part[2])] or "", java)

    return expand


def _compared(text: str, other: str) -> int:
    """Say how far apart the first UTF-16 units are that differ, or the lengths."""
    ours, theirs = _units(text), _units(other)
    return next((a - b for a, b in zip(ours, theirs, strict=False) if a != b), len(ours) - len(theirs))


def _units(text: str) -> list[int]:
    encoded = text.encode("utf-16-be", "surrogatepass")
    return [encoded[at] << 8 | encoded[at + 1] for at in range(0, len(encoded), 2)]


def _split(text: str, pattern: str, limit: int = 0) -> list[str]:
    parts = _regex(pattern).split(text, maxsplit=max(limit - 1, 0))
    while limit == 0 and len(parts) > 1 and not parts[-1]:
        parts.pop()
    return parts


_STRING: dict[str, Callable[..., object]] = {
    "compareTo": _compared,
    "concat": lambda text, other: text + other,
    "contains": lambda text, other: other in text,
    "endsWith": str.endswith,
    "equals": lambda text, other: isinstance(other, str) and text == other,
    "equalsIgnoreCase": lambda text, other: isinstance(other, str) and text.lower() == other.lower(),
    "indexOf": lambda text, other, start=0: text.find(other, start),
    "isEmpty": lambda text: not text,
    "lastIndexOf": str.rfind,
    "length": lambda text: len(_units(text)),
    "matches": lambda text, pattern: _regex(pattern).fullmatch(text) is not None,
    "replace": lambda text, old, new: text.replace(old, new),
    "replaceAll": lambda text, pattern, new: _regex(pattern).sub(_replacement(new), text),
    "replaceFirst": lambda text, pattern, new: _regex(pattern).sub(_replacement(new), text, count=1),
    "split": _split,
    "startsWith": str.startswith,
    "substring": lambda text, start, end=None: text[start:end],
    "toLowerCase": str.lower,
    "toString": lambda text: text,
    "toUpperCase": str.upper,
    "trim": lambda text: text.strip("".join(map(chr, range(33)))),
}
_LIST: dict[str, Callable[..., object]] = {
    "add": lambda items, item: items.append(item) is None,
    "contains": lambda items, item: item in items,
    "get": lambda items, at: items[at],
    "isEmpty": lambda items: not items,
    "size": len,
}
_MAP: dict[str, Callable[..., object]] = {
    "containsKey": lambda entries, key: key in entries,
    "entrySet": lambda entries: [{"key": key, "value": value} for key, value in entries.items()],
    "get": lambda entries, key: entries.get(key),
    "isEmpty": lambda entries: not entries,
    "keySet": list,
    "put": lambda entries, key, value: entries.__setitem__(key, value),
    "size": len,
    "values": lambda entries: list(entries.values()),
}
_METHODS: dict[type, dict[str, Callable[..., object]]] = {str: _STRING, list: _LIST, dict: _MAP}
