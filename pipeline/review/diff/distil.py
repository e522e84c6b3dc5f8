"""Takes what replaces a resource from its two public sources, and writes `replacement.json`.

`python -m pipeline.review.diff.distil`, after `make lock` and `make setup` brought a new version of either. Both are
development packages: nothing at run time needs them. cfn-lint's schemas are CloudFormation's own, with corrections;
AWS's service specification adds what the older resource specification says. They disagree in places.
"""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).with_name("replacement.json")
TOOLS = Path(__file__).parents[3] / ".venv"
REGION = "us-east-1"
SAYS = {"yes": "y", "maybe": "m"}
Json = Any


def document(day: str) -> str:
    """Write the file's content: a line for each resource type, so that an upgrade of a source reads as a difference."""
    lint_version, schemas = cfn_lint()
    spec_version, specification = service_spec()
    types = {
        name: _merged(schemas.get(name), specification.get(name))
        for name in sorted(schemas.keys() | specification.keys())
    }
    lines = [
        f"{json.dumps(name)}:{json.dumps(type_, sort_keys=True, separators=(',', ':'))}"
        for name, type_ in types.items()
    ]
    head = {"cfn-lint": lint_version, "service-spec": spec_version, "day": day}
    return f'{json.dumps(head)[:-1]}, "types": {{\n' + ",\n".join(lines) + "\n}}\n"


def cfn_lint() -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the version of cfn-lint, and for each type what it says of a path and the properties that it knows."""
    package = distribution("cfn-lint")
    folder = Path(str(package.locate_file("cfnlint/data/schemas")))
    found = {}
    for name, file in json.loads((folder / f"providers/{REGION}.json").read_bytes()).items():
        schema = json.loads((folder / f"resources/{file}.json").read_bytes())
        says = {_path(pointer): "m" for pointer in schema.get("conditionalCreateOnlyProperties", ())}
        says |= {_path(pointer): "y" for pointer in schema.get("createOnlyProperties", ())}
        read_only = {_path(pointer) for pointer in schema.get("readOnlyProperties", ())}
        found[name] = {"says": says, "known": schema["properties"].keys() - read_only}
    return package.version, found


def service_spec() -> tuple[str, dict[str, dict[str, Any]]]:
    """Return what AWS's service specification says, as `cfn_lint` does, with definitions followed to the leaves."""
    folder = TOOLS / "node/node_modules/@aws-cdk/aws-service-spec"
    version: str = json.loads((folder / "package.json").read_bytes())["version"]
    schema = json.loads(gzip.decompress((folder / "db.json.gz").read_bytes()))["schema"]
    definitions = {each["$id"]: each["properties"] for each in schema["typeDefinition"]["entities"]}
    return version, {
        each["cloudFormationType"]: {
            "says": dict(_flagged(each["properties"], definitions)),
            "known": each["properties"].keys(),
        }
        for each in schema["resource"]["entities"]
    }


def _flagged(
    properties: Mapping[str, Json], definitions: Mapping[str, Json], prefix: str = "", seen: tuple[str, ...] = ()
) -> Iterator[tuple[str, str]]:
    """Each path that the specification flags. One below a path that replaces anyway says nothing more."""
    for name, property_ in properties.items():
        path = f"{prefix}{name}"
        says = SAYS.get(property_.get("causesReplacement", "no"), "")
        if says:
            yield path, says
        if says != "y":
            for definition in _definitions(property_["type"]):
                if definition not in seen:
                    yield from _flagged(definitions[definition], definitions, f"{path}.", (*seen, definition))


def _definitions(type_: Json) -> Iterator[str]:
    """The definitions that a value of this type consists of. Positions in lists are no part of a path."""
    if type_["type"] == "ref":
        yield type_["reference"]["$ref"]
    elif type_["type"] in {"array", "map"}:
        yield from _definitions(type_["element"])
    elif type_["type"] == "union":
        for each in type_["types"]:
            yield from _definitions(each)


def _path(pointer: str) -> str:
    """`A.B` of `/properties/A/*/B` and of `/properties/A/items/properties/B`."""
    return ".".join(re.sub(r"/(\*|items|properties)(?=/|$)", "", pointer).strip("/").split("/"))


def _merged(lint: Mapping[str, Any] | None, spec: Mapping[str, Any] | None) -> dict[str, list[str]]:
    """Paths by two letters, cfn-lint's and the specification's: y(es), m(aybe), n(o), - does not know the type.

    `known` are the other properties of the type.
    """
    merged: dict[str, list[str]] = {}
    paths = sorted({**(lint["says"] if lint else {}), **(spec["says"] if spec else {})})
    for path in paths:
        merged.setdefault(_letter(lint, path) + _letter(spec, path), []).append(path)
    named = {path.partition(".")[0] for path in paths}
    merged["known"] = sorted({*(lint["known"] if lint else ()), *(spec["known"] if spec else ())} - named)
    return merged


def _letter(source: Mapping[str, Any] | None, path: str) -> str:
    """What a source says of a path, or of the nearest one above it, which includes it."""
    if source is None:
        return "-"
    parts = path.split(".")
    says = [source["says"].get(".".join(parts[:length]), "n") for length in range(1, len(parts) + 1)]
    return "y" if "y" in says else "m" if "m" in says else "n"


if __name__ == "__main__":
    OUTPUT.write_text(document(datetime.now(UTC).date().isoformat()), encoding="utf-8")
