"""The statements of policies, wherever they stand: who is let in, and who is kept out without TLS."""

from collections.abc import Iterator, Mapping, Sequence

from services.library.guardrails.template import Json, Resource, Template
from services.library.guardrails.values import entries, mentioned, possible

NARROWING = frozenset(
    # Global keys that say whose request it is, or from where: with one of these a principal of "*" is not everybody.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html, "public"
    {
        "aws:principalarn",
        "aws:principalaccount",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "kms:calleraccount",
        "s3:dataaccesspointaccount",
    }
)
COMPARISONS = ("StringEquals", "StringLike", "ArnEquals", "ArnLike", "StringEqualsIgnoreCase")


def statements(value: object, template: Template, location: str = "Properties") -> Iterator[tuple[str, Json]]:
    """Every statement in a value, with where it stands."""
    for each in possible(value, template):
        if isinstance(each, Mapping):
            if "Effect" in each and ("Action" in each or "NotAction" in each):
                yield location, each
                continue
            for name, part in each.items():
                yield from statements(part, template, f"{location}.{name}")
        elif isinstance(each, Sequence) and not isinstance(each, str):
            for index, part in enumerate(each):
                yield from statements(part, template, f"{location}.{index}")


def lets_everybody_in(statement: Json, template: Template) -> bool:
    """Whether it allows something to anybody, with nothing that says whose request it must be."""
    if statement.get("Effect") != "Allow":
        return False
    everybody = "NotPrincipal" in statement or is_everybody(statement.get("Principal"), template)
    return everybody and not _is_narrowed(statement.get("Condition"), template)


def is_everybody(principal: object, template: Template) -> bool:
    """Whether a principal is, or may be, anybody."""
    for each in entries(principal, template):
        if isinstance(each, Mapping):
            if any("*" in entries(part, template) for kind, part in each.items() if kind in ("AWS", "Service")):
                return True
        elif each == "*":
            return True
    return False


def refuses_plain_text(statement: Json, template: Template, resource: Resource, actions: Sequence[str]) -> bool:
    """Whether it keeps everybody out who comes without TLS, from the whole resource."""
    return (
        statement.get("Effect") == "Deny"
        and is_everybody(statement.get("Principal"), template)
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        and any(action in actions for action in entries(statement.get("Action"), template))
        and all(resource_covered(statement.get("Resource"), resource, template, tail) for tail in _tails(resource))
    )


def resource_covered(value: object, resource: Resource, template: Template, tail: str) -> bool:
    """Whether a statement's resources include this one, with the tail behind its ARN."""
    for each in entries(value, template):
        if each == "*":
            return True
        match each:
            case {"Fn::Join": ["", [start, end]]}:
                if end == tail and resource.logical_id in mentioned(start):
                    return True
            case {"Fn::Sub": str(text)}:
                if tail and text.endswith(tail) and resource.logical_id in mentioned(each):
                    return True
            case _ if not tail and resource.logical_id in mentioned(each) and "Fn::Join" not in str(each):
                return True
    return False


def _tails(resource: Resource) -> tuple[str, ...]:
    return ("", "/*") if resource.type == "AWS::S3::Bucket" else ("",)


def _is_narrowed(condition: object, template: Template) -> bool:
    for whole in possible(condition, template):
        if not isinstance(whole, Mapping) or not any(
            _names_somebody(key, value, template)
            for comparison, keys in whole.items()
            if str(comparison).removeprefix("ForAnyValue:") in COMPARISONS and isinstance(keys, Mapping)
            for key, value in keys.items()
        ):
            return False
    return True


def _names_somebody(key: str, value: object, template: Template) -> bool:
    values = entries(value, template)
    return key.lower() in NARROWING and bool(values) and not any(str(each).strip("*") == "" for each in values)
