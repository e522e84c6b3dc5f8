"""The statements of policies, wherever they stand: who is let in, and who is kept out without TLS."""

import json
from collections.abc import Iterator, Mapping, Sequence

from services.library.cloudformation.conditions import ConditionTest
from services.library.cloudformation.intrinsics import entries, possible_documents, possible_values
from services.library.cloudformation.patterns import EVERYTHING, STAR, Pattern
from services.library.cloudformation.policy_text import document_text, is_token, is_unreadable, pattern
from services.library.cloudformation.statements import Matcher, UnreadablePolicyError, actions_matcher, read_statement
from services.library.cloudformation.template import Json, Resource, Template
from services.library.cloudformation.values import is_open
from services.library.guardrails.baseline.coverage import is_narrowed

UNREADABLE: Json = {"Effect": "Allow", "Action": "unknown", "Principal": "*"}
"""In the place of what nobody can tell."""
POLICIES: Mapping[str, Mapping[str, str]] = {
    # Whose policy is one alone, so that the last one written holds: each type that writes it, how it names whose.
    "AWS::S3::Bucket": {"AWS::S3::BucketPolicy": "Bucket"},
    "AWS::SQS::Queue": {"AWS::SQS::QueuePolicy": "Queues", "AWS::SQS::QueueInlinePolicy": "Queue"},
    "AWS::SNS::Topic": {"AWS::SNS::TopicPolicy": "Topics", "AWS::SNS::TopicInlinePolicy": "TopicArn"},
}
WITHOUT_TLS = frozenset({ConditionTest("bool", "aws:securetransport", (json.dumps("false"),))})


def statements(value: object, template: Template, location: str = "Properties") -> Iterator[tuple[str, Json]]:
    """Yield every statement that may come to stand in a value, with where it stands."""
    for each in possible_values(value, template):
        if isinstance(each, str) or is_open(each):
            if "Effect" in str(each):  # most are names and ARNs, and it is dear to write them all
                yield from _in_text(document_text(each), template, location)
        elif isinstance(each, Mapping):
            if "Effect" in each and ("Action" in each or "NotAction" in each):
                for document in possible_documents(each, template):
                    yield location, document if isinstance(document, Mapping) and not is_open(document) else UNREADABLE
                continue
            for name, part in each.items():
                yield from statements(part, template, f"{location}.{name}")
        elif isinstance(each, Sequence):
            for index, part in enumerate(each):
                yield from statements(part, template, f"{location}.{index}")


def certain(value: object, template: Template) -> list[list[Json]]:
    """Return a policy's statements in each way that it may come out; none in one that nobody can tell."""
    return [
        [statement for _, statement in statements(document, template)]
        for document in possible_documents(value, template)
    ]


def lets_everybody_in(statement: Json, template: Template) -> bool:
    """Return whether it may allow something to anybody, with nothing that says whose request it must be."""
    return any(
        not isinstance(document, Mapping)
        or is_open(document)
        or (
            document.get("Effect") != "Deny"
            and ("NotPrincipal" in document or is_everybody(document.get("Principal"), template))
            and not is_narrowed(document.get("Condition"))
        )
        for document in possible_documents(statement, template)
    )


def is_everybody(principal: object, template: Template) -> bool:
    """Return whether a principal is, or may be, anybody."""
    for each in entries(principal, template):
        whom = [each]
        if isinstance(each, Mapping) and not is_open(each):
            whom = [one for kind in ("AWS", "Service") for one in entries(each.get(kind), template)]
        if any(_may_be_anybody(pattern(one)) for one in whom):
            return True
    return False


def refuses_plain_text(statement: Json, resource: Resource, action: str) -> bool:
    """Return whether a statement as it comes out keeps out of the whole resource whoever comes without TLS."""
    try:
        said = read_statement(statement)
    except UnreadablePolicyError:
        return False
    return (
        not said.allows
        and "Principal" in statement
        and EVERYTHING in said.principals.patterns
        and said.tests == WITHOUT_TLS
        and said.actions.covers(actions_matcher(action))
        and not said.resources.is_negated
        and all(
            any(
                said.resources.covers(Matcher((pattern(f"${{{resource.logical_id}{attribute}}}{tail}"),)))
                for attribute in ("", ".Arn", ".TopicArn")
            )
            for tail in (("", "/*") if resource.type == "AWS::S3::Bucket" else ("",))
        )
    )


def _in_text(text: str, template: Template, location: str) -> Iterator[tuple[str, Json]]:
    """Some types take their policies as JSON in a text."""
    if text.lstrip().startswith("{") and '"Effect"' in text:
        try:
            policy = json.loads(text)
        except ValueError:
            yield location, UNREADABLE
        else:
            yield from ((location, statement) for _, statement in statements(policy, template))


def _may_be_anybody(principal: Pattern) -> bool:
    """What is read at deployment may be, too."""
    known = [symbol for symbol in principal if not is_token(symbol)]
    return known == [STAR] or (not known and any(map(is_unreadable, principal)))
