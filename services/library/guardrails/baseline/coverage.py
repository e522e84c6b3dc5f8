"""Which requests a policy's statement is about, and whether another one is about them all.

Statements here are as they come out of CloudFormation: `policies.certain` and `policies.statements`.
"""

from collections.abc import Iterator
from itertools import takewhile

from services.library.cloudformation.conditions import implies, read_condition
from services.library.cloudformation.intrinsics import TOO_MANY
from services.library.cloudformation.patterns import ONE, STAR, Pattern
from services.library.cloudformation.policy_text import is_token, is_unreadable, pattern
from services.library.cloudformation.statements import UnreadablePolicyError, read_statement
from services.library.cloudformation.template import Json

WHOSE = frozenset(
    # Global keys that say whose request it is, or from where: with one of these a principal of "*" is not everybody.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html, "public"
    {
        "aws:principalaccount",
        "aws:principalorgid",
        "aws:sourceaccount",
        "aws:sourceorgid",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "kms:calleraccount",
        "s3:dataaccesspointaccount",
    }
)
WHOSE_ARN = frozenset({"aws:principalarn", "aws:sourcearn"})
WHOSE_PATH = frozenset({"aws:principalorgpaths"})
COMPARISONS = frozenset({"stringequals", "stringlike", "arnequals", "arnlike", "stringequalsignorecase"})
"""With none of IfExists and ForAllValues they are false for a request without the key."""
PRINCIPALS = ("Principal", "NotPrincipal")


def missing_elements(statement: Json, than: Json) -> list[str]:
    """Name the elements in which a statement is about less than another one."""
    if next(iter(TOO_MANY)) in str(statement):
        return ["Effect"]
    if all(statement.get(name) == than.get(name) for name in PRINCIPALS):
        statement, than = _without_principals(statement), _without_principals(than)
    try:
        mine, other = read_statement(statement), read_statement(than)
    except UnreadablePolicyError:
        return ["Principal"]
    elements = {
        "Effect": mine.allows == other.allows,
        "Action": mine.actions.covers(other.actions),
        "Resource": mine.resources.covers(other.resources),
        "Principal": mine.principals.covers(other.principals),
        "Condition": implies(other.tests, mine.tests),
    }
    return [name for name, holds in elements.items() if not holds]


def is_looser(statement: Json, than: Json) -> bool:
    """Return whether an Allow lets in whom another one did, and asks for less."""
    missing = missing_elements(statement, than)
    if missing and missing != ["Condition"]:
        return False
    asked, wanted = statement.get("Condition"), than.get("Condition")
    unnamed = is_narrowed(wanted) and not is_narrowed(asked)
    return unnamed or (not missing and not implies(read_condition(asked), read_condition(wanted)))


def is_narrowed(condition: object) -> bool:
    """Return whether a condition says whose request it must be."""
    return any(
        test.operator in COMPARISONS
        and test.qualifier in ("", "foranyvalue")
        and not test.if_exists
        and bool(test.values)
        and all(_names_somebody(test.key, pattern(value)) for value in test.values)
        for test in read_condition(condition)
    )


def names_an_owner(arn: Pattern) -> bool:
    """Return whether an ARN is of one account or, as a bucket's has none, of one resource."""
    parts = [*_parts(arn)]
    if len(parts) < 6:
        return bool(arn) and is_token(arn[0]) and not is_unreadable(arn[0])
    return is_exact(parts[4] or tuple(takewhile(lambda symbol: symbol != "/", parts[5])))


def is_exact(text: Pattern) -> bool:
    """Return whether a text stands for itself alone."""
    return bool(text) and not any(symbol in (STAR, ONE) or is_unreadable(symbol) for symbol in text)


def _without_principals(statement: Json) -> Json:
    return {name: value for name, value in statement.items() if name not in PRINCIPALS}


def _parts(arn: Pattern) -> Iterator[Pattern]:
    """The parts between colons; there is none in what only the deployment knows."""
    start = 0
    for end, symbol in enumerate((*arn, ":")):
        if symbol == ":":
            yield arn[start:end]
            start = end + 1


def _names_somebody(key: str, value: Pattern) -> bool:
    if key in WHOSE:
        return is_exact(value)
    if key in WHOSE_PATH:
        return is_exact(tuple(takewhile(lambda symbol: symbol != "/", value)))
    return key in WHOSE_ARN and names_an_owner(value)
