"""A policy document as statements that can be compared."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from services.library.cloudformation.conditions import ConditionTest, read_condition
from services.library.cloudformation.patterns import EVERYTHING, CombinationsError, Pattern, classes
from services.library.cloudformation.policy_text import is_token, list_of, pattern, policy_text, written
from services.library.cloudformation.values import Value

WITH_VARIABLES = "2012-10-17"
_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?(\d{12}|<AWS::AccountId>)(?::root)?")
_IN_ACCOUNT = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::(\d{12}|<AWS::AccountId>):(.+)")
_NAMED_ROLE = re.compile(r"(AWS:(?:\d{12}|<AWS::AccountId>))/role/(?:[^<>]*/)?([^/<>]+)")
_PARTS = re.compile(r"<[^<>]*>|.", re.DOTALL)
_OWN = re.compile(r"<[A-Za-z0-9]+(?:\.Arn)?>")


class UnreadablePolicyError(ValueError):
    """A policy that is known only at deployment, as a whole or in what decides."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """What one of Action, Resource and Principal, or its Not form, covers."""

    patterns: tuple[Pattern, ...]
    is_negated: bool = False
    texts: Mapping[Pattern, str] = field(default_factory=dict, compare=False)
    """As somebody wrote them, where that says more."""

    def text(self, pattern: Pattern) -> str:
        """Return one of the patterns for people."""
        return self.texts.get(pattern, written(pattern))

    def covers(self, other: "Matcher") -> bool:
        """Return whether it covers all that another one does; False if that is not clear.

        Text that only the deployment knows may be what a Not element excepts.
        """
        every = [*self.patterns, *other.patterns]
        if self.is_negated and not other.is_negated and any(is_token(symbol) for each in every for symbol in each):
            return False
        mine = (1 << len(self.patterns)) - 1
        try:
            found = classes(every)
        except CombinationsError:
            return False
        return all(
            bool(matched & mine) != self.is_negated for matched in found if bool(matched & ~mine) != other.is_negated
        )


ANYTHING = Matcher((EVERYTHING,))


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; two that say the same are equal, in whatever order they say it."""

    allows: bool
    principals: Matcher
    actions: Matcher
    resources: Matcher
    tests: frozenset[ConditionTest]

    @property
    def meaning(self) -> tuple[object, ...]:
        """Return what it says, wherever it stands."""
        return self.allows, self.principals, self.actions, self.resources, self.tests


def read_document(document: Value, *, account: str = "") -> Iterator[Statement]:
    """Yield the statements of a policy document, given as a mapping or as text.

    Raises:
        UnreadablePolicyError: if what it allows is known only at deployment.
    """
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except json.JSONDecodeError as error:
            raise UnreadablePolicyError("the policy is text that is no JSON") from error
    if not isinstance(document, Mapping):
        raise UnreadablePolicyError("the policy is known only at deployment")
    if "Statement" not in document:
        if not document or set(document) <= {"Version", "Id"}:
            return
        raise UnreadablePolicyError(f"the policy is known only at deployment: {policy_text(document)}")
    for statement in list_of(_without_variables(document)):
        yield read_statement(statement, account=account)


def _without_variables(document: Mapping[str, Value]) -> Value:
    """A document's statements; in one of another version than 2012-10-17, also in one that says none, `${` is text.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
    """
    statements, version = document["Statement"], document.get("Version", "")
    if version == WITH_VARIABLES or "${" not in json.dumps(statements, default=str):
        return statements
    if not isinstance(version, str):
        raise UnreadablePolicyError(f"the policy's Version is known only at deployment: {policy_text(version)}")
    return _escaped(statements)


def _escaped(value: Value) -> Value:
    if isinstance(value, str):
        return value.replace("${", "${$}{")
    if isinstance(value, Mapping):
        return {key: _escaped(each) for key, each in value.items()}
    return [_escaped(each) for each in value] if isinstance(value, list) else value


def read_statement(statement: Value, *, account: str = "") -> Statement:
    """Read one statement. `account`: of the stack, if that is known.

    Raises:
        UnreadablePolicyError: if what it allows is known only at deployment.
    """
    if not isinstance(statement, Mapping) or statement.get("Effect") not in ("Allow", "Deny"):
        raise UnreadablePolicyError(f"a statement is known only at deployment: {policy_text(statement)}")
    return Statement(
        allows=statement["Effect"] == "Allow",
        principals=_matcher(statement, "Principal", lambda value: _principals(value, account)),
        actions=_matcher(statement, "Action", lambda value: map(_action, list_of(value))),
        resources=_matcher(statement, "Resource", lambda value: map(_resource, list_of(value))),
        tests=read_condition(statement.get("Condition")),
    )


Named = tuple[Pattern, str]
"""A pattern to compare and its text for people."""


def _matcher(statement: Mapping[str, Value], element: str, read: Callable[[Value], Iterable[Named]]) -> Matcher:
    for name in (element, f"Not{element}"):
        if name in statement:
            texts = dict(sorted(read(statement[name])))
            return Matcher(tuple(texts), is_negated=name != element, texts=texts)
    return ANYTHING


def _resource(value: Value) -> Named:
    return pattern(value), policy_text(value)


def actions_matcher(*actions: str) -> Matcher:
    """Return what these actions cover."""
    return Matcher(tuple(pattern for pattern, _ in map(_action, actions)))


def _action(value: Value) -> Named:
    """Read an action: compared without regard to case; `*:*` is every action, as `*` is."""
    symbols = tuple(symbol.lower() if len(symbol) == 1 else symbol for symbol in pattern(value))
    return EVERYTHING if set("".join(symbols)) <= set("*:") else symbols, policy_text(value)


def _principals(value: Value, account: str) -> Iterator[Named]:
    """`AWS:<account>/<who>`, `Service:<name>` and so on; an account stands for everybody in it."""
    if value == "*":
        yield EVERYTHING, "everybody"
    elif not isinstance(value, Mapping) or not set(value) <= {"AWS", "Service", "Federated", "CanonicalUser"}:
        raise UnreadablePolicyError(f"a principal is known only at deployment: {policy_text(value)}")
    else:
        for kind, several in value.items():
            for each in list_of(several):
                named = _principal(kind, each, account)
                yield named
                yield from _sessions(named)


def _sessions(role: Named) -> Iterator[Named]:
    """Yield the sessions of a role that is named in full: they are what calls, and may be named themselves.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    if found := _NAMED_ROLE.fullmatch(written(role[0])):
        yield (*f"{found[1]}/assumed-role/{found[2]}/", "*"), role[1]


def _principal(kind: str, value: Value, account: str) -> Named:
    if value == "*":
        return EVERYTHING, "everybody"
    text = policy_text(value)
    if account:
        text = text.replace("<AWS::AccountId>", account)
    if kind != "AWS":
        return (*f"{kind}:", *pattern(value, wildcards=False)), f"the service {text}" if kind == "Service" else text
    if found := _ACCOUNT.fullmatch(text):
        return (*f"AWS:{found[1]}/", "*"), f"account {found[1]}"
    if found := _IN_ACCOUNT.fullmatch(text):
        return (*f"AWS:{found[1]}/", *_literal(found[2])), text
    if _OWN.fullmatch(text):  # a resource of the same stack, so of the same account
        return (*f"AWS:{account or '<AWS::AccountId>'}/", text), text
    return (*"AWS:", *_literal(text)), text


def _literal(text: str) -> Iterator[str]:
    """Text whose wildcards mean nothing: a principal is named in full or is everybody."""
    return (f"\\{part}" if part in ("*", "?") else part for part in _PARTS.findall(text))
