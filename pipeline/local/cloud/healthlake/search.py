"""A search: reads a query, and finds what fits.

https://docs.aws.amazon.com/healthlake/latest/devguide/reference-fhir-search-parameters.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pipeline.local.cloud.healthlake.criteria import Criterion, CriterionError, criterion, dates, strings, tokens
from pipeline.local.cloud.healthlake.paging import PAGE_LIMIT
from pipeline.local.cloud.healthlake.repository import Indexed, Repository
from pipeline.local.cloud.healthlake.values import Parameter, parameters, resource_types

ABOUT_THE_ANSWER = frozenset({"_count", "_elements", "_format", "_include", "_pretty", "_sort", "_total", "page"})
TOTALS = ("none", "estimate", "accurate")


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is asked for."""

    resource_type: str
    criteria: tuple[Criterion, ...]
    sort: tuple[tuple[Parameter, bool], ...]
    """Parameters, and whether downwards."""
    includes: tuple[tuple[Parameter, str], ...]
    """Reference parameters of this type, and the type of what they refer to, or "" for any."""
    elements: frozenset[str]
    count: int
    total: bool
    ignored: tuple[str, ...]
    """Parameters that there are not, left out since the client asked for leniency."""

    @property
    def size(self) -> int:
        """How many a page may have."""
        return min(self.count, PAGE_LIMIT)


def read(resource_type: str, query: Sequence[tuple[str, str]], *, strict: bool) -> Search:
    """Read a query. Raises CriterionError, for unknown parameters only if `strict`."""
    known = parameters(resource_type)
    criteria: list[Criterion] = []
    ignored: list[str] = []
    about: dict[str, list[str]] = {}
    for full, value in query:
        name, _, modifier = full.partition(":")
        if name in ABOUT_THE_ANSWER and modifier:
            raise CriterionError(f"the parameter {name} has no modifier {modifier!r} here")
        if name in ABOUT_THE_ANSWER:
            about.setdefault(name, []).append(value)
        elif name not in known:
            ignored.append(name)
        else:
            criteria.append(criterion(known[name], modifier, value))
    if ignored and strict:
        raise CriterionError(f"{resource_type} has no search parameter {', '.join(sorted(set(ignored)))}")
    return Search(
        resource_type=resource_type,
        criteria=tuple(criteria),
        sort=tuple(_sort(known, text) for text in _list(about, "_sort")),
        includes=tuple(_include(known, resource_type, text) for text in about.get("_include", [])),
        elements=frozenset(_list(about, "_elements")),
        count=_count(about),
        total=_total(about) == "accurate",
        ignored=tuple(ignored),
    )


def found(search: Search, repository: Repository, *, strong: bool = False) -> list[Indexed]:
    """Return what fits, in the order that is asked for, else in the order in which it was first written."""
    fitting = [
        each
        for each in repository.indexed(search.resource_type, strong=strong)
        if all(criterion_.fits(each.values(criterion_.parameter)) for criterion_ in search.criteria)
    ]
    for parameter, downwards in reversed(search.sort):
        keyed = [(_sort_keys(parameter, each), each) for each in fitting]
        having = [(max(keys) if downwards else min(keys), each) for keys, each in keyed if keys]
        having.sort(key=lambda pair: pair[0], reverse=downwards)
        fitting = [each for _, each in having] + [each for keys, each in keyed if not keys]
    return fitting


def included(search: Search, repository: Repository, matches: Sequence[Indexed]) -> list[tuple[str, Indexed]]:
    """Type and resource of what these refer to, each once, if the query asks for it and it is here."""
    seen: dict[tuple[str, str], Indexed] = {}
    for each in matches:
        for parameter, target in search.includes:
            for value in each.values(parameter):
                text = value.get("reference") if isinstance(value, dict) else None
                kind, _, id_ = (text if isinstance(text, str) else "").partition("/_history/")[0].partition("/")
                referred = (
                    repository.current((kind, id_)) if kind in resource_types() and target in ("", kind) else None
                )
                if referred is not None and not (kind == search.resource_type and referred in matches):
                    seen.setdefault((kind, id_), referred)
    return [(kind, referred) for (kind, _), referred in seen.items()]


def _list(about: Mapping[str, list[str]], name: str) -> list[str]:
    return [part.strip() for text in about.get(name, []) for part in text.split(",") if part.strip()]


def _count(about: Mapping[str, list[str]]) -> int:
    text = about.get("_count", [str(PAGE_LIMIT)])[-1]
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise CriterionError("_count must be a number from 1 on; a page has at most 100")
    return int(text)


def _total(about: Mapping[str, list[str]]) -> str:
    text = about.get("_total", ["none"])[-1]
    if text not in TOTALS:
        raise CriterionError(f"_total can be {', '.join(TOTALS)}")
    return text


def _sort(known: Mapping[str, Parameter], text: str) -> tuple[Parameter, bool]:
    name = text.removeprefix("-")
    if name not in known:
        raise CriterionError("_sort names a parameter that there is not")
    return known[name], text.startswith("-")


def _include(known: Mapping[str, Parameter], resource_type: str, text: str) -> tuple[Parameter, str]:
    base, _, rest = text.partition(":")
    name, _, target = rest.partition(":")
    if base != resource_type or name not in known or known[name].type != "reference":
        raise CriterionError(f"_include needs {resource_type}:<a reference parameter>, and may have :<a type>")
    return known[name], target


def _sort_keys(parameter: Parameter, each: Indexed) -> list[Any]:
    """Return what can be compared, of one kind for each type of parameter."""
    found_ = each.values(parameter)
    match parameter.type:
        case "date":
            return [range_[0] for value in found_ for range_ in dates(value)]
        case "string":
            return [text.casefold() for value in found_ for text in strings(value)]
        case "token":
            return [code.casefold() for value in found_ for _, code, _ in tokens(value) if code]
        case "quantity" | "number":
            amounts = [value.get("value") if isinstance(value, dict) else value for value in found_]
            return [Decimal(amount) for amount in amounts if isinstance(amount, int | Decimal)]
        case _:
            texts = [value.get("reference") if isinstance(value, dict) else value for value in found_]
            return [text for text in texts if isinstance(text, str)]
