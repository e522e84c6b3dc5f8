"""Pairs of policies over a small alphabet, as the review reads them in templates and as the evaluator reads them."""

import copy
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.local.cloud.iam.decision import EVERYTHING, Principal, Request, ResourcePolicy, decide
from pipeline.local.cloud.iam.policies import read_policy
from services.library.cloudformation.resolved_template import ResolvedTemplate, resolve
from services.library.cloudformation.template import Template

Json = Any

HERE, THERE = "111111111111", "222222222222"
ROLE_ARN = f"arn:aws:iam::{HERE}:role/reader"
SESSION_ARN = f"arn:aws:sts::{HERE}:assumed-role/reader/work"
REFERENCE = {"Fn::GetAtt": ["Role", "Arn"]}
EVERYBODY = "*"

ACTIONS = ("s3:GetObject", "s3:GetObjectAcl", "s3:PutObject", "s3:ListBucket", "sqs:SendMessage")
ACTION_PATTERNS = (
    "*",
    "s3:*",
    "s3:Get*",
    "s3:getobject",
    "s3:?utObject",
    "s3:*Object",
    "*:*Object*",
    "sqs:*",
    "S3:List*",
)
RESOURCES = tuple(f"arn:aws:s3:::{name}" for name in ("a", "a/x", "a/xy", "a/ann/x", "b", "b/x"))
RESOURCE_PATTERNS = (
    "*",
    *(f"arn:aws:s3:::{name}" for name in ("a", "a/*", "*/x", "a/x?", "?/*", "b*", "a/x", "a/ann/*", "a/${*}")),
    *(f"arn:aws:s3:::a/{name}" for name in ("${aws:username}", "${aws:username, 'x'}", "${aws:username}/x")),
)
PRINCIPALS: tuple[Json, ...] = (
    {"AWS": REFERENCE},
    {"AWS": HERE},
    {"AWS": f"arn:aws:iam::{THERE}:root"},
    {"AWS": f"arn:aws:iam::{THERE}:role/team/writer"},
    {"AWS": f"arn:aws:iam::{HERE}:user/ada"},
    {"AWS": f"arn:aws:iam::{HERE}:role/writer"},
    {"AWS": f"arn:aws:sts::{HERE}:assumed-role/writer/work"},
    {"Service": "sns.amazonaws.com"},
    {"Service": ["events.amazonaws.com", "sns.amazonaws.com"]},
    {"AWS": "*"},
    EVERYBODY,
)
OTHERS = (
    Principal(arn=f"arn:aws:sts::{HERE}:assumed-role/writer/work", account=HERE, policies=(EVERYTHING,)),
    Principal(arn=f"arn:aws:sts::{HERE}:assumed-role/writer/rest", account=HERE),
    Principal(arn=f"arn:aws:sts::{THERE}:assumed-role/writer/work", account=THERE, policies=(EVERYTHING,)),
    Principal(arn=f"arn:aws:iam::{THERE}:user/bob", account=THERE, policies=(EVERYTHING,)),
    Principal(arn=f"arn:aws:iam::{HERE}:user/ada", account=HERE),
    Principal(arn="sns.amazonaws.com", account=""),
    Principal(arn="events.amazonaws.com", account=""),
)
"""Who asks besides the stack's own role; what they may do is the same on both sides."""


@dataclass(frozen=True)
class Key:
    """A condition key: how policies test it, and what requests have in it."""

    name: str
    operators: tuple[str, ...]
    tested: tuple[str, ...]
    values: tuple[tuple[str, ...] | None, ...]
    """None where a request has no such key."""


def one_each(*values: str) -> tuple[tuple[str, ...] | None, ...]:
    return (None, *((value,) for value in values))


def in_both_senses(family: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{family}{sense}{name}{end}" for sense in ("", "Not") for name in names for end in ("", "IfExists"))


COMPARED = ("LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals", "Equals", "NotEquals")
KEYS = (
    Key(
        "s3:prefix",
        in_both_senses("String", "Equals", "Like", "EqualsIgnoreCase"),
        ("", "x", "X", "xy", "x*", "*", "?*", "team/*", "x${*}", "${aws:username}", "${aws:username, 'x'}"),
        one_each("", "x", "X", "xy", "x*", "team/", "team/x"),
    ),
    Key("aws:username", ("StringEquals", "StringNotLike"), ("ann", "x", "${*}"), one_each("x", "xy", "ann", "*")),
    Key("aws:SecureTransport", ("Bool", "BoolIfExists"), ("true", "false"), one_each("true", "false")),
    Key(
        "s3:max-keys",
        tuple(f"Numeric{name}" for name in COMPARED),
        ("1", "2", "2.5"),
        one_each("0", "1", "1.5", "2", "2.2", "2.5", "3"),
    ),
    Key(
        "aws:CurrentTime",
        tuple(f"Date{name}" for name in COMPARED),
        ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00+01:00"),
        one_each(*(f"20{year}-01-01T00:00:00Z" for year in (25, 26, 27, 28)), "2026-12-31T23:00:00Z"),
    ),
    Key(
        "aws:SourceIp",
        ("IpAddress", "NotIpAddress", "IpAddressIfExists"),
        ("10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0", "2001:db8::/32"),
        one_each("10.0.0.1", "10.1.0.1", "11.0.0.1", "2001:db8::1", "2001:db9::1"),
    ),
    Key(
        "aws:SourceArn",
        in_both_senses("Arn", "Equals", "Like"),
        ("*", "arn:aws:sns:*:*:news", f"arn:aws:sns:*:{HERE}:*", f"arn:aws:*:eu-west-1:{HERE}:ne?s"),
        one_each(
            *(f"arn:aws:{rest}" for rest in (f"sns:eu-west-1:{HERE}:news", f"sns:eu-west-1:{THERE}:news")),
            *(f"arn:aws:{rest}" for rest in (f"sqs:eu-west-1:{HERE}:nets", f"sns:eu-west-1:{HERE}:a:news")),
        ),
    ),
    Key(
        "aws:TagKeys",
        tuple(
            f"{each}:String{operator}"
            for each in ("ForAnyValue", "ForAllValues")
            for operator in ("Equals", "NotEquals", "Like", "EqualsIgnoreCase")
        ),
        ("a", "b", "c", "d", "A*"),
        (
            None,
            *(each for size in (1, 2, 3, 4) for each in itertools.combinations(("a", "b", "c", "d", "Ab"), size)),
        ),
    ),
    Key(
        "aws:PrincipalArn",
        in_both_senses("Arn", "Like"),
        (f"arn:aws:iam::{HERE}:role/*", ROLE_ARN, "arn:aws:iam::*:role/writer"),
        (None,),
    ),
)


@dataclass(frozen=True)
class Side:
    """What a stack says: what its role may do, within what, and the policy of a resource."""

    identity: tuple[Json, ...]
    """Documents."""
    boundary: Json | None
    held: Json | None
    kind: str
    """Of the resource's policy, as the evaluator calls it."""

    @property
    def template(self) -> ResolvedTemplate:
        """As the review reads it: the last of several policies is a resource of its own, as the CDK writes it."""
        *inline, last = ({"PolicyName": f"P{at}", "PolicyDocument": each} for at, each in enumerate(self.identity))
        role: Json = {"AssumeRolePolicyDocument": {"Statement": []}, "Policies": inline}
        found = {"Policy": {"Type": "AWS::IAM::Policy", "Properties": {**last, "Roles": [{"Ref": "Role"}]}}}
        if self.boundary:
            role["PermissionsBoundary"] = {"Ref": "Boundary"}
            properties = {"PolicyDocument": self.boundary}
            found["Boundary"] = {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}
        if self.kind == "trust policy":
            role["AssumeRolePolicyDocument"] = self.held or {"Statement": []}
        elif self.kind == "key policy":
            found["Key"] = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": self.held or {"Statement": []}}}
        else:
            found["Bucket"] = {"Type": "AWS::S3::Bucket", "Properties": {}}
            if self.held:
                properties = {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": self.held}
                found["BucketPolicy"] = {"Type": "AWS::S3::BucketPolicy", "Properties": properties}
        resources = {"Role": {"Type": "AWS::IAM::Role", "Properties": role}, **found}
        return resolve(Template({"Resources": resources}), account=HERE)

    def judged(self) -> "Judge":
        """As the evaluator reads it, once for many requests."""
        return Judge(self)


class Judge:
    """The local cloud's evaluator of one side."""

    def __init__(self, side: Side) -> None:
        policies = tuple(read_policy("identity", each) for each in side.identity)
        boundary = read_policy("boundary", side.boundary) if side.boundary else None
        own = Principal(arn=SESSION_ARN, account=HERE, policies=policies, boundary=boundary)
        held = side.held or ({"Statement": []} if side.kind != "resource-based policy" else None)
        self._principals = (own, *OTHERS)
        self._held = ResourcePolicy(policy=read_policy("held", deployed(held)), kind=side.kind) if held else None

    def allows(self, asked: "Asked") -> bool:
        """Tell whether a request is allowed."""
        keys = dict(asked.keys)
        request = Request(
            action=asked.action, resource=asked.resource, owner=HERE, keys=keys, resource_policy=self._held
        )
        return decide(self._principals[asked.principal], request).allowed


@dataclass(frozen=True)
class Asked:
    """A request: who asks (0 is the stack's role) for what, with which condition keys."""

    principal: int
    action: str
    resource: str
    keys: tuple[tuple[str, tuple[str, ...]], ...]


def deployed(value: Json) -> Json:
    """Put the role's ARN in the place of the reference to it."""
    if value == REFERENCE:
        return ROLE_ARN
    if isinstance(value, Mapping):
        return {key: deployed(each) for key, each in value.items()}
    return [deployed(each) for each in value] if isinstance(value, list) else value


class Pairs:
    """Draws pairs, and requests that may tell their sides apart; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - a test that can be run again
        self._actions: Sequence[str] = ACTION_PATTERNS
        self._resources: Sequence[str] = RESOURCE_PATTERNS
        self._named: Sequence[Json] = PRINCIPALS
        self._keys: Sequence[Key] = KEYS

    def pair(self) -> tuple[Side, Side]:
        """Draw two sides that differ in little, since unlike ones differ in everything at once, and of few words."""
        self._actions = self._chance.sample(ACTION_PATTERNS, 3)
        self._resources = self._chance.sample(RESOURCE_PATTERNS, 3)
        self._named = self._chance.sample(PRINCIPALS, 3)
        self._keys = self._chance.sample(KEYS, 2)
        kind = self._chance.choice(("resource-based policy", "resource-based policy", "key policy", "trust policy"))
        old = Side(
            identity=tuple(self._document(held=False) for _ in range(self._chance.randint(1, 2))),
            boundary=self._document(held=False) if self._chance.random() < 0.4 else None,
            held=self._document(held=True, kind=kind) if self._chance.random() < 0.6 else None,
            kind=kind,
        )
        new = copy.deepcopy(old)
        for _ in range(self._chance.randint(1, 2)):
            new = self._edited(new)
        return (old, new) if self._chance.random() < 0.5 else (new, old)

    def requests(self, sides: tuple[Side, Side], count: int) -> Iterator[Asked]:
        """Draw requests whose condition keys are those that some policy of the two tests."""
        written = str(sides)
        keys = [key for key in KEYS if key.name in written]
        own = [0] * len(OTHERS)
        asking = own if sides[0].held == sides[1].held else [*own, *range(1, len(OTHERS) + 1)]
        for _ in range(count):
            given = [(key.name.lower(), self._chance.choice(key.values)) for key in keys]
            yield Asked(
                principal=self._chance.choice(asking),
                action=self._chance.choice(ACTIONS),
                resource=self._chance.choice(RESOURCES),
                keys=tuple((name, values) for name, values in given if values is not None),
            )

    def _edited(self, side: Side) -> Side:
        place = self._chance.choice(("identity", "identity", "boundary", "held"))
        if place == "identity":
            documents = list(side.identity)
            at = self._chance.randrange(len(documents))
            documents[at] = self._changed(documents[at], held=False, kind="")
            if self._chance.random() < 0.2:
                documents.reverse()
            return Side(tuple(documents), side.boundary, side.held, side.kind)
        is_held = place == "held"
        before = side.held if is_held else side.boundary
        if before is None:
            after = self._document(held=is_held, kind=side.kind)
        else:
            after = None if self._chance.random() < 0.2 else self._changed(before, held=is_held, kind=side.kind)
        if is_held:
            return Side(side.identity, side.boundary, after, side.kind)
        return Side(side.identity, after, side.held, side.kind)

    def _changed(self, document: Json, *, held: bool, kind: str) -> Json:
        statements = list(document["Statement"])
        at = self._chance.randint(0, len(statements))
        further = self._statement(held=held, kind=kind)
        if at == len(statements):
            return {**document, "Statement": [*statements, further]}
        match self._chance.randrange(4):
            case 0:
                del statements[at]
            case 1:
                statements = self._divided(statements, at)
            case _:
                statements[at] = self._replaced(statements[at], further)
        return {**document, "Statement": statements}

    def _divided(self, statements: Sequence[Json], at: int) -> list[Json]:
        """The same in other words: a statement for each of its actions, and all the other way round."""
        actions = statements[at].get("Action", [])
        parts = [{**statements[at], "Action": [each]} for each in actions] or [statements[at]]
        return [*statements[:at], *parts, *statements[at + 1 :]][::-1]

    def _replaced(self, statement: Json, further: Json) -> Json:
        """One of its elements as another statement has it."""
        element = self._chance.choice(("Effect", "Action", "Resource", "Principal", "Condition", "Condition"))
        kept = {key: value for key, value in statement.items() if key.removeprefix("Not") != element}
        return {**kept, **{key: value for key, value in further.items() if key.removeprefix("Not") == element}}

    def _document(self, *, held: bool, kind: str = "") -> Json:
        statements = [self._statement(held=held, kind=kind) for _ in range(self._chance.randint(1, 3))]
        version = {"Version": "2012-10-17"} if self._chance.random() < 0.8 else {}
        return {**version, "Statement": statements}

    def _statement(self, *, held: bool, kind: str) -> Json:
        made: dict[str, Json] = {"Effect": self._chance.choice(("Allow", "Allow", "Deny"))}
        made[self._element("Action")] = self._some(self._actions)
        if kind != "trust policy":
            made[self._element("Resource")] = self._some(self._resources)
        if held:
            name = "NotPrincipal" if made["Effect"] == "Deny" and self._chance.random() < 0.2 else "Principal"
            made[name] = copy.deepcopy(self._chance.choice(self._named))
        for key in self._chance.sample(self._keys, self._chance.choice((0, 0, 1, 1, 2))):
            for _ in range(self._chance.choice((1, 1, 2))):
                self._add_test(made.setdefault("Condition", {}), key)
        return made

    def _add_test(self, condition: dict[str, Json], key: Key) -> None:
        if self._chance.random() < 0.15:
            condition["Null"] = {**condition.get("Null", {}), key.name: self._chance.choice(("true", "false"))}
        else:
            operator = self._chance.choice(key.operators)
            condition[operator] = {**condition.get(operator, {}), key.name: self._some(key.tested)}

    def _element(self, name: str) -> str:
        return f"Not{name}" if self._chance.random() < 0.15 else name

    def _some(self, texts: Sequence[str]) -> list[str]:
        return self._chance.sample(texts, min(len(texts), self._chance.choice((1, 1, 2))))
