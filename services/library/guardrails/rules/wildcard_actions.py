"""No policy may allow a whole service's actions, or every action but some."""

import re
from collections.abc import Iterator

from services.library.cloudformation.policy_text import list_of
from services.library.cloudformation.statements import UnreadablePolicyError, read_statement
from services.library.cloudformation.template import Json, Template
from services.library.guardrails.baseline.policies import statements
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation, Finding, Rule

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


def check(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """Find wildcards in any statement of any resource: identity, inline, managed and resource policies look alike."""
    for resource in template.resources():
        seen: set[str] = set()
        for location, statement in statements(resource.properties, template):
            for action in _actions(statement) if statement.get("Effect") != "Deny" else ():
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


def _actions(statement: Json) -> Iterator[str]:
    if "NotAction" in statement:
        yield f"NotAction {', '.join(sorted(map(_name, list_of(statement['NotAction']))))}"
    yield from map(_name, list_of(statement.get("Action")))


def _name(action: object) -> str:
    return action if isinstance(action, str) and "${" not in action else UNKNOWN


def _is_own_root(statement: Json, place: DeploymentLocation) -> bool:
    """The default key policy: it hands the decision to the account's IAM, without which the key is lost for good.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    try:
        principals = read_statement(statement, account=place.account or "").principals
    except UnreadablePolicyError:
        return False
    own = (*f"AWS:{place.account or '<AWS::AccountId>'}/", "*")
    return principals.patterns == (own,) and not principals.is_negated
