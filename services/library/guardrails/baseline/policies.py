"""The statements of policies, wherever they stand: who is let in, and who is kept out without TLS."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from services.library.cloudformation.intrinsics import CLOSES, OPENS, entries, is_open, possible, text, worlds
from services.library.cloudformation.template import Json, Resource, Template
from services.library.guardrails.baseline.coverage import (
    UNKNOWN_PART,
    conditions,
    is_narrowed,
    matches,
    principals,
    texts,
)

UNREADABLE: Json = {"Effect": "Allow", "Action": "unknown", "Principal": "*"}
"""In the place of what nobody can tell."""
POLICIES: Mapping[str, Mapping[str, str]] = {
    # Whose policy is one alone, so that the last one written holds: each type that writes it, how it names whose.
    "AWS::S3::Bucket": {"AWS::S3::BucketPolicy": "Bucket"},
    "AWS::SQS::Queue": {"AWS::SQS::QueuePolicy": "Queues", "AWS::SQS::QueueInlinePolicy": "Queue"},
    "AWS::SNS::Topic": {"AWS::SNS::TopicPolicy": "Topics", "AWS::SNS::TopicInlinePolicy": "TopicArn"},
}
TLS_ALONE = [("Bool", "aws:securetransport", frozenset({"false"}))]


def statements(value: object, template: Template, location: str = "Properties") -> Iterator[tuple[str, Json]]:
    """Every statement that may come to stand in a value, with where it stands."""
    for each in possible(value, template):
        if isinstance(each, str) or is_open(each):
            yield from ((location, statement) for statement in _in_text(text(each)))
        elif isinstance(each, Mapping):
            if "Effect" in each and ("Action" in each or "NotAction" in each):
                for world in worlds(each, template):
                    yield location, world if isinstance(world, Mapping) and not is_open(world) else UNREADABLE
                continue
            for name, part in each.items():
                yield from statements(part, template, f"{location}.{name}")
        elif isinstance(each, Sequence):
            for index, part in enumerate(each):
                yield from statements(part, template, f"{location}.{index}")


def certain(value: object, template: Template) -> list[list[Json]]:
    """The statements of a policy in each way that it may come out; none in one that nobody can tell."""
    return [[statement for _, statement in statements(world, template)] for world in worlds(value, template)]


def lets_everybody_in(statement: Json, template: Template) -> bool:
    """Whether it may allow something to anybody, with nothing that says whose request it must be."""
    return any(
        not isinstance(world, Mapping)
        or is_open(world)
        or (
            world.get("Effect") != "Deny"
            and ("NotPrincipal" in world or is_everybody(world.get("Principal"), template))
            and not is_narrowed(world.get("Condition"))
        )
        for world in worlds(statement, template)
    )


def is_everybody(principal: object, template: Template) -> bool:
    """Whether a principal is, or may be, anybody."""
    for each in entries(principal, template):
        whom = [each]
        if isinstance(each, Mapping) and not is_open(each):
            whom = [one for kind in ("AWS", "Service") for one in entries(each.get(kind), template)]
        if any(_may_be_anybody(one) for one in whom):
            return True
    return False


def refuses_plain_text(statement: Json, resource: Resource, actions: Sequence[str]) -> bool:
    """Whether one as it comes out keeps everybody out who comes without TLS, from the whole resource."""
    return (
        statement.get("Effect") == "Deny"
        and "*" in principals(statement).get("Principal", ())
        and conditions(statement) == TLS_ALONE
        and any(action in actions for action in texts(statement.get("Action")))
        and all(
            any(
                matches(covered, f"{OPENS}{resource.logical_id}{attribute}{CLOSES}{tail}")
                for covered in texts(statement.get("Resource"))
                for attribute in ("", ".Arn", ".TopicArn")
            )
            for tail in (("", "/*") if resource.type == "AWS::S3::Bucket" else ("",))
        )
    )


def _in_text(said: str) -> Iterator[Json]:
    """Some types take their policies as JSON in a text."""
    if said.lstrip().startswith("{") and '"Statement"' in said:
        try:
            found = json.loads(said)["Statement"]
        except (ValueError, KeyError):
            yield UNREADABLE
        else:
            yield from (each for each in (found if isinstance(found, list) else [found]) if isinstance(each, Mapping))


def _may_be_anybody(value: object) -> bool:
    """What is read at deployment may be, too."""
    known = re.sub(UNKNOWN_PART, "", text(value))
    unknown = re.findall(f"{OPENS}([^{CLOSES}]*)", text(value))
    return known == "*" or (not known and any(name.startswith("{") for name in unknown))
