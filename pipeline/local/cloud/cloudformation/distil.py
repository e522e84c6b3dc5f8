"""Takes what the local cloud checks from cfn-lint's resource schemas, and writes `schemas.json`.

`pip download --no-deps cfn-lint==VERSION`, then `python -m pipeline.local.cloud.cloudformation.distil cfn_lint-*.whl`.
The wheel is read, not installed: nothing at run time needs it.
"""

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from pipeline.local.cloud.cloudformation.support import ACCEPTED_ONLY, EMULATED

OUTPUT = Path(__file__).with_name("schemas.json")
FOLDER = "cfnlint/data/schemas"
REGION = "us-east-1"
KEPT = frozenset(
    {
        "$ref",
        "additionalProperties",
        "anyOf",
        "const",
        "definitions",
        "enum",
        "items",
        "maxItems",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "oneOf",
        "pattern",
        "patternProperties",
        "primaryIdentifier",
        "properties",
        "readOnlyProperties",
        "required",
        "type",
    }
)
"""Of patterns those that Python can read: some are written for another dialect of regular expressions."""
BY_NAME = frozenset({"definitions", "patternProperties", "properties"})


def distil(schema: Any) -> Any:
    """Keep only the keywords that the local cloud checks."""
    if isinstance(schema, list):
        return [distil(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if not all(map(_reads, schema.get("patternProperties", {}))):
        schema = {key: part for key, part in schema.items() if key not in {"patternProperties", "additionalProperties"}}
    return {
        key: {name: distil(part) for name, part in value.items()} if key in BY_NAME else distil(value)
        for key, value in schema.items()
        if key in KEPT and (key != "pattern" or _reads(value))
    }


def _reads(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def main(wheel: Path) -> None:
    """Write the schemas of every supported type, with their origin and the day."""
    with ZipFile(wheel) as archive:
        index = json.loads(archive.read(f"{FOLDER}/providers/{REGION}.json"))
        types = {
            name: distil(json.loads(archive.read(f"{FOLDER}/resources/{index[name]}.json")))
            for name in sorted(EMULATED | ACCEPTED_ONLY.keys())
        }
    document = {"source": wheel.name, "day": datetime.now(UTC).date().isoformat(), "types": types}
    OUTPUT.write_text(json.dumps(document, indent=0, sort_keys=True, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
