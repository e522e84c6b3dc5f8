"""Takes what CloudFormation calls for the supported types from the guardrail's file, and writes `handler_calls.json`.

`python -m pipeline.local.cloud.cloudformation.distil_calls services/library/guardrails/deployment/handler_calls.json`,
whenever that file or `support.py` changes. The file is read, not imported: the local cloud knows no other room. It has
what the registry's schemas list for each type, and on what IAM asks about each action.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.local.cloud.cloudformation.support import ACCEPTED_ONLY, EMULATED

OUTPUT = Path(__file__).with_name("handler_calls.json")


def distil(document: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the supported types, and the actions that are called for them."""
    types = {name: its for name, its in document["types"].items() if name in EMULATED or name in ACCEPTED_ONLY}
    called = {action for by_callers in types.values() for actions in by_callers.values() for action in actions}
    resources = {
        service: {arn: kept for arn, names in by_arn.items() if (kept := _called(service, names, called))}
        for service, by_arn in document["resources"].items()
    }
    return {**document, "types": types, "resources": {service: its for service, its in resources.items() if its}}


def text_of(document: Mapping[str, Any]) -> str:
    """Write the file's content: a line for each type and service, so that an upgrade reads as a difference."""
    head = {name: value for name, value in document.items() if name not in ("types", "resources")}
    parts = (
        f'"{part}": {{\n' + ",\n".join(f"{json.dumps(name)}:{_short(its)}" for name, its in document[part].items())
        for part in ("types", "resources")
    )
    return f"{json.dumps(head)[:-1]}, " + "\n}, ".join(parts) + "\n}}\n"


def _called(service: str, names: list[str], called: set[str]) -> list[str]:
    return [name for name in names if f"{service}:{name}" in called]


def _short(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


if __name__ == "__main__":
    OUTPUT.write_text(text_of(distil(json.loads(Path(sys.argv[1]).read_bytes()))), encoding="utf-8")
