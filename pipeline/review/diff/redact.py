"""Keeps secrets out of a review: by the name of what holds them, by NoEcho, and by how they look."""

import re
from collections.abc import Iterable
from dataclasses import replace

from pipeline.review.model import Json, ResourceChange

HIDDEN = "(redacted)"
NAMES = re.compile(
    r"pass(word|wd|phrase|code)?$|secret$|secret[-_]?(string|key|value|access[-_]?key)|token$|api[-_]?key|access[-_]?key"
    r"|private[-_]?key|credential|signing[-_]?key|auth(orization)?$|connection[-_]?string|(^|_)pwd",
    re.IGNORECASE,
)
LOOKS = re.compile(
    r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"  # AWS access keys
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{20,}"  # GitHub, GitLab
    r"|\bxox[abeoprs]-[\w-]{10,}|\bsk_(live|test)_\w{10,}|\bsk-[\w-]{20,}|\bAIza[\w-]{35}"  # Slack, Stripe, others
    r"|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"  # JSON web tokens
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)"
    r"|(?<=://)[^\s/:@]+:[^\s/@]+(?=@)"  # user and password in a URL
)
IN_TEXT = re.compile(
    r"""(?P<name>["']?[\w-]*(password|passwd|secret|token|api[-_]?key|credential)["']?\s*[:=]\s*["']?)"""
    r"""(?P<value>[^"'\s,;&}]{4,})""",
    re.IGNORECASE,
)
NAMES_A_VALUE = ("Name", "Key", "ParameterKey")
"""In a list of named values, such as a container's environment, the name stands beside the value."""
DYNAMIC = re.compile(r"^\{\{resolve:[^}]*\}\}$|^arn:")
"""Where a secret is, and not what it is."""


def change(row: ResourceChange, secrets: Iterable[str]) -> ResourceChange:
    """Return the row without what may be a secret. `secrets`: the values of NoEcho parameters."""
    hidden = frozenset(secret for secret in secrets if secret)
    return replace(
        row,
        properties=tuple(
            replace(
                each,
                old=value(each.old, hidden, name=each.path.rpartition(".")[2]),
                new=value(each.new, hidden, name=each.path.rpartition(".")[2]),
            )
            for each in row.properties
        ),
    )


def value(given: Json, secrets: frozenset[str] = frozenset(), *, name: str = "") -> Json:
    """Return a value, however deep, without what may be a secret. `name`: what holds it."""
    if isinstance(given, dict):
        beside = next((str(given[key]) for key in NAMES_A_VALUE if isinstance(given.get(key), str)), "")
        return {key: value(each, secrets, name=_named(key, name, beside)) for key, each in given.items()}
    if isinstance(given, list):
        return [value(each, secrets, name=name) for each in given]
    if given is None or isinstance(given, bool):
        return given
    shown = str(given)
    if shown in secrets or (NAMES.search(name) and not DYNAMIC.search(shown)):
        return HIDDEN
    return text(given, secrets) if isinstance(given, str) else given


def text(given: str, secrets: frozenset[str] = frozenset()) -> str:
    """Free text without what looks like a secret."""
    for secret in secrets:
        if len(secret) >= 4:
            given = given.replace(secret, HIDDEN)
    return IN_TEXT.sub(_keep_reference, LOOKS.sub(HIDDEN, given))


def _keep_reference(found: re.Match[str]) -> str:
    kept = found["value"].startswith(("{{resolve:", "arn:", "${", HIDDEN))
    return found[0] if kept else found["name"] + HIDDEN


def _named(key: str, outer: str, beside: str) -> str:
    """What holds a part: its key, what holds the function that it is text of, or the name that stands beside it."""
    if key in {"Fn::Base64", "Fn::If", "Fn::Join", "Fn::Sub"}:
        return outer
    if key.startswith(("Fn::", "Ref")):
        return ""
    return beside if beside and key in {"Value", "ParameterValue"} else key
