"""Which condition keys tell callers apart, and which of their values name somebody in particular.

"Public" is AWS's word: a policy is public unless it grants access only to fixed values, without wildcard or policy
variable, of a principal or of one of a few keys. Keys that are not among these identify nobody.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

from collections.abc import Iterable

from services.library.cloudformation.patterns import COMPONENT_ONE, COMPONENT_STAR, ONE, STAR, Pattern
from services.library.cloudformation.policy_text import is_token, is_variable

NAMES = frozenset(
    {
        "aws:ec2instancesourcevpc",
        "aws:principalaccount",
        "aws:principalorgid",
        "aws:principalservicename",
        "aws:sourceaccount",
        "aws:sourceorgid",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:vpceaccount",
        "aws:userid",
        "aws:vpceorgid",
        "kms:calleraccount",
        "s3:dataaccesspointaccount",
    }
)
"""Accounts, organisations, networks, services, users: each value is one of them.

The sessions of a role, `AROA1:*`, are no fixed value of aws:userid:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""
PATHS = frozenset({"aws:principalorgpaths", "aws:sourceorgpaths", "aws:vpceorgpaths"})
"""What stands before the first slash is an organisation's id: `o-1/*`."""
ARNS = frozenset(
    {
        "aws:principalarn",
        "aws:sourcearn",
        "aws:sourcevpcarn",
        "elasticfilesystem:accesspointarn",
        "lambda:sourcefunctionarn",
        "s3:dataaccesspointarn",
    }
)
"""Who is named is the account in it; where there is none, as in a bucket's, the name that no other account can have."""
ADDRESSES = frozenset({"aws:sourceip"})
"""Narrow as far as the network is small."""
YES = frozenset({"elasticfilesystem:accessedviamounttarget"})
"""True only within a network of the file system's.

https://docs.aws.amazon.com/efs/latest/ug/access-control-block-public-access.html
"""
CLAIMS = frozenset({"sub", "repository", "repository_id", "repository_owner", "repository_owner_id", "enterprise_id"})
"""Of a web identity's token, from whatever provider: who or what it was given to.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
"""
AUDIENCES = frozenset(
    {
        "accounts.google.com:aud",
        "accounts.google.com:oaud",
        "cognito-identity.amazonaws.com:aud",
        "graph.facebook.com:app_id",
        "graph.facebook.com:id",
        "www.amazon.com:app_id",
        "www.amazon.com:user_id",
    }
)
"""Provider and claim, where the value is an app or a pool of identities that somebody has registered.

Elsewhere a token's audience is what its bearer asked for."""
_WILDCARDS = frozenset({STAR, ONE, COMPONENT_STAR, COMPONENT_ONE})
_ACROSS = frozenset({STAR, ONE})


def is_identifying(key: str) -> bool:
    """Return whether a stranger cannot set a condition key as they like."""
    return key in NAMES | PATHS | ARNS | ADDRESSES | YES | AUDIENCES or _is_claim(key)


def names_somebody(key: str, value: Pattern) -> bool:
    """Return whether a value of an identifying key, compared as text, is met by somebody in particular alone."""
    if key in YES:
        return "".join(value).replace("~", "").lower() == "true"
    if key in ARNS:
        return _names_owner(value)
    if key in PATHS:
        return _is_fixed(_before(value, ":/"))
    if _is_claim(key):
        return _names_owner_of_token(key.rpartition(":")[2], value)
    return _is_fixed(value)


def _is_claim(key: str) -> bool:
    provider, _, claim = key.rpartition(":")
    return "." in provider and claim in CLAIMS


def _names_owner_of_token(claim: str, value: Pattern) -> bool:
    """A subject is `repo:OWNER/NAME:ref:...` on GitHub, and elsewhere likewise begins with a kind and an owner."""
    first = _before(value, ":/")
    if claim == "sub":
        return _is_fixed(first) and _is_fixed(_before(value[len(first) + 1 :], ":/") or first)
    return _is_fixed(first if claim == "repository" else value)


def _names_owner(arn: Pattern) -> bool:
    if arn and is_token(arn[0]) and _is_fixed(arn[:1]):
        return True  # a resource of the stack, or below one
    parts = _split(arn)
    if len(parts) < 6:
        return _is_fixed(arn)
    if _ACROSS & {symbol for part in parts[:4] for symbol in part}:
        return False  # a wildcard that goes beyond its part leaves no part where it seems to be
    account, name = parts[4], [symbol for part in parts[5:] for symbol in part]
    return _is_fixed(account) if account else _is_fixed(_before(name, "/"))


def _split(value: Iterable[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for symbol in value:
        if symbol == ":":
            parts.append([])
        else:
            parts[-1].append(symbol)
    return parts


def _before(value: Iterable[str], ends: str) -> list[str]:
    found = []
    for symbol in value:
        if len(symbol) == 1 and symbol in ends:
            break
        found.append(symbol)
    return found


def _is_fixed(value: Iterable[str]) -> bool:
    """Whether there is neither wildcard nor policy variable; what a deployment fills in is one value."""
    symbols = list(value)
    return bool(symbols) and not any(each in _WILDCARDS or is_variable(each) for each in symbols)
