"""Synth must not ask an account anything: the same commit would give another template tomorrow."""

import re
from collections.abc import Iterable, Iterator

from services.library.guardrails.finding import AcceptedBy, Finding, Rule

RULE = Rule(
    id="Penstock-Lookup",
    accepted_by=AcceptedBy.NOBODY,
    text="Synth has no credentials, and the same commit must give the same templates on every day.",
    fix="Write the value down once and pass it on: networks are typed values in stages/accounts.py"
    " (for example Vpc.from_vpc_attributes instead of Vpc.from_lookup).",
)

CONTEXT_KEY = re.compile(r"[a-z-]+:.*\b(account|region)=.*")
"""How the CDK names a lookup's answer in the context: provider:key=value:key=value."""


def check_missing(missing: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """A lookup without an answer: the CDK has put a dummy value into the template. `missing`: provider, key."""
    for provider, key in sorted(set(missing)):
        yield _finding(f"The template asks for {provider} ({key}) and holds a dummy value.")


def check_answered(context: Iterable[str]) -> Iterator[Finding]:
    """A lookup that cdk.context.json answers: true on the day it was written."""
    for key in sorted(context):
        if CONTEXT_KEY.fullmatch(key):
            yield _finding(f"The context answers {key}: remove it from cdk.context.json.")


def _finding(what: str) -> Finding:
    """The CDK does not say which construct asked."""
    return Finding(rule=RULE.id, path="", text=f"{what} {RULE.text}", fix=RULE.fix)
