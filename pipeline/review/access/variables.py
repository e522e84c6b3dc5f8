"""Policy variables beside exceptions: the value that a request brings may be just what a Deny or a Not element names.

The comparison takes a variable for a text that no other pattern names. Without exceptions that is the general case:
whatever holds of such a text holds of every other one.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from collections.abc import Iterator, Sequence

from pipeline.review.access.statements import AttachedStatement, PolicySource
from services.library.cloudformation.patterns import Pattern
from services.library.cloudformation.policy_text import is_variable, pattern

OPEN = "a policy variable may have the value that a Deny or a Not element names; read both sides"


def left_open(old: Sequence[AttachedStatement], new: Sequence[AttachedStatement]) -> set[PolicySource]:
    """Return the policies with what differs, if what they grant depends on the values of variables."""
    both = (*old, *new)
    if not (any(map(_has_variable, both)) and any(map(_excepts, both))):
        return set()
    before, after = ({each.meaning for each in side} for side in (old, new))
    return {each.source for each in both if (each.meaning in before) != (each.meaning in after)}


def _has_variable(statement: AttachedStatement) -> bool:
    return any(is_variable(symbol) for each in _texts(statement) for symbol in each)


def _texts(statement: AttachedStatement) -> Iterator[Pattern]:
    yield from statement.resources.patterns
    for test in statement.tests:
        yield from (pattern(value) for value in test.values)


def _excepts(statement: AttachedStatement) -> bool:
    return not statement.allows or statement.resources.is_negated or any(each.is_negated for each in statement.tests)
