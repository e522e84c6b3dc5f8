"""What a review judges by: rules.json, of which the base side's counts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.review.model import Level

FILE = Path(__file__).with_name("rules.json")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewRule:
    """How much a finding matters, and who may accept it."""

    level: Level
    accepted_by: str
    """`service`, `platform` or `nobody`."""
    text: str
    """Why it matters."""


ReviewRules = Mapping[str, ReviewRule]


@cache
def own() -> ReviewRules:
    """Return the rules of the running code."""
    return parse(FILE.read_text(encoding="utf-8"))


def parse(text: str) -> ReviewRules:
    """Return the rules of a rules.json."""
    return {
        name: ReviewRule(level=Level(rule["level"]), accepted_by=rule["accepted_by"], text=rule["text"])
        for name, rule in json.loads(text).items()
    }


def level(rule: str, rules: ReviewRules) -> Level:
    """Return the base side's, or the running code's for a rule that the base side does not have yet."""
    return (rules.get(rule) or own()[rule]).level


def weakened(before: ReviewRules, after: ReviewRules) -> tuple[str, ...]:
    """Rules that are gone, matter less, or may be accepted by more people than before."""
    widest = ("nobody", "platform", "service")
    return tuple(
        name
        for name, rule in before.items()
        if (now := after.get(name)) is None
        or now.level.rank < rule.level.rank
        or widest.index(now.accepted_by) > widest.index(rule.accepted_by)
    )
