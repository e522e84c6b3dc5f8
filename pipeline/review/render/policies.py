"""Statements of policies in words: who may do what, on what, and if what."""

import json

from pipeline.review.model import Json
from services.library.cloudformation.policy_text import list_of, policy_text

SHOWN = 6
"""Entries of a list before the rest is only counted."""


def statements(policy: Json) -> list[Json]:
    """Return a policy's statements."""
    return [*list_of(policy.get("Statement"))]


def words(statement: Json, *, without: str = "") -> str:
    """Return a statement as a line, such as `Allow sqs:SendMessage on <Queue.Arn>`. `without`: an element left out."""
    if not isinstance(statement, dict):
        return _text(statement)
    given = {key: each for key, each in statement.items() if key != without}
    parts = [
        str(given.get("Sid", "")) and f"{given['Sid']}:",
        str(given.get("Effect", "")),
        _listed(given, "Action", "", "everything but "),
        _listed(given, "Resource", "on ", "on everything but "),
        _listed(given, "Principal", "by ", "by everybody but "),
        f"if {_conditions(given['Condition'])}" if "Condition" in given else "",
    ]
    return " ".join(part for part in parts if part)


def _listed(statement: dict[str, Json], element: str, prefix: str, negated: str) -> str:
    for name, words_before in ((element, prefix), (f"Not{element}", negated)):
        if name in statement:
            return f"{words_before}{_several(statement[name])}"
    return ""


def _several(given: Json) -> str:
    """A text, a list, or principals by their kind."""
    if isinstance(given, dict) and set(given) <= {"AWS", "Service", "Federated", "CanonicalUser"}:
        return ", ".join(_several(each) for each in given.values())
    texts = [_text(each) for each in list_of(given)]
    rest = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + rest


def _conditions(given: Json) -> str:
    if not isinstance(given, dict):
        return _text(given)
    tests = (
        f"{operator} {key} = {_several(values)}"
        for operator, keys in given.items()
        if isinstance(keys, dict)
        for key, values in keys.items()
    )
    return " and ".join(tests) or json.dumps(given)


def _text(given: Json) -> str:
    return policy_text(given) if isinstance(given, str | dict) else json.dumps(given)
