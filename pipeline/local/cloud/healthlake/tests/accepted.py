"""Where the oracle finds something else than ours, and why ours is what FHIR R4 says."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.local.cloud.healthlake.criteria import dates, moment, split
from pipeline.local.cloud.healthlake.values import parameters, values

Json = dict[str, Any]
SHORT_MONTH = re.compile(r"\d{4}-(02|04|06|09|11)")


@dataclass(frozen=True, kw_only=True)
class Differing:
    """A resource that only one of the two finds."""

    query: tuple[str, tuple[tuple[str, str], ...]]
    resource: Json
    ours: bool

    def asked(self, *types: str) -> list[tuple[str, str, list[Any], str]]:
        """Of parameters of these types: the modifier, the name, what the resource has, and the value."""
        kind, pairs = self.query
        known = parameters(kind)
        found = []
        for full, value in pairs:
            name, _, modifier = full.partition(":")
            if known[name].type in types:
                found.append((modifier, name, values(self.resource, known[name]), value))
        return found


def anywhere(each: Differing) -> bool:
    """It looks for a string anywhere, also with :exact; by R4 a string begins with the value, or is it exactly."""
    return not each.ours and any(modifier in ("", "exact") for modifier, _, _, _ in each.asked("string"))


def accents(each: Differing) -> bool:
    """It compares accents; R4 says that a search should be insensitive to them."""
    return each.ours and any(
        modifier != "exact" and not (str(found) + value).isascii() for modifier, _, found, value in each.asked("string")
    )


def formatted(each: Differing) -> bool:
    """It searches a name as one text that it puts together; by R4 each part of a name is matched by itself."""
    return any(name == "name" for _, name, _, _ in each.asked("string"))


def displayed(each: Differing) -> bool:
    """It takes the text for people as a code too; by R4 only :text searches that."""
    return any(value_shown(found) & set(map(_plain, split(value, ","))) for _, _, found, value in each.asked("token"))


def value_shown(found: list[Any]) -> set[str]:
    """The texts for people in codes."""
    concepts = [value for value in found if isinstance(value, dict)]
    codings = [coding for value in concepts for coding in [value, *value.get("coding", [])]]
    return {coding[name].casefold() for coding in codings for name in ("text", "display") if name in coding}


def overlapping(each: Differing) -> bool:
    """It takes dates as equal that overlap; by R4 the value's range contains the resource's."""
    for _, _, found, value in each.asked("date"):
        prefix = value[:2] if value[:2].isalpha() else "eq"
        start, end = moment(value.removeprefix(prefix))
        parts = [range_ for one in found for range_ in dates(one) if range_[0] < end and range_[1] > start]
        if prefix in ("eq", "ne", "ge", "le") and any(not (start <= first and last <= end) for first, last in parts):
            return True
    return False


def short_months(each: Differing) -> bool:
    """It ends every month with its 31st day, which for some is a day of the next."""
    return any(
        SHORT_MONTH.fullmatch(text.lstrip("neqgtlsab"))
        for _, _, found, value in each.asked("date")
        for text in (value, *(part for one in found for part in (one.values() if isinstance(one, dict) else [one])))
    )


def _plain(text: str) -> str:
    return text.replace("\\,", ",").casefold()


ROWS: tuple[Callable[[Differing], bool], ...] = (anywhere, accents, formatted, displayed, overlapping, short_months)
