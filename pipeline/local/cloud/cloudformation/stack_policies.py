"""What a stack's policy lets an update do to its resources.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
"""

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from pipeline.local.cloud.emulator import AwsError

MODIFY, REPLACE, DELETE = "Update:Modify", "Update:Replace", "Update:Delete"
ACTIONS = (MODIFY, REPLACE, DELETE, "Update:*")
ELEMENTS = frozenset({"Sid", "Effect", "Action", "NotAction", "Principal", "Resource", "NotResource", "Condition"})
OPERATORS = ("StringEquals", "StringLike")


def check_policy(text: str) -> None:
    """Refuse a policy that CloudFormation would not set."""
    try:
        policy = json.loads(text)
        right = bool(policy["Statement"]) and all(map(_is_right, _statements(policy)))
    except (ValueError, KeyError, TypeError):
        right = False
    if not right:
        raise AwsError("ValidationError", "Error validating stack policy: Invalid stack policy")


def denial(text: str, action: str, logical_id: str, type_name: str) -> str | None:
    """Say why a policy denies an update's action on a resource.

    "When you set a stack policy, all resources are protected by default": what no statement allows is denied; "a Deny
    statement overrides an Allow".
    """
    allowed = False
    for number, statement in enumerate(_statements(json.loads(text)), 1):
        if not _is_about(statement, action, logical_id, type_name):
            continue
        if statement["Effect"] == "Deny":
            named = ", ".join(_listed(statement.get("Action", action)))
            return (
                f"Action denied by stack policy: Statement [#{number}] does not allow [{named}] for resource "
                f"[LogicalResourceId/{logical_id}]"
            )
        allowed = True
    return None if allowed else "Action not allowed by stack policy"


def _statements(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = policy["Statement"]
    return [found] if isinstance(found, dict) else found


def _is_right(statement: dict[str, Any]) -> bool:
    """Tell whether a statement is one: "The Principal element ... supports only the wildcard (*)"."""
    return (
        statement.keys() <= ELEMENTS
        and statement["Effect"] in ("Allow", "Deny")
        and statement["Principal"] == "*"
        and set(_listed(statement.get("Action", statement.get("NotAction")))) <= set(ACTIONS)
        and all(
            resource == "*" or resource.startswith("LogicalResourceId/")
            for resource in _listed(statement.get("Resource", statement.get("NotResource", "*")))
        )
        and all(
            operator in OPERATORS and keys.keys() == {"ResourceType"}
            for operator, keys in statement.get("Condition", {}).items()
        )
    )


def _is_about(statement: Mapping[str, Any], action: str, logical_id: str, type_name: str) -> bool:
    return (
        _names(statement, "Action", action)
        and _names(statement, "Resource", f"LogicalResourceId/{logical_id}")
        and all(
            any(fnmatchcase(type_name, wanted) for wanted in _listed(keys["ResourceType"]))
            for keys in statement.get("Condition", {}).values()
        )
    )


def _names(statement: Mapping[str, Any], element: str, value: str) -> bool:
    """Tell whether an element names a value. Without `Resource`, which the conditions need, nothing is named."""
    if f"Not{element}" in statement:
        return not any(fnmatchcase(value, pattern) for pattern in _listed(statement[f"Not{element}"]))
    return any(fnmatchcase(value, pattern) for pattern in _listed(statement.get(element, [])))


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
