"""Takes the names of AWS's managed policies from moto's copy of them, and writes `managed_policies.json`.

`pip download --no-deps moto`, then `python -m pipeline.local.cloud.policies.distil moto-*.whl`. The wheel is read, not
installed: nothing at run time needs it. Its data come from IAM's own ListPolicies.
"""

import ast
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

OUTPUT = Path(__file__).with_name("managed_policies.json")
MODULE = "moto/iam/aws_managed_policies.py"


def names(module: str) -> list[str]:
    """Return the path and name of each policy, without the slash that a path begins with."""
    literals = (node.value for node in ast.walk(ast.parse(module)) if isinstance(node, ast.Constant))
    (text,) = (value for value in literals if isinstance(value, str))
    policies = json.loads(text)
    return sorted(f"{policy.get('Path', '/')}{name}".removeprefix("/") for name, policy in policies.items())


def main(wheel: Path) -> None:
    """Write the names, with their origin and its day."""
    with ZipFile(wheel) as archive:
        module = archive.read(MODULE).decode()
        made = datetime(*archive.getinfo(MODULE).date_time, tzinfo=UTC).date()
    document = {"source": wheel.name, "day": made.isoformat(), "policies": names(module)}
    OUTPUT.write_text(json.dumps(document, indent=0, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
