"""A policy document as statements that can be compared."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pipeline.review.access.conditions import Test, tests_of
from pipeline.review.access.patterns import EVERYTHING, Pattern
from pipeline.review.access.policy_text import listed, pattern, spelled, written
from pipeline.review.model import AccessKind

_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?(\d{12}|<AWS::AccountId>)(?::root)?")
_IN_ACCOUNT = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::(\d{12}|<AWS::AccountId>):(.+)")
_OWN = re.compile(r"<[A-Za-z0-9]+(?:\.Arn)?>")


class UnreadableError(ValueError):
    """A policy that is known only at deployment, as a whole or in what decides."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """What one of Action, Resource and Principal, or its Not form, covers."""

    patterns: tuple[Pattern, ...]
    is_negated: bool = False
    texts: Mapping[Pattern, str] = field(default_factory=dict, compare=False)
    """As somebody wrote them, where that says more."""

    def text(self, pattern: Pattern) -> str:
        """One of the patterns for people."""
        return self.texts.get(pattern, written(pattern))


ANYTHING = Matcher((EVERYTHING,))


@dataclass(frozen=True, slots=True)
class Source:
    """The resource whose policy it is."""

    kind: AccessKind
    logical_id: str
    managed: str = ""
    """The ARN of an attached policy, whose text is not ours to read."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; two that say the same are equal, in whatever order they say it."""

    allows: bool
    principals: Matcher
    actions: Matcher
    resources: Matcher
    tests: frozenset[Test]
    source: Source
    """What holds it."""

    @property
    def meaning(self) -> tuple[object, ...]:
        """All but where it stands."""
        return self.allows, self.principals, self.actions, self.resources, self.tests


def everything(source: Source) -> Statement:
    """The statement that allows all there is."""
    return Statement(True, ANYTHING, ANYTHING, ANYTHING, frozenset(), source)


def statements_of(document: object, *, source: Source, account: str = "") -> Iterator[Statement]:
    """The statements of a policy document, given as a mapping or as text.

    Raises:
        UnreadableError: if what it allows is known only at deployment.
    """
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except json.JSONDecodeError as error:
            raise UnreadableError("the policy is text that is no JSON") from error
    if not isinstance(document, Mapping):
        raise UnreadableError("the policy is known only at deployment")
    if "Statement" not in document:
        if not document or set(document) <= {"Version", "Id"}:
            return
        raise UnreadableError(f"the policy is known only at deployment: {spelled(document)}")
    for statement in listed(document["Statement"]):
        yield _statement(statement, source, account)


def _statement(statement: object, source: Source, account: str) -> Statement:
    if not isinstance(statement, Mapping) or statement.get("Effect") not in ("Allow", "Deny"):
        raise UnreadableError(f"a statement is known only at deployment: {spelled(statement)}")
    return Statement(
        allows=statement["Effect"] == "Allow",
        principals=_matcher(statement, "Principal", lambda value: _principals(value, account)),
        actions=_matcher(statement, "Action", lambda value: map(_action, listed(value))),
        resources=_matcher(statement, "Resource", lambda value: map(_resource, listed(value))),
        tests=tests_of(statement.get("Condition")),
        source=source,
    )


Named = tuple[Pattern, str]
"""A pattern to compare and its text for people."""


def _matcher(statement: Mapping[str, object], element: str, read: Callable[[object], Iterable[Named]]) -> Matcher:
    for name in (element, f"Not{element}"):
        if name in statement:
            texts = dict(sorted(read(statement[name])))
            return Matcher(tuple(texts), is_negated=name != element, texts=texts)
    return ANYTHING


def _resource(value: object) -> Named:
    return pattern(value), spelled(value)


def _action(value: object) -> Named:
    """Actions are compared without regard to case; `*:*` is every action, as `*` is."""
    symbols = tuple(symbol.lower() if len(symbol) == 1 else symbol for symbol in pattern(value))
    return EVERYTHING if set("".join(symbols)) <= set("*:") else symbols, spelled(value)


def _principals(value: object, account: str) -> Iterator[Named]:
    """`AWS:<account>/<who>`, `Service:<name>` and so on; an account stands for everybody in it."""
    if value == "*":
        yield EVERYTHING, "everybody"
    elif not isinstance(value, Mapping) or not set(value) <= {"AWS", "Service", "Federated", "CanonicalUser"}:
        raise UnreadableError(f"a principal is known only at deployment: {spelled(value)}")
    else:
        for kind, several in value.items():
            yield from (_principal(kind, each, account) for each in listed(several))


def _principal(kind: str, value: object, account: str) -> Named:
    if value == "*":
        return EVERYTHING, "everybody"
    text = spelled(value)
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
    return (f"\\{character}" if character in "*?" else character for character in text)
