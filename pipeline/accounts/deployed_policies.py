"""Whether an account's policies are those that this folder's foundation makes there."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.accounts.execution_policies import FoundationParameters, documents

Json = Any
UNKNOWN = "\0"
"""In a document, what only its deployment knows: an account, a partition. No policy can have it."""


def foundation_policies(given: FoundationParameters) -> dict[str, Json]:
    """Return the documents of the foundation's policies by their names, with UNKNOWN in them."""
    return documents(given, unknown=UNKNOWN)


def differing_statements(deployed: Json, expected: Json) -> list[str]:
    """Return the Sids of statements that an account lacks, has besides, or has otherwise. [] if they are the same."""
    here, there = (dict(_by_sid(each)) for each in (deployed, expected))
    return sorted(sid for sid in here.keys() | there.keys() if not _is_like(here.get(sid), there.get(sid)))


def _by_sid(document: Json) -> Iterator[tuple[str, Json]]:
    given = document.get("Statement", [])
    for number, each in enumerate([given] if isinstance(given, Mapping) else given, 1):
        yield each.get("Sid", f"number {number}"), each


def _is_like(deployed: Json, expected: Json) -> bool:
    """Whether a deployed value is the expected one, with whatever the deployment put for UNKNOWN."""
    match expected:
        case str():
            pattern = "[^*]*".join(map(re.escape, expected.split(UNKNOWN)))
            return isinstance(deployed, str) and re.fullmatch(pattern, deployed) is not None
        case list():
            return (  # in any order: who deploys it lists names as they come
                isinstance(deployed, list)
                and len(deployed) == len(expected)
                and all(any(_is_like(each, other) for each in deployed) for other in expected)
            )
        case dict():
            return (
                isinstance(deployed, dict)
                and deployed.keys() == expected.keys()
                and all(_is_like(deployed[key], expected[key]) for key in expected)
            )
    return bool(deployed == expected)
