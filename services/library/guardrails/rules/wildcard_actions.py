"""No policy may allow a whole service's actions, or every action but some."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from services.library.cloudformation.template import Json, Template
from services.library.guardrails.finding import AcceptedBy, Finding, Place, Rule

WILDCARD = Rule(
    id="Penstock-WildcardAction",
    accepted_by=AcceptedBy.SERVICE,
    text="A whole service's actions include deleting and sharing what it holds, and those AWS will add.",
    fix="Name the actions, or use the construct's grant method. A prefix such as s3:GetObject* is allowed.",
)
ADMINISTRATOR = Rule(
    id="Penstock-AdministratorAction",
    accepted_by=AcceptedBy.PLATFORM,
    text="Every action, every action but some (NotAction), or actions unknown until deployment: nobody can judge it.",
    fix="List the actions that are needed, as literal text.",
)

KEYS = frozenset({"AWS::KMS::Key", "AWS::KMS::ReplicaKey"})
UNKNOWN = "unknown"
WHOLE = re.compile(r"[*?]*\*[*?]*")


def check(template: Template, place: Place) -> Iterator[Finding]:
    """Any statement in any resource: identity, inline, managed and resource policies look alike."""
    for resource in template.resources():
        seen: set[str] = set()
        for location, statement in _statements(resource.properties, "Properties"):
            for action in _actions(statement):
                rule = _broken(action)
                if (
                    rule is None
                    or action in seen
                    or (resource.type in KEYS and action == "kms:*" and _is_own_root(statement, place))
                ):
                    continue
                seen.add(action)
                yield rule.broken_by(resource, template, detail=action, locations=(location,))


def _broken(action: str) -> Rule | None:
    if action == UNKNOWN or action.startswith("NotAction"):
        return ADMINISTRATOR
    service, colon, name = action.partition(":")
    if not colon or "*" in service or "?" in service:
        return ADMINISTRATOR
    return WILDCARD if WHOLE.fullmatch(name) else None


def _statements(value: object, location: str) -> Iterator[tuple[str, Json]]:
    """Every statement that may allow something, wherever it stands; text that holds a policy is read as one."""
    if isinstance(value, Mapping):
        if "Effect" in value and value["Effect"] != "Deny" and ("Action" in value or "NotAction" in value):
            yield location, value
        text = _joined(value)
        if text is not None:
            yield from _statements_in_text(text, location)
            return
        for key, part in value.items():
            yield from _statements(part, f"{location}.{key}")
    elif isinstance(value, str):
        yield from _statements_in_text(value, location)
    elif isinstance(value, Sequence):
        for index, part in enumerate(value):
            yield from _statements(part, f"{location}.{index}")


def _statements_in_text(text: str, location: str) -> Iterator[tuple[str, Json]]:
    if not (text.lstrip().startswith("{") and '"Effect"' in text):
        return
    try:
        policy = json.loads(text)
    except json.JSONDecodeError:
        yield location, {"Effect": "Allow", "Action": {"Unreadable": True}}
        return
    yield from _statements(policy, location)


def _joined(value: Json) -> str | None:
    """The text of a Fn::Join without separator, or of a Fn::Sub, with what is known only at deployment left open."""
    match value:
        case {"Fn::Join": ["", [*parts]]}:
            return "".join(part if isinstance(part, str) else "${}" for part in parts)
        case {"Fn::Sub": [str(text), *_]}:
            return text
    return None


def _actions(statement: Json) -> Iterator[str]:
    if "NotAction" in statement:
        yield f"NotAction {', '.join(sorted(_listed(statement['NotAction'])))}"
    yield from _listed(statement.get("Action", []))


def _listed(actions: object) -> Iterator[str]:
    for action in [actions] if isinstance(actions, str | Mapping) else actions if isinstance(actions, Sequence) else []:
        yield action if isinstance(action, str) and "${" not in action else UNKNOWN


def _is_own_root(statement: Json, place: Place) -> bool:
    """The default key policy: it hands the decision to the account's IAM, without which the key is lost for good.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    match statement.get("Principal"):
        case {"AWS": {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, str(tail)]]}, **others} if not others:
            account = re.fullmatch(r":iam::(\d{12}):root", tail)
            return account is not None and account[1] == place.account
        case {"AWS": {"Fn::Join": ["", [*parts]]}, **others} if not others:
            return parts in _ROOT_OF_REFERENCE
        case {"AWS": str(principal), **others} if not others:
            account = re.fullmatch(r"(?:arn:aws[a-z-]*:iam::)?(\d{12})(?::root)?", principal)
            return account is not None and account[1] == place.account
    return False


_ACCOUNT = {"Ref": "AWS::AccountId"}
_ROOT_OF_REFERENCE: list[list[object]] = [
    ["arn:", {"Ref": "AWS::Partition"}, ":iam::", _ACCOUNT, ":root"],
    ["arn:aws:iam::", _ACCOUNT, ":root"],
]
