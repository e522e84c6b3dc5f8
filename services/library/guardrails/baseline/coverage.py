"""Which requests a policy's statement is about, and whether another one is about them all.

Statements here are as they come out of CloudFormation: `policies.certain` and `policies.statements`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from services.library.cloudformation.intrinsics import CLOSES, OPENS, TOO_MANY, is_open, text
from services.library.cloudformation.template import Json

UNKNOWN_PART = f"{OPENS}[^{CLOSES}]*{CLOSES}"
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
COMPARISONS = ("StringEquals", "StringLike", "ArnEquals", "ArnLike", "StringEqualsIgnoreCase")
"""Those that are false for a request without the key: none with IfExists or ForAllValues."""

Compared = tuple[str, str, frozenset[str]]
"""Operator, key and values of one thing that must be true."""


def lacks(statement: Json, than: Json) -> list[str]:
    """In which of its elements a statement is about less than another one."""
    provable = str(statement).count(next(iter(TOO_MANY))) == 0
    elements = {
        "Effect": provable and statement.get("Effect") == than.get("Effect"),
        "Action": _covers(statement, than, "Action"),
        "Resource": _covers(statement, than, "Resource"),
        "Principal": _covers(principals(statement), principals(than), "Principal"),
        "Condition": _implies(conditions(than), conditions(statement)),
    }
    return [name for name, holds in elements.items() if not holds]


def is_looser(statement: Json, than: Json) -> bool:
    """Whether an Allow lets in whom another one did, and asks for less."""
    lacking = lacks(statement, than)
    if lacking and lacking != ["Condition"]:
        return False
    unnamed = is_narrowed(than.get("Condition")) and not is_narrowed(statement.get("Condition"))
    return unnamed or (not lacking and not _implies(conditions(statement), conditions(than)))


def is_narrowed(condition: object) -> bool:
    """Whether it says whose request it must be."""
    return any(
        operator.removeprefix("ForAnyValue:") in COMPARISONS
        and bool(values)
        and all(_names_somebody(key, value) for value in values)
        for operator, key, values in conditions({"Condition": condition} if condition else {})
    )


def names_an_owner(arn: str) -> bool:
    """Whether an ARN is of one account or, as a bucket's has none, of one resource."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return re.fullmatch(f"{OPENS}[^{{{CLOSES}][^{CLOSES}]*{CLOSES}.*", arn) is not None
    owner = parts[4] or re.split(r"[/:]", parts[5])[0]
    return is_exact(owner)


def conditions(statement: Json) -> list[Compared]:
    """All that must be true."""
    return [*_conditions(statement.get("Condition", {}))]


def principals(statement: Json) -> dict[str, list[str]]:
    """Whom it is about, as texts with their kind; `*` for everybody."""
    found: dict[str, list[str]] = {}
    for element in ("Principal", "NotPrincipal"):
        value = statement.get(element)
        if isinstance(value, Mapping) and not is_open(value):
            said = [(kind, each) for kind, part in value.items() for each in texts(part)]
            found[element] = ["*" if (kind, each) == ("AWS", "*") else f"{kind}:{each}" for kind, each in said]
        elif value is not None:
            found[element] = texts(value)
    return found


def texts(value: object) -> list[str]:
    """Of a list, or of one value where a list may stand."""
    if value is None:
        return []
    return [text(each) for each in (value if isinstance(value, Sequence) and not isinstance(value, str) else [value])]


@cache
def matches(pattern: str, name: str) -> bool:
    """Whether an IAM pattern stands for all that a name, or another pattern, does; what is unknown is one sign."""
    signs = {"*": f"(?:[^{OPENS}{CLOSES}]|{UNKNOWN_PART})*", "?": f"[^*{OPENS}{CLOSES}]"}
    return re.fullmatch("".join(signs.get(sign, re.escape(sign)) for sign in pattern), name, re.DOTALL) is not None


def _conditions(condition: object) -> Iterator[Compared]:
    if not isinstance(condition, Mapping) or is_open(condition):
        yield "unknown", text(condition), frozenset()
        return
    for operator, keys in condition.items():
        if isinstance(keys, Mapping) and not is_open(keys):
            for key, values in keys.items():
                yield operator.replace("ArnEquals", "ArnLike"), key.lower(), frozenset(texts(values))
        else:
            yield operator, "unknown", frozenset({text(keys)})


def _implies(known: Sequence[Compared], wanted: Sequence[Compared]) -> bool:
    """Whether all of the second is true wherever all of the first is."""
    return all(any(_follows(each, one) for one in known) for each in wanted)


def _follows(wanted: Compared, known: Compared) -> bool:
    (operator, key, values), (as_known, known_key, known_values) = wanted, known
    like = operator.removesuffix("IfExists").endswith("Like")
    alike = (as_known, f"{as_known}IfExists", as_known.replace("StringEquals", "StringLike"))
    if key != known_key or operator not in alike:
        return False
    if "ForAllValues" in operator or operator == "Null":
        return values == known_values
    if "Not" in operator:
        return values <= known_values
    return all(each in values or (like and any(matches(one, each) for one in values)) for each in known_values)


def _covers(statement: Json, than: Json, element: str) -> bool:
    """Of an element with its opposite, such as Action and NotAction."""
    fold = str.lower if element == "Action" else str
    given, known = ([*map(fold, texts(each.get(element)))] for each in (statement, than))
    but, known_but = ([*map(fold, texts(each.get(f"Not{element}")))] for each in (statement, than))
    if but:
        return not given and not known and all(any(matches(each, one) for each in known_but) for one in but)
    if known_but:
        return "*" in given
    return all(any(matches(each, one) for each in given) for one in known)


def _names_somebody(key: str, value: str) -> bool:
    if key in WHOSE:
        return is_exact(value)
    if key in WHOSE_PATH:
        return is_exact(value.partition("/")[0])
    return key in WHOSE_ARN and names_an_owner(value)


def is_exact(value: str) -> bool:
    """Whether it stands for itself alone."""
    return re.search(rf"[*?]|{OPENS}\{{", value) is None and bool(value)
