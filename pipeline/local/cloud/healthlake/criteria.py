"""What one search parameter of a query asks, decided on one value: https://hl7.org/fhir/R4/search.html"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from pipeline.local.cloud.healthlake.values import Json, Parameter, refers_to, values

PREFIXES = frozenset({"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"})
MODIFIERS = {
    "date": frozenset({"missing"}),
    "number": frozenset({"missing"}),
    "quantity": frozenset({"missing"}),
    "reference": frozenset({"missing", "identifier"}),
    "string": frozenset({"missing", "exact", "contains"}),
    "token": frozenset({"missing", "not", "text"}),
    "uri": frozenset({"missing", "above", "below"}),
}
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?$", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = -(10**20), 10**20
"""Before and after every date, in microseconds, for periods that are open at one end."""
_TEXT_PARTS = (
    "text",
    "family",
    "given",
    "prefix",
    "suffix",
    "line",
    "city",
    "district",
    "state",
    "postalCode",
    "country",
)
"""What of a HumanName or an Address a string parameter searches."""
LARGEST_EXPONENT = 400
_CONTACTS = frozenset({"phone", "fax", "email", "pager", "url", "sms", "other"})

Test = Callable[[Any], bool]
Range = tuple[int, int]


class CriterionError(Exception):
    """A parameter cannot be asked so; the text is for the client, and quotes nothing but the parameter's name."""


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One parameter of a query: any of its values must fit (all with a negation: none)."""

    parameter: Parameter
    tests: tuple[Test, ...]
    negated: bool = False
    missing: bool | None = None

    def fits(self, found: Iterable[Any]) -> bool:
        """Tell whether a resource fits that has these values for the parameter."""
        if self.missing is not None:
            return self.missing is (not list(found))
        return any(test(value) for value in found for test in self.tests) is not self.negated

    def matches(self, resource: Json) -> bool:
        """Tell whether a resource fits."""
        return self.fits(values(resource, self.parameter))


def criterion(parameter: Parameter, modifier: str, text: str) -> Criterion:
    """Read one parameter. Raises CriterionError."""
    kind = "identifier" if modifier == "identifier" else parameter.type
    resource_type = modifier if parameter.type == "reference" and modifier[:1].isupper() else ""
    if modifier and not resource_type and modifier not in MODIFIERS[parameter.type]:
        raise CriterionError(f"the parameter {parameter.name} has no modifier {modifier!r}")
    if modifier == "missing":
        if text not in {"true", "false"}:
            raise CriterionError(f"{parameter.name}:missing can be true or false")
        return Criterion(parameter=parameter, tests=(), missing=text == "true")
    parts = split(text, ",")
    if not all(parts):
        raise CriterionError(f"the parameter {parameter.name} has an empty value")
    try:
        if kind in {"date", "number", "quantity"}:
            return _ordered(parameter, parts)
        tests = tuple(_TESTS[kind](part, resource_type or modifier) for part in parts)
    except (ValueError, InvalidOperation, OverflowError):
        raise CriterionError(f"the parameter {parameter.name} needs a {parameter.type}") from None
    return Criterion(parameter=parameter, tests=tests, negated=modifier == "not")


def split(text: str, separator: str) -> list[str]:
    """Parts at a separator that no backslash escapes; escapes stay, for the next split."""
    return re.split(rf"(?<!\\){re.escape(separator)}", text)


def _plain(text: str) -> str:
    return re.sub(r"\\([\\,$|])", r"\1", text)


def _ordered(parameter: Parameter, parts: list[str]) -> Criterion:
    tests, negations = [], []
    for part in parts:
        prefix, rest = (part[:2], part[2:]) if part[:2] in PREFIXES else ("eq", part)
        wanted = "eq" if prefix == "ne" else prefix
        tests.append(_date(rest, wanted) if parameter.type == "date" else _quantity(rest, wanted))
        negations.append(prefix == "ne")
    if len(set(negations)) > 1:
        raise CriterionError(f"{parameter.name} mixes ne with other prefixes in one list")
    return Criterion(parameter=parameter, tests=tuple(tests), negated=negations[0])


def _date(text: str, prefix: str) -> Test:
    start, end = moment(text)
    compare: dict[str, Callable[[Range], bool]] = {
        "eq": lambda it: start <= it[0] and it[1] <= end,
        "gt": lambda it: it[1] > end,
        "lt": lambda it: it[0] < start,
        "ge": lambda it: it[1] > end or (start <= it[0] and it[1] <= end),
        "le": lambda it: it[0] < start or (start <= it[0] and it[1] <= end),
        "sa": lambda it: it[0] >= end,
        "eb": lambda it: it[1] <= start,
        "ap": lambda it: it[0] < end and it[1] > start,
    }
    fits = compare[prefix]
    return lambda value: any(fits(range_) for range_ in dates(value))


def moment(text: str) -> Range:
    """Read a date or time of any precision as microseconds from 1970: the first, and the first after it. UTC unless it
    says otherwise. Raises ValueError."""
    found = _DATE.match(text)
    if not found:
        raise ValueError(text)
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    start = datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), tzinfo=UTC)
    if second:
        start += timedelta(seconds=min(int(second), 60))
    first = (start - _EPOCH) // timedelta(microseconds=1)
    first += int((fraction or "")[:6].ljust(6, "0"))
    if zone and zone != "Z":
        away = int(zone[1:3]) * 60 + int(zone[4:6])
        first -= (1 if zone[0] == "+" else -1) * away * 60_000_000
    if not month:
        return first, _at(datetime(int(year) + 1, 1, 1, tzinfo=UTC)) if int(year) < 9999 else _LAST
    if not day:
        following = (int(year), int(month) + 1) if int(month) < 12 else (int(year) + 1, 1)
        return first, _at(datetime(*following, 1, tzinfo=UTC)) if following[0] < 10_000 else _LAST
    if not hour:
        return first, first + 86_400_000_000
    if not second:
        return first, first + 60_000_000
    return first, first + (10 ** (6 - min(len(fraction or ""), 6)))


def _at(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(microseconds=1)


def dates(value: Any) -> list[Range]:
    """Return the ranges of a date, a Period or a Timing; none of what is no valid date."""
    try:
        if isinstance(value, str):
            return [moment(value)]
        if isinstance(value, dict) and ("start" in value or "end" in value):
            start = moment(value["start"])[0] if "start" in value else _FIRST
            end = moment(value["end"])[1] if "end" in value else _LAST
            return [(start, end)]
        if isinstance(value, dict):
            bounds = (value.get("repeat") or {}).get("boundsPeriod")
            events = [range_ for event in value.get("event", []) for range_ in dates(event)]
            return events + (dates(bounds) if bounds else [])
    except (ValueError, TypeError, AttributeError, OverflowError):
        return []
    return []


def _quantity(text: str, prefix: str) -> Test:
    number_text, _, rest = text.partition("|")
    number = Decimal(number_text)
    if not number.is_finite() or abs(number.adjusted()) > LARGEST_EXPONENT:
        raise ValueError(text)
    system, _, code = (_plain(part) for part in (*rest.rpartition("|"),)) if "|" in rest else ("", "", _plain(rest))
    exponent = int(number.as_tuple().exponent)
    half = Decimal(5).scaleb(exponent - 1)
    near = max(half, abs(number) / 10)
    compare: dict[str, Callable[[Decimal], bool]] = {
        "eq": lambda it: number - half <= it < number + half,
        "gt": lambda it: it > number,
        "lt": lambda it: it < number,
        "ge": lambda it: it >= number,
        "le": lambda it: it <= number,
        "sa": lambda it: it > number,
        "eb": lambda it: it < number,
        "ap": lambda it: number - near <= it <= number + near,
    }
    fits = compare[prefix]

    def test(value: Any) -> bool:
        unit = value if isinstance(value, dict) else {}
        if system and unit.get("system") != system:
            return False
        if code and code not in (unit.get("code"), None if system else unit.get("unit")):
            return False
        amount = value.get("value") if isinstance(value, dict) else value
        return isinstance(amount, int | Decimal) and not isinstance(amount, bool) and fits(Decimal(amount))

    return test


def folded(text: str) -> str:
    """Without case and accents, as strings are compared."""
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(each for each in decomposed if not unicodedata.combining(each)).casefold()


def strings(value: Any) -> list[str]:
    """Return the texts of a string, a HumanName or an Address."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        parts = (value.get(name) for name in _TEXT_PARTS)
        lists = (part if isinstance(part, list) else [part] for part in parts)
        return [each for part in lists for each in part if isinstance(each, str)]
    return []


def _string(text: str, modifier: str) -> Test:
    plain = _plain(text)
    if modifier == "exact":
        return lambda value: plain in strings(value)
    wanted = folded(plain)
    if modifier == "contains":
        return lambda value: any(wanted in folded(each) for each in strings(value))
    return lambda value: any(folded(each).startswith(wanted) for each in strings(value))


Token = tuple[str | None, str | None, str | None]
"""System, code, and the text for people."""


def tokens(value: Any) -> list[Token]:
    """Return the codes of whatever can be searched as a token. The system is None where the element has a fixed one."""
    if isinstance(value, bool):
        return [(None, str(value).lower(), None)]
    if isinstance(value, str):
        return [(None, value, None)]
    if not isinstance(value, dict):
        return []
    if "coding" in value or not value.keys() & {"code", "value", "system", "display"}:
        listed = value.get("coding")
        codings = [each for coding in (listed if isinstance(listed, list) else []) for each in tokens(coding)]
        return [*codings, ("", None, _text(value.get("text")))]
    if "value" in value or "code" not in value:
        system, kind = _text(value.get("system")), value.get("type")
        return [
            (
                (_text(value.get("use")) if system in _CONTACTS else system) or "",
                _text(value.get("value")),
                _text(kind.get("text")) if isinstance(kind, dict) else None,
            )
        ]
    return [(_text(value.get("system")) or "", _text(value.get("code")), _text(value.get("display")))]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _token(text: str, modifier: str) -> Test:
    if modifier == "text":
        wanted = folded(_plain(text))
        return lambda value: any(shown and folded(shown).startswith(wanted) for _, _, shown in tokens(value))
    parts = [_plain(part).casefold() for part in split(text, "|")]
    if len(parts) > 2 or not any(parts):
        raise ValueError(text)
    system, code = parts if len(parts) == 2 else (None, parts[0])

    def test(value: Any) -> bool:
        return any(
            (not code or (found is not None and found.casefold() == code))
            and (system is None or (where is None and bool(code)) or (where is not None and where.casefold() == system))
            for where, found, _ in tokens(value)
        )

    return test


def _reference(text: str, resource_type: str) -> Test:
    wanted = _plain(text)
    if resource_type and "/" not in wanted:
        wanted = f"{resource_type}/{wanted}"

    def test(value: Any) -> bool:
        found = value.get("reference") if isinstance(value, dict) else value
        if not isinstance(found, str) or (resource_type and not refers_to({"reference": found}, resource_type)):
            return False
        current = found.partition("/_history/")[0]
        # What is absolute is on another server, though its end may look like something of ours.
        return wanted in (found, current) or (":" not in found and f"/{current}".endswith(f"/{wanted}"))

    return test


def _identifier(text: str, modifier: str) -> Test:
    del modifier
    fits = _token(text, "")
    return lambda value: (
        isinstance(value, dict) and isinstance(value.get("identifier"), dict) and fits(value["identifier"])
    )


def _uri(text: str, modifier: str) -> Test:
    wanted = _plain(text)
    if modifier == "below":
        return lambda value: isinstance(value, str) and f"{value}/".startswith(f"{wanted.rstrip('/')}/")
    if modifier == "above":
        return lambda value: isinstance(value, str) and f"{wanted}/".startswith(f"{value.rstrip('/')}/")
    return lambda value: value == wanted


_TESTS: dict[str, Callable[[str, str], Test]] = {
    "string": _string,
    "token": _token,
    "reference": _reference,
    "identifier": _identifier,
    "uri": _uri,
}
